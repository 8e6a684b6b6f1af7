"""A Dovecot of our own on loopback, with all of its state in one folder. Any user may sign in with the password ``secret``."""

import contextlib
import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bascule.terms.errors import BasculeError

PASSWORD = "secret"
_CONFIGURATION = """
base_dir = {sockets}
state_dir = {root}/state
instance_name = bascule-{port}
log_path = {root}/dovecot.log
info_log_path = /dev/null
protocols = imap
listen = 127.0.0.1
{tls}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_master_user_separator = *
passdb {{
  driver = static
  args = password={password} user=%u
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}/mail/%u
}}
first_valid_uid = 1
first_valid_gid = 1
mail_location = {location}
mail_fsync = {fsync}
mail_max_userip_connections = {connections}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
  mailbox Junk {{
    special_use = \\Junk
  }}
}}
default_vsz_limit = 0
service imap-login {{
  service_count = 0
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{extra}
"""
_PLUGINS = """
mail_plugins = {plugins}
protocol imap {{
  mail_plugins = {plugins} {imap_plugins}
}}
plugin {{
  acl = vfile
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage={kilobytes}K
}}
"""
_LOCATIONS = {
    "sdbox": "sdbox:~/sdbox",
    "mdbox": "mdbox:~/mdbox",
    "maildir": "maildir:~/Maildir",
    "mbox": "mbox:~/mbox:INBOX=~/inbox",
}


def find_dovecot() -> str | None:
    """The program, where it is installed."""
    return shutil.which("dovecot") or next((p for p in ("/usr/sbin/dovecot",) if os.access(p, os.X_OK)), None)


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class PrivateDovecot:
    """Use as a context manager. ``settings`` are lines of dovecot.conf; ``tls`` is (certificate, key) in PEM files; ``connections``: how
    many one user may have at a time from one address; ``acl``: people may change rights (RFC 4314); ``compress``: RFC 4978."""

    root: Path
    port: int = 0
    format: str = "sdbox"
    separator: str = "/"
    prefix: str = ""
    fsync: str = "never"
    quota_kilobytes: int = 0
    connections: int = 100
    acl: bool = False
    compress: bool = False
    settings: str = ""
    tls: tuple[Path, Path] | None = None
    tls_port: int = 0
    _sockets: Path = Path()

    def start(self) -> Self:
        """Returns when it greets. Raises BasculeError when it does not within ten seconds."""
        program = find_dovecot()
        if program is None:
            raise BasculeError("Dovecot is not installed.", "Install it: apt-get install dovecot-imapd.")
        self.port = self.port or free_port()
        if self.tls and not self.tls_port:
            self.tls_port = free_port()
        self._sockets = self._socket_folder()
        for name in ("state", "mail"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        configuration = self.root / "dovecot.conf"
        configuration.write_text(self._configuration())
        if os.geteuid() == 0:
            user = pwd.getpwnam(self._user())
            os.chown(self.root / "mail", user.pw_uid, user.pw_gid)
            _open_way(self.root)
        with (self.root / "start.log").open("wb") as said:  # not a pipe: the server inherits it and keeps it open
            done = subprocess.run([program, "-c", str(configuration)], stdout=said, stderr=said, check=False)
        if done.returncode or not self._greets():
            raise BasculeError(f"Dovecot does not start: {self._log()}", f"See {self.root}.")
        return self

    def _socket_folder(self) -> Path:
        """A UNIX socket's path has at most 107 octets (unix(7)), and Dovecot's own names take up to 30 of them."""
        if len(str(self.root)) <= 70:
            return self.root / "run"
        return Path(tempfile.mkdtemp(prefix="bascule-"))

    def _user(self) -> str:
        return "mail" if os.geteuid() == 0 else getpass.getuser()

    def _configuration(self) -> str:
        user = pwd.getpwnam(self._user())
        extra = self._plugins() + self.settings
        if os.geteuid() != 0:
            group = grp.getgrgid(user.pw_gid).gr_name
            extra += f"\ndefault_internal_user = {user.pw_name}\ndefault_login_user = {user.pw_name}\n"
            extra += f"default_internal_group = {group}\n"
        tls = f"ssl = yes\nssl_cert = <{self.tls[0]}\nssl_key = <{self.tls[1]}" if self.tls else "ssl = no"
        return _CONFIGURATION.format(
            root=self.root, sockets=self._sockets, port=self.port, tls=tls, tls_port=self.tls_port, password=PASSWORD, user=user.pw_uid,
            group=user.pw_gid, location=_LOCATIONS[self.format], fsync=self.fsync, separator=self.separator, prefix=self.prefix, connections=self.connections,
            extra=extra,
        )  # fmt: skip

    def _plugins(self) -> str:
        plugins = [name for name, wanted in (("quota", self.quota_kilobytes), ("acl", self.acl)) if wanted]
        of_imap = [f"imap_{name}" for name in (*plugins, *(("zlib",) if self.compress else ()))]
        if not of_imap:
            return ""
        return _PLUGINS.format(
            plugins=" ".join(plugins), imap_plugins=" ".join(of_imap), kilobytes=self.quota_kilobytes
        )

    def _greets(self) -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.settimeout(2)
                    if probe.recv(100).startswith(b"* OK"):
                        return True
            except OSError:
                time.sleep(0.05)
        return False

    def _log(self) -> str:
        logs = [self.root / name for name in ("start.log", "dovecot.log")]
        return " ".join(log.read_text(errors="replace")[-500:].strip() for log in logs if log.exists())

    def url(self, user: str, *, tls: bool = False) -> str:
        return f"imaps://{user}@localhost:{self.tls_port}" if tls else f"imap://{user}@127.0.0.1:{self.port}"

    @property
    def process(self) -> int:
        """Its process id: the parent of all that it starts."""
        return int((self._sockets / "master.pid").read_text())

    def stop(self) -> None:
        """End it by its own process id, and its children. At once: asked to end, it takes a second, and what it has acknowledged is in its files."""
        self._end()
        if self._sockets.parent != self.root:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _end(self) -> None:
        file = self._sockets / "master.pid"
        try:
            pid = int(file.read_text())
            if "dovecot" not in Path(f"/proc/{pid}/comm").read_text():
                return
            family = (pid, *_children(pid))
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return  # it has ended by itself
        for each in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        while any(_is_alive(each) for each in family):  # its port is taken so long
            time.sleep(0.002)
        file.unlink()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


def _is_alive(pid: int) -> bool:
    """False for one that has ended and waits for init to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _open_way(root: Path) -> None:
    """The mail user must be able to walk to its folder (pytest's temporary folders are closed to others)."""
    for folder in (root, *root.parents):
        mode = folder.stat().st_mode
        if mode & 0o001 == 0:
            folder.chmod(mode | 0o011)
