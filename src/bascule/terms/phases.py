"""What anyone may do at an instant: the one table that every door asks (web, IMAP, submission, ActiveSync, archive, help desk, routing).

A member's calendar has four boundaries. Between them lie five phases, and each phase has one row of answers. Time comes from
outside: a phase is a pure function of (calendar, now). Roles, locked accounts, service accounts and legal holds are separate, named
checks beside this table; none of them may open what it closes.

A boundary belongs to the phase that it begins: at T itself the new side is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from bascule.terms.errors import BasculeError, ExitStatus


class CalendarError(BasculeError):
    """A calendar that contradicts itself; the message says which two instants, and why they can't stand so. ``earlier`` and ``later``: their
    names in `MemberCalendar`, where that is the matter."""

    def __init__(self, message: str, advice: str = "", *, earlier: str = "", later: str = "") -> None:
        super().__init__(message, advice, ExitStatus.USAGE)
        self.earlier = earlier
        self.later = later


class Phase(StrEnum):
    PREPARED = "prepared"
    """Before the credentials open: the member sees nothing new."""
    ANNOUNCED = "announced"
    """The credentials are shown, and do not work yet."""
    SWITCHED = "switched"
    """From T on: mail arrives in the new mailbox, the old one is read-only on the archive pages."""
    ARCHIVE_CLOSED = "archive-closed"
    """The archive pages are closed; the backup is kept."""
    BACKUP_DESTROYED = "backup-destroyed"


class Side(StrEnum):
    OLD = "old"
    NEW = "new"


class NewMailbox(StrEnum):
    BEING_MADE = "being-made"
    CLOSED = "closed"
    """It exists, empty, and takes delivery from Bascule's own service account only."""
    OPEN = "open"


class Transfer(StrEnum):
    NONE = "none"
    CHOSEN_AHEAD = "chosen-ahead"
    OPEN = "open"
    ON_REQUEST = "on-request"
    """An exceptional restore from the backup, through the help desk."""


class OldCalendars(StrEnum):
    LIVE = "live"
    READABLE = "readable"
    """Read, and imported into the new calendars."""
    GONE = "gone"


class Assistance(StrEnum):
    QUESTIONS = "questions"
    URGENT_FIRST = "urgent-first"
    """Day T: urgent requests are handled, the rest is queued, visits can be booked."""
    ALL = "all"


class Backup(StrEnum):
    NONE = "none"
    KEPT = "kept"
    """Being made from the last delta on, then kept."""
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Doors:
    """One row of the table. Booleans answer “may they?”."""

    mail_goes_to: Side
    new_mailbox: NewMailbox
    sign_in_new: bool
    """On every protocol of the new platform alike."""
    credentials_shown: bool
    sign_in_old: bool
    """IMAP, POP and web of the old platform, where Bascule stands in front of it."""
    send_through_old: bool
    read_archive: bool
    transfer: Transfer
    old_calendars: OldCalendars
    assistance: Assistance
    backup: Backup


_PREPARED = Doors(
    mail_goes_to=Side.OLD,
    new_mailbox=NewMailbox.BEING_MADE,
    sign_in_new=False,
    credentials_shown=False,
    sign_in_old=True,
    send_through_old=True,
    read_archive=False,
    transfer=Transfer.NONE,
    old_calendars=OldCalendars.LIVE,
    assistance=Assistance.QUESTIONS,
    backup=Backup.NONE,
)
_SWITCHED = Doors(
    mail_goes_to=Side.NEW,
    new_mailbox=NewMailbox.OPEN,
    sign_in_new=True,
    credentials_shown=True,
    sign_in_old=False,
    send_through_old=False,
    read_archive=True,
    transfer=Transfer.OPEN,
    old_calendars=OldCalendars.READABLE,
    assistance=Assistance.ALL,
    backup=Backup.KEPT,
)
_CLOSED = replace(_SWITCHED, read_archive=False, transfer=Transfer.ON_REQUEST, old_calendars=OldCalendars.GONE)

DOORS: Mapping[Phase, Doors] = MappingProxyType(
    {
        Phase.PREPARED: _PREPARED,
        Phase.ANNOUNCED: replace(
            _PREPARED, new_mailbox=NewMailbox.CLOSED, credentials_shown=True, transfer=Transfer.CHOSEN_AHEAD
        ),
        Phase.SWITCHED: _SWITCHED,
        Phase.ARCHIVE_CLOSED: _CLOSED,
        Phase.BACKUP_DESTROYED: replace(_CLOSED, transfer=Transfer.NONE, backup=Backup.DESTROYED),
    }
)
"""The table. From T until ``all_assistance`` the help desk handles what is urgent first (see `doors_at`)."""


@dataclass(frozen=True, slots=True)
class MemberCalendar:
    """When a member's doors open and close. ``switch`` is T of the member's wave; ``all_assistance`` is when the help desk takes
    everything again, the morning of the next working day. All are aware (they carry a zone). Raises CalendarError when
    they contradict each other.
    """

    credentials_open: datetime
    switch: datetime
    all_assistance: datetime
    archive_closes: datetime
    backup_destroyed: datetime

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name).tzinfo is None:
                raise CalendarError(f"{_WORDS[name]} has no time zone.", "Give the institution's zone with it.")
        for earlier, later in _ORDER:
            first, second = getattr(self, earlier), getattr(self, later)
            if not first < second:
                raise CalendarError(
                    f"{_WORDS[later]} ({second.isoformat()}) does not come after {_WORDS[earlier].lower()} ({first.isoformat()}).",
                    "Change one of the two.",
                    earlier=earlier,
                    later=later,
                )

    def boundaries(self) -> tuple[tuple[datetime, Phase], ...]:
        """Each instant with the phase that it begins, in order."""
        return (
            (self.credentials_open, Phase.ANNOUNCED),
            (self.switch, Phase.SWITCHED),
            (self.archive_closes, Phase.ARCHIVE_CLOSED),
            (self.backup_destroyed, Phase.BACKUP_DESTROYED),
        )


_WORDS = {
    "credentials_open": "The opening of the credentials",
    "switch": "The switch",
    "all_assistance": "The start of full assistance",
    "archive_closes": "The closing of the archive",
    "backup_destroyed": "The destruction of the backup",
}
_ORDER = (
    ("credentials_open", "switch"),
    ("switch", "all_assistance"),
    ("switch", "archive_closes"),
    ("archive_closes", "backup_destroyed"),
)


def phase_at(calendar: MemberCalendar, now: datetime) -> Phase:
    """The phase that ``now`` (aware) falls into."""
    return next((phase for begins, phase in reversed(calendar.boundaries()) if now >= begins), Phase.PREPARED)


def doors_at(calendar: MemberCalendar, now: datetime) -> Doors:
    """What the member may do at ``now`` (aware)."""
    phase = phase_at(calendar, now)
    doors = DOORS[phase]
    if phase is Phase.SWITCHED and now < calendar.all_assistance:
        return replace(doors, assistance=Assistance.URGENT_FIRST)
    return doors


def next_boundary(calendar: MemberCalendar, now: datetime) -> datetime | None:
    """The next instant at which an answer changes; None after the last."""
    instants = [*(begins for begins, _ in calendar.boundaries()), calendar.all_assistance]
    return min((instant for instant in instants if instant > now), default=None)
