"""IMAP4rev2, once it is enabled: RFC 9051 appendix E."""

MAIL = b"Subject: one\r\n\r\nbody\r\n"


def test_no_recent_extended_search_and_utf8_names(connect) -> None:
    client = connect(enable="IMAP4rev2")
    client.append("INBOX", MAIL)
    selected = client.ok("SELECT INBOX")
    assert not selected.has(b"RECENT")
    assert not selected.has(b"UNSEEN")
    assert selected.has(b'* LIST () "/" "INBOX"')
    assert client.ok("FETCH 1 FLAGS").line(b"1 FETCH") == b"* 1 FETCH (FLAGS ())"
    assert client.ok("SEARCH ALL").lines[0].startswith(b"* ESEARCH (TAG ")
    client.ok('CREATE "Été"')
    assert client.ok('LIST "" "É*"').has('"Été"'.encode())
    assert client.ok("STATUS INBOX (DELETED SIZE)").has(b"DELETED 0 SIZE %d" % len(MAIL))


def test_selecting_another_mailbox_tells_that_the_first_is_closed(connect) -> None:
    client = connect("INBOX", enable="IMAP4rev2")
    assert client.ok("SELECT Sent").lines[0].startswith(b"* OK [CLOSED]")


def test_a_part_may_begin_beyond_what_32_bits_hold(connect) -> None:
    """RFC 9051 §9, partial: number64 "." nz-number64."""
    client = connect("INBOX")
    client.append("INBOX", MAIL)
    assert client.ok("FETCH 1 BODY.PEEK[]<99999999999.1>").line(b"1 FETCH").endswith(b"BODY[]<99999999999> )")
    assert client.ok(f"FETCH 1 BODY.PEEK[]<0.{2**63 - 1}>").line(b"1 FETCH").endswith(MAIL + b")")
    client.bad(f"FETCH 1 BODY.PEEK[]<{2**63}.1>")
    client.bad("FETCH 1 BODY.PEEK[]<0.0>")
