"""SMTP and LMTP without I/O: lines and messages out of octets, commands out of lines, replies both ways. RFC 5321, RFC 2033

In: octets as they come from a socket. Out: typed commands, the octets of messages, replies. What always holds: any input gives a value or a
`BadCommand` that knows its reply; a message ends at CRLF "." CRLF and nowhere else. Who calls: `bascule.platform.smtp`.
"""

from bascule.protocols.smtp.commands import BadCommand, Command, parse_command
from bascule.protocols.smtp.paths import is_address, split_address
from bascule.protocols.smtp.receiver import LineTooLong, SmtpReceiver
from bascule.protocols.smtp.replies import Reply, format_reply, parse_replies

__all__ = [
    "BadCommand",
    "Command",
    "LineTooLong",
    "Reply",
    "SmtpReceiver",
    "format_reply",
    "is_address",
    "parse_command",
    "parse_replies",
    "split_address",
]
