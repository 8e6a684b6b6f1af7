"""Values: locations, folder paths, flags, bodies."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.terms import BasculeError, FolderPath, SpecialUse, normalise_flags, parse_location
from bascule.terms.body import HELD_OCTETS, HeldBody, SpooledBody, Traits, body_of
from bascule.terms.flags import same_flags
from bascule.terms.size import parse_size


@pytest.mark.parametrize(
    ("text", "shown", "port"),
    [
        ("imaps://anna@mail.example.org", "imaps://anna@mail.example.org:993", 993),
        ("imap://anna@mail.example.org:1143", "imap://anna@mail.example.org:1143", 1143),
        ("IMAP://a%40b.org@[::1]:143/", "imap://a@b.org@[::1]:143", 143),
        ("imap://a@b.org@127.0.0.1", "imap://a@b.org@127.0.0.1:143", 143),
        ("maildir:/var/mail x", "maildir:/var/mail x", 0),
    ],
)
def test_a_location_is_read(text: str, shown: str, port: int) -> None:
    location = parse_location(text)
    assert (str(location), location.port) == (shown, port)
    assert parse_location(str(location)) == location


def test_a_location_that_names_a_folder_is_told_where_folders_are_named() -> None:
    with pytest.raises(BasculeError, match=r"it names a folder .*--folder") as refused:
        parse_location("imap://anna:hunter2@host:143/INBOX/Été")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(BasculeError, match="the host or the port is wrong"):
        parse_location("imap://anna@ho:st:143/INBOX")


def test_a_password_in_a_location_is_never_shown() -> None:
    location = parse_location("imap://anna:hunter2@host")
    assert location.password == "hunter2"
    assert "hunter2" not in str(location) + repr(location)
    with pytest.raises(BasculeError) as caught:
        parse_location("imap://anna:hunter2@host:99999")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "imap:", "imap://host", "imap://@host", "http://a@b", "maildir:", "mailbox:/m", "imap://a@b:0", "imap://a@[b"],
)
def test_what_is_no_location_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(BasculeError) as caught:
        parse_location(text)
    assert "imaps://user@host" in caught.value.advice


@pytest.mark.parametrize(
    "host",
    ["mail..example.org", ".example.org", "x" * 64, f"{'é' * 60}.example.org", "exam ple.org", "ex\u202eample.org", "a\nb", "a\x1bb", "\udce9.org"],
)  # fmt: skip
def test_a_name_that_no_server_can_have_is_refused(host: str) -> None:
    with pytest.raises(BasculeError, match="no server can have such a name") as caught:
        parse_location(f"imap://anna:hunter2@{host}:143")
    assert caught.value.status == 2
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["x" * 63, "mail.example.org.", "été.example.org", "my_host", "10.0.0.1"])
def test_other_names_are_taken(host: str) -> None:
    assert parse_location(f"imap://anna@{host}").host == host


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True), ("LOCALHOST.", True), ("127.0.0.1", True), ("127.8.8.8", True), ("[::1]", True), ("[0:0:0:0:0:0:0:1]", True),
        ("127.evil.example", False), ("127.1", False), ("localhost.example", False), ("128.0.0.1", False), ("[::2]", False), ("127.0.0.1.example", False),
    ],
)  # fmt: skip
def test_this_machine_is_told_by_its_address(host: str, is_here: bool) -> None:
    assert parse_location(f"imap://anna@{host}").is_loopback is is_here


def test_paths_keep_any_character_and_know_inbox() -> None:
    assert FolderPath.split("inbox.a/b", ".").parts == ("INBOX", "a/b")
    assert FolderPath.split("//", "/").parts == ("//",)
    for path in (FolderPath(("a/b", 'c"d', "é")), FolderPath(("INBOX",))):
        assert FolderPath.from_json(path.to_json()) == path
    with pytest.raises(ValueError):
        FolderPath(())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Été 日本 😀", "Été 日本 😀"),
        ("a\0b\nc", "a\\x00b\\nc"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("\x7f\x9b2J", "\\x7f\\x9b2J"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("\u2028", "\\u2028"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_a_path_is_shown_without_what_works_on_a_terminal_or_can_not_be_seen(name: str, shown: str) -> None:
    path = FolderPath(("x", name))
    assert path.display() == str(path) == f"x/{shown}"
    assert FolderPath.from_json(path.to_json().encode().decode()) == path


def test_only_ascii_letters_spell_inbox() -> None:
    assert FolderPath(("iNbOx", "inbox")).parts == ("INBOX", "inbox")
    assert FolderPath(("ınbox",)).parts == ("ınbox",)


def test_flags_are_spelt_one_way_and_recent_is_none() -> None:
    assert normalise_flags(["\\SEEN", "\\Recent", "Junk", "junk", ""]) == {"\\Seen", "Junk"}
    assert same_flags(frozenset({"A"}), frozenset({"a"}))
    assert SpecialUse.among(frozenset({"\\HasNoChildren", "\\sent"})) is SpecialUse.SENT


BODIES = [
    (b"A: b\r\n\r\ntext\r\n", Traits()),
    (b"A: b\n\ntext\n", Traits(bare_lf=True, unended=True)),
    (b"A: b\r\n\r\na\0b\r\n", Traits(fragile=True)),
    (b"A: b\r\n\r\na\rb\r\n", Traits(fragile=True)),
    (b"A: b\r\n\r\na\r\r\n", Traits(fragile=True)),
    (b"A: \xe9\r\n\r\ntext\r\n", Traits(fragile=True)),
    (b"A: b\r\n\r\n\xe9\r\n", Traits()),
    (b"A: b\r\n\r\ntext\r", Traits(fragile=True, unended=True)),
    (b"A: b\r\n\r\ntext", Traits(unended=True)),
    (b"A: b\r\n\r\n", Traits(unended=True)),
    (b"A: b\r\n\r\n\r\n", Traits()),
    (b"A: b\r\n", Traits(unended=True)),
    (b"", Traits(unended=True)),
]


@pytest.mark.parametrize(("octets", "traits"), BODIES)
def test_traits_are_the_same_held_and_spooled_at_every_border(octets: bytes, traits: Traits) -> None:
    assert HeldBody(octets).traits == traits
    for size in range(1, len(octets) + 1):
        spooled = SpooledBody()
        for i in range(0, len(octets), size):
            spooled.write(octets[i : i + size])
        assert spooled.traits == traits, size
        assert spooled.whole() == octets
        spooled.close()


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b"a", b"\xe9", b"\r\n\r\n"]), max_size=30))
def test_spooled_and_held_agree_on_any_octets(pieces: list[bytes]) -> None:
    spooled, held = SpooledBody(), HeldBody(b"".join(pieces))
    for piece in pieces:
        spooled.write(piece)
    assert (spooled.traits, spooled.sha256, spooled.octets) == (held.traits, held.sha256, held.octets)
    spooled.close()


def test_a_large_body_is_spooled_and_the_same() -> None:
    piece = b"x" * 100_000
    body = body_of(iter([piece] * 60))
    assert isinstance(body, SpooledBody)
    assert body.octets == 6_000_000 > HELD_OCTETS
    assert body.sha256 == hashlib.sha256(piece * 60).digest()
    assert b"".join(body.chunks()) == piece * 60
    assert body.start(3) == b"xxx"
    body.close()


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("500", 500),
        ("25k", 25_000),
        ("2 GB", 2_000_000_000),
        ("1.5 Mo", 1_500_000),
        ("100 MiB", 100 * 1024**2),
        ("1KiB", 1024),
    ],
)
def test_sizes_as_people_write_them(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "much", "5 XB", "-1", "1iB", "1,5 MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)
