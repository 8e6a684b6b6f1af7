"""A real LemonLDAP::NG of our own (Debian's packages), on loopback: CAS and OpenID Connect for its demonstration users (dwho, rtyler, msmith)."""

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.portal_server import free_port

CLIENT, SECRET = "bascule", "client-secret"
_GIVEN = Path("/var/lib/lemonldap-ng/conf/lmConf-1.json")
_INI = """\
[all]
logLevel = info
checkTime = 0
[configuration]
type = File
dirName = {root}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'config', 'cache_root' => '{root}/cache', 'cache_depth' => 1 }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en, fr
"""


class PrivateLemon:
    """Use as a context manager. ``callback``: where OpenID Connect comes back to; ``service``: the site that may use CAS."""

    def __init__(self, callback: str, service: str) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="bascule-lemon-", ignore_cleanup_errors=True)
        self.root = Path(self._place.name)
        self.port = free_port()
        self._callback, self._service = callback, service
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        for name in ("conf", "cache", "sessions", "psessions"):
            (self.root / name).mkdir()
        (self.root / "conf/lmConf-1.json").write_text(json.dumps(self._configuration()))
        (self.root / "lemonldap-ng.ini").write_text(_INI.format(root=self.root))
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["plackup", "--host", "127.0.0.1", "--port", str(self.port), "-E", "deployment", "/usr/share/lemonldap-ng/portal/htdocs/index.psgi"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "LLNG_DEFAULTCONFFILE": str(self.root / "lemonldap-ng.ini")},
            )  # fmt: skip
        for _ in range(900):
            try:
                urllib.request.urlopen(f"{self.url}/.well-known/openid-configuration", timeout=10).read()
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
            else:
                return self
        raise AssertionError((self.root / "log").read_text())

    def _configuration(self) -> dict[str, object]:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        public = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        sessions = {"Directory": str(self.root / "sessions"), "LockDirectory": str(self.root / "sessions"), "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}  # fmt: skip
        return {
            **json.loads(_GIVEN.read_text()),
            "cfgNum": 1, "domain": "localhost", "portal": f"{self.url}/", "authentication": "Demo", "userDB": "Same", "registerDB": "Null",
            "passwordDB": "Null", "requireToken": "0", "captcha_login_enabled": 0, "captcha_mail_enabled": 0, "captcha_register_enabled": 0, "portalDisplayRegister": 0, "portalDisplayResetPassword": 0, "securedCookie": 0, "globalStorageOptions": sessions,
            "persistentStorageOptions": {"Directory": str(self.root / "psessions"), "LockDirectory": str(self.root / "psessions")},
            "localSessionStorageOptions": {"cache_root": str(self.root / "cache"), "namespace": "sessions", "cache_depth": 1},
            "issuerDBCASActivation": 1, "casAccessControlPolicy": "none",
            "casAppMetaDataOptions": {"bascule": {"casAppMetaDataOptionsService": self._service, "casAppMetaDataOptionsUserAttribute": "uid"}},
            "issuerDBOpenIDConnectActivation": 1, "oidcServiceMetaDataIssuer": self.url, "oidcServiceKeyIdSig": "one",
            "oidcServicePrivateKeySig": private, "oidcServicePublicKeySig": public, "oidcServiceAllowAuthorizationCodeFlow": 1,
            "oidcRPMetaDataExportedVars": {"bascule": {"preferred_username": "uid", "name": "cn", "email": "mail"}},
            "oidcRPMetaDataOptions": {"bascule": {
                "oidcRPMetaDataOptionsClientID": CLIENT, "oidcRPMetaDataOptionsClientSecret": SECRET, "oidcRPMetaDataOptionsDisplayName": "Bascule",
                "oidcRPMetaDataOptionsRedirectUris": self._callback, "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256",
                "oidcRPMetaDataOptionsBypassConsent": 1, "oidcRPMetaDataOptionsIDTokenExpiration": 3600, "oidcRPMetaDataOptionsUserIDAttr": "uid",
            }},
        }  # fmt: skip

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._place.cleanup()
