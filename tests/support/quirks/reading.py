"""Quirks of FETCH: dates, flags, sizes, bodies, and the order and number of its answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.quirks.quirk import EXACT, NAMED, Allowed, Codes, Quirk
from support.quirks.sample import is_victim
from support.quirks.syntax import Hangup, No, literal, number_set, word

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Message, Store
    from support.quirks.syntax import Command


class _OneMessage(Quirk):
    """Changes the answer about one ordinary message."""

    as_source = NAMED

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [self.told(items)] if is_victim(message.octets) else [items]

    def told(self, items: Codes) -> Codes:
        raise NotImplementedError


class _Date(_OneMessage):
    date = b""

    def told(self, items: Codes) -> Codes:
        return {**items, "INTERNALDATE": self.date} if "INTERNALDATE" in items else items


class DateOfZeros(_Date):
    """One message's INTERNALDATE is 00-Jan-0000."""

    seen = "https://github.com/jstedfast/MailKit/issues/1236 (Domino)"
    date = b'"00-Jan-0000 00:00:00 +0000"'


class DateEmpty(_Date):
    """One message's INTERNALDATE is an empty string."""

    seen = "thought of, beside https://github.com/jstedfast/MailKit/issues/1236"
    date = b'""'


class DateWithoutZone(_Date):
    """One message's INTERNALDATE has no zone."""

    seen = "thought of, beside https://github.com/jstedfast/MailKit/issues/1236"
    date = b'"01-Feb-2020 17:00:07"'


class DateNil(_Date):
    """One message's INTERNALDATE is NIL."""

    seen = "thought of, beside https://github.com/imapsync/imapsync/pull/94"
    date = b"NIL"


class DateOneDigit(_Date):
    """One message's INTERNALDATE has a day of one digit, with nothing before it."""

    seen = "thought of, beside https://github.com/mscdex/node-imap/pull/648"
    date = b'"1-Feb-2020 17:00:07 +0000"'


class DateAbsent(_OneMessage):
    """One message has no INTERNALDATE."""

    seen = "https://github.com/imapsync/imapsync/pull/94"

    def told(self, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "INTERNALDATE"}


class DateInSmallLetters(Quirk):
    """Months are written in capitals, and days with a blank in place of the nought."""

    seen = "allowed by RFC 3501 §9 (date-day-fixed)"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        told = re.sub(rb'"0', b'" ', items.get("INTERNALDATE", b"")).upper()
        return [{**items, "INTERNALDATE": told} if told else items]


class _Flags(Quirk):
    as_source: Allowed | None = NAMED
    flags: tuple[bytes, ...] = ()

    def prepare(self, store: Store) -> None:
        for folder in store.folders.values():
            for message in folder.messages:
                if is_victim(message.octets):
                    folder.change(message, self.flags)


class FlagsEightBit(_Flags):
    """One message has a keyword in Latin-1."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.APPEND_errors.txt (“8bit data in atom”)"
    flags = (b"\\Seen", b"d\xe9j\xe0-vu")


class FlagsUtf8(_Flags):
    """One message has a keyword in UTF-8."""

    seen = "https://github.com/modoboa/modoboa/pull/4207"
    flags = (b"\\Seen", "Café".encode())


class FlagsBrace(_Flags):
    """One message has a keyword that ends like a literal."""

    seen = "trials with Dovecot 2.3"
    flags = (b"\\Seen", b"a{3}")


class FlagsQuoted(_Flags):
    """One message has a keyword in quotes, with a blank in it."""

    seen = "https://github.com/jstedfast/MailKit/issues/771 (InterMail), https://github.com/modoboa/modoboa/pull/4207"
    flags = (b"\\Seen", b'"Projet X"')


class FlagsControl(_Flags):
    """One message has a keyword with a control character."""

    seen = "https://github.com/thunderbird/thunderbird-android/issues/4925 (Dovecot)"
    flags = (b"\\Seen", b"\x04Junk")


class FlagsStar(_Flags):
    r"""One message has the flag \*."""

    seen = "https://github.com/modern-email/defects/issues/44 (Zoho)"
    flags = (b"\\Seen", b"\\*")


class FlagsBracket(_Flags):
    """One message has a keyword with a closing bracket."""

    seen = "https://github.com/greenmail-mail-test/greenmail/pull/998, https://github.com/jstedfast/MailKit/issues/390"
    flags = (b"\\Seen", b"foo]bar")


class FlagsOpenQuote(_Flags):
    """One message has a keyword with a quote in it."""

    seen = "https://github.com/greenmail-mail-test/greenmail/pull/998"
    flags = (b"\\Seen", b'ab"cd')


class FlagsUnknownSystem(_Flags):
    r"""One message has a flag of the vendor's own that looks like a system flag."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Flags.txt (\\X-Has-Attach, \\Indexed)"
    flags = (b"\\Seen", b"\\X-Has-Attach")


