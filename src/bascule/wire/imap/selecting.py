"""What SELECT and EXAMINE tell of a mailbox: RFC 9051 §6.3.2."""

from dataclasses import dataclass, field, replace

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.fetch import Fetch
from bascule.protocols.imap.responses import Condition, Exists, Flags, Response, mailboxid_of
from bascule.protocols.imap.tokens import as_number, as_text
from bascule.wire.limits import FOUND


@dataclass(frozen=True, slots=True)
class MailboxState:
    """What SELECT or EXAMINE told. RFC 9051 §6.3.2; ``exists`` None: it told none; ``uidnext`` 0: it told none, or one that not all messages can be below;
    ``highestmodseq`` 0: the server keeps none (RFC 7162 §3.1.2.2). ``uidvalidity`` 0: it
    told none; ``uids_last`` is False where its UIDs are of this session only (RFC 4315 §3, UIDNOTSTICKY); ``mailboxid`` stays when it is
    renamed (RFC 8474 §4.2; empty: told none)."""

    exists: int | None = None
    uidvalidity: int = 0
    uids_last: bool = True
    mailboxid: str = ""
    uidnext: int = 0
    highestmodseq: int = 0
    read_only: bool = False
    flags: tuple[str, ...] = ()
    permanent_flags: tuple[str, ...] | None = None
    changed: tuple[Fetch, ...] = field(default=(), repr=False)


class SelectReading:
    """Gathers what SELECT says on its way to its OK. ``is_resync``: it was asked for what changed (RFC 7162 §3.2.5); else nobody is interested."""

    def __init__(self, *, is_resync: bool) -> None:
        self._state = MailboxState()
        self._is_resync = is_resync
        self._changed: dict[int | None, Fetch] = {}

    @property
    def state(self) -> MailboxState:
        # Each message has a UID of its own, from 1 on, and UIDNEXT is above all of them (RFC 9051 §2.3.1.1).
        uidnext = self._state.uidnext if self._state.uidnext > (self._state.exists or 0) else 0
        return replace(self._state, uidnext=uidnext, changed=tuple(self._changed.values()))

    def take(self, response: Response) -> bool:
        """Whether it is of what can be long: the rest comes once, and again for as long as a server likes. Raises RemoteError."""
        match response:
            case Exists(number):
                self._state = replace(self._state, exists=number)
            case Flags(names):
                self._state = replace(self._state, flags=names)
            case Fetch() if self._is_resync:
                self._take_change(response)
                return True
            case Condition(code=code) if code is not None:
                self._take_code(code.name, code.arguments)
        return False

    def _take_change(self, reply: Fetch) -> None:
        """The last of each message, and one that can't be read, in place of all of these."""
        if not reply.fault and (reply.data.uid is None or reply.data.flags is None):
            return
        reply.let_go_of_items()
        self._changed[None if reply.fault else reply.data.uid] = reply
        if len(self._changed) > FOUND:
            raise RemoteError(f"it tells of more changed messages than a mailbox has: {FOUND:,} at most")

    def _take_code(self, name: str, arguments: tuple[object, ...]) -> None:
        value = arguments[0] if arguments else None
        match name:
            case "UIDVALIDITY":
                self._state = replace(self._state, uidvalidity=_number(value))
            case "UIDNEXT":
                self._state = replace(self._state, uidnext=_number(value))
            case "HIGHESTMODSEQ":
                self._state = replace(self._state, highestmodseq=_number(value))
            case "MAILBOXID":
                self._state = replace(self._state, mailboxid=mailboxid_of(value))
            case "UIDNOTSTICKY":
                self._state = replace(self._state, uids_last=False)
            case "PERMANENTFLAGS":
                names = value if isinstance(value, list) else []
                self._state = replace(
                    self._state, permanent_flags=tuple(as_text(f) for f in names if isinstance(f, bytes))
                )


def _number(value: object) -> int:
    """0 for what is no number: as good as not told."""
    try:
        return as_number(value)
    except RemoteError:
        return 0
