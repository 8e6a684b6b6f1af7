"""COMPRESS=DEFLATE: RFC 4978."""


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
