"""Programs that send, as Debian has them: swaks, curl, and a Postfix in front."""

import subprocess
from pathlib import Path

import pytest

from support.certificates import make_certificate
from support.inbox import Inbox
from support.postfix import PrivatePostfix
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("sending")
    with PrivateBascule(root, tls=make_certificate(root)) as running:
        yield running


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.needs("swaks")
def test_swaks(server: PrivateBascule) -> None:
    inbox = Inbox(server, ANNA)
    before = len(inbox.messages())
    sign_in = ["--auth", "PLAIN", "--auth-user", ANNA, "--auth-password", PASSWORD]
    common = ["swaks", "--server", "127.0.0.1", "--from", ANNA, "--to", ANNA, "--header", "Subject: swaks"]
    run(*common, "--port", str(server.ports["submission"]), "--tls", *sign_in)
    run(*common, "--port", str(server.ports["submission"]), *sign_in, "--auth", "LOGIN", "--attach", __file__)
    run(*common, "--port", str(server.ports["submissions"]), "--tls-on-connect", *sign_in)
    run(*common, "--port", str(server.ports["smtp"]), "--tls-optional", "--pipeline")
    run(*common, "--port", str(server.ports["lmtp"]), "--protocol", "LMTP")
    assert len(inbox.wait(before + 5)) == before + 5


@pytest.mark.needs("curl")
def test_curl(server: PrivateBascule, tmp_path: Path) -> None:
    inbox = Inbox(server, ANNA)
    before = len(inbox.messages())
    (tmp_path / "mail").write_bytes(message("curl", ANNA, ".dot\r\n"))
    common = ["curl", "--silent", "--show-error", "--insecure", "--mail-from", ANNA, "--mail-rcpt", ANNA, "--upload-file", str(tmp_path / "mail")]  # fmt: skip
    run(*common, "--user", f"{ANNA}:{PASSWORD}", f"smtps://127.0.0.1:{server.ports['submissions']}")
    run(*common, "--user", f"{ANNA}:{PASSWORD}", "--ssl-reqd", f"smtp://127.0.0.1:{server.ports['submission']}")
    run(*common, f"smtp://127.0.0.1:{server.ports['smtp']}")
    found = inbox.wait(before + 3)
    assert all(each.endswith(b"\r\n\r\n.dot\r\n") for each in found[before:])


@pytest.mark.needs("postfix")
def test_a_postfix_in_front(server: PrivateBascule) -> None:
    """Postfix takes mail from the world and hands it over by LMTP; nothing of this machine's Postfix is touched."""
    inbox = Inbox(server, ANNA)
    before = len(inbox.messages())
    with PrivatePostfix(f"lmtp:inet:127.0.0.1:{server.ports['lmtp']}") as postfix:
        with SmtpDialogue(postfix.port) as dialogue:
            for number in range(10):
                assert dialogue.deliver(message(f"front {number}"), "a@b.example", ANNA).code == 250
        found = inbox.wait(before + 10)
    assert len(found) == before + 10
    assert all(b"with LMTP id" in each for each in found[before:])
