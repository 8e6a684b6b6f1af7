"""Every limit of the IMAP server, with its reason."""

from bascule.protocols.imap.limits import Limits

BEFORE_SIGN_IN = Limits(
    line_octets=40 * 1024, inline_octets=8 * 1024, literal_octets=8 * 1024, literals_per_response=4, response_octets=64 * 1024
)  # fmt: skip
"""A user name and a password, each perhaps as a literal; and the longest ID, 30 pairs of 30 and 1,024 octets (RFC 2971 §3.3). Who is not known may not
fill our memory: as much is read ahead, and as much is being carried out, so that `STRANGERS` have 200 MB at the very most."""
SIGNED_IN = Limits(
    line_octets=1024 * 1024, inline_octets=128 * 1024, literals_per_response=1000, response_octets=4 * 1024 * 1024
)  # fmt: skip
"""A line of 1 MB names 100,000 messages one by one. MULTIAPPEND of 1,000 messages is more than programs send. Nine of ten messages are smaller than
128 kB; larger ones, and those beyond 2 MB of one command, go to the command's file. With what was read ahead and what is being carried out, a connection
holds some 15 MB at the very most, and the connections of an account together `HELD_OCTETS`."""
HELD_OCTETS = 64 * 1024 * 1024
"""In memory, of commands that are not carried out yet: of all connections of an account to one process, each without its first `UNCOUNTED_OCTETS`. The
connection that asks for more is closed. Twenty programs that each send messages in memory's size hold a tenth of it."""
UNCOUNTED_OCTETS = 64 * 1024
"""With 200 connections, 13 MB."""
SPOOL_FILES = 100
"""Commands with large literals, of all connections of an account to one process: a file each, and one connection has two at most (one that is carried
out, one that comes). The next is refused. A process lets four descriptors go to each connection that it takes, IMAP's and SMTP's together."""
SPOOLED_OCTETS = 300 * 1024 * 1024
"""In these files: three of the largest messages, and any number of usual ones. A literal that is announced has its place; for one that finds none the command
is refused, and what comes is thrown away. A single larger one is taken, where `append_limit` is set so."""
UNASKED_OCTETS = 1024 * 1024
"""Of one command's messages that do not wait to be asked for (LITERAL+), before it is looked whether there is a mailbox that takes them, and room. Looking takes
some 1 ms, behind the commands that came before."""
ARGUMENT_OCTETS = 64 * 1024
"""A literal of any command but APPEND: names and search strings."""
PATTERN_CHARACTERS = 5000
"""Of all patterns of one LIST: as long as the longest name (`bascule.platform.imap.session`)."""
KEYWORDS_TOLD = 100
"""Of a mailbox's keywords, by SELECT…"""
KEYWORDS_ANNOUNCED = 1000
"""…and of those that messages turn out to have: each new one is told with all others, in a line that no program should have to hold for nothing."""
READ_OCTETS = 16 * 1024
"""Of a connection's buffer at rest: a thousand sessions that wait have 16 MB of them."""
TLS_OCTETS = 32 * 1024
"""Of a TLS session's own buffer: one record (RFC 8446 §5.1) and what may follow it. asyncio takes 256 KiB, which Python fills with zeros."""
COMPRESSED_OCTETS = 16 * 1024
"""Taken from the socket at once under COMPRESS: 16 kB become 16 MB at the very most, of which no more is made than is taken: `INFLATED_OCTETS`."""
INFLATED_OCTETS = 64 * 1024
"""Made of them in one turn of the event loop, for all connections of an account together: some 0.3 ms."""
FRAMES_WAITING = 200
"""Commands that were read ahead; more wait in the socket."""
STRANGERS_FRAMES_WAITING = 20
"""As before, of who has not signed in: a program sends its sign-in and some commands behind it."""
WAITING_OCTETS = 1024 * 1024
"""Of commands that were read ahead; from there on, or from one with a file on, more wait in the socket."""
WRITE_OCTETS = 256 * 1024
"""Made at once: a session holds that much of an answer, and its socket as much again."""
STRANGER_SECONDS = 60.0
"""For the next command of who has not signed in. RFC 9051 §5.4 speaks of who has, and leaves this to the server."""
SIGN_IN_SECONDS = 3 * 60.0
"""From the connection to the sign-in, whatever is said between: somebody may have to type a password by hand."""
HANDSHAKE_SECONDS = 30.0
"""For TLS to stand: a phone on a bad line takes five."""
STRANGERS = 1000
"""Connections of one process that have not signed in: a sign-in takes less than a second, and sixty where many come at once."""
OF_ONE_ACCOUNT = 200
"""Connections of one process that signed in as the same: a program has up to ten, and an office's mailbox may be open on twenty machines."""
PIECE_OCTETS = 256 * 1024
"""Of messages, read at once by FETCH: between two pieces other sessions on the mailbox have their turn."""
LARGE_OCTETS = 4 * 1024 * 1024
"""Messages from this size on are counted while FETCH holds them…"""
LARGE_AT_ONCE_OCTETS = 256 * 1024 * 1024
"""…and all sessions on a mailbox hold so much of them at once: two of the largest, and any number of usual ones."""
STORED_AT_ONCE = 5000
"""Messages whose flags STORE changes in one transaction, some 20 ms: between two of them other sessions on the mailbox, and deliveries, have their turn."""
COPIED_AT_ONCE = 500
"""Messages that COPY and MOVE bring into another mailbox at once, some 0.3 s of work: between two of these others have their turn in both mailboxes. Who may only read a
folder could keep its owner from it otherwise, for a minute with each 100,000 messages…"""
COPIED_AT_ONCE_OCTETS = 4 * 1024 * 1024
"""…and octets of these messages, which are held in memory, or one message."""
SEARCHES_AT_ONCE = 3
"""SEARCH, SORT and THREAD of a mailbox, and process, that look into texts, or take longer than `QUICK_SEARCH_SECONDS`: each holds the rows of its folder,
30 MB of 100,000."""
SEARCHES_THAT_WAIT = 2
"""For one of these to end: a person's programs may well search at once. They hold no thread; more are asked to come again."""
SEARCH_TURN_SECONDS = 20.0
"""How long they wait."""
QUICK_SEARCH_SECONDS = 0.5
"""For a search that looks into no texts, before it counts among these: the flags of 100,000 messages take a third of it."""
SEARCH_SECONDS = 60.0
"""For one search, sort or threading, whatever it asks for, in a thread: 2,000 strings in each of 100,000 texts would take an hour. What others have of the
threads meanwhile is not counted, nor is making the texts ready, where nobody had the time."""
TEXTS_SECONDS = 30.0
"""For housekeeping to let others write the texts that a search needs, asked for again and again: it does so every few tenths of a second."""
SEARCHED_AT_ONCE = 500
"""Texts read by SEARCH, between two of which others have their turn (on the mailbox, and of the threads), and it is looked whether the client is still
there…"""
COMPARED_AT_ONCE = 5000
"""…and messages of which only the row, or a field of it, is looked at: a few milliseconds."""
REST_SECONDS = 0.1
"""Before a command that waits for others looks again whether it may go on."""
IDLE_SECONDS = 31 * 60.0
"""Without a command; RFC 9051 §5.4: at least 30 minutes. In IDLE too: programs begin it anew every 29."""
LOOK_AGAIN_SECONDS = 2.0
"""Before news is looked for again during IDLE, where the mailbox could not be read: who has one alone has it for a moment."""
STALL_SECONDS = 5 * 60.0
"""For a client to take what was written."""
WRONG_COMMANDS = 50
"""Commands that are not IMAP, one after the other, before the connection is closed."""
STRANGERS_WRONG_COMMANDS = 10
"""As before, of who has not signed in: most often a program that speaks another protocol."""
