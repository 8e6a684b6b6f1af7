"""The name of this machine among several that share a database. It is kept with the data, and in their backup: mailboxes are bound to it, and a machine may be renamed."""

import os
import socket
from pathlib import Path

from bascule.platform.ownership import advice_for_one_kept_out
from bascule.terms.errors import BasculeError, ExitStatus

FILE = "node"
"""In the data folder."""


def node_of(data: Path) -> str:
    """What was kept there; before that, the machine's name. Raises BasculeError where the file can't be read."""
    try:
        return (data / FILE).read_text("utf-8").strip() or socket.gethostname()
    except FileNotFoundError:
        return socket.gethostname()
    except PermissionError as error:
        raise BasculeError(f"{data / FILE} can't be read: {error.strerror}.", advice_for_one_kept_out(data / FILE), ExitStatus.USAGE) from error  # fmt: skip
    except (OSError, UnicodeError) as error:
        raise BasculeError(f"{data / FILE} can't be read: {error}.", "It holds this machine's name, in one line.", ExitStatus.USAGE) from error  # fmt: skip


def keep_node(data: Path, node: str) -> None:
    """Before the first mailbox is bound to it. Raises BasculeError where the data are another's, or can't be written; nothing is changed then."""
    kept = data / FILE
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not kept.exists():
            partial = data / f"{FILE}.{os.getpid()}"
            partial.write_text(f"{node}\n", "utf-8")
            partial.replace(kept)
    except OSError as error:
        raise BasculeError(f"{kept} can't be written: {error.strerror}.", "Make room, or give access to the data folder.") from error  # fmt: skip
    if node_of(data) != node:
        raise BasculeError(
            f"The mailboxes in {data} are those of {node_of(data)}, and [server] node says {node}.",
            f"Leave node out or say {node_of(data)}; each machine has a data folder of its own.", ExitStatus.USAGE,
        )  # fmt: skip
