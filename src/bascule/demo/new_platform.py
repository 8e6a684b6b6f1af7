"""The new platform of the demo: with the portal, whose members are brought in as an institution brings in its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from bascule.campaign.difference import differences
from bascule.campaign.members_file import read_members
from bascule.campaign.sheets import member_list
from bascule.demo.members import Member
from bascule.demo.platform import PASSWORD, DemoPlatform
from bascule.platform.accounts import Accounts
from bascule.portal.accounts import open_accounts
from bascule.portal.start import migrate, start
from bascule.terms.phases import MemberCalendar, Side

_SECTIONS = """\

[portal]
listen = "127.0.0.1:{web}"
url = "http://127.0.0.1:{web}"

[institution]
name = "Université d’Exemple"
short_name = "Exemple"
help = "04 00 00 00 00, de 8 h à 18 h"
"""
TITLES = {"pilots": "Direction du numérique", "main": "Tout l’établissement"}


class NewPlatform(DemoPlatform):
    """``ports``: web as well."""

    side = Side.NEW

    def __init__(self, root: Path, ports: dict[str, int]) -> None:
        super().__init__(root, ports)
        (root / "data").mkdir()
        start(self.config)
        migrate()

    def sections(self) -> str:
        return _SECTIONS.format(**self.ports)

    def accounts(self) -> Accounts:
        return open_accounts(self.config)

    def furnish(self, members: Iterable[Member], calendars: Mapping[str, MemberCalendar]) -> None:
        from bascule.portal.directory.built_in import built_in
        from bascule.portal.directory.importing import apply, present_mailboxes
        from bascule.portal.directory.models import Member as Person
        from bascule.portal.directory.models import Wave
        from bascule.portal.directory.provisioning import provision
        from bascule.portal.shell.doors import accounts, keys, now

        for name, calendar in calendars.items():
            instants = {field: getattr(calendar, field) for field in MemberCalendar.__slots__}
            Wave(name=name, title=TITLES[name], is_pilot=name == "pilots", **instants).save()
        rows, errors = read_members(self._list(members))
        found, errors = differences(rows, present_mailboxes(keys()), dict.fromkeys(calendars, ""), "main", wrong=errors)
        assert not errors
        apply(found, "main", keys(), now(), "bascule demo")
        with built_in() as platform:
            provision(platform, keys(), now())
        for person in Person.objects.all():
            person.set_password(PASSWORD)
            person.save()
        accounts().refresh()

    def _list(self, members: Iterable[Member]) -> Path:
        """The list that the institution would have written; it stays, to be looked at."""
        file = self.root / "members.csv"
        rows = [("sign_on", "name", "address", "kind", "owners", "wave", "office", "site", "language", "role")]
        for member in members:
            kind = "functional" if member.keepers else "personal"
            sign_on = "" if member.keepers else member.local
            site = "Campus Nord" if member.share > 7 else "Campus Sud"
            rows.append((sign_on, member.name, member.address, kind, " ".join(member.keepers), member.wave, member.department, site, member.language, "" if member.keepers else member.role))  # fmt: skip
        file.write_text(member_list(rows), "utf-8", newline="")
        return file

    def password_of(self, member: Member) -> str:
        from bascule.portal.directory.models import Mailbox
        from bascule.portal.shell.doors import keys

        return keys().open(Mailbox.objects.get(login=member.address).shown)
