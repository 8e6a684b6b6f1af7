"""How often passwords may be guessed at. All counts are of *different* wrong passwords within `WINDOW_SECONDS`: a program that repeats an old one counts once.

A right password that was generated passes whatever the counts say: it has 79 random bits, so no count protects it, and no stranger can use the
counts to keep its owner out. The counts are for passwords that people chose.
"""

WINDOW_SECONDS = 15 * 60
"""Long enough that guessing leads nowhere (40 guesses an hour), short enough that a person who is told to wait does wait."""
OF_ACCOUNT_AND_ADDRESS = 10
"""Of one account from one address that it never signed in from: who mistypes needs three or four."""
OF_KNOWN = 1000
"""Of one account from an address that it signed in from. Neighbours behind the same address must not keep its owner out; one guess a second is slow
enough for a password of twelve characters that is on no list, and costs a thirtieth of a core."""
OF_ADDRESS = 200
"""Of one address over all accounts. From then on each account that is not known there has one guess: its owner's right password passes, and somebody
who tries many accounts gets nowhere. On the day of the switch a campus sends some dozens of old passwords."""
OF_ADDRESS_AT_MOST = 5000
"""Of one address over all accounts: from then on only accounts that are known there are asked. Bounds what one address costs in hashes, and in rows."""
TRUSTED_TIMES = 20
"""So many times `OF_ADDRESS` and `OF_ADDRESS_AT_MOST` for the institution's own networks, where thousands share an address."""
OF_ACCOUNT = 50
"""Of one account over all addresses. From then on each address that it never signed in from has one guess."""
OF_ACCOUNT_AT_MOST = 500
"""Of one account over all addresses: from then on only addresses that it signed in from are asked. A botnet has so many guesses, and no more."""
OF_CALM = 20
"""Of one address over all accounts: below it, all who come from there are looked at as they come."""
HASHES_AT_ONCE = 2
"""Of an address above that, for accounts that are not known there, in each process: what comes meanwhile is told to wait. A process has four threads for
who signs in (`bascule.platform.limits`), and a slow hash takes one for 30 ms; so a flood of guesses leaves room for others."""
KNOWN_SECONDS = 60 * 24 * 3600
"""How long an address from which an account signed in stays known: over a summer."""
NAME_CHARACTERS = 254
"""Of a name that is counted: no address is longer (RFC 5321 §4.5.3.1.3), and a stranger writes these rows."""
REMEMBERED = 10_000
"""Wrong passwords that a process remembers, so that repeating one costs no hash: 1 MB."""
CHOSEN_CHARACTERS = 8
"""Of a password that an administrator brings, at least (NIST SP 800-63B §5.1.1.1). What members choose on the portal has twelve."""
LOOKED_AT_SECONDS = 0.05
"""Between two looks at whether accounts were changed: how long a session may go on after a lock or another password. Instants are kept to exactly. A look
costs some microseconds, and each command of each session asks."""
NOTICED_SECONDS = 0.2
"""After a change, for every server process to go by it: `LOOKED_AT_SECONDS`, with room."""
