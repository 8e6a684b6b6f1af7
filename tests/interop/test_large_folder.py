"""People's programs on a folder of 20,000 messages (`make soak`; the tests: 200): all of it comes, and what either side does in it reaches the other."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import messages
from support.certificates import make_certificate
from support.dialogue import Dialogue
from support.programs import run
from support.server import PASSWORD, PrivateBascule
from support.thunderbird import OPEN, Thunderbird
from support.waiting import within

pytestmark = pytest.mark.soak
AT_ONCE = 200
SECONDS = 1_800
"""For one run of a program over all of it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBascule]:
    root = tmp_path_factory.mktemp("large")
    with PrivateBascule(root, accounts=(), tls=make_certificate(root)) as running:
        yield running


@pytest.fixture
def number(soak: bool) -> int:
    return 20_000 if soak else AT_ONCE


@pytest.fixture
def login(server: PrivateBascule, request: pytest.FixtureRequest) -> str:
    name = f"{request.node.originalname.removeprefix('test_')}@example.org"
    accounts = server.accounts()
    accounts.add(name, PASSWORD, generated=True)
    accounts.close()
    return name


@pytest.fixture
def box(server: PrivateBascule, login: str, number: int) -> Iterator[Dialogue]:
    """Another session on the mailbox, whose INBOX holds ``number`` messages, of which every second one was read."""
    dialogue = Dialogue(server.imap)
    dialogue.socket.settimeout(300)
    dialogue.ok(f"LOGIN {login} {PASSWORD}")
    for first in range(0, number, AT_ONCE):
        one = range(first, first + AT_ONCE)
        dialogue.ok(
            "APPEND INBOX " + " ".join("(\\Seen) {}" if n % 2 else "() {}" for n in one), *(mail_of(n) for n in one)
        )
    yield dialogue
    dialogue.close()


def mail_of(number: int) -> bytes:
    return messages.plain(number, 1_000 + number % 1_500)


def digest(mail: bytes) -> bytes:
    """Of its text: a program of a Maildir writes LF, and a field or two of its own above."""
    return hashlib.sha256(mail.replace(b"\r\n", b"\n").partition(b"\n\n")[2]).digest()


def near(place: Path) -> dict[bytes, str]:
    """By digest, the Maildir flags of each."""
    found = {}
    for file in [*place.glob("cur/*"), *place.glob("new/*")]:
        found[digest(file.read_bytes())] = file.name.rpartition(":2,")[2] if ":2," in file.name else ""
    return found


def far(box: Dialogue) -> dict[bytes, frozenset[bytes]]:
    """By digest, the flags of each on the server."""
    box.ok("SELECT INBOX")
    told = box.ok("FETCH 1:* (FLAGS BODY.PEEK[])").lines
    found = {}
    for line in told:
        flags = frozenset(line.partition(b"FLAGS (")[2].partition(b")")[0].split())
        found[digest(line.partition(b"BODY[] ")[2][:-1])] = flags - {b"\\Recent"}
    return found


def follows_both_ways(box: Dialogue, home: Path, number: int, *words: str) -> None:
    """After a first run of a program all is there, once; what either side marks, removes and adds is on both after the next one."""

    def sync() -> None:
        run(*words, home=home, seconds=SECONDS)

    place = home / "mail/INBOX"
    sync()
    tenth = number // 10
    held = near(place)
    assert set(held) == {digest(mail_of(n)) for n in range(number)}
    assert sum("S" in flags for flags in held.values()) == number // 2
    assert len([*place.glob("cur/*"), *place.glob("new/*")]) == number

    box.ok("SELECT INBOX")
    box.ok(f"STORE 1:{tenth} +FLAGS.SILENT (\\Flagged)")
    box.ok(f"STORE {tenth + 1}:{2 * tenth} +FLAGS.SILENT (\\Deleted)")
    box.ok("EXPUNGE")
    box.append("INBOX", mail_of(number))
    box.append("INBOX", mail_of(number + 1))
    to_go = {digest(mail_of(n)) for n in range(2 * tenth, 3 * tenth)}
    to_read = {digest(mail_of(n)) for n in range(3 * tenth, 4 * tenth)}
    for file in [*place.glob("cur/*"), *place.glob("new/*")]:
        which = digest(file.read_bytes())
        if which in to_go:
            file.unlink()
        elif which in to_read:
            name, _, flags = file.name.partition(":2,")
            file.rename(place / "cur" / f"{name}:2,{''.join(sorted({*flags, 'S'}))}")
    (place / "new/1.written.here").write_bytes(mail_of(number + 2).replace(b"\r\n", b"\n"))
    sync()
    left = {digest(mail_of(n)) for n in (*range(tenth), *range(3 * tenth, number + 3))}
    there, here = far(box), near(place)
    assert there.keys() == left
    assert here.keys() == left
    assert sum(b"\\Flagged" in flags for flags in there.values()) == tenth
    assert {which for which, flags in here.items() if "F" in flags} == {digest(mail_of(n)) for n in range(tenth)}
    assert to_read <= {which for which, flags in there.items() if b"\\Seen" in flags}
    assert {which for which, flags in here.items() if "S" in flags} == {
        which for which, flags in there.items() if b"\\Seen" in flags
    }


