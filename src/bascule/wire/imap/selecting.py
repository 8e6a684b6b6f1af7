"""What SELECT and EXAMINE tell of a mailbox: RFC 9051 §6.3.2."""

from dataclasses import dataclass, field, replace

from bascule.protocols.imap.errors import RemoteError
from bascule.protocols.imap.fetch import Fetch
from bascule.protocols.imap.responses import Condition, Exists, Flags, Response, Vanished, mailboxid_of
from bascule.protocols.imap.sequence import Range
from bascule.protocols.imap.tokens import as_number, as_text


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
    vanished: tuple[Range, ...] = ()
    changed: tuple[Fetch, ...] = field(default=(), repr=False)


class SelectReading:
    """Gathers what SELECT says on its way to its OK."""

    def __init__(self) -> None:
        self._state = MailboxState()
        self._vanished: list[Range] = []
        self._changed: list[Fetch] = []

    @property
    def state(self) -> MailboxState:
        # Each message has a UID of its own, from 1 on, and UIDNEXT is above all of them (RFC 9051 §2.3.1.1).
        uidnext = self._state.uidnext if self._state.uidnext > (self._state.exists or 0) else 0
        return replace(self._state, uidnext=uidnext, vanished=tuple(self._vanished), changed=tuple(self._changed))

    def take(self, response: Response) -> None:
        match response:
            case Exists(number):
                self._state = replace(self._state, exists=number)
            case Flags(names):
                self._state = replace(self._state, flags=names)
            case Vanished(earlier=True, uids=uids):
                self._vanished += uids
            case Fetch():
                response.let_go_of_items()
                self._changed.append(response)
            case Condition(code=code) if code is not None:
                self._take_code(code.name, code.arguments)

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
