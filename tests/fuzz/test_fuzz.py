"""Mutated input, in numbers: a server's octets, mailboxes in files, locations. Anything parses, or is refused in order."""

import random
from pathlib import Path

import pytest

from bascule.mailbox.live.reading import describe
from bascule.protocols.imap import Limits, Receiver, RemoteError
from bascule.protocols.imap.responses import parse_response
from bascule.protocols.mime.text import searchable
from bascule.sources.files.loose import walk_mbox
from bascule.terms import BasculeError, parse_location
from bascule.terms.body import SpooledBody

pytestmark = pytest.mark.soak
SEEDS = [
    b'* LIST (\\HasNoChildren \\Sent) "/" "a \\"b\\""\r\n* 3 EXISTS\r\na1 OK [READ-WRITE] done\r\n',
    b'* 12 FETCH (UID 7 FLAGS (\\Seen $X) INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {11}\r\nhello\r\nwor)\r\n',
    b'* ESEARCH (TAG "b3") UID ALL 1:5,9\r\n* STATUS "x" (MESSAGES 3 UIDNEXT 9)\r\n* VANISHED (EARLIER) 1:9\r\n',
    b'* NAMESPACE (("" "/")) NIL (("#s/" "/"))\r\n* QUOTA "" (STORAGE 1 2)\r\n* ID ("a" NIL)\r\n+ go\r\n* BYE\r\n',
    b'* OK [PERMANENTFLAGS (\\* \\Seen)] x\r\n* 1 FETCH (X-GM-LABELS (a "b") MODSEQ (5) RFC822.SIZE 9)\r\n',
]
PIECES = [
    b"(",
    b")",
    b'"',
    b"\\",
    b"{3}\r\n",
    b"{99999999999999}\r\n",
    b"NIL",
    b"\r\n",
    b"\0",
    b"[",
    b"]",
    b"\xff",
    b"1" * 40,
    b" ",
    b"*",
]


def mutate(chance: random.Random, octets: bytes) -> bytes:
    mutable = bytearray(octets)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(mutable) + 1)
        match chance.randrange(4):
            case 0:
                mutable[place:place] = chance.choice(PIECES)
            case 1:
                del mutable[place : place + chance.randrange(1, 9)]
            case 2:
                mutable[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                other = chance.choice(SEEDS)
                mutable[place:place] = other[chance.randrange(len(other)) :][:30]
    return bytes(mutable)


def test_a_hostile_server_ends_in_its_own_error_and_nothing_else(seed: int, soak: bool) -> None:
    chance = random.Random(f"{seed}/server")
    limits = Limits(line_octets=4000, inline_octets=64, literal_octets=1000, response_octets=10_000, depth=20)
    parsed = refused = 0
    for number in range(1_000_000 if soak else 10_000):
        receiver = Receiver(lambda size: SpooledBody(), limits)
        octets = mutate(chance, chance.choice(SEEDS))
        cut = chance.randrange(len(octets) + 1)
        try:
            for piece in (octets[:cut], octets[cut:]):
                receiver.feed(piece)
                while (frame := receiver.next_frame()) is not None:
                    parse_response(frame, limits)
            parsed += 1
        except RemoteError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {octets!r}") from error
    assert parsed > 0
    assert refused > 0


def test_any_mbox_is_walked_and_every_octet_of_a_message_has_its_place(seed: int, soak: bool, tmp_path: Path) -> None:
    chance = random.Random(f"{seed}/mbox")
    start = b"From a@b Thu Jan  2 10:00:00 2020\nSubject: x\nX-Gmail-Labels: a,b\n\nFrom here\n>From\n\nFrom c\nA: b\n\nend\n"
    read = 0
    for number in range(20_000 if soak else 500):
        file = tmp_path / "box"
        file.write_bytes(mutate(chance, start))
        try:
            for folder in walk_mbox(file).folders:
                for entry in folder.entries:
                    body = entry.read()
                    read += body.octets > 0
                    body.close()
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {file.read_bytes()!r}") from error
    assert read > 0


def test_any_location_is_one_or_is_refused_with_advice(seed: int, soak: bool) -> None:
    chance = random.Random(f"{seed}/location")
    advised = refused = 0
    letters = "imaps:/@%[]0129 a.é\0"
    for _ in range(200_000 if soak else 5_000):
        text = "imap" + "".join(chance.choice(letters) for _ in range(chance.randrange(20)))
        try:
            parse_location(text)
        except BasculeError as error:
            advised += bool(error.advice)
            refused += 1
    assert advised == refused > 0


MAIL = (
    b"From: =?utf-8?q?Ana=C3=AFs?= <a@b.org>, c: d@e;\r\nSubject: =?iso-8859-1*fr?b?6Q==?= x\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    b'--o\r\nContent-Type: text/html; charset=utf-7\r\n\r\n<p title=">">+AOk-&eacute;<!-- x --><script>y</script>\r\n'
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=\r\n"
    b"--o\r\nContent-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A9\r\n\r\nz\r\n--o--\r\n"
)


def test_any_mail_has_words_and_a_description(seed: int, soak: bool) -> None:
    chance = random.Random(f"{seed}/mail")
    assert searchable(MAIL).attachments == "é"
    for number in range(100_000 if soak else 2_000):
        octets = mutate(chance, MAIL)
        try:
            found = searchable(octets)
            " ".join((found.subject, found.people, found.text, found.attachments)).encode()
            describe(octets)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {octets!r}") from error
