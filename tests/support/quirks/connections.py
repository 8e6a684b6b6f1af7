"""Quirks of the connection: greeting, capabilities, signing in, limits, the way in which answers are written."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from support.quirks.quirk import EXACT, NAMED, Ends, Quirk
from support.quirks.syntax import Bad, Hangup, No, literal, outside_literals

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.syntax import Command

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_WORDS = re.compile(
    rb"(?<![\w$\\-])(OK|NO|BAD|FETCH|FLAGS|UID|INTERNALDATE|RFC822\.SIZE|BODY\[\]|MODSEQ|LIST|STATUS|ESEARCH|SEARCH|EXISTS|"
    rb"UIDVALIDITY|UIDNEXT|MESSAGES|HIGHESTMODSEQ|PERMANENTFLAGS|APPENDUID|CAPABILITY|NAMESPACE|ENABLED|READ-ONLY|READ-WRITE|"
    rb"\\[A-Z]\w+)(?![\w-])"
)


class GreetingLate(Quirk):
    """The greeting takes its time."""

    seen = "servers that look up the client's name first, and those with a tarpit"
    as_source = as_target = EXACT

    def greeting(self, session: Session, line: bytes) -> bytes:
        time.sleep(0.2)
        return line


class OctetByOctet(Quirk):
    """Every answer begins octet by octet, each in a packet of its own."""

    seen = "proxies and virus scanners between, TLS stacks that split records"
    as_source = as_target = EXACT

    def write(self, session: Session, octets: bytes) -> None:
        for place in range(min(300, len(octets))):
            session.write(octets[place : place + 1])
        session.write(octets[300:])


class OctetAfterOctet(Quirk):
    """The first hundred octets of every answer come one each 20 ms, on the clock of a client in a hurry."""

    seen = "trials with a line of 400 bit/s"
    as_source = as_target = EXACT

    def write(self, session: Session, octets: bytes) -> None:
        for place in range(min(100, len(octets))):
            session.write(octets[place : place + 1])
            time.sleep(0.0005)
        session.write(octets[100:])


class LowerCase(Quirk):
    """Everything whose case means nothing is in small letters."""

    seen = "allowed by RFC 3501 §9, note 1"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [outside_literals(line, _lower) for line in lines]

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        return status.lower(), _lower(text)


def _lower(text: bytes) -> bytes:
    return _WORDS.sub(lambda found: found[0].lower(), text)


class SpacesTooMany(Quirk):
    """Answers end with a space, and have two where one belongs."""

    seen = "thought of: text that is put together with blanks behind each piece"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        spaced = [
            outside_literals(line, lambda text: text.replace(b") ", b")  ").replace(b" (", b"  (")) for line in lines
        ]
        return [line + b" " if b"{" not in line else line for line in spaced]


class LiteralsEverywhere(Quirk):
    """Every string is a literal, also those of two letters."""

    seen = "allowed by RFC 3501 §9"
    as_source = as_target = EXACT
    without = frozenset({"ESEARCH"})

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [outside_literals(line, _as_literals) for line in lines]


def _as_literals(text: bytes) -> bytes:
    return _QUOTED.sub(lambda found: literal(re.sub(rb"\\(.)", rb"\1", found[1])), text)


class UnaskedAnswers(Quirk):
    """EXISTS, RECENT, FLAGS, and FETCH of other messages' flags without their UID come between the answers that were asked for."""

    seen = "https://github.com/mjs/imapclient/issues/334, https://github.com/mattnenterprise/rust-imap/issues/81; RFC 3501 §7"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        if session.selected is None or not session.view:
            return lines
        told = [b"* %d EXISTS" % len(session.view), b"* 0 RECENT", b"* FLAGS (\\Seen \\Deleted)"]
        told.append(b"* 1 FETCH (FLAGS (%b))" % b" ".join(sorted(session.view[0].flags)))
        half = len(lines) // 2
        return [*told, *lines[:half], *told, *lines[half:], *told]


class AlertsBetween(Quirk):
    """Untagged OK, NO and BAD with notices for people come between."""

    seen = "RFC 3501 §7.1; Dovecot (“* OK Still here”)"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        notices = [b"* OK Still here", b"* NO [ALERT] Mailbox is at 93% of quota", b"* BAD [X-ODD] never mind", b"* OK"]
        return [*notices[:2], *lines, *notices[2:]]


class TextMissing(Quirk):
    """Conditions and response codes stand without the text that belongs behind them."""

    seen = "https://github.com/modern-email/defects/issues/28 (Gmail)"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [line.removesuffix(b" told") if line.startswith(b"* OK [") else line for line in lines]

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        return status, text[: text.rfind(b"]") + 1]


