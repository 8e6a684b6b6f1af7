"""Quirks of APPEND that is answered OK: when the message is shown, what is altered of it, what is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.quirks.quirk import EXACT, NAMED, Allowed, Quirk
from support.quirks.sample import add
from support.quirks.store import ARRIVAL

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Folder, Message, Store
    from support.quirks.syntax import Command


# -- shown later ------------------------------------------------------------------------------------------------------


class ShownAfterNoop(Quirk):
    """What was appended to the selected folder is shown only after NOOP or CHECK."""

    seen = "trials with Courier-IMAP 5.0"
    as_target = EXACT
    forgets = True
    without = frozenset({"LIST-EXTENDED", "LIST-STATUS", "MULTIAPPEND", "CONDSTORE", "QRESYNC", "ESEARCH"})

    def refreshes(self, session: Session, command: Command) -> bool:
        return command.verb in ("NOOP", "CHECK", "IDLE")


class ShownAfterReopening(ShownAfterNoop):
    """What was appended to the selected folder is shown only when the folder is opened again."""

    seen = "https://github.com/stalwartlabs/stalwart/issues/2588; Domino"

    def refreshes(self, session: Session, command: Command) -> bool:
        return False


class ShownAfterReopeningWithoutUids(ShownAfterReopening):
    """What was appended is shown only when the folder is opened again, and no UID is told."""

    without = ShownAfterNoop.without | {"UIDPLUS"}


class ShownLate(Quirk):
    """What was appended is shown only when somebody has looked for it a few times."""

    seen = "thought of: stores that are copied behind the answer"
    as_target = EXACT
    looks = 5

    def __init__(self) -> None:
        self._looks = 0

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SELECT", "STATUS", "NOOP", "CHECK", "UID SEARCH", "UID FETCH"):
            self._looks += 1

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, shown_at=self._looks + self.looks)

    def is_shown(self, session: Session, message: Message) -> bool:
        return self._looks >= message.shown_at


class ShownLateWithoutUids(ShownLate):
    """What was appended is shown only when somebody has looked for it a few times, and no UID is told."""

    without = frozenset({"UIDPLUS"})


class ShownVeryLate(ShownLateWithoutUids):
    """What was appended is shown long after the run."""

    seen = "thought of: an index that is written at night"
    as_target = NAMED
    looks = 1_000_000


# -- altered ----------------------------------------------------------------------------------------------------------


class _Alters(Quirk):
    as_target: Allowed | None = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, octets=self.altered(message.octets))

    def altered(self, octets: bytes) -> bytes:
        return octets


class Reencodes(_Alters):
    """Bodies are kept re-encoded: other octets, another size."""

    seen = "WildDuck: https://github.com/zone-eu/wildduck/issues/536"

    def altered(self, octets: bytes) -> bytes:
        return octets.replace(b"\xc3\xa9", b"=C3=A9")


class ReencodesWithoutUids(Reencodes):
    """Bodies are kept re-encoded, and no UID is told."""

    without = frozenset({"UIDPLUS"})


class ReencodesSameSize(_Alters):
    """Bodies are kept with other octets of the same number."""

    seen = "thought of: a server that rewrites boundaries or line ends"
    words = ("--verify", "full")

    def altered(self, octets: bytes) -> bytes:
        return octets.replace(b"e", b"E")


class AddsHeader(_Alters):
    """A header line is put before every message."""

    seen = "https://github.com/hmailserver/hmailserver/pull/477 (Return-Path)"

    def altered(self, octets: bytes) -> bytes:
        return b"X-Scanned: yes\r\n" + octets


class AddsHeaderWithoutUids(AddsHeader):
    """A header line is put before every message, and no UID is told."""

    without = frozenset({"UIDPLUS"})


class StripsHeader(_Alters):
    """A header line that the server keeps elsewhere is cut out."""

    seen = "https://github.com/mguessan/davmail/pull/517 (Received), Dovecot mbox (Status, X-UID)"

    def altered(self, octets: bytes) -> bytes:
        return re.sub(rb"Message-ID:[^\r]*\r\n", b"", octets, count=1)


class StripsHeaderWithoutUids(StripsHeader):
    """A header line is cut out, and no UID is told."""

    without = frozenset({"UIDPLUS"})


class AddsLineEnd(_Alters):
    """A message that is empty is kept as an empty line."""

    seen = "thought of: stores that can't hold nothing"

    def altered(self, octets: bytes) -> bytes:
        return octets or b"\r\n"


class DropsCrAtTheEnd(_Alters):
    """A message that ends in CR is kept without it."""

    seen = "trials with Dovecot 2.3"
    forgets = True

    def prepare_other(self, store: Store) -> None:
        inbox = store.folders[b"INBOX"]
        for number, end in enumerate((b"\r\n\r", b"\r", b"\r\r", b"\r\n\r\n\r"), 91):
            add(store, inbox, number, b"Subject: %d\r\n\r\nthe end%b" % (number, end))
        add(store, inbox, 95, b"\r")

    def altered(self, octets: bytes) -> bytes:
        return octets.removesuffix(b"\r")


class _AltersFlags(Quirk):
    as_target: Allowed | None = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, flags=frozenset(self.altered(message.flags)))

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return flags


class AddsSeen(_AltersFlags):
    """Everything that is appended is marked as read."""

    seen = "https://github.com/imapsync/imapsync/issues/227"

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return flags | {b"\\Seen"}


class AddsKeyword(_AltersFlags):
    """The server's filter puts a keyword on everything."""

    seen = "1&1 (JunkRecorded): https://github.com/mscdex/node-imap/issues/502"

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return flags | {b"$NotJunk"}