@pytest.mark.needs("mbsync")
def test_mbsync(server: PrivateBascule, login: str, box: Dialogue, number: int, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "rc").write_text(
        f"IMAPStore far\nHost localhost\nPort {server.imap}\nUser {login}\nPass {PASSWORD}\nSSLType STARTTLS\n"
        f"CertificateFile {server.root / 'cert.pem'}\n\nMaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Both\nExpunge Both\nSyncState *\n"
    )
    follows_both_ways(box, tmp_path, number, "mbsync", "-c", str(tmp_path / "rc"), "all")


@pytest.mark.needs("offlineimap")
def test_offlineimap(server: PrivateBascule, login: str, box: Dialogue, number: int, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text(
        "[general]\naccounts = a\nui = quiet\n[Account a]\nlocalrepository = l\nremoterepository = r\n"
        f"[Repository l]\ntype = Maildir\nlocalfolders = {tmp_path}/mail\n"
        f"[Repository r]\ntype = IMAP\nremotehost = localhost\nremoteport = {server.ports['imaps']}\nremoteuser = {login}\nremotepass = {PASSWORD}\n"
        f"ssl = yes\nsslcacertfile = {server.root / 'cert.pem'}\nfolderfilter = lambda name: name == 'INBOX'\n"
    )
    follows_both_ways(box, tmp_path, number, "offlineimap", "-c", str(tmp_path / "rc"), "-o")


@pytest.mark.needs("thunderbird")
def test_thunderbird(server: PrivateBascule, login: str, box: Dialogue, number: int, tmp_path: Path) -> None:
    """Its list of the folder is whole; all of it is marked as read, a tenth is filed and a tenth deleted at once, and new mail is shown."""
    tenth = number // 10
    with Thunderbird(tmp_path / "tb", login, PASSWORD, server.imap, server.ports["submission"]) as running:
        count = 0
        for _ in range(10):  # one script may take four minutes
            count = running.run(OPEN + f'return await listed("INBOX", {number});')
            if count >= number:
                break
        assert count == number, running.conversation()
        subjects = running.run(OPEN + 'return all(find("INBOX")).map(each => each.subject);')
        assert subjects == [f"number {n}" for n in range(number)]
        running.run(OPEN + 'const inbox = find("INBOX"); inbox.markMessagesRead(all(inbox), true);')
        box.ok("SELECT INBOX")
        assert within(240, lambda: box.ok("SEARCH UNSEEN").lines[0].strip() == b"* SEARCH")
        told = running.run(
            OPEN
            + f"""
            root.createSubfolder("Filed", msgWindow);
            await until(() => find("Filed"));
            const inbox = find("INBOX");
            MailServices.copy.copyMessages(inbox, all(inbox).slice(0, {tenth}), find("Filed"), true, null, msgWindow, false);
            await until(() => all(inbox).length == {number - tenth});
            inbox.deleteMessages(all(inbox).slice(0, {tenth}), msgWindow, false, false, null, true);
            await until(() => all(inbox).length == {number - 2 * tenth});
            return [all(inbox).length, await listed("Filed", {tenth})];
            """
        )
        assert told == [number - 2 * tenth, tenth]
        assert within(60, lambda: box.ok("STATUS Trash (MESSAGES)").has(b"MESSAGES %d" % tenth))
        assert box.ok("STATUS Filed (MESSAGES)").has(b"MESSAGES %d" % tenth)
        box.append("INBOX", messages.plain(number, subject="while it was large"))
        shown = running.run(
            OPEN
            + """
            const shown = () => all(find("INBOX")).some(each => each.subject == "while it was large");
            for (let i = 0; i < 4 && !shown(); i++) { await refresh(find("INBOX")); await until(shown); }
            return shown();
            """
        )
        assert shown
