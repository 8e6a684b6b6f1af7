"""Every limit and deadline of the wire, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireLimits:
    connect_seconds: float = 30.0
    """TCP and TLS together. A host that drops packets takes the kernel two minutes to give up on."""
    greeting_seconds: float = 60.0
    """From the connection to the server's first line. Some look up who we are first, and wait half a minute for a name server."""
    probe_seconds: float = 4.0
    """No greeting for so long on a connection without TLS: it is looked whether the port wants TLS first, as 993 does."""
    stall_seconds: float = 120.0
    """No octet from the server, and none that it takes of ours, while an answer is due. Servers send ``* OK Still here`` each minute or two on
    long work."""
    bare_line_seconds: float = 10.0
    """No octet for so long behind a line that ends with LF alone: its CR won't come. A text with a bare LF in it may pause there for a moment."""
    fruitless_seconds: float = 3600.0
    """An answer is due, and in so long there was none, nor `FRUIT_OCTETS` beside ``* OK Still here``. The longest honest work that we know, an
    index of a million messages made anew, takes some minutes."""
    write_octets: int = 256 * 1024
    """How much is handed to the socket at once, so that a large message never stands twice in memory."""


DEFAULT_WIRE_LIMITS = WireLimits()

FIRST_WAIT_SECONDS = 0.5
"""Before the second try; doubled before each further one. Most connections that end can be opened again at once."""
MOST_WAIT_SECONDS = 60.0
"""Between two tries: what a throttled hour is counted in."""
LOST_SECONDS = 30.0
"""In all, waited for a server that ends connections or does not answer, with nothing getting through in between. A restart takes less;
what takes longer is an outage, which whoever started the run should hear of."""
ASKED_SECONDS = 600.0
"""In all, waited for a server that asks us to (a limit, throttling, a mailbox in use), with nothing getting through in between. Exchange
and Yahoo let go after minutes; what lasts for hours (Gmail's daily amount) is for another run."""
ONE_ASKED_SECONDS = 8.0
"""In all, waited for one folder or message that the server can't give just now, while it gives the others. The next run tries again."""
FIRST_CONNECTION_SECONDS = 60.0
"""In all, waited for a server that asks us to before the first connection: the places of a run that was killed are free by then, and
somebody is waiting who typed a command."""
SIGN_IN_TRIES = 2
"""Refusals without a reason of a sign-in that was right before, after which it is tried again: servers lock accounts at five or ten."""
FRUIT_OCTETS = 8 * 1024
"""What a server gives us, or takes of ours, to be called at work: an octet a second for an hour is none."""
WORK_OCTETS = 1024 * 1024
"""Of what came, how much is worked on before it is another's turn: signals, deadlines, the other server. Some 50 ms; what one read brings is
less, unless it is made of the shortest lines."""
RESPONSE_WORK_OCTETS = 100
"""What each response is reckoned to be longer than it is: one of six octets takes as long as one of a hundred."""
INFLATED_OCTETS = 256 * 1024
"""Of a compressed stream, inflated at once: DEFLATE makes up to 1,032 octets of one, and so 64 MiB of what one read brings."""
LISTED = 500_000
"""Mailboxes that one LIST tells: 250 MB of them. A whole campus's shared ones are some ten thousand."""
TOLD_OCTETS = 128 * 1024 * 1024
"""Of what is said until one command is answered, or while none is to be, without the contents of messages that were asked for: it may be kept
until the answer ends. The flags of 1,000,000 messages are 60 MB."""
FOUND = 2_000_000
"""Messages that SEARCH or FETCH tells of: they become a list, of 80 MB where it holds numbers alone. The largest mailbox that we measure has
1,000,000, and the flags of more than 2,000,000 are more than `TOLD_OCTETS`."""
SECRET_OCTETS = 4
"""A password that is shorter is taken out of a server's words only where it stands alone: so few letters stand in most words."""
TOLD_CHARACTERS = 4096
"""Of a server's words, what is kept: a report shows 300, and a line may have megabytes."""
CHALLENGES = 5
"""Questions of a server while we sign in. Our mechanisms have one answer, and an empty one to an error (RFC 7628 §3.2.3)."""
NOTE_SECONDS = 3.0
"""A wait of so long, or the first that follows on so much waiting, is told: until then it is not worth a line."""
