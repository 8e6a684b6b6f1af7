"""A client's commands, typed: a frame in, a request out. RFC 9051 §6

One file for each command with arguments of its own; the others are read with `Arguments` where they are carried out. Whatever a
client sends either parses or raises `BadRequest`, which the server answers with BAD; nothing else is raised.
"""

from bascule.protocols.imap.requests.arguments import Arguments, MessageSet
from bascule.protocols.imap.requests.request import BadRequest, Request, parse_request

__all__ = ["Arguments", "BadRequest", "MessageSet", "Request", "parse_request"]