class FlagsNil(_Flags):
    """The FLAGS of a message without flags are NIL."""

    seen = "https://github.com/jstedfast/MailKit/issues/1042"
    as_source = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [{**items, "FLAGS": b"NIL"} if items.get("FLAGS") == b"()" else items]


class FlagsAbsent(_OneMessage):
    """One message has no FLAGS."""

    seen = "https://github.com/modern-email/defects/issues/36 (iCloud leaves out what it can't give)"

    def told(self, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "FLAGS"}


class RecentShown(Quirk):
    r"""Every message is \Recent."""

    seen = "RFC 3501 §2.3.2"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        told = items.get("FLAGS", b"").replace(b")", b" \\Recent)").replace(b"( ", b"(")
        return [{**items, "FLAGS": told} if told else items]


class SizeWrong(Quirk):
    """RFC822.SIZE is not the size of the body."""

    seen = "https://github.com/hmailserver/hmailserver/issues/476, https://github.com/stalwartlabs/vandelay/issues/12 (Exchange)"
    as_source = as_target = EXACT
    forgets = True

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        wrong = {"RFC822.SIZE": b"%d" % (len(message.octets) + 29)} if message.octets else {}
        return [{**items, **wrong} if "RFC822.SIZE" in items else items]


class SizeAbsent(Quirk):
    """RFC822.SIZE is left out, though it was asked for."""

    seen = "https://github.com/mailpile/Mailpile/issues/1080"
    as_source = NAMED  # whether a message is empty, or its body not given, only the size could tell
    as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [{name: value for name, value in items.items() if name != "RFC822.SIZE"}]


class BodyNil(_OneMessage):
    """One message's body is NIL, though its size is told."""

    seen = "https://github.com/apple/swift-nio-imap/pull/720, https://github.com/jstedfast/MailKit/issues/124 (mail.ru)"

    def told(self, items: Codes) -> Codes:
        return {**items, "BODY[]": b"NIL"} if "BODY[]" in items else items


class BodyEmpty(_OneMessage):
    """One message's body is an empty string, though its size is told."""

    seen = "https://github.com/mscdex/node-imap/issues/153"

    def told(self, items: Codes) -> Codes:
        return {**items, "BODY[]": b'""'} if "BODY[]" in items else items


class BodyAbsent(_OneMessage):
    """One message's FETCH has everything but its body."""

    seen = "https://github.com/modern-email/defects/issues/36, https://github.com/NousResearch/hermes-agent/pull/41486 (iCloud)"

    def told(self, items: Codes) -> Codes:
        return {name: value for name, value in items.items() if name != "BODY[]"}


class BodyQuoted(Quirk):
    """Short bodies without line ends or quotes come as quoted strings."""

    seen = "allowed by RFC 3501 §9 (nstring); https://github.com/mscdex/node-imap/issues/153"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [{**items, "BODY[]": b'""'} if "BODY[]" in items and not message.octets else items]


class UidNeverGiven(Quirk):
    """SEARCH tells one UID, and FETCH says OK and nothing of it."""

    seen = "https://github.com/jstedfast/MailKit/issues/358 (Yahoo), https://github.com/MailCore/mailcore2/issues/1445"
    as_source = NAMED

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [] if is_victim(message.octets) else [items]


class BodyRefused(Quirk):
    """FETCH of one message's body is refused, and of all that were asked for with it."""

    seen = "https://github.com/imapsync/imapsync/issues/119 (Yahoo: “Server error while fetching messages”)"
    as_source = NAMED

    def before(self, session: Session, command: Command) -> None:
        if _asks_for_body(session, command):
            raise No("[UNAVAILABLE] UID FETCH Server error while fetching messages")


class BodyRefusedInTheMiddle(Quirk):
    """FETCH of many messages ends with NO at one that can't be read, after those before it."""

    seen = "https://github.com/joeyates/imap-backup/issues/218 (Yahoo)"
    as_source = NAMED

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        return ("NO", b"Some messages could not be FETCHed") if _asks_for_body(session, command) else (status, text)

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        if not _asks_for_body(session, command):
            return lines
        place = next(place for place, line in enumerate(lines) if is_victim(line))
        return lines[:place]


