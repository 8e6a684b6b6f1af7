"""Sample mail of a member: conversations that were answered, attachments, invitations, newsletters, accents. The same seed gives the same octets."""

import binascii
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from bascule.demo.members import DOMAIN, MEMBERS, Member
from bascule.demo.texts import ATTACHMENTS, CLOSINGS, CONVERSATIONS, NEWSLETTER, REPLY
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath

DAY = 24 * 3600
SPAN_DAYS = 3 * 365
"""Over which the messages are spread, up to the last day."""


@dataclass(frozen=True, slots=True)
class Sample:
    path: FolderPath
    flags: Flags
    date_utc: int
    octets: bytes


def sample_mail(member: Member, messages: int, last_utc: int, seed: int = 7) -> Iterator[Sample]:
    """About ``messages`` of them, the newest no later than ``last_utc``."""
    chance = random.Random(f"{seed} {member.local}")  # noqa: S311 - sample mail is no secret
    writer = _Writer(member, chance, last_utc)
    made = 0
    while made < messages:
        for sample in writer.newsletter() if chance.random() < 0.12 else writer.conversation():
            made += 1
            yield sample


class _Writer:
    def __init__(self, member: Member, chance: random.Random, last_utc: int) -> None:
        self._member = member
        self._chance = chance
        self._last = last_utc
        self._number = 0

    def conversation(self) -> Iterator[Sample]:
        """Its turns, between the member and another; what the member wrote lies in Sent."""
        language = self._member.language if self._chance.random() < 0.8 else "en"
        subject, turns = self._chance.choice(CONVERSATIONS[language])
        other = self._chance.choice([each for each in MEMBERS if each is not self._member])
        pair = [other, self._member] if self._chance.random() < 0.7 else [self._member, other]
        where = self._folder()
        date = self._date()
        before: list[EmailMessage] = []
        for turn, text in enumerate(turns):
            author, reader = pair[turn % 2], pair[(turn + 1) % 2]
            message = self._message(author, [reader], subject, text, language, date, before)
            self._attach(message, text, language, date)
            is_last = turn == len(turns) - 1
            yield self._sample(
                message, where, author is self._member, date, answered=not is_last and reader is self._member
            )
            before.append(message)
            date = min(self._last, date + self._chance.randrange(600, 2 * DAY))

    def newsletter(self) -> Iterator[Sample]:
        language = self._member.language
        date = self._date()
        self._number += 1
        subject, html = NEWSLETTER[language]
        message = self._message(
            Member("lettre", "Vie du campus", language, 0), [self._member], subject.format(n=self._number), "…", language, date, []
        )  # fmt: skip
        message["List-Id"] = f"Vie du campus <lettre.{DOMAIN}>"
        message["List-Unsubscribe"] = f"<mailto:lettre-stop@{DOMAIN}>"
        message.add_alternative(f"<html><body>{html}</body></html>", subtype="html")
        yield self._sample(message, FolderPath(("INBOX",)), False, date, answered=False)

    def _folder(self) -> FolderPath:
        choice = self._chance.random()
        if choice < 0.55 or not self._member.folders:
            return FolderPath(("Trash",) if choice < 0.04 else ("INBOX",))
        return FolderPath(self._chance.choice(self._member.folders))

    def _date(self) -> int:
        """More of them are recent; people write by day."""
        age = int(SPAN_DAYS * self._chance.random() ** 2)
        morning = (self._last - age * DAY) // DAY * DAY
        return min(self._last, morning + self._chance.randrange(7 * 3600, 18 * 3600))

    def _message(
        self, author: Member, to: Sequence[Member], subject: str, text: str, language: str, date: int, before: list[EmailMessage]
    ) -> EmailMessage:  # fmt: skip
        built = EmailMessage(policy=SMTP)
        built["From"] = formataddr((author.name, author.address))
        built["To"] = ", ".join(formataddr((each.name, each.address)) for each in to)
        built["Subject"] = ("Re: " if before else "") + subject
        built["Date"] = format_datetime(datetime.fromtimestamp(date, UTC))
        built["Message-ID"] = f"<{self._chance.getrandbits(64):016x}@{DOMAIN}>"
        if before:
            built["In-Reply-To"] = before[-1]["Message-ID"]
            built["References"] = " ".join(each["Message-ID"] for each in before)
        parts = [text, self._chance.choice(CLOSINGS[language]) + "\n" + author.name.partition(" ")[0]]
        if before:
            told = REPLY[language].format(date=before[-1]["Date"], name=to[0].name)
            parts.append(told + "\n" + "\n".join(f"> {line}".rstrip() for line in _text_of(before[-1]).split("\n")))
        built.set_content("\n\n".join(parts) + "\n", cte="quoted-printable")
        return built

    def _attach(self, message: EmailMessage, text: str, language: str, date: int) -> None:
        """What the text speaks of, and now and then an invitation."""
        agenda, table, invitation, picture = ATTACHMENTS[language]
        if any(word in text for word in ("joint", "attached")):
            kind = self._chance.random()
            if kind < 0.5:
                message.add_attachment(_pdf(self._chance), maintype="application", subtype="pdf", filename=agenda)
            elif kind < 0.8:
                rows = "\r\n".join(f"{n};{self._chance.randrange(20)}" for n in range(self._chance.randrange(10, 200)))
                message.add_attachment(
                    f"nom;note\r\n{rows}\r\n".encode(), maintype="text", subtype="csv", filename=table
                )
            else:
                message.add_attachment(_png(self._chance), maintype="image", subtype="png", filename=picture)
        elif "B214" in text or "defence" in text:
            event = _INVITATION.format(
                uid=f"{self._chance.getrandbits(32):08x}@{DOMAIN}", summary=message["Subject"],
                stamp=f"{datetime.fromtimestamp(date, UTC):%Y%m%dT%H%M%SZ}", start=f"{datetime.fromtimestamp(date + 7 * DAY, UTC):%Y%m%dT130000Z}",
                end=f"{datetime.fromtimestamp(date + 7 * DAY, UTC):%Y%m%dT143000Z}", organizer=message["From"].addresses[0].addr_spec,
                attendee=message["To"].addresses[0].addr_spec,
            )  # fmt: skip
            message.add_attachment(
                event.replace("\n", "\r\n").encode(), maintype="text", subtype="calendar", filename=invitation, params={"method": "REQUEST"}
            )  # fmt: skip

    def _sample(self, message: EmailMessage, where: FolderPath, sent: bool, date: int, *, answered: bool) -> Sample:
        for number, part in enumerate(message.walk()):
            if part.is_multipart():
                part.set_boundary(f"=_{message['Message-ID'][1:17]}_{number}")
        flags = {"\\Answered"} if answered else set()
        if sent or answered or self._last - date > 7 * DAY or self._chance.random() < 0.5:
            flags.add("\\Seen")
        flags |= {"\\Flagged"} if self._chance.random() < 0.05 else set()
        flags |= {"$Forwarded"} if not sent and self._chance.random() < 0.03 else set()
        return Sample(FolderPath(("Sent",)) if sent else where, frozenset(flags), date, message.as_bytes())


def _text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.strip()


def _png(chance: random.Random) -> bytes:
    """A picture of coloured stripes."""
    width = height = chance.randrange(40, 200)
    row = b"\0" + b"".join(bytes(chance.choices(range(256), k=3)) for _ in range(width))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * height))
        + chunk(b"IEND", b"")
    )


def _pdf(chance: random.Random) -> bytes:
    """One page with a line of text, and a stream of some size."""
    text = (
        b"BT /F1 18 Tf 72 720 Td (Ordre du jour / Agenda) Tj ET\n"
        + b"% "
        + chance.randbytes(chance.randrange(1000, 30_000)).hex().encode()
    )
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return out + trailer % (table, len(out))


_INVITATION = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//univ-exemple.fr//Agenda//FR
METHOD:REQUEST
BEGIN:VEVENT
UID:{uid}
DTSTAMP:{stamp}
DTSTART:{start}
DTEND:{end}
SUMMARY:{summary}
ORGANIZER:mailto:{organizer}
ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{attendee}
END:VEVENT
END:VCALENDAR
"""