class ByeEveryTenCommands(Quirk):
    """The connection ends with BYE after ten commands."""

    seen = "trials with a server that ends each session after ten commands"
    as_source = as_target = EXACT
    without = frozenset({"MULTIAPPEND"})

    def before(self, session: Session, command: Command) -> None:
        if session.commands > 10:
            session.send(b"* BYE enough for now\r\n")
            raise Hangup


class CutInTheMiddleOnce(Quirk):
    """Once, the connection ends in the middle of an answer."""

    seen = "any network; https://github.com/chatmail/core/issues/5009"
    as_source = as_target = EXACT

    def __init__(self) -> None:
        self._cut = False

    def write(self, session: Session, octets: bytes) -> None:
        if not self._cut and len(octets) > 3000:
            self._cut = True
            session.write(octets[: len(octets) // 2])
            raise Hangup
        session.write(octets)


class StallsOnce(Quirk):
    """Once, a FETCH is never answered, and the connection stays open."""

    seen = "https://github.com/iroco-co/aioimaplib/issues/67 (Office 365), NAT boxes that forget"
    as_source = EXACT
    words = ("--timeout", "12")

    def __init__(self) -> None:
        self._stalled = False

    def write(self, session: Session, octets: bytes) -> None:
        if not self._stalled and b"BODY[]" in octets:
            self._stalled = True
            session.write(octets[:100])
            session.read_octets(10_000_000)
        session.write(octets)


class LimitAtGreeting(Quirk):
    """One connection at a time: another is turned away by BYE."""

    seen = "RFC 3501 §7.1.5: a greeting may be BYE"
    as_source = as_target = EXACT

    def greeting(self, session: Session, line: bytes) -> bytes:
        return b"* BYE Too many connections, try later" if _others(session) else line


class LimitAtSignIn(Quirk):
    """One connection at a time: another's sign-in is refused, in words only."""

    seen = "https://github.com/zone-eu/wildduck/issues/35, https://github.com/dinhvh/libetpan/pull/160 (Gmail)"
    as_source = as_target = EXACT
    refusal: Exception = No("[ALERT] Too many simultaneous connections. (Failure)")

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("LOGIN", "AUTHENTICATE") and _others(session):
            raise self.refusal


class LimitUnavailable(LimitAtSignIn):
    """One connection at a time: another's sign-in is refused with UNAVAILABLE."""

    seen = "https://github.com/mscdex/node-imap/issues/606 (Dovecot: mail_max_userip_connections)"
    refusal = No("[UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)")


class LimitCode(LimitAtSignIn):
    """One connection at a time: another's sign-in is refused with LIMIT."""

    seen = "RFC 5530 §3"
    refusal = No("[LIMIT] one session for each account")


class LimitByeAtSignIn(LimitAtSignIn):
    """One connection at a time: another's sign-in is answered by BYE with a code."""

    seen = "thought of: proxies that find no room behind them"

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("LOGIN", "AUTHENTICATE") and _others(session):
            session.send(b"* BYE [UNAVAILABLE] too many connections\r\n")
            raise Hangup


class SignedInNotConnected(LimitAtSignIn):
    """One connection at a time: another signs in, and then each of its commands is refused."""

    seen = "https://github.com/mscdex/node-imap/issues/523 (Office 365: “User is authenticated but not connected”)"

    def before(self, session: Session, command: Command) -> None:
        if session.signed_in and command.verb not in ("LOGOUT", "CAPABILITY", "ENABLE", "NOOP") and _others(session):
            raise Bad("User is authenticated but not connected.")


def _others(session: Session) -> bool:
    """Whether an older connection is there."""
    return any(other.number < session.number for other in session.server.sessions)


class SignInEndsWithoutCr(Quirk):
    """The answer to AUTHENTICATE ends with LF alone."""

    seen = "trials with GNU Mailutils 3.15 (imap4d with GSASL)"
    as_source = as_target = Ends.with_sentence("ended its line with LF alone[^$]*--source-auth login")

    def write(self, session: Session, octets: bytes) -> None:
        if session.server.commands and session.server.commands[-1].verb == "AUTHENTICATE":
            octets = octets.removesuffix(b"\r\n") + b"\n"
        session.write(octets)


class SignInRefusedOnce(Quirk):
    """The first sign-in is refused as a fault of the server's own, which passes."""

    seen = "RFC 5530 §3; Dovecot (“Temporary authentication failure”)"
    as_source = as_target = EXACT

    def __init__(self) -> None:
        self._refused = False

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("LOGIN", "AUTHENTICATE") and not self._refused:
            self._refused = True
            raise No("[UNAVAILABLE] Temporary authentication failure.")


class GreetingWithoutCapabilities(Quirk):
    """Neither the greeting nor the answer to the sign-in tells capabilities."""

    seen = "https://github.com/jstedfast/MailKit/issues/919 (Exchange)"
    as_source = as_target = EXACT

    def greeting(self, session: Session, line: bytes) -> bytes:
        return b"* OK ready"

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        return status, b"welcome" if text.startswith(b"[CAPABILITY") else text


class CapabilitiesChange(GreetingWithoutCapabilities):
    """More is offered before the sign-in than after it, and only CAPABILITY tells."""

    seen = "https://github.com/jstedfast/MailKit/issues/2006 (Sohu)"

    def capabilities(self, session: Session, names: list[str]) -> list[str]:
        gone = {"LITERAL+", "MULTIAPPEND", "LIST-EXTENDED", "LIST-STATUS", "ESEARCH", "QRESYNC"}
        return [name for name in names if not session.signed_in or name not in gone]


class Preauth(Quirk):
    """The connection is signed in from the greeting on."""

    seen = "RFC 3501 §7.1.4; imapd behind ssh or a trusted proxy"
    as_source = as_target = EXACT

    def greeting(self, session: Session, line: bytes) -> bytes:
        session.signed_in = True
        return line.replace(b"* OK", b"* PREAUTH")


class EnableRefused(Quirk):
    """ENABLE is offered and refused."""

    seen = "thought of: proxies that hand on the capabilities of the server behind"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "ENABLE":
            raise Bad("unknown command")


class EnabledWithoutAWord(Quirk):
    """ENABLE is carried out, and not confirmed by ENABLED."""

    seen = "https://github.com/Foundry376/Mailspring-Sync/pull/91 (iCloud)"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not line.startswith(b"* ENABLED")]


class ChallengeWithoutSpace(Quirk):
    """A continuation is a plus sign alone."""

    seen = "https://github.com/modern-email/defects/issues/7 (public-inbox)"
    as_source = as_target = EXACT
    without = frozenset({"SASL-IR", "LITERAL+"})

    def write(self, session: Session, octets: bytes) -> None:
        session.write(b"+\r\n" if octets.startswith(b"+ ") else octets)


class CompressRefused(Quirk):
    """COMPRESS is offered and refused."""

    seen = "servers whose TLS compresses already (RFC 4978 §3: COMPRESSIONACTIVE)"
    as_source = as_target = EXACT
    words = ("--compress",)

    def capabilities(self, session: Session, names: list[str]) -> list[str]:
        return [*names, "COMPRESS=DEFLATE"]

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "COMPRESS":
            raise No("[COMPRESSIONACTIVE] it is compressed already")


class CompressBroken(Quirk):
    """COMPRESS is answered OK, and what follows is not compressed."""

    seen = "thought of: proxies that hand on COMPRESS, and can't"
    as_source = as_target = EXACT
    words = ("--compress",)

    def capabilities(self, session: Session, names: list[str]) -> list[str]:
        return [*names, "COMPRESS=DEFLATE"]

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        if command.verb == "COMPRESS":
            session.send(command.tag + b" OK from here on\r\n* OK not compressed at all\r\n")
            raise Hangup
        return status, text


class StarttlsCloses(Quirk):
    """STARTTLS is offered, and the connection ends where TLS should start."""

    seen = "trials with a server whose certificate could not be read"
    as_source = as_target = Ends.with_sentence("TLS|secure|encrypt")

    def capabilities(self, session: Session, names: list[str]) -> list[str]:
        return names if session.signed_in else [*names, "STARTTLS"]

    def answer(self, session: Session, command: Command, status: str, text: bytes) -> tuple[str, bytes]:
        if command.verb == "STARTTLS":
            session.send(command.tag + b" OK begin\r\n")
            raise Hangup
        return status, text


class LogoutCloses(Quirk):
    """LOGOUT is answered by the end of the connection alone."""

    seen = "thought of: load balancers that are quicker than the answer"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "LOGOUT":
            raise Hangup


class NamesItselfFirst(Quirk):
    """A client that has not sent ID may not open a folder."""

    seen = "163.com: “SELECT Unsafe Login”"
    as_source = as_target = NAMED

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "ID":
            session.enabled.add("ID")
        if command.verb in ("SELECT", "EXAMINE") and "ID" not in session.enabled:
            raise No("Unsafe Login. Please contact the postmaster for help")
