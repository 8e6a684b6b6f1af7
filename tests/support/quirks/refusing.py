"""Quirks of APPEND that is refused, for ever or for a while, or answered OK and forgotten; and of its literals."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from support.quirks.quirk import EXACT, NAMED, Allowed, Ends, Quirk
from support.quirks.sample import is_victim
from support.quirks.syntax import Bad, Hangup, No

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Folder, Message, Store
    from support.quirks.syntax import Command

WHILE_SECONDS = 0.1
"""On the wall; for a client in a hurry it is forty times as long (`support.hurry`)."""
_ODD_FLAG = re.compile(rb"[(){%*\"\]\x00-\x1f\x7f-\xff]")


# -- MULTIAPPEND and literals -----------------------------------------------------------------------------------------


class MultiappendBad(Quirk):
    """MULTIAPPEND is offered, and a second message in one APPEND answered BAD."""

    seen = "thought of: proxies that hand on the capabilities of the server behind"
    as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and command.line.count(b"{") > 1:
            raise Bad("junk after literal")


class MultiappendKeepsFirst(Quirk):
    """MULTIAPPEND is offered, and of several messages only the first is kept, with an OK."""

    seen = "thought of: proxies that archive what passes"
    as_target = NAMED

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            del command.arguments[4:]


class LiteralPlusUpTo4k(Quirk):
    """LITERAL+ is offered, and a literal above 4,096 octets that waits for nothing ends the connection."""

    seen = "RFC 7888 §4; https://github.com/grommunio/gromox/issues/60, https://github.com/ruby/net-imap/pull/649"
    as_target = NAMED
    without = frozenset({"MULTIAPPEND"})

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        if not waits and octets > 4096:
            session.send(b"* BYE [TOOBIG] literal is too big\r\n")
            raise Hangup


class AnnouncesLiteralPlus(Quirk):
    """LITERAL+ is offered and not known: what follows ``{n+}`` is read as commands."""

    seen = "thought of: a proxy in front of an older server"
    as_target = EXACT

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        if not waits:
            raise Bad("syntax error")

    def before(self, session: Session, command: Command) -> None:
        assert command.verb not in ("SUBJECT:", "FROM:", "MESSAGE-ID:"), "a mail's text was read as a command"


class LiteralRefusedUntagged(Quirk):
    """A literal above 64 kB is answered by an untagged BAD, and then by nothing."""

    seen = "https://github.com/thunderbird/thunderbird-android/issues/5558"
    as_target = NAMED
    without = frozenset({"LITERAL+", "MULTIAPPEND"})
    words = ("--timeout", "12")

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        if octets > 65536:
            session.send(b"* BAD command line limit exceeded\r\n")
            session.store.lock.release()
            try:
                session.read_octets(10_000_000)
            finally:
                session.store.lock.acquire()


# -- refused and dropped ----------------------------------------------------------------------------------------------


class OkBeforeTheLiteral(Quirk):
    """A literal that waits for leave is answered OK with a UID in its place, and nothing is kept."""

    seen = "thought of: proxies that answer for a server which is not there any more"
    as_target = NAMED
    words = ("--verify", "none")
    without = frozenset({"LITERAL+", "MULTIAPPEND"})

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        if waits and b"APPEND" in text.upper():
            raise No("not a word of it")

    def write(self, session: Session, octets: bytes) -> None:
        super().write(session, octets.replace(b" NO not a word of it", b" OK [APPENDUID 1600000001 1] done"))


class RefusesKeywords(Quirk):
    """A message with a keyword is refused."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Flags.txt (“NO APPEND Invalid flag list”)"
    as_target = NAMED
    refusal: Exception = No("APPEND Invalid flag list")

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if any(not name.startswith(b"\\") for name in message.flags):
            raise self.refusal
        return message


