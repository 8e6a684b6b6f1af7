"""Every limit of what is read of one message, with its reason: whoever sends a mail chooses its sizes, and none may cost more than a moment."""

DEPTH = 100
"""Parts within parts. Deeper ones are not looked into: the part is a leaf then."""
PARTS = 3000
"""Parts of one message: a year of a busy list, forwarded as one digest. The rest is left in the last one."""
DASHED_LINES = 50_000
"""Lines looked at that begin like a boundary: in parts within parts each may be looked at more than once. A patch of 10 MB has some ten thousand; after
these, the rest is left in the last part."""
FIELDS_OF_A_PART = 1000
"""A header with more fields is an attack on whoever reads it; the rest is left unread."""
FIELDS_OCTETS = 512 * 1024
"""Of one header: ten thousand recipients with their names. What comes after is left unread."""
HEADERS_OCTETS = 2 * 1024 * 1024
"""Of all headers of one message, those of its parts and of attached messages included: two hundred attached messages with ten kilobytes each. What comes
after is left unread: a part has no fields then, and is a text of its own."""
FIELDS = 30_000
"""Of all these headers: ten for each of `PARTS`; more are left unread."""
PARAMETERS_OCTETS = 16 * 1024
"""Of one field with parameters: a file's name of 255 characters takes 2,500 (RFC 2231)."""
ADDRESSES_OF_A_FIELD = 10_000
"""More recipients in one field are left out."""
ADDRESSES = 10_000
"""In the address fields of one message and of all that are attached to it: as of one field that is full. More are left out."""
ADDRESSES_OCTETS = FIELDS_OCTETS
"""Of these fields together: what the header of one message may have. What comes after is left unread."""
TEXT_CHARACTERS = 200_000
"""Of one message: about 60 printed pages. What comes after is data rather than text."""
TEXT_OCTETS = 1024 * 1024
"""Of one message, as its parts are encoded, that are looked at for text: a newsletter has ten octets of markup for each of text."""
CHARSET_CHARACTERS = 40
"""Of a charset's name; no registered one is longer (RFC 2978 §2.3)."""
DECODED_AT_ONCE_OCTETS = 64 * 1024
"""Of a part, as it is encoded, by one call that keeps the interpreter to itself: some 3 ms at worst, and others have their turn. All of 100 MB took up to half a minute."""
