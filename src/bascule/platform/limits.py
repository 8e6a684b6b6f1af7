"""How a server process is shared out among all who come to it, with each limit's reason. What one protocol limits is in `imap.limits`, `smtp.limits`,
`smtp.queue.limits` and `accounts.limits`."""

SWITCH_SECONDS = 0.001
"""That one thread may keep Python's interpreter to itself while another waits for it; Python's own value is five times that. The event loop gives it up
with each write, and waits as long to have it back: beside three threads that look through mail, each write of each connection took up to 15 ms."""
LATENESS_LOOKED_AT_SECONDS = 0.1
"""How often it is looked whether the event loop is late (`bascule.platform.lateness`)."""
LATE_SECONDS = 0.03
"""That it is behind with what is due: with nothing but usual work it is some milliseconds."""
HELPED_SECONDS = 2.0
"""Once it was late, it is helped for so long: a flood of connections seldom ends at once."""
SWITCH_SECONDS_WHEN_LATE = 0.0002
"""As `SWITCH_SECONDS`, while it is late. Threads then lose up to a seventh of their time to changing over (three that compute, measured)."""
LONG_WORK_THREADS_WHEN_LATE = 1
"""As `LONG_WORK_THREADS`, while it is late: of several that compute each would only wait for the others, and the loop for all of them."""
MEMBERS_THREADS = 8
"""For who has signed in. More than cores: a thread waits for the disk most of its time."""
OF_ONE_MEMBER = 6
"""Of these, for one account at the same time: before it counts as one that works for long, it leaves two for others."""
LONG_WORK_THREADS = 4
"""Of these, for all accounts together that have worked for long lately, however many those are: the others are for who asks for little."""
LONG_WORK_SECONDS = 2.0
"""Of work in threads, from which an account counts as such: a program that opens a large folder for the first time needs less."""
QUICK_WORK_SECONDS = 0.1
"""Of each piece of work, which are not counted: a NOOP takes as long where everybody else does their worst."""
FORGOTTEN_PER_SECOND = 0.1
"""Of the seconds counted: who has worked for two of them is as the others again after twenty. Nobody who reads mail works a tenth of the time."""
WORK_SECONDS = 0.25
"""A thread is given back by work that can be stopped and gone on with: a long answer of IMAP, a long search. So long waits who comes behind it."""
SIGN_IN_THREADS = 4
"""For who is about to sign in: a rush of hashes leaves the others alone."""
SIGN_INS_OF_ONE_NETWORK = 2
"""Of these, for one network: as many slow hashes as are computed at once (`bascule.platform.accounts.passwords`), so that one that guesses without an
end leaves threads for others, and a campus behind one address signs in as fast as it can be done."""
ARRIVING_THREADS = 8
"""For mail from the world: asking the accounts and the filters, and writing to mailboxes. Nobody who is signed in waits for them."""
ARRIVING_OF_ONE_NETWORK = 6
"""Of these, for one network: a server in front that brings everybody's mail needs most of them, and one that floods leaves two to others."""
ACCEPTED_AT_ONCE = 4
"""Connections taken from a listening socket before who is connected has their turn again. Each takes 0.1 ms, and what it says at once another; where much
else is to be done, several times that."""
SIGN_IN_MINUTE_SECONDS = 60.0
"""For which the following lines of the log are counted, in each process; the rest is told by its number, a line for each network or account."""
REFUSED_LINES_OF_ONE_NETWORK = 30
"""Three times as many as let fail2ban and its like act."""
REFUSED_LINES = 300
"""Of all networks: where a botnet guesses, some 60 kB a minute, 90 MB a day."""
SIGN_IN_LINES = 20
"""Of one account: a program that signs in again and again writes no more than that."""
LOOKED_AT_AT_THE_START = 200_000
"""Files and folders whose rights `bascule serve` looks at before it starts: of twenty thousand mailboxes, in a second or two. Whatever root made by mistake
is seldom one file alone; what lies beyond is named in the log when it is met."""
