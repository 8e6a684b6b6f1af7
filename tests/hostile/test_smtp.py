"""SMTP, LMTP and milters: an address, a name, a reply or a header field of somebody else's stays one value."""

import re
from email import message_from_bytes
from email.policy import default
from zoneinfo import ZoneInfo

import pytest

from bascule.platform.smtp.accepting import delivery_fields
from bascule.platform.smtp.queue.notices import Failing, notice
from bascule.protocols.milter import Answer, MilterError, connected, macros, packet, parse_answer, strings
from bascule.protocols.mime.header import Header, written
from bascule.protocols.smtp.commands import BadCommand, format_command, parse_command
from bascule.protocols.smtp.paths import format_path, is_address
from bascule.protocols.smtp.replies import format_reply, parse_replies

HOSTILE = [
    "", "a b", "a\r\nb", "a\nRCPT TO:<x@y.z>", "a\rb", "a\0b", "a\x1b[31m", "a>b", "<", "a\u2028b", "a\x85b", "a\u202eb", "half\ud83d", ";", "(", ")",
    "été", "a:b", "\t", " x", "x" * 2000, "a\n\n body", "a\n \nEvil: x", "a\r\rEvil: x", "\r\n", "a\r\n b", "a\x0bEvil: x",
]  # fmt: skip
ADDRESSES = [
    "a@b.c", "a.b+c=d@b-c.d", '"a b"@c.d', '"a>b"@c.d', '"a\\"b"@c.d', '"a,b"@c.d', '"a@b"@c.d', "!#$%&'*+/=?^_`{|}~-@x", "a@[127.0.0.1]",
    "a@[IPv6:::1]", "été@été.fr",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("form", ["{}", "{}@b.c", "a@{}", '"{}"@b.c', "a@b.c{}"])
def test_what_is_no_address_is_not_written(piece: str, form: str) -> None:
    address = form.format(piece)
    try:
        path = format_path(address)
    except ValueError:
        return
    assert path == f"<{address}>"
    assert path == "<>" or is_address(address)
    assert path.isprintable()
    read = parse_command(f"RCPT TO:{path}".encode() if address else b"MAIL FROM:<>").argument
    assert (
        read == address or f'"{read.partition("@")[0]}"@{read.partition("@")[2]}' == address
    )  # quotes that it needs not


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_written_as_it_is(address: str) -> None:
    assert format_path(address) == f"<{address}>"
    fields, _ = Header.of(delivery_fields(address, address) + b"\r\n")
    assert [(each.name, each.unfolded.decode()) for each in fields.fields] == [
        (b"return-path", f"<{address}>"), (b"delivered-to", address)
    ]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_command_is_one_line_or_none(piece: str) -> None:
    try:
        line = format_command(b"AUTH", b"PLAIN", piece.encode("utf-8", "surrogatepass"))
    except ValueError:
        return
    assert line.count(b"\r") == line.count(b"\n") == 1
    assert line.endswith(b"\r\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reply_is_one_whatever_its_text(text: str) -> None:
    for texts in ((text,), (text, "and", text)):
        octets = format_reply(550, "5.7.1", *texts)
        replies, rest = parse_replies(octets)
        assert (len(replies), replies[0].code, rest) == (1, 550, b"")
        assert octets.count(b"\r\n") == len(texts)
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0|\x1b", octets)


@pytest.mark.parametrize(("code", "status"), [(99, ""), (600, ""), (550, "5.7.1\r\n250"), (550, "x"), (550, "5.7.1 ")])
def test_a_code_that_is_none_is_not_written(code: int, status: str) -> None:
    with pytest.raises(ValueError, match="not a reply"):
        format_reply(code, status, "x")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_client_calls_itself_is_a_word_of_a_received_field(name: str) -> None:
    try:
        greeted = parse_command(b"EHLO " + name.encode("utf-8", "surrogatepass")).argument
    except BadCommand:
        return
    assert greeted
    assert not set(greeted) & set('();<>\\"@ ')
    assert greeted.isprintable()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_field_is_one_field_whatever_its_value(value: str) -> None:
    field = written("X-Added", f"x{value}x")
    parsed = message_from_bytes(field.octets + b"To: a@b.c\r\n\r\nbody", policy=default)
    assert [name.lower() for name in parsed] == ["x-added", "to"]
    assert parsed.get_content().strip() == "body"
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\n(?![ \t]|$)|\0", field.octets)
    header, _ = Header.of(field.octets + b"\r\n")
    assert len(header.fields) == 1


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\0"])
def test_a_name_that_is_no_fields_is_not_written(name: str) -> None:
    with pytest.raises(ValueError):
        written(name, "x")
    if name:
        with pytest.raises(MilterError):
            parse_answer(b"h" + name.encode() + b"\0x\0")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_milter_is_told_values_that_end_where_they_end(value: str) -> None:
    told = strings(value, "next")
    assert told.count(b"\0") == 2
    assert told.endswith(b"\0next\0")
    assert macros(b"M", {"i": value})[4:].count(b"\0") == 2
    assert re.fullmatch(rb"C[^\0]*\x004\0\x00127\.0\.0\.1\0", connected(value, "127.0.0.1")[4:])
    assert packet(b"H", told)[4:] == b"H" + told
    assert parse_answer(b"hX-Spam\0" + b"yes\0") == Answer(b"h", b"X-Spam", b"yes")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_notice_has_the_fields_that_we_gave_it(value: str) -> None:
    octets = notice(
        hostname="mail.example.org", message="1-2", sender="a@b.c", subject=f"s{value}", is_final=False,
        failing=[Failing("x@y.z", "4.4.1", f"450 {value}")], header=f"Subject: {value}".encode("utf-8", "replace"),
        arrived_utc=0, now_utc=0, until_utc=86400, zone=ZoneInfo("Europe/Paris"),
    )  # fmt: skip
    parsed = message_from_bytes(octets, policy=default)
    assert sorted(name.lower() for name in parsed) == sorted(
        ["from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"]
    )
    assert parsed["To"] == "a@b.c"
    assert [part.get_content_type() for part in parsed.iter_parts()] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers"
    ]  # fmt: skip
    status = list(parsed.iter_parts())[1]
    of_the_message, of_the_recipient = status.get_payload()
    assert len(of_the_message.keys()) == 3
    assert sorted(of_the_recipient.keys()) == [
        "Action", "Diagnostic-Code", "Final-Recipient", "Status", "Will-Retry-Until"
    ]  # fmt: skip
    assert re.search(rb"[\x00\x1b]|\r(?!\n)", octets) is None


def told(sender: str, header: bytes = b"Subject: x") -> bytes:
    return notice(
        hostname="mail.example.org", message="1-2", sender=sender, subject="s", is_final=True, failing=[Failing("x@y.z", "5.1.1", "550 no")],
        header=header, arrived_utc=0, now_utc=0, until_utc=86400, zone=ZoneInfo("Europe/Paris"),
    )  # fmt: skip


@pytest.mark.parametrize("address", [*ADDRESSES, "é@exämple.fr", "=?utf-8?q?x?=@x.fr", "postmaster"])
def test_a_notice_names_its_recipient_as_they_are_written(address: str) -> None:
    header, _ = Header.of(told(address))
    [to] = header.all(b"to")
    assert to.unfolded.decode() == address


@pytest.mark.parametrize("address", [*HOSTILE, "a@", "<", "a@b.c, d@e.f"])
def test_a_notice_is_written_even_to_what_is_no_address(address: str) -> None:
    header, _ = Header.of(told(address))
    assert [each.name for each in header.fields].count(b"to") == 1
    assert b"evil" not in {each.name for each in header.fields}


def test_a_notice_has_no_line_that_a_server_may_refuse() -> None:
    octets = told("a@b.c", b"Subject: x\r\nX: " + b"y" * 5000 + b"\nZ: z")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"\r\nZ: z" in octets
