"""People's programs, as Debian has them, on the built-in platform: what they write is there, what is there they read."""

import email
import imaplib
import mailbox
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest
from imapclient import IMAPClient

from support import messages
from support.certificates import make_certificate
from support.dialogue import Dialogue
from support.programs import run
from support.server import PASSWORD, PrivateBascule

pytestmark = pytest.mark.filterwarnings("ignore")
MAILS = messages.many(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("programs")
    with PrivateBascule(root, accounts=(), tls=make_certificate(root)) as running:
        yield running


@pytest.fixture
def login(server: PrivateBascule, request: pytest.FixtureRequest) -> str:
    name = f"{request.node.name.removeprefix('test_').replace('_', '-')}@example.org"
    accounts = server.accounts()
    accounts.add(name, PASSWORD, generated=True)
    accounts.close()
    return name


@pytest.fixture
def box(server: PrivateBascule, login: str):
    """Another session on the same mailbox, to fill it and to look."""
    dialogue = Dialogue(server.imap)
    dialogue.ok(f"LOGIN {login} {PASSWORD}")
    yield dialogue
    dialogue.close()


def fill(box: Dialogue, folder: str = "INBOX") -> None:
    box.ok(
        f"APPEND {folder} " + " ".join("(\\Seen $Label1) {}" if n % 2 else "() {}" for n in range(len(MAILS))), *MAILS
    )


def held(box: Dialogue, folder: str) -> list[bytes]:
    box.ok(f"SELECT {folder}")
    lines = box.ok("FETCH 1:* BODY.PEEK[]").lines if box.ok("SEARCH ALL").lines[0] != b"* SEARCH" else []
    return sorted(line.split(b"BODY[] ", 1)[1][:-1] for line in lines if b"BODY[]" in line)


def test_imaplib(server, login: str, box) -> None:
    client = imaplib.IMAP4("127.0.0.1", server.imap)
    client.login(login, PASSWORD)
    for mail in MAILS:
        assert client.append("INBOX", "(\\Seen)", imaplib.Time2Internaldate(1_600_000_000), mail)[0] == "OK"
    client.select()
    assert client.store("1:5", "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert client.expunge()[1] == [b"5", b"4", b"3", b"2", b"1"]
    assert client.uid("SEARCH", "ALL")[1][0].split() == [b"%d" % n for n in range(6, 21)]
    assert client.copy("1:2", "Sent")[0] == "OK"
    client.logout()
    assert held(box, "Sent") == sorted(imaplib.MapCRLF.sub(b"\r\n", mail) for mail in MAILS[5:7])


def test_imapclient(server, login: str, box) -> None:
    fill(box)
    with IMAPClient("127.0.0.1", server.imap, ssl=False) as client:
        client.login(login, PASSWORD)
        assert client.select_folder("INBOX")[b"EXISTS"] == 20
        envelopes = client.fetch(range(1, 21), ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "RFC822.SIZE"])
        assert {data[b"RFC822.SIZE"] for data in envelopes.values()} == {len(mail) for mail in MAILS}
        assert all(data[b"ENVELOPE"].subject is not None for data in envelopes.values())
        assert client.search(["UNSEEN"]) == list(range(1, 21, 2))
        client.create_folder("Été/Août")
        client.move([1, 2], "Été/Août")
        assert client.folder_status("Été/Août", ["MESSAGES"]) == {b"MESSAGES": 2}
        assert [name for _, _, name in client.list_folders("Été")] == ["Été", "Été/Août"]
        client.idle()
        box.append("INBOX", MAILS[0])
        assert (19, b"EXISTS") in client.idle_check(timeout=10)
        client.idle_done()
        assert len(client.thread(criteria="ALL")) >= 1


@pytest.mark.needs("curl")
def test_curl(server, login: str, box, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(MAILS[0])
    url, user = f"imap://127.0.0.1:{server.imap}", f"{login}:{PASSWORD}"
    run("curl", "-sS", url + "/INBOX", "-u", user, "-T", str(tmp_path / "mail"), home=tmp_path)
    assert held(box, "INBOX") == [MAILS[0]]
    run("curl", "-sS", url + "/INBOX;MAILINDEX=1", "-u", user, "-o", str(tmp_path / "back"), home=tmp_path)
    assert (tmp_path / "back").read_bytes() == MAILS[0]
    secure = ("--ssl-reqd", "--cacert", str(server.root / "cert.pem"))
    assert "INBOX" in run("curl", "-sS", *secure, url.replace("127.0.0.1", "localhost"), "-u", user, home=tmp_path)
    run("curl", "-sS", url, "-u", f"{login}:wrong", home=tmp_path, status=67)


@pytest.mark.needs("mbsync")
def test_mbsync(server, login: str, box, tmp_path: Path) -> None:
    fill(box)
    box.ok("CREATE Projets/Budget")
    fill(box, "Projets/Budget")
    (tmp_path / "mail").mkdir()
    (tmp_path / "rc").write_text(
        f"IMAPStore far\nHost localhost\nPort {server.imap}\nUser {login}\nPass {PASSWORD}\nSSLType STARTTLS\n"
        f"CertificateFile {server.root / 'cert.pem'}\n\nMaildirStore near\nSubFolders Verbatim\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n"
    )
    run("mbsync", "-c", str(tmp_path / "rc"), "all", home=tmp_path)
    for folder in ("INBOX", "Projets/Budget"):
        near = mailbox.Maildir(tmp_path / "mail" / folder)
        assert len(near) == 20
        assert sum("S" in mail.get_flags() for mail in near) == 10
    first = mailbox.Maildir(tmp_path / "mail/INBOX")
    last = email.message_from_bytes(MAILS[19])["Message-ID"]
    key = next(key for key, mail in first.items() if mail["Message-ID"] != last)
    first.remove(key)
    first.add(mailbox.MaildirMessage(messages.plain(900)))
    box.ok("SELECT INBOX")
    box.ok("STORE 20 +FLAGS (\\Flagged)")
    run("mbsync", "-c", str(tmp_path / "rc"), "all", home=tmp_path)
    assert box.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 20")
    assert sum("F" in mail.get_flags() for mail in mailbox.Maildir(tmp_path / "mail/INBOX")) == 1


@pytest.mark.needs("offlineimap")
def test_offlineimap(server, login: str, box, tmp_path: Path) -> None:
    fill(box)
    (tmp_path / "rc").write_text(
        "[general]\naccounts = a\nui = quiet\n[Account a]\nlocalrepository = l\nremoterepository = r\n"
        f"[Repository l]\ntype = Maildir\nlocalfolders = {tmp_path}/mail\n"
        f"[Repository r]\ntype = IMAP\nremotehost = localhost\nremoteport = {server.ports['imaps']}\nremoteuser = {login}\nremotepass = {PASSWORD}\n"
        f"ssl = yes\nsslcacertfile = {server.root / 'cert.pem'}\n"
    )
    run("offlineimap", "-c", str(tmp_path / "rc"), "-o", home=tmp_path)
    near = mailbox.Maildir(tmp_path / "mail/INBOX")
    assert len(near) == 20
    near.add(mailbox.MaildirMessage(messages.plain(901)))
    run("offlineimap", "-c", str(tmp_path / "rc"), "-o", home=tmp_path)
    assert box.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 21")


@pytest.mark.needs("getmail")
def test_getmail(server, login: str, box, tmp_path: Path) -> None:
    fill(box)
    (tmp_path / "rc").write_text(
        f"[retriever]\ntype = SimpleIMAPRetriever\nserver = 127.0.0.1\nport = {server.imap}\nusername = {login}\npassword = {PASSWORD}\n"
        f'[destination]\ntype = MDA_external\npath = /usr/bin/tee\narguments = ("-a", "{tmp_path}/all")\nallow_root_commands = true\n'
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n"
    )
    for last in (False, False, True):
        # Once in some fifty runs under load getmail 6.18 does not notice that its own child has ended, and waits for ever within itself
        # (a futex, the child a zombie, nothing on the socket). Started again, it goes on.
        try:
            run("getmail", "--getmaildir", str(tmp_path), "--rcfile", str(tmp_path / "rc"), home=tmp_path, seconds=30)
            break
        except subprocess.TimeoutExpired:
            if last:
                raise
    got = (tmp_path / "all").read_bytes()
    assert all(mail.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n").strip() in got for mail in MAILS)
    assert box.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 0")


@pytest.mark.needs("mutt")
def test_mutt(server, login: str, box, tmp_path: Path) -> None:
    """At a terminal: opens INBOX, flags the first message, saves it to another folder, and leaves."""
    fill(box)
    box.ok("CREATE Saved")
    (tmp_path / "rc").write_text(
        f'set imap_user="{login}"\nset imap_pass="{PASSWORD}"\nset ssl_starttls=no\nset ssl_force_tls=no\nset folder="imap://127.0.0.1:{server.imap}/"\n'
        f"set confirmappend=no\nset delete=yes\nset quit=yes\nset header_cache={tmp_path}/cache\nset sort=mailbox-order\nset resolve=no\n"
        'push "<first-entry><flag-message><save-message>=Saved<enter><sync-mailbox><quit>"\n'
    )
    words = ["mutt", "-n", "-F", str(tmp_path / "rc"), "-f", f"imap://127.0.0.1:{server.imap}/INBOX"]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(HOME=str(tmp_path), TERM="xterm", LC_ALL="C.UTF-8")
        os.execvp(words[0], words)
    shown, until = b"", time.monotonic() + 30
    ended = 0
    while time.monotonic() < until and not ended:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break
        ended, _ = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.waitpid(child, 0)
    os.close(terminal)
    assert held(box, "Saved") == [MAILS[0]], shown[-2000:]
    assert b"\\Flagged" in box.ok("FETCH 1 FLAGS").lines[0]
    assert box.ok("STATUS INBOX (MESSAGES)").has(b"MESSAGES 19")
