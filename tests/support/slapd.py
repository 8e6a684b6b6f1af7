"""A real slapd of our own, on loopback, with three people."""

import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support.portal_server import DOMAIN, free_port

BASE = "dc=univ-exemple,dc=fr"
READER = f"cn=reader,{BASE}"
_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {root}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "{base}"
rootdn "cn=admin,{base}"
directory {root}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
"""
_PEOPLE = """\
dn: {base}
objectClass: dcObject
objectClass: organization
o: Exemple
dc: univ-exemple

dn: {reader}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret

dn: ou=people,{base}
objectClass: organizationalUnit
ou: people

{people}"""


class PrivateSlapd:
    """Use as a context manager. ``people``: uid → password."""

    def __init__(self, people: dict[str, str]) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="bascule-slapd-", ignore_cleanup_errors=True)
        self.root = Path(self._place.name)
        self.port = free_port()
        self._people = people
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        (self.root / "db").mkdir()
        (self.root / "slapd.conf").write_text(_CONFIGURATION.format(root=self.root, base=BASE, reader=READER))
        people = "\n\n".join(
            f"dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid.title()}\nsn: {uid.title()}\nuserPassword: {password}\n"
            f"mail: {uid}@{DOMAIN}\nou: Sciences\nl: Campus Nord\npreferredLanguage: en-GB\ninitials: pilots"
            for uid, password in self._people.items()
        )
        ldif = self.root / "people.ldif"
        ldif.write_text(_PEOPLE.format(base=BASE, reader=READER, people=people) + "\n")
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", self.root / "slapd.conf", "-l", ldif], check=True, capture_output=True
        )
        self.start()
        return self

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/slapd", "-f", str(self.root / "slapd.conf"), "-h", self.uri, "-d", "0"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )  # fmt: skip
        for _ in range(1200):
            probe = subprocess.run(["ldapwhoami", "-x", "-H", self.uri], capture_output=True, check=False)
            if probe.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self.root / "log").read_text())

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._place.cleanup()