class RefusesKeywordsBad(RefusesKeywords):
    """A message with a keyword is answered BAD."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“BAD Command Argument Error 11”)"
    refusal = Bad("Command Argument Error 11")


class ReadsRefusedLiterals(Quirk):
    """A keyword that is no atom is answered BAD, and the literal that follows is read as commands."""

    seen = "trials with Dovecot 2.3; https://github.com/ruby/net-imap/pull/701"
    as_target = NAMED

    def prepare(self, store: Store) -> None:
        store.append(store.create(b"Precious"), b"Subject: precious\r\n\r\nkept\r\n")

    def prepare_other(self, store: Store) -> None:
        text = b"Subject: hello\r\n\r\nz1 DELETE Precious\r\nz2 SELECT INBOX\r\nz3 STORE 1:* +FLAGS (\\Deleted)\r\nz4 EXPUNGE\r\n"
        for keyword in (b"a{b", b"caf\xe9"):
            store.append(store.folders[b"INBOX"], text + keyword, [keyword])

    def announced(self, session: Session, text: bytes, octets: int, waits: bool) -> None:
        flags = re.search(rb" \((.*)\) \"", text)
        if b"APPEND" in text.upper() and flags and _ODD_FLAG.search(flags[1]):
            raise Bad("Error in IMAP command APPEND: Invalid characters in atom")


class DropsOneOnce(Quirk):
    """One message is answered OK and not kept; the next time it is."""

    seen = "thought of, beside https://github.com/jstedfast/MailKit/issues/1551 (iCloud)"
    as_target = NAMED

    def __init__(self) -> None:
        self._dropped = False

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if is_victim(message.octets) and not self._dropped:
            self._dropped = True
            return None
        return message


class DropsOneAlways(Quirk):
    """One message is answered OK and never kept."""

    seen = "virus scanners that delete: https://imapsync.lamiral.info/FAQ.d/FAQ.Virus.txt"
    as_target = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        return None if is_victim(message.octets) else message


class DropsOneWithoutUids(DropsOneAlways):
    """One message is answered OK and never kept, and no UIDs are told."""

    without = frozenset({"UIDPLUS"})


class KeepsOneOfEach(Quirk):
    """A message that the folder holds already is answered OK, with the UID that it has, and not kept twice."""

    seen = "Gmail; https://github.com/imapsync/imapsync/issues/305"
    as_target = NAMED

    def __init__(self) -> None:
        self._told: list[int] = []

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        there = next((kept for kept in folder.messages if kept.octets == message.octets), None)
        self._told.append(there.uid if there else 0)
        return None if there else message

    def appended(self, session: Session, folder: Folder, uids: list[int]) -> bytes:
        fresh = iter(uids)
        told, self._told = [uid or next(fresh) for uid in self._told], []
        return super().appended(session, folder, told)


class HangsUpAtOne(Quirk):
    """The connection ends each time that one message is appended."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.APPEND_errors.txt (lines above 9,900 octets at Exchange)"
    as_target = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if is_victim(message.octets):
            raise Hangup
        return message


class HangsUpAtOneFiveTimes(Quirk):
    """By chance the connection ends at one message again and again, twice with others in flight and three times alone; then it is taken."""

    seen = "trials with a server that ends each session after ten commands, on a busy machine"
    as_target = EXACT

    def __init__(self) -> None:
        self._ends = 0

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if is_victim(message.octets) and self._ends < 5:
            self._ends += 1
            raise Hangup
        return message


