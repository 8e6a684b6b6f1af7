"""Every limit of reading from a source, with its reason."""

WINDOW_MESSAGES = 500
"""UIDs asked for in one FETCH. Two are in flight, so a window hides a round trip of as long as it takes to read."""
DETAILS_WINDOW = 5000
"""UIDs in one FETCH of dates and sizes: a line of about 80 octets each."""
QUEUE_OCTETS = 4 * 1024 * 1024
"""What may lie between the connection and the consumer before we stop reading from the socket."""
GROUP_MESSAGES = 50
GROUP_OCTETS = 512 * 1024
"""A group is given on once it has either: each costs the consumer a transaction."""
PIECES = 20_000
"""Messages of which one window's FETCH may have told something and not all: a server may tell of every flag that changes meanwhile."""
PIECES_OCTETS = 32 * 1024 * 1024
"""Content held in memory of messages of which the date or the flags have not come yet; what is more is asked for again, one by one."""
LOST_AT_A_WINDOW = 2
"""A connection may end for any reason; at the same window a second time, with nothing read in between, the window is looked into."""
LOST_AT_A_FOLDER = 3
"""A folder at whose opening the connection ends each time is given up, and the others are read."""
SUSPECTS = 4
"""Messages in a row at each of which the source ends the connection, with none read in between: then it is not the messages."""
ANSWERS_FOR_ONE = 1000
"""Responses that are kept while one message is asked for: a server may tell flags of others in between."""
DIRECTORY_LEVELS = 200
"""Directories within one another that are looked into: each is reached from the top, so that none is left by a link, and a chain of many thousands would
cost its square. So it is with levels of folders that the names in a zip, a label or a manifest give: each costs something at every step."""
BESIDE_OCTETS = 4 * 1024 * 1024
"""Of a file that a server keeps beside a Maildir's messages, which is read whole: a line for each keyword, or for each of some 10,000 folders."""
MANIFEST_LINE_OCTETS = 1024 * 1024
"""Of an export's manifest. A message's line has some 400 octets, and its labels, which stood in a header of at most 64 KiB."""
MANIFEST_LINES = 3_000_000
MANIFEST_OCTETS = 1024**3
"""All its lines are held in memory: those of two million messages take some 2 GB. A zip of a few MB can hold a thousand times this."""
NAMES_TOLD = 5
"""Folders of other people that are named in a note; of the rest it says how many: a campus shares some ten thousand."""
NAME_CHARACTERS = 60
"""Of each of these names."""
