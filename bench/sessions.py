"""Many sessions on the built-in IMAP server: 1,000 idle over TLS, and 2,000 first sign-ins within a minute.

``python bench/sessions.py [--idle 1000] [--sign-ins 2000]`` prints the memory of the server processes (PSS: what they share is counted once), how
soon a new message is announced to who is in IDLE, and how long a first sign-in takes (its mailbox is made then).
"""

import argparse
import asyncio
import contextlib
import random
import ssl
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "src")]

from support.certificates import make_certificate, trust  # noqa: E402
from support.server import PASSWORD, PrivateBascule  # noqa: E402

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def command(streams: Streams, octets: bytes) -> bytes:
    """Send it with a tag; the tagged reply."""
    reader, writer = streams
    writer.write(b"t " + octets + b"\r\n")
    while not (line := await reader.readline()).startswith((b"t ", b"+")):
        if not line:
            raise EOFError
    return line


async def sign_in(port: int, login: str, context: ssl.SSLContext) -> Streams:
    streams = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    await streams[0].readline()
    reply = await command(streams, f"LOGIN {login} {PASSWORD}".encode())
    if not reply.startswith(b"t OK"):
        raise EOFError(reply)
    return streams


def memory(server: PrivateBascule) -> float:
    """MB of the server processes."""
    total = 0
    for process in server.workers():
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def idle(server: PrivateBascule, logins: list[str], context: ssl.SSLContext) -> None:
    port = server.ports["imaps"]
    print(f"{'memory of the processes at rest':44} {memory(server):8.0f} MB")
    sessions: dict[str, Streams] = {}
    for start in range(0, len(logins), 50):
        group = logins[start : start + 50]
        sessions.update(
            zip(group, await asyncio.gather(*(sign_in(port, login, context) for login in group)), strict=True)
        )
    for streams in sessions.values():
        await command(streams, b"SELECT INBOX")
        await command(streams, b"IDLE")
    await asyncio.sleep(2)
    print(f"{f'with {len(logins):,} idle TLS sessions':44} {memory(server):8.0f} MB")
    draw = random.Random(1)
    waits = []
    for login in draw.sample(logins, min(200, len(logins))):
        other = await sign_in(port, login, context)
        other[1].write(b"t APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n")
        while not (line := await other[0].readline()).startswith(b"t "):
            pass
        assert line.startswith(b"t OK"), line
        appended = time.monotonic()
        while not (await sessions[login][0].readline()).endswith(b"EXISTS\r\n"):
            pass
        waits.append(time.monotonic() - appended)
        other[1].close()
    print(f"{'a new message is announced after (median)':44} {percentile(waits, 0.5) * 1000:8.1f} ms")
    print(f"{'  (95th percentile)':44} {percentile(waits, 0.95) * 1000:8.1f} ms")
    for _, writer in sessions.values():
        writer.close()


async def first_sign_ins(
    server: PrivateBascule, logins: list[str], context: ssl.SSLContext, seconds: float = 60.0
) -> None:
    """Spread over a minute, as phones and programs that try each on their own."""
    port = server.ports["imaps"]
    draw = random.Random(2)
    took: list[float] = []
    refused = 0

    async def one(login: str) -> None:
        nonlocal refused
        await asyncio.sleep(draw.uniform(0, seconds))
        started = time.monotonic()
        try:
            streams = await sign_in(port, login, context)
            await command(streams, b"SELECT INBOX")
        except (OSError, EOFError):
            refused += 1
            return
        took.append(time.monotonic() - started)
        streams[1].close()

    await asyncio.gather(*(one(login) for login in logins))
    print(f"{f'{len(logins):,} first sign-ins in {seconds:.0f} s, refused':44} {refused:8}")
    print(f"{'  with INBOX open after (median)':44} {percentile(took, 0.5) * 1000:8.0f} ms")
    print(f"{'  (95th percentile)':44} {percentile(took, 0.95) * 1000:8.0f} ms")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--idle", type=int, default=1000)
    options.add_argument("--sign-ins", type=int, default=2000)
    told = options.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as place:
        root = Path(place)
        server = PrivateBascule(root / "bascule", accounts=(), processes=2, tls=make_certificate(root))
        idle_logins = [f"idle{number}@example.org" for number in range(told.idle)]
        new_logins = [f"new{number}@example.org" for number in range(told.sign_ins)]
        with contextlib.closing(server.accounts()) as accounts:
            for login in idle_logins + new_logins:
                accounts.add(login, PASSWORD, generated=True)
        with server:
            context = trust(root)
            time.sleep(1)
            if told.idle:
                asyncio.run(idle(server, idle_logins, context))
            if told.sign_ins:
                asyncio.run(first_sign_ins(server, new_logins, context))


if __name__ == "__main__":
    main()