class KeepsAndHangsUpOnce(Quirk):
    """Once, the connection ends after messages were kept and before the OK."""

    seen = "RFC 5321 §6.1's twin in IMAP"
    as_target = EXACT

    def __init__(self) -> None:
        self._ended = False

    def after(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and not self._ended:
            self._ended = True
            raise Hangup


class RefusesEmpty(Quirk):
    """A message without octets is refused."""

    seen = "https://github.com/OfflineIMAP/offlineimap/issues/172 (Gmail: “Unable to parse message”)"
    as_target = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if not message.octets:
            raise Bad("Invalid Arguments: Unable to parse message")
        return message


class RefusesEightBitHeader(Quirk):
    """A header that is not ASCII is refused."""

    seen = "Cyrus; https://imapsync.lamiral.info/FAQ.d/FAQ.APPEND_errors.txt (“Message contains invalid header”)"
    as_target = NAMED

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if not message.octets.partition(b"\r\n\r\n")[0].isascii():
            raise No("Message contains invalid header")
        return message


class _RefusesOne(Quirk):
    as_target: Allowed | None = NAMED
    refusal: Exception = No("")

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if is_victim(message.octets):
            raise self.refusal
        return message


class RefusesOneTooBig(_RefusesOne):
    """One message is always refused with TOOBIG."""

    seen = "RFC 4469; https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“Maximum size of appendable message”)"
    refusal = No("[TOOBIG] message is too big")


class RefusesOneLimit(_RefusesOne):
    """One message is always refused with LIMIT."""

    seen = "RFC 5530 §3"
    refusal = No("[LIMIT] too many messages in this folder")


class RefusesOneCannot(_RefusesOne):
    """One message is always refused with CANNOT."""

    seen = "RFC 5530 §3; Proton Bridge: https://github.com/imapsync/imapsync/issues/403"
    refusal = No("[CANNOT] invalid rfc5322 message")


class RefusesOneUnavailable(_RefusesOne):
    """One message is always refused with UNAVAILABLE."""

    seen = "RFC 5530 §3; https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“NO Server Unavailable. 15”)"
    refusal = No("[UNAVAILABLE] backend error")


class RefusesOneBare(_RefusesOne):
    """One message is always refused without a code."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.APPEND_errors.txt"
    refusal = No("")


class RefusesOneBad(_RefusesOne):
    """One message is always answered BAD."""

    seen = "https://github.com/thunderbird/thunderbird-android/issues/1809 (Office 365: “BAD Command Error. 10”)"
    refusal = Bad("Command Error. 10")


class RefusesOneTryCreate(_RefusesOne):
    """One message is always refused with TRYCREATE, though the folder is there."""

    seen = "thought of: clusters whose directory lags behind"
    refusal = No("[TRYCREATE] no such folder")


class _RefusesForAWhile(Quirk):
    as_target: Allowed | None = EXACT
    without = frozenset({"MULTIAPPEND"})
    refusal: Exception = No("")

    def __init__(self) -> None:
        self._until = 0.0

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND":
            self._until = self._until or time.monotonic() + WHILE_SECONDS
            if time.monotonic() < self._until:
                raise self.refusal

    def pass_by(self) -> None:
        self._until = time.monotonic()


class UnavailableForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with UNAVAILABLE."""

    seen = "RFC 5530 §3"
    refusal = No("[UNAVAILABLE] backend error, try again")


class InUseForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with INUSE."""

    seen = "RFC 5530 §3"
    refusal = No("[INUSE] mailbox is locked")


class LimitForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with LIMIT."""

    seen = "RFC 5530 §3"
    refusal = No("[LIMIT] too many commands a minute")


class ThrottledForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused because the client is too fast."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“Request is throttled. Suggested Backoff Time”)"
    refusal = No("[THROTTLED] Request is throttled. Suggested Backoff Time: 1000 milliseconds")


class ServerbugForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with SERVERBUG."""

    seen = "RFC 5530 §3; https://github.com/jstedfast/MailKit/issues/1551 (iCloud)"
    refusal = No("[SERVERBUG] unexpected exception")


class BareForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused without a code."""

    seen = "thought of: a refusal that gives no reason, and passes"
    as_target = NAMED
    passes = True
    refusal = No("APPEND Server error")


class TryCreateForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with TRYCREATE, until the folder is known everywhere."""

    seen = "thought of: clusters whose directory lags behind"
    as_target = NAMED
    passes = True
    refusal = No("[TRYCREATE] no such folder")


class CannotForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with CANNOT."""

    seen = "RFC 5530 §3"
    as_target = NAMED
    passes = True
    refusal = No("[CANNOT] not possible")


class TooBigForAWhile(_RefusesForAWhile):
    """For a while, APPEND is refused with TOOBIG."""

    seen = "RFC 4469"
    as_target = NAMED
    passes = True
    refusal = No("[TOOBIG] message is too big")


class _RefusesFromTheTenthOn(Quirk):
    as_target: Allowed | None = Ends.with_sentence("room left|quota")
    without = frozenset({"MULTIAPPEND"})
    refusal: Exception = No("")

    def arriving(self, session: Session, folder: Folder, message: Message) -> Message | None:
        if sum(len(each.messages) for each in session.store.folders.values()) >= 10:
            raise self.refusal
        return message


class FullAfterTen(_RefusesFromTheTenthOn):
    """After ten messages there is no room left."""

    seen = "RFC 9208 §4.3.1; any provider"
    refusal = No("[OVERQUOTA] Not enough disk quota")


class FullAfterTenInWords(_RefusesFromTheTenthOn):
    """After ten messages there is no room left, which only words tell."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.APPEND_errors.txt (R3)"
    as_target = Ends.with_sentence("quota")
    refusal = No("You exceeded your mail quota.")


class ThrottledAfterTen(_RefusesFromTheTenthOn):
    """After ten messages everything is refused because the client is too fast, for longer than anyone waits."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt"
    as_target = Ends.with_sentence("throttl")
    refusal = No("[THROTTLED] Request is throttled. Suggested Backoff Time: 299961 milliseconds")


class OverQuotaAtFirst(Quirk):
    """The first APPEND is refused with OVERQUOTA; the quota is then raised."""

    seen = "any provider"
    as_target = Ends.with_sentence("room left|quota")
    passes = True
    without = frozenset({"MULTIAPPEND"})

    def __init__(self) -> None:
        self._is_raised = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "APPEND" and not self._is_raised:
            self._is_raised = True
            raise No("[OVERQUOTA] Not enough disk quota")
