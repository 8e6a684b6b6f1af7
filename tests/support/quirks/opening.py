"""Quirks of an open folder: SELECT and EXAMINE, UIDVALIDITY, UIDNEXT, MODSEQ, what SEARCH finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.quirks.quirk import EXACT, NAMED, Codes, Quirk
from support.quirks.sample import is_victim
from support.quirks.syntax import Bad, No, words

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Folder, Message, Store
    from support.quirks.syntax import Command


class OpensLater(Quirk):
    """The first time, opening a folder is refused as a fault that passes."""

    seen = "RFC 5530 §3; https://github.com/mscdex/node-imap/issues/737 (Yahoo)"
    as_source = as_target = EXACT
    refusal: Exception = No("[UNAVAILABLE] Server error - Please try again later")

    def __init__(self) -> None:
        self._refused: set[object] = set()

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SELECT", "EXAMINE"):
            name = bytes(command.arguments[0])  # type: ignore[arg-type]  # a mailbox is a string
            if name not in self._refused:
                self._refused.add(name)
                raise self.refusal


class OpensLaterInUse(OpensLater):
    """The first time, opening a folder is refused because it is in use."""

    seen = "RFC 5530 §3"
    refusal = No("[INUSE] Mailbox is locked by another session")


class OpensLaterBare(OpensLater):
    """The first time, opening a folder is refused without a code."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt"
    as_source = as_target = NAMED
    passes = True
    refusal = No("Server Unavailable. 15")


class ExamineUnknown(Quirk):
    """EXAMINE is not known."""

    seen = "thought of: small servers in devices and test tools"
    as_source = NAMED

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "EXAMINE":
            raise Bad("unknown command")


class ReadOnlyFolder(Quirk):
    """A folder opens read-only, and takes nothing."""

    seen = "Dovecot and Cyrus with ACL"
    as_target = NAMED

    def prepare(self, store: Store) -> None:
        store.create(b"R&AOk-unions")

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        if command.verb == "SELECT" and session.selected and session.selected.name == b"R&AOk-unions":
            return status, b"[READ-ONLY] open"
        return status, text

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and command.arguments[0] == b"R&AOk-unions":
            raise No("[NOPERM] Permission denied")


class UidvalidityAbsent(Quirk):
    """Neither SELECT nor STATUS tells UIDVALIDITY."""

    seen = "https://github.com/chatmail/core/issues/1577"
    as_source = as_target = NAMED

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {name: value for name, value in codes.items() if name != "UIDVALIDITY"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "UIDVALIDITY"}


