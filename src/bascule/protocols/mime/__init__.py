"""What a message says of itself, read without I/O: header fields for lists, text for search.

Always true: any octets give a result; a field that can't be decoded is given as well as it can be, never dropped.
"""

from bascule.protocols.mime.headers import HeaderSummary, summarise

__all__ = ["HeaderSummary", "summarise"]