class DropsFlags(_AltersFlags):
    """APPEND keeps no flags at all; STORE would."""

    seen = "https://github.com/mguessan/davmail/pull/517; MailEnable: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt"

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return ()


class DropsKeywords(_AltersFlags):
    """Keywords are dropped without a word."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Flags.txt"

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return [name for name in flags if name.startswith(b"\\")]


class FoldsKeywords(_AltersFlags):
    """Keywords are kept in small letters, which is no difference (RFC 5788 §3)."""

    seen = "https://github.com/imapsync/imapsync/issues/227 ($MdnSent and $MDNSent)"
    as_target = EXACT
    forgets = True

    def altered(self, flags: frozenset[bytes]) -> Iterable[bytes]:
        return [name if name.startswith(b"\\") else name.lower() for name in flags]


class RoundsDates(Quirk):
    """Dates of arrival are kept to the minute."""

    seen = "thought of: stores whose dates have no seconds"
    as_target = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return replace(message, date=self.kept(message.date))

    def kept(self, date: datetime) -> datetime:
        return date.replace(second=0)


class IgnoresDates(RoundsDates):
    """The date of arrival is that of APPEND."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Dates.txt, https://github.com/mguessan/davmail/pull/517"

    def kept(self, date: datetime) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)


class TakesDateHeader(RoundsDates):
    """The date of arrival is that of the Date header."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Dates.txt"

    def kept(self, date: datetime) -> datetime:
        return ARRIVAL


class DatesInUtc(RoundsDates):
    """Dates of arrival are kept as instants, and told in UTC."""

    seen = "thought of: stores that keep the instant alone"
    as_target = EXACT
    forgets = True

    def kept(self, date: datetime) -> datetime:
        return date.astimezone(UTC)


# -- what is told -----------------------------------------------------------------------------------------------------


class NoUidplus(Quirk):
    """The UIDs of what was appended are not told."""

    seen = "https://github.com/owncloud-archive/mail/issues/771 (Exchange)"
    as_target = EXACT
    forgets = True
    without = frozenset({"UIDPLUS"})


class KeepsOneOfEqual(Quirk):
    """Of several equal messages one is kept, and its UID told for each."""

    seen = "Gmail, and filters against duplicates"
    as_target = NAMED

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bytes], int] = {}
        self._told: list[int] = []

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        place = folder.name, message.octets
        known = self._kept.setdefault(place, folder.uidnext)
        self._told.append(known)
        return message if known == folder.uidnext else None

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        told, self._told = self._told, []
        return super().appended(session, folder, told)


class TellsOneUidForAll(KeepsOneOfEqual):
    """Of a MULTIAPPEND all are kept, and the first one's UID is told for each."""

    seen = "thought of, beside targets that keep one of several equal messages"
    as_target = EXACT

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        self._told.append(self._told[0] if self._told else folder.uidnext)
        return message


class AppenduidSwapped(Quirk):
    """APPENDUID tells the UID first and UIDVALIDITY then."""

    seen = "https://github.com/mguessan/davmail/issues/315"
    as_target = EXACT

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b"[APPENDUID %d %d] " % (uids[0], folder.uidvalidity)


class AppenduidWrong(Quirk):
    """APPENDUID tells the UID of the message after."""

    seen = "FTGate (“badly guessed”): https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt"
    as_target = EXACT

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return super().appended(session, folder, [uid + 1 for uid in uids])


class AppenduidOtherValidity(Quirk):
    """APPENDUID tells another UIDVALIDITY than SELECT."""

    seen = "thought of, beside https://github.com/mguessan/davmail/issues/315"
    as_target = EXACT

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b"[APPENDUID 77 %b] " % b",".join(b"%d" % uid for uid in uids)


class AppenduidMissing(Quirk):
    """UIDPLUS is offered, and APPEND answered without APPENDUID."""

    seen = "https://github.com/ProtonMail/proton-bridge/issues/170"
    as_target = EXACT

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b""


class AppenduidGarbled(Quirk):
    """APPENDUID has words where its numbers belong."""

    seen = "thought of, beside https://github.com/mguessan/davmail/issues/315"
    as_target = EXACT

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b"[APPENDUID x AAMkAD-%d] " % uids[0]