class UidvalidityZero(Quirk):
    """UIDVALIDITY is 0."""

    seen = "https://github.com/jstedfast/MailKit/issues/150 (SmarterMail), https://github.com/modern-email/defects/issues/52"
    as_source = as_target = EXACT
    forgets = True

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {**codes, "UIDVALIDITY": b"0"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {**items, "UIDVALIDITY": b"0"} if "UIDVALIDITY" in items else items

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        return b"[APPENDUID 0 %b] " % b",".join(b"%d" % uid for uid in uids)


class UidvalidityOtherEachTime(Quirk):
    """UIDVALIDITY is another each time that the folder is opened."""

    seen = "thought of: gateways that number anew"
    as_source = as_target = NAMED

    def __init__(self) -> None:
        self._next = 5000

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        self._next += 1
        return {**codes, "UIDVALIDITY": b"%d" % self._next}


class NumberedAnewLater(Quirk):
    """Between two runs every folder gets a new UIDVALIDITY, and every message a new UID."""

    seen = "RFC 3501 §2.3.1.1: a server that was restored, or whose index was made anew"
    as_source = EXACT

    def later(self, store: Store) -> None:
        for folder in store.folders.values():
            folder.uidvalidity += 1000
            for message in folder.messages:
                message.uid += 300
            folder.uidnext += 300


class UidnextAbsent(Quirk):
    """Neither SELECT nor STATUS tells UIDNEXT."""

    seen = "https://github.com/modern-email/defects/issues/43 (Winmail), https://github.com/chatmail/core/pull/5049 (163.com)"
    as_source = as_target = EXACT
    forgets = True

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {name: value for name, value in codes.items() if name != "UIDNEXT"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "UIDNEXT"}


class UidnextZero(Quirk):
    """UIDNEXT is 0."""

    seen = "https://github.com/jstedfast/MailKit/issues/1010"
    as_source = as_target = EXACT
    forgets = True
    uidnext = b"0"

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {**codes, "UIDNEXT": self.uidnext}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {**items, "UIDNEXT": self.uidnext} if "UIDNEXT" in items else items


class UidnextTooLow(UidnextZero):
    """UIDNEXT is that of an empty folder, whatever is in it."""

    seen = "thought of, beside https://github.com/chatmail/core/pull/4936"
    uidnext = b"1"


class UidnextTooHigh(UidnextZero):
    """UIDNEXT is far above what the next message gets."""

    seen = "thought of: servers that reserve UIDs by the block"
    uidnext = b"4000000"


class ExistsAbsent(Quirk):
    """SELECT and EXAMINE do not tell EXISTS."""

    seen = "thought of: proxies that hand on the responses that they know"
    as_source = as_target = EXACT
    forgets = True

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        if command.verb not in ("SELECT", "EXAMINE"):
            return lines
        return [line for line in lines if not line.endswith(b" EXISTS")]


class ExistsAbsentAndNoSearch(ExistsAbsent):
    """SELECT and EXAMINE do not tell EXISTS, and SEARCH is refused."""

    as_target = None

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID SEARCH":
            raise No("not now")


class OpensAsEmpty(Quirk):
    """A folder of which STATUS counts messages opens as an empty one."""

    seen = "thought of: a folder whose index was lost, and whose counters lie elsewhere"
    as_source = NAMED

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        if session.selected is None or session.selected.name != b"INBOX":
            return lines
        if command.verb in ("SELECT", "EXAMINE"):
            return [b"* 0 EXISTS" if line.endswith(b" EXISTS") else line for line in lines]
        return [] if command.verb in ("UID SEARCH", "UID FETCH") else lines


class ModseqNeverRises(Quirk):
    """HIGHESTMODSEQ and every message's MODSEQ stay the same for ever, though messages come."""

    seen = "thought of: servers that know the word CONDSTORE alone"
    as_source = EXACT
    without = frozenset({"QRESYNC"})

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {**codes, "HIGHESTMODSEQ": b"9"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {**items, "HIGHESTMODSEQ": b"9"} if "HIGHESTMODSEQ" in items else items

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [{**items, "MODSEQ": b"(9)"} if "MODSEQ" in items else items]

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID FETCH" and len(command.arguments) > 2 and int(words(command.arguments[2])[1]) >= 9:
            command.arguments[0] = b"999999"


class ModseqGoesDown(Quirk):
    """After a restore of the server, every MODSEQ is lower than before."""

    seen = "thought of: Dovecot after its indexes were rebuilt"
    as_source = EXACT

    def prepare(self, store: Store) -> None:
        for folder in store.folders.values():
            folder.modseq += 10_000
            for message in folder.messages:
                message.modseq += 10_000

    def later(self, store: Store) -> None:
        for folder in store.folders.values():
            folder.modseq -= 10_000
            for message in folder.messages:
                message.modseq -= 10_000


class ModseqZero(Quirk):
    """HIGHESTMODSEQ is 0, instead of NOMODSEQ or none."""

    seen = "https://github.com/Purelymail/purelymail-issues/issues/446"
    as_source = as_target = EXACT

    def selected(self, session: Session, folder: Folder, codes: Codes) -> Codes:
        return {**codes, "HIGHESTMODSEQ": b"0"}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {**items, "HIGHESTMODSEQ": b"0"} if "HIGHESTMODSEQ" in items else items


class ChangedSinceIgnored(Quirk):
    """CHANGEDSINCE is taken, and all messages are told."""

    seen = "thought of: servers that know the word alone"
    as_source = EXACT
    without = frozenset({"QRESYNC"})

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID FETCH":
            del command.arguments[2:]


class VanishedMissing(Quirk):
    """With QRESYNC, what vanished since is not told."""

    seen = "https://github.com/apache/james-project/pull/909"
    as_source = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not line.startswith(b"* VANISHED")]


class VanishedEmpty(VanishedMissing):
    """With QRESYNC, VANISHED comes with nothing in it."""

    seen = "https://github.com/apache/james-project/pull/909, https://github.com/Foundry376/Mailspring-Sync/pull/91 (iCloud)"

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        told = [line for line in lines if not line.startswith(b"* VANISHED")]
        if command.verb == "EXAMINE" and b"QRESYNC" in command.line:
            told += [b"* VANISHED (EARLIER) ", b"* VANISHED (EARLIER)"]
        return told


class ResyncTellsAll(Quirk):
    """With QRESYNC, every message is told as changed, and UIDs that never were as vanished."""

    seen = "RFC 7162 §3.2.5.1, which allows it"
    as_source = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        if command.verb != "EXAMINE" or b"QRESYNC" not in command.line:
            return lines
        told = [line for line in lines if b" FETCH (" not in line and not line.startswith(b"* VANISHED")]
        for place, message in enumerate(session.view, 1):
            flags = b" ".join(sorted(message.flags))
            told.append(b"* %d FETCH (UID %d FLAGS (%b) MODSEQ (%d))" % (place, message.uid, flags, message.modseq))
        there = {message.uid for message in session.view}
        gone = [uid for uid in range(1, 3000) if uid not in there]
        return [*told, b"* VANISHED (EARLIER) " + b",".join(b"%d" % uid for uid in gone)]


class SearchFindsGhosts(Quirk):
    """SEARCH tells a UID of a message that is gone."""

    seen = "thought of, beside https://github.com/chatmail/core/issues/5009"
    as_source = NAMED

    def found(self, session: Session, uids: list[int]) -> list[int]:
        return sorted([*uids, 500]) if len(uids) > 5 else uids


class SearchLeavesOut(Quirk):
    """SEARCH does not find a message that is there, and that EXISTS counts."""

    seen = "FirstClass: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt (“does not show all messages”)"
    as_source = NAMED
    as_target = EXACT
    forgets = True

    def found(self, session: Session, uids: list[int]) -> list[int]:
        hidden = {message.uid for message in session.view if is_victim(message.octets)}
        return [uid for uid in uids if uid not in hidden]


class SearchLeavesOutWithoutUids(SearchLeavesOut):
    """SEARCH does not find a message that is there, and no UID is told."""

    as_source = None
    without = frozenset({"UIDPLUS", "ESEARCH"})


class SearchFindsNoRange(Quirk):
    """SEARCH finds nothing for a range of UIDs that ends with a star."""

    seen = "trials with GNU Mailutils 3.15 (imap4d)"
    as_target = EXACT
    forgets = True
    without = frozenset({"UIDPLUS", "ESEARCH", "MULTIAPPEND", "LIST-EXTENDED", "LIST-STATUS", "CONDSTORE", "QRESYNC"})

    def found(self, session: Session, uids: list[int]) -> list[int]:
        return [] if b":*" in session.server.commands[-1].line else uids


class ListsFewerThanItCounts(Quirk):
    """Neither SEARCH nor FETCH tells of a message that is there, and that EXISTS counts."""

    seen = "thought of: an index with a row that can't be read"
    as_target = NAMED
    forgets = True
    without = frozenset({"UIDPLUS"})

    def found(self, session: Session, uids: list[int]) -> list[int]:
        hidden = {message.uid for message in session.view if is_victim(message.octets)}
        return [uid for uid in uids if uid not in hidden]

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [] if is_victim(message.octets) else [items]


class FetchLeavesOut(Quirk):
    """FETCH says nothing of a message that is there, that EXISTS counts and that SEARCH finds."""

    seen = "thought of: an index with a row that can't be read"
    as_target = NAMED
    forgets = True

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [] if is_victim(message.octets) else [items]


class FetchLeavesOutWithoutUids(FetchLeavesOut):
    """FETCH says nothing of a message that is there, and no UID is told."""

    without = frozenset({"UIDPLUS"})


class SearchUnknown(Quirk):
    """SEARCH is not known."""

    seen = "QQMail, Softalk: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt (--noabletosearch)"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SEARCH", "UID SEARCH"):
            raise Bad("unknown command")


class ExtendedSearchRefused(Quirk):
    """ESEARCH is offered, and SEARCH with RETURN refused as a fault of the server."""

    seen = "https://github.com/jstedfast/MailKit/issues/839 (Arcor), https://github.com/jstedfast/MailKit/issues/1177"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "UID SEARCH" and b"RETURN" in command.line:
            raise No("[SERVERBUG] Internal error occurred")


class ExtendedSearchSaysNothing(Quirk):
    """ESEARCH is offered, and SEARCH with RETURN answered OK without a result."""

    seen = "https://github.com/jstedfast/MailKit/issues/1177 (Exchange)"
    as_source = NAMED
    as_target = EXACT
    forgets = True

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [line.partition(b" UID ALL")[0] if line.startswith(b"* ESEARCH") else line for line in lines]


class SearchInPieces(Quirk):
    """What SEARCH finds comes in several answers, not in order, with a blank at the end of each."""

    seen = "thought of: RFC 3501 §7.2.5 does not say that there is one"
    as_source = as_target = EXACT
    forgets = True
    without = frozenset({"ESEARCH"})

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        told: list[bytes] = []
        for line in lines:
            numbers = line.split()[2:][::-1]
            if line.startswith(b"* SEARCH") and numbers:
                told += [b"* SEARCH " + b" ".join(numbers[i : i + 3]) + b" " for i in range(0, len(numbers), 3)]
            else:
                told.append(line)
        return told


class UidsNotAscending(Quirk):
    """A message that stands later in the folder has a lower UID."""

    seen = "https://github.com/huacnlee/omamail/issues/153 (Proton Bridge); forbidden by RFC 3501 §2.3.1.1"
    as_source = EXACT

    def prepare(self, store: Store) -> None:
        for folder in store.folders.values():
            uids = [message.uid for message in folder.messages]
            for message, uid in zip(folder.messages, reversed(uids), strict=True):
                message.uid = uid
