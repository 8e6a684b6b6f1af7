"""COMPRESS=DEFLATE: RFC 4978."""

import random
import ssl

import pytest

from support.dialogue import Dialogue
from support.server import PASSWORD, PrivateBascule


def test_both_ways(client) -> None:
    assert client.ok("COMPRESS DEFLATE").status == "OK"
    client.start_compression()
    assert not client.ok("CAPABILITY").has(b"COMPRESS")
    message = b"Subject: x\r\n\r\n" + b"again and " * 100_000
    client.append("INBOX", message)
    assert client.ok("FETCH 1 BODY[]").lines[0].endswith(message + b")")
    assert client.no("COMPRESS DEFLATE").code == "COMPRESSIONACTIVE"


def test_what_was_sent_ahead_is_compressed(client) -> None:
    client.no("COMPRESS LZ4")
    import zlib

    deflate = zlib.compressobj(wbits=-15)
    client.send(b"c COMPRESS DEFLATE\r\n" + deflate.compress(b"n NOOP\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
    assert client.end(b"c").status == "OK"
    client.start_compression()
    assert client.end(b"n").status == "OK"


@pytest.mark.parametrize("port", ["imap", "imaps"])
def test_many_messages_at_once_through_tls(server: PrivateBascule, login: str, port: str) -> None:
    """As mbsync sends them: many TLS records are there when the server reads."""
    context = ssl.create_default_context(cafile=server.root / "cert.pem")
    dialogue = Dialogue(server.ports[port], tls=context if port == "imaps" else None)
    if port == "imap":
        dialogue.ok("STARTTLS")
        dialogue.start_tls(context)
    dialogue.ok(f"LOGIN {login} {PASSWORD}")
    dialogue.ok("COMPRESS DEFLATE")
    dialogue.start_compression()
    dialogue.ok("SELECT INBOX")
    chance = random.Random(1)
    messages = [b"Subject: %d\r\n\r\n%x\r\n" % (number, chance.getrandbits(8 * 16_000)) for number in range(40)]
    tags = [dialogue.begin("APPEND INBOX {}", message) for message in messages]
    assert [dialogue.end(tag).status for tag in tags] == ["OK"] * len(messages)
    lines = [line for line in dialogue.ok("FETCH 1:* BODY.PEEK[]").lines if b"BODY[]" in line]
    assert len(lines) == len(messages)
    assert all(line.endswith(message + b")") for line, message in zip(lines, messages, strict=True))
    dialogue.close()
