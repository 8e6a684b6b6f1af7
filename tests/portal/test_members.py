"""The institution's list brought in, and mailboxes made ready: by command, again and again, and killed in between."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from support.command import ENTRY, bascule, environment
from support.portal import DOMAIN, Portal, T, configuration
from support.portal_database import make_database

HEADINGS = "sign_on;name;address;aliases;kind;owners;wave;office;role;old_url;old_way;old_secret"


def brought_in(portal: Portal, *lines: str, complete: bool = False) -> tuple[int, list[str]]:
    from bascule.campaign.difference import differences
    from bascule.campaign.members_file import parse_members
    from bascule.portal.directory.importing import apply, present_mailboxes
    from bascule.portal.directory.models import Wave
    from bascule.portal.shell.doors import accounts, keys, now

    rows, errors = parse_members("\n".join([HEADINGS, *lines]))
    waves = dict.fromkeys(Wave.objects.values_list("name", flat=True), "")
    found, errors = differences(rows, present_mailboxes(keys()), waves, "main", complete=complete, wrong=errors)
    count = apply(found, "main", keys(), now(), "test")
    accounts().refresh()
    return count, [error.what for error in errors]


LIST = (
    f"anna;Anna Martin;anna@{DOMAIN};a.martin@{DOMAIN};;;;Sciences;;imaps://anna@old.example;password;hunter2",
    f"paul;Paul Weber;paul@{DOMAIN};;;;pilots;DSI;operator",
    f";Scolarité;scolarite@{DOMAIN};;functional;anna paul",
    f";Imprimantes;scanner@{DOMAIN};;service;paul",
)


@pytest.fixture
def waves(portal: Portal) -> Portal:
    portal.move_to(T)
    portal.wave()
    portal.wave("pilots")
    return portal


def test_a_list_is_brought_in_and_again_changes_nothing(waves: Portal) -> None:
    from bascule.portal.directory.models import Mailbox, Member
    from bascule.portal.shell.doors import accounts, keys

    assert brought_in(waves, *LIST) == (4, [])
    assert brought_in(waves, *LIST) == (0, [])
    anna = Member.objects.get(sign_on="anna")
    assert (anna.name, anna.office, anna.role, anna.mailbox.wave.name) == ("Anna Martin", "Sciences", "member", "main")
    assert keys().open(anna.mailbox.old_secret) == "hunter2"
    assert "hunter2" not in anna.mailbox.old_secret
    assert Member.objects.get(sign_on="paul").mailbox.wave.name == "pilots"
    office = Mailbox.objects.get(login=f"scolarite@{DOMAIN}")
    assert sorted(office.owners.values_list("sign_on", flat=True)) == ["anna", "paul"]
    found = accounts().find(f"a.martin@{DOMAIN}")
    assert found is not None
    assert found.login == f"anna@{DOMAIN}"


def test_what_differs_is_changed_and_the_servers_know(waves: Portal) -> None:
    from bascule.portal.directory.models import Mailbox, Note
    from bascule.portal.shell.doors import accounts

    brought_in(waves, *LIST)
    box = Mailbox.objects.get(login=f"anna@{DOMAIN}")
    assert brought_in(waves, f"anna;Anna Martin-Roux;anna.roux@{DOMAIN};am@{DOMAIN};;;pilots;Lettres") == (1, [])
    found = accounts().find(f"anna.roux@{DOMAIN}")
    assert found is not None
    assert found.id == box.pk, "the same mailbox"
    assert set(found.addresses) == {f"anna.roux@{DOMAIN}", f"anna@{DOMAIN}", f"am@{DOMAIN}"}, (
        "the former primary address still takes mail"
    )
    assert accounts().find(f"a.martin@{DOMAIN}") is None
    told = Note.objects.get(what="import-changed").detail
    assert f"address: anna@{DOMAIN} → anna.roux@{DOMAIN}" in told
    assert "office: Sciences → Lettres" in told


def test_who_is_no_longer_on_a_complete_list_leaves_and_comes_back(waves: Portal) -> None:
    from bascule.portal.directory.models import Mailbox, Member
    from bascule.portal.shell.doors import accounts

    brought_in(waves, *LIST)
    assert brought_in(waves, *LIST[1:], complete=True)[0] == 1
    assert Member.objects.get(sign_on="anna").state == "left"
    assert Mailbox.objects.get(login=f"anna@{DOMAIN}").is_locked
    assert accounts().find(f"anna@{DOMAIN}") is not None, "mail is still taken"
    assert brought_in(waves, *LIST)[0] == 1
    assert Member.objects.get(sign_on="anna").state == "present"
    assert not Mailbox.objects.get(login=f"anna@{DOMAIN}").is_locked


def test_passwords_are_made_once(waves: Portal) -> None:
    from bascule.portal.directory.built_in import built_in
    from bascule.portal.directory.models import Mailbox
    from bascule.portal.directory.provisioning import provision
    from bascule.portal.shell.doors import keys, now

    brought_in(waves, *LIST)
    with built_in() as platform:
        assert provision(platform, keys(), now()).ready == 4
        before = dict(Mailbox.objects.values_list("login", "shown"))
        assert provision(platform, keys(), now()).ready == 0
    assert dict(Mailbox.objects.values_list("login", "shown")) == before
    assert len({keys().open(shown) for shown in before.values()}) == 4


# -- as commands ------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bascule.toml").write_text(configuration())
    make_database(tmp_path)
    bascule(tmp_path, "campaign", "--config", tmp_path / "bascule.toml", "init", "2027-04-27 09:00")
    return tmp_path


def campaign(place: Path, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    return bascule(place, "campaign", "--config", place / "bascule.toml", *words, status=status)


def test_a_dry_run_shows_each_difference_and_changes_nothing(place: Path) -> None:
    file = place / "list.csv"
    file.write_text("\n".join([HEADINGS, LIST[0], "bad;;x"]), "utf-8")
    done = campaign(place, "members", file, "--dry-run", status=1)
    assert f"2  new      anna@{DOMAIN}" in done.stdout
    assert "3  wrong    name is missing" in done.stderr
    refused = campaign(place, "members", file, status=1)
    assert "Nothing was changed" in refused.stderr
    assert "1 new" in campaign(place, "members", file, "--dry-run", status=1).stdout
    campaign(place, "members", file, "--skip-errors", status=1)
    assert "1 same" in campaign(place, "members", file, "--dry-run", status=1).stdout
    assert "hunter2" not in done.stdout + done.stderr + refused.stdout


def test_wrong_calendars_are_refused_with_the_reason(place: Path) -> None:
    assert "clocks go forward" in campaign(place, "init", "2027-03-28 02:30", status=2).stderr
    told = campaign(place, "init", "2027-04-27 09:00", "--credentials-open", "2027-04-28 09:00", status=2).stderr
    assert "does not come after the opening of the credentials" in told
    assert "wave's name" in campaign(place, "init", "2027-04-27 09:00", "--wave", "Été", status=2).stderr


def test_killed_at_random_moments_it_goes_on_and_changes_no_password_twice(place: Path) -> None:
    """600 members, killed a dozen times while they are brought in and made ready: in the end all are there, with the first password that each was given."""
    chance = random.Random(int(os.environ.get("BASCULE_SEED", "20261124")))
    file = place / "list.csv"
    file.write_text("\n".join([HEADINGS, *(f"m{n};Member {n};m{n}@{DOMAIN}" for n in range(600))]), "utf-8")
    given: dict[str, str] = {}
    for words in (("members", file), ("provision",)):
        began = time.monotonic()
        for _ in range(6):
            _killed_after(place, words, chance.uniform(0.5, 1.4))
            for login, shown in _passwords(place).items():
                assert given.setdefault(login, shown) == shown
        campaign(place, *words)
        assert time.monotonic() - began < 120
    now = _passwords(place)
    assert len(now) == 600
    assert all(now[login] == shown for login, shown in given.items())
    assert "600 same" in campaign(place, "members", file, "--dry-run").stdout
    assert campaign(place, "provision").stdout.startswith("0 made ready; 600 in all")


def _killed_after(place: Path, words: tuple[Any, ...], seconds: float) -> None:
    process = subprocess.Popen(
        [*ENTRY, "campaign", "--config", str(place / "bascule.toml"), *map(str, words)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment(place),
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _passwords(place: Path) -> dict[str, str]:
    with sqlite3.connect(place / "data/portal.sqlite") as database:
        return dict(database.execute("SELECT login, shown FROM directory_mailbox WHERE password <> ''"))


def test_the_account_commands_work_on_the_portals_accounts(place: Path) -> None:
    def account(*words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        return bascule(place, "account", "--config", place / "bascule.toml", *words, status=status)

    file = place / "list.csv"
    file.write_text("\n".join([HEADINGS, *LIST[:1], f"paul;Paul Weber;paul@{DOMAIN}", LIST[2]]), "utf-8")
    campaign(place, "members", file)
    campaign(place, "provision")
    anna, paul, office = f"anna@{DOMAIN}", f"paul@{DOMAIN}", f"scolarite@{DOMAIN}"
    told = account("list").stdout
    assert f"{anna}\tAnna Martin\talso a.martin@{DOMAIN}" in told
    assert "locked" in (account("lock", anna), account("list"))[1].stdout
    account("lock", anna, "--undo")
    assert "quota 5 GB" in (account("quota", anna, "5 GB"), account("list"))[1].stdout
    before = _passwords(place)[anna]
    assert "It is: " in account("passwd", anna).stdout
    assert _passwords(place)[anna] != before
    (place / "chosen").write_text("a password that an operator chose")
    account("passwd", paul, "--password-file", place / "chosen")
    with contextlib.closing(sqlite3.connect(place / "data/portal.sqlite")) as database:
        told = database.execute("SELECT renewed_at FROM directory_mailbox WHERE login = ?", (paul,)).fetchone()
    assert told[0], "their page says so"
    shares = account("shares", office).stdout
    assert f"INBOX\t{anna}\tfull" in shares
    assert f"–\t{paul}\tsend" in shares
    account("share", anna, paul, "--may", "read", "--folder", "INBOX", "--send")
    assert account("shares", anna).stdout.splitlines() == [f"INBOX\t{paul}\tread", f"–\t{paul}\tsend"]
    account("unshare", anna, paul)
    assert "shares nothing" in account("shares", anna).stdout
    assert "the institution's list says" in account("add", f"new@{DOMAIN}", status=2).stderr
    assert "There is no account" in account("lock", f"nobody@{DOMAIN}", status=2).stderr


def test_who_looks_after_an_office_no_more_is_let_out(place: Path) -> None:
    file = place / "list.csv"
    people = [f"anna;Anna;anna@{DOMAIN}", f"paul;Paul;paul@{DOMAIN}"]
    for owners, expected in (("anna paul", ["anna", "paul"]), ("paul", ["paul"])):
        file.write_text("\n".join([HEADINGS, *people, f";Office;office@{DOMAIN};;functional;{owners}"]), "utf-8")
        campaign(place, "members", file)
        campaign(place, "provision")
        told = bascule(place, "account", "--config", place / "bascule.toml", "shares", f"office@{DOMAIN}").stdout
        assert [who for who in ("anna", "paul") if f"INBOX\t{who}@{DOMAIN}\tfull" in told] == expected
        assert [who for who in ("anna", "paul") if f"–\t{who}@{DOMAIN}\tsend" in told] == expected


def test_a_list_that_was_cut_off_makes_nobody_leave(place: Path) -> None:
    file = place / "list.csv"
    people = [f"m{number};Member {number};m{number}@{DOMAIN}" for number in range(30)]
    file.write_text("\n".join(["sign_on;name;address", *people]), "utf-8")
    campaign(place, "members", file)
    file.write_text("\n".join(["sign_on;name;address", *people[:10]]), "utf-8")
    assert "20 members would leave" in campaign(place, "members", file, "--complete", status=1).stderr
    assert "20 members would leave" in campaign(place, "members", file, "--complete", "--leaving", 19, status=1).stderr
    assert "30 same" in _again(place, people)
    campaign(place, "members", file, "--complete", "--leaving", 20)
    assert "20 changed" in _again(place, people)


def _again(place: Path, people: list[str]) -> str:
    file = place / "whole.csv"
    file.write_text("\n".join(["sign_on;name;address", *people]), "utf-8")
    return campaign(place, "members", file, "--dry-run").stdout


def test_whence_the_list_comes_must_be_said(place: Path) -> None:
    assert "Whence does the list come?" in campaign(place, "members", status=2).stderr
    assert "No directory is named" in campaign(place, "members", "--ldap", status=2).stderr
