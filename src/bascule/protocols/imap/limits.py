"""Every limit of the grammar, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the other side may send before it is called hostile or broken."""

    line_octets: int = 16 * 1024 * 1024
    """One line without its literals. ``* SEARCH`` with a million UIDs is 8 MB, the longest that we have a use for."""
    inline_octets: int = 4 * 1024 * 1024
    """A literal up to this size is held in memory; a larger one goes to a sink."""
    literal_octets: int = 4 * 1024**3
    """One literal. RFC 9051 §9 has number64 for sizes; no server we know keeps a message past 2 GiB."""
    literals_per_response: int = 10_000
    """An ENVELOPE may write each of its strings as a literal; a thousand addresses have four strings each."""
    response_octets: int = 64 * 1024 * 1024
    """What one response may hold in memory, lines and inline literals together."""
    depth: int = 100
    """Parentheses within parentheses. A BODYSTRUCTURE of nested message/rfc822 goes a few dozen deep in bad spam."""
    values: int = 100_000
    """Words, strings and lists in one response, each of which takes 30 times the octets that it is written in. SEARCH, which may find a million, and sets
    are counted by themselves."""


DEFAULT_LIMITS = Limits()

FOUND_NUMBERS = 2_000_000
"""In one SEARCH response: as many as a line of `Limits.line_octets` has, where they have seven digits."""
RANGES = 2_000_000
"""In one set of UIDs, as VANISHED and ESEARCH have: each other message of a folder that had four million. They take 200 MB and a second."""
LISTING_ATTRIBUTES = 100
"""Of one mailbox. RFC 9051, RFC 5258 and RFC 6154 know 20."""
NAMESPACES = 1000
"""That NAMESPACE tells: each mailbox is compared with all. Servers have some three; a person sees some dozens where each shared root is one."""
MESSAGE_FLAGS = 10_000
"""Of one message, that we read: Dovecot and Cyrus have a hundred or two for a whole folder."""
PLAIN_FLAGS_OCTETS = 1000
"""All flags of one message in the usual form, for which it is remembered what they are. It is for thousands of sets."""
CONDITION_OCTETS = 2000
"""Of the text behind OK, NO, BAD and BYE. It is for people, and looked through for words that servers are known to use, at 3 s for each MB."""
KEYWORD_OCTETS = 250
"""One keyword that we write. No program makes one a quarter as long, and servers have limits of their own, to which they answer NO (Dovecot: 50)."""
ORDINARY_KEYWORD_OCTETS = 50
"""What every server takes that we know (Dovecot's ``mail_max_keyword_length`` is 50)."""
FLAGS_OCTETS = 4000
"""All flags of one message that we write: a line that a server cuts off is a line that it does not understand. Servers take 8,000 octets and more
(RFC 7162 §4)."""
LINE_ARGUMENT_OCTETS = 1024
"""An argument that is written into a command's line; a longer one is a literal."""
REFERENCES_OF_A_MESSAGE = 100
"""Of a longer References the last are read: THREAD needs the nearest, and a program that keeps all of a long thread keeps it in each of its messages."""
STEPS_OF_A_THREADING = 5_000_000
"""From message to message upwards, to see that a thread is no circle: half a second. Threads whose messages come in order need none; whoever wrote
50,000 messages to need more has the last of them beside one another."""
