"""The built-in SMTP server beside Debian's Postfix with Dovecot's LMTP behind it: same client, same messages, same promise (synced before 250).

``python bench/smtp_server.py [--messages 1000] [--connections 10] [--rounds 3]`` prints medians of messages a second, accepted (the last 250 came) and
delivered (all are in the mailboxes); a ratio above 1 is ours being faster. Rounds are interleaved. Needs root, as Postfix does.
"""

import argparse
import imaplib
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from imap_client import message  # noqa: E402

from support.dovecot import PrivateDovecot, free_port  # noqa: E402
from support.postfix import PrivatePostfix  # noqa: E402
from support.server import PASSWORD, PrivateBascule  # noqa: E402
from support.smtp import SmtpDialogue  # noqa: E402

PEOPLE = [f"p{number}@example.org" for number in range(20)]


def send(port: int, mails: list[bytes], connections: int) -> float:
    """Seconds until the last 250. Each connection writes to all people in turn."""
    failures: list[BaseException] = []

    def work(share: list[bytes], first: int) -> None:
        try:
            with SmtpDialogue(port) as dialogue:
                for place, mail in enumerate(share):
                    assert dialogue.deliver(mail, "a@b.example", PEOPLE[(first + place) % len(PEOPLE)]).code == 250
        except (OSError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mails[n::connections], n)) for n in range(connections)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return time.perf_counter() - start


def held(clients: list[imaplib.IMAP4]) -> int:
    total = 0
    for client in clients:
        _, data = client.status("INBOX", "(MESSAGES)")
        total += int(data[0].split()[-1].rstrip(b")"))
    return total


def measure(smtp: int, imap: int, mails: list[bytes], connections: int) -> tuple[float, float]:
    """Messages a second, accepted and delivered."""
    clients = [imaplib.IMAP4("127.0.0.1", imap) for _ in PEOPLE]
    for client, person in zip(clients, PEOPLE, strict=True):
        client.login(person, PASSWORD)
    before = held(clients)
    start = time.perf_counter()
    accepted = send(smtp, mails, connections)
    while held(clients) < before + len(mails):
        assert time.perf_counter() - start < 300
        time.sleep(0.05)
    delivered = time.perf_counter() - start
    for client in clients:
        client.logout()
    return len(mails) / accepted, len(mails) / delivered


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    draw = random.Random(1)
    mails = [message(number, draw) for number in range(told.messages)]
    lmtp = free_port()
    settings = (
        "protocols = imap lmtp\nlmtp_rcpt_check_quota = no\nservice lmtp {\n  inet_listener lmtp {\n"
        f"    port = {lmtp}\n  }}\n}}\nprotocol lmtp {{\n  postmaster_address = postmaster@example.org\n}}\n"
    )
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        dovecot = PrivateDovecot(root / "dovecot", fsync="always", settings=settings)
        bascule = PrivateBascule(root / "bascule", accounts=tuple(PEOPLE), processes=2)
        with dovecot, bascule, PrivatePostfix(f"lmtp:inet:127.0.0.1:{lmtp}") as postfix:
            found: dict[str, list[tuple[float, float]]] = {"bascule": [], "postfix": []}
            for _ in range(told.rounds):
                found["bascule"].append(measure(bascule.ports["smtp"], bascule.imap, mails, told.connections))
                found["postfix"].append(measure(postfix.port, dovecot.port, mails, told.connections))
    print(
        f"{told.messages} messages of 4 kB, {told.connections} connections, medians of {told.rounds} rounds, messages a second"
    )
    print("| | Bascule | Postfix + Dovecot LMTP | ratio |\n|---|---|---|---|")
    for place, name in enumerate(("accepted and synced", "in the mailboxes")):
        ours, theirs = (statistics.median(each[place] for each in found[who]) for who in ("bascule", "postfix"))
        print(f"| {name} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
