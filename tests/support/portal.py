"""A portal within the test's own process: members, waves, a clock, and clients that ask for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bascule.platform.clock import Clock

T = datetime(2027, 4, 27, 7, 0, tzinfo=UTC)
"""9:00 in Paris, a Tuesday."""
EVE = T - timedelta(days=1)
PASSWORD = "a-local-password"
DOMAIN = "univ-exemple.fr"


def configuration(
    *, port: int = 8025, database: str | None = None, more: str = "", sign_on: tuple[str, ...] = ("local",)
) -> str:
    """``more``: sections."""
    told = f'database = "{database}"\n' if database else ""
    ways = ", ".join(f'"{way}"' for way in sign_on)
    return (
        '[server]\ndata = "data"\nhostname = "mail.univ-exemple.fr"\nrehearsal_clock = "clock"\n'
        f'[portal]\nlisten = "127.0.0.1:{port}"\nurl = "http://127.0.0.1:{port}"\nsign_on = [{ways}]\n{told}'
        '[institution]\nname = "Université d’Exemple"\nshort_name = "Exemple"\nhelp = "04 00 00 00 00"\n' + more
    )


@dataclass
class Portal:
    config: Path

    def empty(self) -> None:
        """As it is at the first start, at real time."""
        from allauth.mfa.models import Authenticator
        from django.contrib.sessions.models import Session

        from bascule.portal.directory import models
        from bascule.portal.jobs.models import Work
        from bascule.portal.shell import context, doors

        self.close()
        for model in (Work, models.MemberList, Authenticator, Session, models.View, models.Carry, models.Banner, models.Note, models.Member, models.Address, models.Mailbox, models.Wave):  # fmt: skip
            model.objects.all().delete()
        (self.config.parent / "clock").unlink(missing_ok=True)
        for notes in (self.config.parent / "data").glob("accounts-notes.sqlite*"):
            notes.unlink()
        doors._accounts.cache_clear()
        context.banner_changed()

    def close(self) -> None:
        from bascule.portal.shell import doors

        if doors._accounts.cache_info().currsize:
            doors.accounts().close()
            doors._accounts.cache_clear()

    def move_to(self, instant: datetime) -> None:
        Clock(self.config.parent / "clock").move_to(instant.timestamp())

    def wave(self, name: str = "main", switch: datetime = T, **more: Any) -> Any:
        from bascule.portal.directory.models import Wave

        return Wave.objects.create(
            name=name, credentials_open=more.pop("credentials_open", switch - timedelta(days=14)), switch=switch,
            all_assistance=switch + timedelta(days=1), archive_closes=switch + timedelta(days=61),
            backup_destroyed=switch + timedelta(days=366), **more,
        )  # fmt: skip

    def member(
        self, sign_on: str, wave: Any, *, role: str = "member", provisioned: bool = True, aliases: tuple[str, ...] = ()
    ) -> Any:
        """With a mailbox ``sign_on@…``, and `PASSWORD` to sign on with."""
        from bascule.portal.directory.built_in import built_in
        from bascule.portal.directory.models import Address, Mailbox, Member, publish
        from bascule.portal.directory.provisioning import provision
        from bascule.portal.shell.doors import accounts, keys, now

        login = f"{sign_on}@{DOMAIN}"
        box = Mailbox.objects.create(login=login, name=sign_on.title(), wave=wave, created_at=now())
        for address in (login, *aliases):
            Address.objects.create(address=address, mailbox=box)
        member = Member(sign_on=sign_on, name=sign_on.title(), mailbox=box, role=role, created_at=now())
        member.set_password(PASSWORD)
        member.save()
        publish([box.pk])
        if provisioned:
            with built_in() as platform:
                provision(platform, keys(), now())
            accounts().refresh()
            box.refresh_from_db()
        return member

    def service(self, name: str, wave: Any, owners: Sequence[Any] = (), kind: str = "service") -> Any:
        """A mailbox of no one person, which these members look after."""
        from bascule.portal.directory.built_in import built_in
        from bascule.portal.directory.models import Address, Mailbox, publish
        from bascule.portal.directory.provisioning import provision
        from bascule.portal.shell.doors import accounts, keys, now

        login = f"{name}@{DOMAIN}"
        box = Mailbox.objects.create(login=login, name=name.title(), wave=wave, kind=kind, created_at=now())
        Address.objects.create(address=login, mailbox=box)
        box.owners.set(owners)
        publish([box.pk])
        with built_in() as platform:
            provision(platform, keys(), now())
        accounts().refresh()
        box.refresh_from_db()
        return box

    def brought_list(self, text: str, *, complete: bool = False, name: str = "list.csv") -> Any:
        """A list that an operator brought and has not brought in yet."""
        from bascule.portal.directory.models import MemberList, Wave
        from bascule.portal.shell.doors import keys, now

        return MemberList.objects.create(
            name=name, sealed=keys().seal(text), wave=Wave.objects.first(), is_complete=complete, brought_by="test", brought_at=now()
        )  # fmt: skip

    def work(self) -> Any:
        """Some long work that waits."""
        from bascule.portal.jobs.asking import ask
        from bascule.portal.jobs.models import Kind
        from bascule.portal.shell.doors import now

        return ask(Kind.PROVISION, {}, by="test", at=now())

    def mail_password(self, member: Any) -> str:
        from bascule.portal.directory.models import Mailbox
        from bascule.portal.shell.doors import keys

        return keys().open(Mailbox.objects.get(pk=member.mailbox_id).shown)

    def client(self, member: Any = None, **options: Any) -> Any:
        """Somebody's browser, signed on or not."""
        from django.test import Client

        client = Client(HTTP_HOST="127.0.0.1", **options)
        if member is not None:
            answer = client.post("/sign-on", {"username": member.sign_on, "password": PASSWORD})
            assert answer.status_code == 302, answer.content.decode()
        return client
