"""IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051): the grammar that the client and the server share.

In: octets from the other side, in pieces of any size. Out: typed responses (`responses`), or octets to send (`commands`,
`append`, …). Always true: whatever the other side sends either parses or raises `RemoteError`, within the limits in
`limits`; nothing else is raised. A literal larger than `Limits.inline_octets` is written to a sink as it arrives and is never
held in memory.
"""

from bascule.protocols.imap.errors import LocalError, RemoteError
from bascule.protocols.imap.limits import DEFAULT_LIMITS, Limits
from bascule.protocols.imap.receiver import Receiver

__all__ = ["DEFAULT_LIMITS", "Limits", "LocalError", "Receiver", "RemoteError"]
