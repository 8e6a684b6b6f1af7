"""The IMAP client: pipelined, over asyncio.

`connect` opens, secures and signs in; `ImapClient` has a method for each command. Every command is sent without waiting for the
ones before it, so a caller that wants a round trip saved starts several and awaits them together. Answers belong to the
oldest command that is not answered yet (RFC 9051 §5.5). When the connection fails, each command in flight raises
ConnectionLost, and nothing is retried here: what to do again is for capture and deliver to know.
"""

from bascule.wire.imap.authorization import require_authorization
from bascule.wire.imap.client import ImapClient
from bascule.wire.imap.connections import Connections, reconnect
from bascule.wire.imap.credentials import Credentials
from bascule.wire.imap.opening import Security, connect
from bascule.wire.imap.selecting import MailboxState

__all__ = [
    "Connections",
    "Credentials",
    "ImapClient",
    "MailboxState",
    "Security",
    "connect",
    "reconnect",
    "require_authorization",
]