class BodyRefusedOnce(Quirk):
    """The first FETCH of bodies is refused as a fault that passes."""

    seen = "https://github.com/ikvk/imap_tools/issues/229 (Yahoo: “Please try again later”)"
    as_source = EXACT
    refusal = "[UNAVAILABLE] UID FETCH Server error - Please try again later"

    def __init__(self) -> None:
        self._refused = False

    def before(self, session: Session, command: Command) -> None:
        if not self._refused and b"BODY.PEEK[]" in command.line:
            self._refused = True
            raise No(self.refusal)


class BodyThrottledOnce(BodyRefusedOnce):
    """The first FETCH of bodies is refused because the client is too fast."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“Request is throttled. Suggested Backoff Time”)"
    refusal = "[THROTTLED] Request is throttled. Suggested Backoff Time: 2000 milliseconds"


class BodyEndsConnection(Quirk):
    """The connection ends each time that one message's body is asked for."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“socket closed while reading data from server”)"
    as_source = NAMED

    def before(self, session: Session, command: Command) -> None:
        if _asks_for_body(session, command):
            raise Hangup


def _asks_for_body(session: Session, command: Command) -> bool:
    if command.verb != "UID FETCH" or b"BODY.PEEK[]" not in command.line:
        return False
    wanted = number_set(word(command.arguments[0]), [message.uid for message in session.view])
    return any(is_victim(message.octets) and message.uid in wanted for message in session.view)


class AnswersInTwo(Quirk):
    """Each message's FETCH comes in two answers: its flags and date, then its body and size."""

    seen = "https://github.com/emailjs/emailjs-imap-client/pull/53, https://github.com/Enough-Software/enough_mail/issues/131"
    as_source = as_target = EXACT
    late: tuple[str, ...] = ("UID", "BODY[]", "RFC822.SIZE")

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        late = {name: value for name, value in items.items() if name in self.late}
        early = {name: value for name, value in items.items() if name == "UID" or name not in self.late}
        return [early, late] if set(late) - {"UID"} else [items]


class AnswersInTwoBodyFirst(AnswersInTwo):
    """Each message's FETCH comes in two answers: its body, then its flags and date."""

    late = ("UID", "FLAGS", "INTERNALDATE")


class AnswersInTwoByNumber(AnswersInTwo):
    """Each message's FETCH comes in two answers, of which the second has no UID."""

    seen = "https://github.com/emailjs/emailjs-imap-client/pull/53, https://github.com/duesee/imap-codec/issues/242"
    late = ("BODY[]", "RFC822.SIZE")


class AnswersOutOfOrder(Quirk):
    """FETCH answers come last message first."""

    seen = "allowed by RFC 3501 §7.4.2"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return lines[::-1] if command.verb == "UID FETCH" else lines


class AnswersTwice(Quirk):
    """Each message's FETCH comes twice, the body too."""

    seen = "https://github.com/modern-email/defects/issues/39 (Gmail)"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [items, items]


class ItemsInOtherOrder(Quirk):
    """The items of a FETCH come in another order than they were asked for, the UID last."""

    seen = "https://github.com/karastojko/mailio/issues/135"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        return [dict(reversed(items.items()))]


class ItemsUnasked(Quirk):
    """FETCH tells items that nobody asked for."""

    seen = "allowed by RFC 3501 §7.4.2"
    as_source = as_target = EXACT

    def fetched(self, session: Session, message: Message, items: Codes) -> list[Codes]:
        odd = {"X-ODD": b'("a" NIL (b {1}\r\n)))', "ENVELOPE": b"(NIL {3}\r\na(b NIL NIL NIL NIL NIL NIL NIL NIL)"}
        return [{**odd, **items, "BODY[HEADER.FIELDS (SUBJECT)]": literal(b"Subject: x\r\n\r\n")}]


class VanishesMeanwhile(Quirk):
    """Another program expunges a message while its folder is read."""

    seen = "any mailbox in use; RFC 3501 §7.4.1"
    as_source = EXACT
    moves_by_itself = True

    def __init__(self) -> None:
        self.gone = False

    def before(self, session: Session, command: Command) -> None:
        if not self.gone and session.selected and _asks_for_body(session, command):
            self.gone = True
            session.selected.remove([message for message in session.view if is_victim(message.octets)])
            session.view = [message for message in session.view if not is_victim(message.octets)]
            session.lines.append(b"* 7 EXPUNGE")


class ArrivesMeanwhile(Quirk):
    """A message arrives in the folder while it is read."""

    seen = "any mailbox in use; RFC 3501 §7.3.1"
    as_source = EXACT
    passes = True
    moves_by_itself = True

    def __init__(self) -> None:
        self._come = False

    def before(self, session: Session, command: Command) -> None:
        if not self._come and session.selected and _asks_for_body(session, command):
            self._come = True
            session.store.append(session.selected, b"Subject: new\r\n\r\nnew\r\n")
