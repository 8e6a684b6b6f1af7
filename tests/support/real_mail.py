"""Real messages, as a server that keeps octets gets them."""

import re
from pathlib import Path

from support import parts

LIST = Path(__file__).parent.parent / "interop/corpora-messages.txt"


def originals() -> list[tuple[str, bytes]]:
    """(Name, octets) of those that Dovecot keeps as they are."""
    folder = parts.folder("BASCULE_CORPORA")
    assert folder is not None
    names = LIST.read_text().splitlines()
    found = [(name, re.sub(rb"(?<!\r)\n", b"\r\n", (folder / "mail" / name).read_bytes())) for name in names]
    return [(name, octets) for name, octets in found if octets and not re.search(rb"\0|\r(?!\n)", octets)]
