"""Dovecot's dsync (doveadm sync over imapc): Debian packages dovecot-core and dovecot-imapd. It needs Dovecot on one side: here the target."""

import shutil
from pathlib import Path

from peers.limits import ANSWER_SECONDS
from peers.peer import PASSWORD, Call, End, lines


class Dsync:
    name = "dsync"
    opens_target = True
    how = "`doveadm -o imapc_… -o imapc_features='rfc822.size fetch-headers' -o mail_prefetch_count=20 sync -1 -R -u USER imapc:`"

    def missing(self) -> str:
        return "" if shutil.which("doveadm") else "doveadm is not installed (Debian: dovecot-core)"

    def version(self) -> str:
        return "Dovecot " + lines(["dovecot", "--version"], lambda said: said[0])

    def call(self, state: Path, source: End, target: End, words: tuple[str, ...] = ()) -> Call:
        assert target.configuration is not None
        settings = [
            "imapc_host=127.0.0.1", f"imapc_port={source.port}", f"imapc_user={source.user}", f"imapc_password={PASSWORD}",
            "imapc_features=rfc822.size fetch-headers", "mail_prefetch_count=20", f"imapc_cmd_timeout={ANSWER_SECONDS}s",
        ]  # fmt: skip
        options = [word for setting in settings for word in ("-o", setting)]
        command = ["doveadm", "-c", str(target.configuration), *options, "sync", "-1", "-R", *words]
        return Call((*command, "-u", target.user, "imapc:"), {})

    def told(self, said: str) -> str:
        return said
