"""The programs and folders that some tests need, and how to get them."""

import os
import shutil
from pathlib import Path

SETUP = "Bring it with: make test-setup"
HOW_TO_GET = {
    "dovecot": SETUP,
    "cyrus": SETUP,
    "strace": SETUP,
    "mbsync": SETUP,
    "offlineimap": SETUP,
    "mutt": SETUP,
    "getmail": SETUP,
    "curl": SETUP,
    "swaks": SETUP,
    "postfix": SETUP,
    "rspamd": SETUP,
    "dnsmasq": SETUP,
    "corpora": "Set BASCULE_CORPORA to the folder of real messages.",
    "rig": "Set BASCULE_BENCH_RIG to the folder of the bench rig.",
}


def cache() -> Path:
    return Path(os.environ.get("BASCULE_CACHE") or "/var/cache/bascule")


def cyrus_root() -> Path:
    return cache() / "cyrus"


def folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value and Path(value).is_dir() else None


def is_there(part: str) -> bool:
    match part:
        case "dovecot":
            return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
        case "postfix" | "dnsmasq":
            return shutil.which(part, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
        case "cyrus":
            return (cyrus_root() / "usr/sbin/saslpasswd2").exists() and os.geteuid() == 0
        case "strace" | "mbsync" | "offlineimap" | "mutt" | "getmail" | "curl" | "swaks" | "rspamd":
            return shutil.which(part) is not None
        case "corpora":
            return folder("BASCULE_CORPORA") is not None
        case "rig":
            return folder("BASCULE_BENCH_RIG") is not None
    raise ValueError(part)


def are_required() -> bool:
    """Whether a missing part is a failure rather than a skip."""
    return os.environ.get("BASCULE_REQUIRE_PARTS") == "1"
