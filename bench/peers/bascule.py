"""`bascule copy` itself, as its users call it."""

import json
from pathlib import Path

from bascule import __version__
from peers.limits import ANSWER_SECONDS
from peers.peer import PASSWORD, Call, End
from support.command import ENTRY


class Bascule:
    name = "bascule"
    opens_target = False
    how = "`bascule copy SOURCE TARGET --state DIR`"

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return f"Bascule {__version__}"

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        urls = [f"imap://{end.user}@127.0.0.1:{end.port}" for end in (source, target)]
        options = [
            "--state",
            str(state / "kept"),
            "--json",
            "--quiet",
            "--timeout",
            str(ANSWER_SECONDS),
            "--settle",
            "0.5",
        ]
        variables = {
            "BASCULE_SOURCE_PASSWORD": PASSWORD, "BASCULE_TARGET_PASSWORD": PASSWORD, "BASCULE_KEY": str(state / "key.pem"),
            "XDG_STATE_HOME": str(state / "home"),
        }  # fmt: skip
        return Call((*ENTRY, "copy", *urls, *options, *words), variables)

    def told(self, said: str) -> str:
        """Its JSON report is one line: here a line for each exception and each folder that has an error."""
        found = []
        for line in said.splitlines():
            if not line.startswith("{"):
                found.append(line)
                continue
            report = json.loads(line)
            found += [f"error in {row['folder']}: {row['error']}" for row in report["folders"] if row["error"]]
            found += [f"error in {e['folder']}/{e['uid']}: {e['code']} {e['detail']}" for e in report["exceptions"]]
            found += [f"error: {report['stopped']}"] if report["stopped"] else []
        return "\n".join(found)
