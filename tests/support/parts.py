"""The programs and folders that some tests need, and how to get them."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SETUP = "Bring it with: make test-setup"
HOW_TO_GET = {
    "dovecot": SETUP,
    "cyrus": SETUP,
    "courier": SETUP,
    "hoodiecrow": SETUP,
    "pymap": SETUP,
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
    "thunderbird": SETUP,
    "chromium": SETUP,
    "slapd": SETUP,
    "postgresql": SETUP,
    "gettext": SETUP,
    "lemonldap": SETUP,
    "mount": "Run the tests as root, where file systems can be mounted.",
    "corpora": "Set BASCULE_CORPORA to the folder of real messages.",
    "rig": "Set BASCULE_BENCH_RIG to the folder of the bench rig.",
    "imaptest": "Build it with tests/make-imaptest, and set BASCULE_IMAPTEST to its folder.",
}
BY_HAND = {"imaptest"}
"""What nothing brings by itself: its source is on GitHub alone."""
FOR_ROOT = {"cyrus", "lemonldap", "postfix"}
"""What `make test-setup` brings, and only root can start or read."""


def how_to_get(part: str) -> str:
    if part in FOR_ROOT and os.geteuid() != 0:
        return f"Run the tests as root. {HOW_TO_GET[part]}"
    return HOW_TO_GET[part]


def cache() -> Path:
    return Path(os.environ.get("BASCULE_CACHE") or "/var/cache/bascule")


def cyrus_root() -> Path:
    return cache() / "cyrus"


COURIER_SOCKET = b"/run/courier/autthdaemon/socket\0"
"""Where Courier's library asks who somebody is: the compiler keeps the path as two pieces of 16 octets that share one ("t")."""


def courier_root() -> Path:
    return cache() / "courier"


def courier_library() -> Path:
    return courier_root() / "usr/lib/libcourierauth.so.0.0.0"


def hoodiecrow_module() -> Path:
    return cache() / "hoodiecrow/node_modules/hoodiecrow-imap"


def pymap_program() -> Path:
    return cache() / "pymap/bin/pymap"


def postgresql_programs() -> Path | None:
    """The folder of initdb and pg_ctl: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value and Path(value).is_dir() else None


def is_there(part: str) -> bool:
    match part:
        case "dovecot":
            return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
        case "dnsmasq" | "slapd":
            return shutil.which(part, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
        case "postfix":
            return Path("/usr/sbin/postfix").exists() and os.geteuid() == 0
        case "mount":
            return _can_mount()
        case "cyrus":
            return (cyrus_root() / "usr/sbin/saslpasswd2").exists() and os.geteuid() == 0
        case "courier":
            return _has_courier()
        case "hoodiecrow":
            return shutil.which("node") is not None and (hoodiecrow_module() / "lib/server.js").exists()
        case "pymap":
            return all(os.access(pymap_program().with_name(name), os.X_OK) for name in ("pymap", "python"))
        case "strace" | "mbsync" | "offlineimap" | "mutt" | "getmail" | "curl" | "swaks" | "rspamd":
            return shutil.which(part) is not None
        case "thunderbird":
            return shutil.which("thunderbird") is not None and shutil.which("Xvfb") is not None
        case "chromium":
            return shutil.which("chromium") is not None and _driver_starts()
        case "lemonldap":
            return (
                Path("/usr/share/lemonldap-ng/portal/htdocs/index.psgi").exists()
                and shutil.which("plackup") is not None
                and os.geteuid() == 0
            )
        case "gettext":
            return shutil.which("msgfmt") is not None
        case "postgresql":
            return postgresql_programs() is not None
        case "corpora":
            return folder("BASCULE_CORPORA") is not None
        case "imaptest":
            return folder("BASCULE_IMAPTEST") is not None
        case "rig":
            return folder("BASCULE_BENCH_RIG") is not None
    raise ValueError(part)


def _has_courier() -> bool:
    programs = ("usr/bin/imapd", "usr/sbin/couriertcpd", "usr/lib/courier/courier/imaplogin")
    if not all((courier_root() / name).exists() for name in programs):
        return False
    return courier_library().read_bytes().count(COURIER_SOCKET) == 1


@functools.cache
def _can_mount() -> bool:
    """Containers often forbid it."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as place:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", place], check=True)
    return True


@functools.cache
def _driver_starts() -> bool:
    """Playwright brings a node of its own, which needs libraries that a bare machine does not have."""
    words = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def is_required(part: str) -> bool:
    """Whether it is a failure, rather than a skip, that this part is missing. ``BASCULE_REQUIRE_PARTS``: ``1`` says so of every part,
    ``test-setup`` of those that that brings."""
    required = os.environ.get("BASCULE_REQUIRE_PARTS")
    if part in BY_HAND:
        return False
    return required == "1" or (required == "test-setup" and HOW_TO_GET[part] == SETUP)
