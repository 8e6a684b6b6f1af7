"""Thunderbird as Debian has it, on a screen that nobody sees, told what to do over Marionette: its own code opens folders, reads, moves, writes."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.dovecot import free_port

_QUIET = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.shell.checkDefaultClient": False,
    "mail.rights.version": 1,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "mail.imap.use_status_for_biff": True,
}
_START_SECONDS = 120
_SCRIPT_SECONDS = 240
"""Some wait several times for what Thunderbird does in its own time, a minute each."""
_LOGIN = """
const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
const [origin, user, password] = arguments;
login.init(origin, null, origin, user, password, "", "");
await Services.logins.addLoginAsync(login);
"""


OPEN = """
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const window = Services.wm.getMostRecentWindow("mail:3pane");
const {msgWindow} = window;
const account = MailServices.accounts.defaultAccount;
const root = account.incomingServer.rootFolder;
const pause = (milliseconds) => new Promise(resolve => window.setTimeout(resolve, milliseconds));
const until = async (test) => { for (let i = 0; i < 300 && !test(); i++) await pause(100); return test(); };
const find = (path) => path.split("/").reduce((folder, name) => folder && folder.getChildNamed(name), root);
// One that is asked for while another runs may be let go, and then nobody is told of its end.
const refresh = (folder) => Promise.race([pause(10000), new Promise(resolve => folder.QueryInterface(Ci.nsIMsgImapMailFolder).updateFolderWithListener(
  msgWindow, { OnStartRunningUrl() {}, OnStopRunningUrl(url, status) { resolve(status); } }))]);
const all = (folder) => [...folder.messages].sort((a, b) => a.messageKey - b.messageKey);
// The end of an update is no promise that its messages are listed yet.
const listed = async (path, number) => {
  const there = () => find(path) && all(find(path)).length >= number;
  await until(() => find(path));
  for (let i = 0; i < 4 && !there(); i++) { await refresh(find(path)); await until(there); }
  return all(find(path)).length;
};
"""
"""How a script begins that works on folders."""


class Thunderbird:
    """With one account, of which the program knows the password. Use as a context manager."""

    def __init__(self, root: Path, login: str, password: str, imap: int, submission: int) -> None:
        self.root = root
        self._login, self._password = login, password
        self._port = free_port()
        self._screen = f":{self._port % 500 + 100}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._profile = root / "profile"
        self._profile.mkdir(parents=True)
        server = {"type": "imap", "hostname": "127.0.0.1", "port": imap, "userName": login, "name": login, "socketType": 0,
                  "authMethod": 3, "using_subscription": False, "login_at_startup": False, "check_new_mail": False, "timeout": 29}  # fmt: skip
        sender = {"hostname": "127.0.0.1", "port": submission, "username": login, "authMethod": 3, "try_ssl": 0}
        identity = {"fullName": "Anna", "useremail": login, "valid": True, "smtpServer": "smtp1", "fcc": True, "fcc_folder": f"imap://{login.replace('@', '%40')}@127.0.0.1/Sent"}  # fmt: skip
        preferences: dict[str, Any] = {
            **_QUIET,
            "marionette.port": self._port,
            "mail.accountmanager.accounts": "account1",
            "mail.accountmanager.defaultaccount": "account1",
            "mail.account.account1.server": "server1",
            "mail.account.account1.identities": "id1",
            "mail.smtpservers": "smtp1",
            "mail.smtp.defaultserver": "smtp1",
            **{f"mail.server.server1.{name}": value for name, value in server.items()},
            **{f"mail.smtpserver.smtp1.{name}": value for name, value in sender.items()},
            **{f"mail.identity.id1.{name}": value for name, value in identity.items()},
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (self._profile / "user.js").write_text("".join(lines))

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script among Thunderbird's own code; what it returns. Raises AssertionError with what went wrong there."""
        wrapped = f"const done = arguments[arguments.length - 1]; const given = Array.from(arguments).slice(0, -1);\n(async function() {{ {script} }}).apply(null, given).then(done, error => done({{failed: String(error) + error.stack}}));"  # fmt: skip
        answer = self._ask(
            "WebDriver:ExecuteAsyncScript", {"script": wrapped, "args": list(arguments), "newSandbox": True}
        )
        value = answer.get("value")
        if isinstance(value, dict) and "failed" in value:
            raise AssertionError(value["failed"])
        return value

    def conversation(self) -> str:
        """The end of what it and the server said, as it wrote it down itself: to understand a failure by."""
        written = sorted(self.root.glob("imap*"))
        return "\n".join(each.read_text(errors="replace")[-4000:] for each in written)

    def _ask(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        request = json.dumps([0, 1, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(request), request))
        _, _, error, value = self._receive()
        if error:
            raise AssertionError(f"{error['error']}: {error['message']} {error.get('data') or ''}")
        return value or {}

    def _receive(self) -> Any:
        """Raises ConnectionError where Thunderbird is gone."""
        held = b""
        while b":" not in held:
            held += self._some(1)
        left = int(held[:-1])
        octets = b""
        while len(octets) < left:
            octets += self._some(left - len(octets))
        return json.loads(octets)

    def _some(self, most: int) -> bytes:
        octets = self._socket.recv(most)
        if not octets:
            raise ConnectionError(f"Thunderbird is gone: {(self.root / 'log').read_text()[-2000:]}")
        return octets

    def _connect(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self._port), 5)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"Thunderbird did not start: {(self.root / 'log').read_text()[-2000:]}"
                    ) from None
                time.sleep(0.2)
        self._socket.settimeout(_SCRIPT_SECONDS + 10)
        self._receive()
        self._ask("WebDriver:NewSession", {"capabilities": {}})
        self._ask("Marionette:SetContext", {"value": "chrome"})
        self._ask("WebDriver:SetTimeouts", {"script": _SCRIPT_SECONDS * 1000})

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "DISPLAY": self._screen,
            "HOME": str(self.root),
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "LANG": "C.UTF-8",
            "MOZ_LOG": "IMAP:5",
            "MOZ_LOG_FILE": str(self.root / "imap"),
        }
        with (self.root / "log").open("wb") as log:
            for words in (
                ["Xvfb", self._screen, "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
                [
                    "thunderbird",
                    "--marionette",
                    "--remote-allow-system-access",
                    "--no-remote",
                    "--profile",
                    str(self._profile),
                ],
            ):
                self._processes.append(
                    subprocess.Popen(words, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
                )  # fmt: skip
        try:
            self._connect()
            for origin in ("imap://127.0.0.1", "smtp://127.0.0.1"):
                self.run(_LOGIN, origin, self._login, self._password)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
