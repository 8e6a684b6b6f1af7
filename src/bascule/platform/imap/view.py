r"""A selected folder as one session knows it: its sequence numbers, and what it was told.

What the client was told is a state: the UIDs that have sequence numbers, and the MODSEQ up to which it heard of changes. `look` brings
the state forward by reading the rows whose MODSEQ is above; `tell` gives the responses of what changed. An expunge that may not be told yet
(RFC 9051 §7.5.1: not while FETCH, STORE or SEARCH is answered) waits in ``_unsaid``; its message keeps its number until then.
The UIDs are read when a number is first asked for: to open a folder of 100,000 messages is to read one row.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter

from bascule.mailbox.live import Change, FolderGone, LiveFolder, LiveMailbox
from bascule.mailbox.live.flagging import Flagged
from bascule.platform.imap.access import Access, may_flag
from bascule.platform.imap.flag_lines import flag_lines
from bascule.platform.imap.limits import KEYWORDS_ANNOUNCED, KEYWORDS_TOLD
from bascule.protocols.imap.answers import flag_names
from bascule.protocols.imap.flags import is_writable_flag
from bascule.protocols.imap.requests import MessageSet
from bascule.protocols.imap.rights import Rights
from bascule.protocols.imap.sequence import Range, format_set, resolve
from bascule.terms.flags import Flags

TOLD_AT_ONCE = 5000
"""Responses made as one piece."""
_UID, _MODSEQ = attrgetter("uid"), attrgetter("modseq")
SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


class View:
    """``rights``: what the session may do there, as of this command. ``saved``: UIDs of the last SEARCH RETURN (SAVE), RFC 5182. ``takes_recent``: see RFC 3501 §2.3.2; IMAP4rev2 has no ``\\Recent``."""

    def __init__(
        self, access: Access, folder: LiveFolder, rights: Rights, *, read_only: bool, takes_recent: bool
    ) -> None:
        self.access = access
        self.rights = rights
        self.folder = folder.id
        self.uidvalidity = folder.uidvalidity
        self.read_only = read_only
        self.modseq = folder.modseq
        self.saved: list[int] = []
        is_reader = access.reader is not None
        self._takes_recent = takes_recent and not read_only and not is_reader
        first = self.box.folders.take_recent(folder) if self._takes_recent else folder.recent_uid
        first = folder.uidnext if is_reader else first
        self._recent: list[Range] = [(first, folder.uidnext - 1)]
        self._uidnext = folder.uidnext
        self._keywords = self.box.folders.keywords()[:KEYWORDS_TOLD]
        self._known_flagsets: set[int] = set()
        self._has_new_keywords = False
        self._exists = folder.messages
        self._uids: array[int] | None = None
        self._unsaid: set[int] = set()
        self._changed: dict[int, Change] = {}
        self._arrived = False

    @property
    def box(self) -> LiveMailbox:
        return self.access.box

    def enter(self, access: Access) -> None:
        """For the next command: the mailbox may have been closed and opened since. Raises FolderGone where it is no longer shared."""
        self.access = access
        if access.reader is not None:
            with access.lock:
                self.rights = access.rights_on(self.folder)
            if "r" not in self.rights:
                raise FolderGone

    @property
    def uids(self) -> "array[int]":
        """In order; the message of sequence number n is at place n - 1."""
        if self._uids is None:
            self._uids = self.box.reading.uids(self.folder, self._uidnext, self.modseq)
        return self._uids

    @property
    def uidnext(self) -> int:
        """Above all UIDs that the client may know."""
        return self._uidnext

    def read_uids(self) -> None:
        """With the mailbox's lock: from here on sets are looked up without it, however long they are."""
        _ = self.uids

    @property
    def exists(self) -> int:
        return self._exists if self._uids is None else len(self._uids)

    def number_of(self, uid: int) -> int:
        """The sequence number; 0 for a UID that has none."""
        uids = self.uids
        place = bisect_left(uids, uid)
        return place + 1 if place < len(uids) and uids[place] == uid else 0

    def numbers_of(self, rows: Sequence[tuple[int, ...]]) -> Iterable[int]:
        """The sequence numbers of rows (UID first, ascending), each of which has one."""
        first, last = self.number_of(rows[0][0]), self.number_of(rows[-1][0])
        if last - first == len(rows) - 1:
            return range(first, last + 1)
        return [self.number_of(row[0]) for row in rows]

    def is_vanished(self, uid: int) -> bool:
        """Expunged, and the client does not know it yet."""
        return uid in self._unsaid

    # -- sets of messages ---------------------------------------------------------------------------------------------

    def places(self, messages: MessageSet, *, uid: bool, there_only: bool = False) -> list[Range]:
        """The places (from 0, last one included) that a set names. Raises IndexError where a sequence number is too high; ``there_only``: those are left out."""
        if messages.ranges is None:
            return self._places_of(self.saved)
        uids = self.uids
        if not uid:
            ranges = resolve(messages.ranges, len(uids))
            if ranges and ranges[-1][1] > len(uids) and not there_only:
                raise IndexError(ranges[-1][1])
            return [(low - 1, min(high, len(uids)) - 1) for low, high in ranges if low <= len(uids)]
        found: list[Range] = []
        for low, high in resolve(messages.ranges, uids[-1] if uids else 0):
            first, after = bisect_left(uids, low), bisect_right(uids, high)
            if first < after:
                found.append((first, after - 1))
        return found

    def _places_of(self, uids: Iterable[int]) -> list[Range]:
        found: list[Range] = []
        for number in sorted(filter(None, map(self.number_of, uids))):
            if found and found[-1][1] == number - 2:
                found[-1] = (found[-1][0], number - 1)
            else:
                found.append((number - 1, number - 1))
        return found

    def uids_of(self, messages: MessageSet, *, uid: bool, there_only: bool = False) -> "array[int]":
        """The UIDs that a set names, in order. Raises IndexError."""
        found = array("I")
        for first, last in self.places(messages, uid=uid, there_only=there_only):
            found.extend(self.uids[first : last + 1])
        return found

    def is_recent(self, uid: int) -> bool:
        return any(low <= uid <= high for low, high in self._recent)

    def alike(self, rows: Sequence[tuple[int, int, int]], start: int) -> int:
        """Up to where ``rows`` (UID first, ascending) are recent as the one at ``start`` is, or are not as it is not."""
        uid = rows[start][0]
        for low, high in self._recent:
            if low <= uid <= high:
                return bisect_right(rows, high, start, key=itemgetter(0))
        later = [low for low, high in self._recent if uid < low <= high]
        return bisect_left(rows, min(later), start, key=itemgetter(0)) if later else len(rows)

    def recent_count(self) -> int:
        if all(low > high for low, high in self._recent):
            return 0
        return sum(
            bisect_right(self.uids, high) - bisect_left(self.uids, low) for low, high in self._recent if low <= high
        )

    # -- changes ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Learn what changed; it is told with the next `tell`. Raises FolderGone."""
        changes = self.box.reading.changes(self.folder, self.modseq)
        if not changes:
            if self.box.folders.get(self.folder) is None:
                raise FolderGone
            return
        known = bisect_left(changes, self._uidnext, key=_UID)
        for change in changes[:known]:
            if not change.vanished:
                self._changed[change.uid] = change
                continue
            # What it was before is told no more: the client may know of a later change by its own STORE or FETCH.
            self._changed.pop(change.uid, None)
            if self.number_of(change.uid):  # it may be read only now, and as of the MODSEQ up to which the client knows
                self._unsaid.add(change.uid)
        self.modseq = max(map(_MODSEQ, changes))
        arrived = [change.uid for change in changes[known:] if not change.vanished]
        self._uidnext = max(self._uidnext, changes[-1].uid + 1)
        if arrived:
            self._arrive(arrived)

    @property
    def has_news(self) -> bool:
        """Whether `look` learnt of flags that are not told yet."""
        return bool(self._changed)

    def answer(self, done: Flagged) -> None:
        """Flags that this session changed right after `look`, and tells itself; they are not told again. But of a message that another one had changed
        before, the client hears all flags (RFC 9051 §6.4.6: with .SILENT, too). Where another process came between, all of them are told."""
        if done.modseq != self.modseq + 1:
            return
        self.modseq = done.modseq
        for uid, flagset in done.changed if self._changed else ():
            if uid in self._changed:
                self._changed[uid] = Change(uid, flagset, done.modseq, 0)

    def _arrive(self, uids: list[int]) -> None:
        self._arrived = True
        if self._uids is None:
            self._exists += len(uids)
        else:
            self._uids.extend(uids)
        folder = self.box.folders.get(self.folder) if self._takes_recent else None
        if folder is not None:
            low, high = self.box.folders.take_recent(folder), folder.uidnext - 1
            if self._recent[-1][1] == low - 1:  # nobody else took any: one range, however often something arrives
                low = self._recent.pop()[0]
            self._recent.append((low, high))

    def tell(self, *, expunges: bool, vanished: bool, modseqs: bool, rev2: bool) -> Iterator[bytes]:
        """Responses for what `look` learnt. Where reading fails, what was not told yet stays to be told. ``expunges``: they may be told now; ``vanished``: as VANISHED (RFC 7162 §3.2.10)."""
        if expunges and self._unsaid:
            yield self._tell_expunges(vanished)
        if self._arrived:
            recent = b"" if rev2 else b"* %d RECENT\r\n" % self.recent_count()
            self._arrived = False
            yield b"* %d EXISTS\r\n" % self.exists + recent
        if self._changed:
            told = sorted(
                (uid, change.flagset, change.modseq) for uid, change in self._changed.items() if self.number_of(uid)
            )
            for start in range(0, len(told), TOLD_AT_ONCE):
                some = told[start : start + TOLD_AT_ONCE]
                lines = flag_lines(self, self.numbers_of(some), some, rev2=rev2, modseqs=modseqs)
                for uid, _, _ in some:
                    del self._changed[uid]
                yield self.keyword_news() + lines
            self._changed = {}

    def _tell_expunges(self, vanished: bool) -> bytes:
        gone = self._unsaid
        if vanished:
            out = b"* VANISHED " + format_set(gone) + b"\r\n"
        else:
            numbers = sorted(map(self.number_of, gone), reverse=True)
            out = b"".join(b"* %d EXPUNGE\r\n" % number for number in numbers)
        self._uids = array("I", [uid for uid in self.uids if uid not in gone])
        self._unsaid = set()
        for uid in gone:
            self._changed.pop(uid, None)
        self.saved = [uid for uid in self.saved if uid not in gone]
        return out

    def flags_of(self, uid: int, flagset: int, *, rev2: bool) -> bytes:
        """What stands between the parentheses of FLAGS."""
        return self.flag_names(flagset, recent=not rev2 and self.is_recent(uid))

    def flag_names(self, flagset: int, *, recent: bool) -> bytes:
        """Before what holds them is sent, `keyword_news` is."""
        flags = self.box.reading.flags(flagset)
        if flagset not in self._known_flagsets:
            self._known_flagsets.add(flagset)
            self._note_keywords(flags)
        names = _flag_names(flags)
        if recent:
            return names + b" \\Recent" if names else b"\\Recent"
        return names

    # -- keywords -----------------------------------------------------------------------------------------------------

    def keywords_told(self) -> bytes:
        """FLAGS and PERMANENTFLAGS: what a message may have, and what this session may give it."""
        flags = [*SYSTEM_FLAGS, *self._keywords]
        kept = [] if self.read_only else [flag for flag in [*flags, "\\*"] if may_flag(self.rights, flag)]
        told = b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] flags that are kept\r\n"
        return told % (flag_names(flags), flag_names(kept))

    def keyword_news(self) -> bytes:
        """`keywords_told`, where `flag_names` gave a keyword that the client was not told of: programs drop those (RFC 9051 §7.3.5)."""
        if not self._has_new_keywords:
            return b""
        self._has_new_keywords = False
        return self.keywords_told()

    def _note_keywords(self, flags: Flags) -> None:
        new = sorted(
            name
            for name in flags
            if not name.startswith("\\") and is_writable_flag(name) and name not in self._keywords
        )
        if new and len(self._keywords) < KEYWORDS_ANNOUNCED:
            self._keywords += new
            self._has_new_keywords = True


@lru_cache(maxsize=4096)
def _flag_names(flags: Flags) -> bytes:
    return flag_names(sorted(flags))


def groups(places: Iterable[Range], most: int) -> Iterator[list[Range]]:
    """``places`` in groups that hold at most so many of them."""
    group: list[Range] = []
    room = most
    for first, last in places:
        while first <= last:
            end = min(last, first + room - 1)
            group.append((first, end))
            room -= end - first + 1
            first = end + 1
            if not room:
                yield group
                group, room = [], most
    if group:
        yield group
