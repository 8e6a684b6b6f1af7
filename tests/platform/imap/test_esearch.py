"""ESEARCH: RFC 4731."""


def test_what_is_asked_for_is_returned(client) -> None:
    for flags in ("", "\\Seen", "", ""):
        client.append("INBOX", b"Subject: x\r\n\r\n", flags)
    assert client.ok("SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN").lines[0].endswith(b"MIN 1 MAX 4 ALL 1,3:4 COUNT 3")
    assert client.ok("UID SEARCH RETURN () UNSEEN").lines[0].endswith(b") UID ALL 1,3:4")
    assert client.ok("SEARCH RETURN (MIN COUNT) FLAGGED").lines[0].endswith(b") COUNT 0")
    client.bad("SEARCH RETURN (NONSENSE) ALL")


def test_the_modseq_is_that_of_the_messages_that_are_told(client) -> None:
    """RFC 4731 §3.2: with MIN or MAX alone, of that message; with both, the higher of the two; otherwise the highest of all."""
    client.ok("APPEND INBOX" + " {}" * 3, *[b"Subject: %d\r\n\r\n" % n for n in range(3)])
    modseqs = {}
    for number in (1, 3, 2):
        line = client.ok(f"STORE {number} +FLAGS (\\Seen)").line(f"{number} FETCH".encode())
        client.ok("ENABLE CONDSTORE")
        line = client.ok(f"FETCH {number} MODSEQ").line(f"{number} FETCH".encode())
        modseqs[number] = int(line.rpartition(b"(")[2].rstrip(b")"))
    for returns, told in (("MIN", 1), ("MAX", 3), ("MIN MAX", 3), ("ALL", 2), ("MIN COUNT", 2), ("", 2)):
        line = client.ok(f"SEARCH RETURN ({returns}) MODSEQ 1").lines[0]
        assert line.endswith(b"MODSEQ %d" % modseqs[told]), (returns, line)
