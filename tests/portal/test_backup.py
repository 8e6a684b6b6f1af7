"""The portal in the backup: its database, wherever it is, and its keys; restored on an empty machine, also into another kind of database."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import bascule
from support.portal import DOMAIN, configuration
from support.portal_database import make_database
from support.postgresql import database_for

_READ = """
import json, sys
from pathlib import Path
from bascule.portal.start import start
start(Path(sys.argv[1]))
from bascule.portal.directory.models import Mailbox, Member, Note, Wave
from bascule.portal.shell.doors import keys, now
told = {
    "passwords": {box.login: keys().open(box.shown) for box in Mailbox.objects.exclude(shown="")},
    "old": {box.login: keys().open(box.old_secret) for box in Mailbox.objects.exclude(old_secret="")},
    "members": sorted(Member.objects.values_list("sign_on", "name", "role", "mailbox__login")),
    "owners": sorted(Mailbox.owners.through.objects.values_list("mailbox__login", "member__sign_on")),
    "elsewhere": [box.login for box in Mailbox.objects.all() if box.is_elsewhere],
    "node": (Path(sys.argv[1]).parent / "data/node").read_text(),
    "waves": [str(wave.switch) for wave in Wave.objects.all()],
    "notes": Note.objects.count(),
}
Note.objects.create(at=now(), by="test", what="still-writable")
print(json.dumps(told))
"""


def told_by(place: Path) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", _READ, str(place / "bascule.toml")], capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def installation(place: Path, database: str | None, more: str = "") -> Path:
    place.mkdir()
    (place / "bascule.toml").write_text(configuration(database=database).replace("[portal]\n", f"[portal]\n{more}"))
    return place


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("before", ["sqlite", "postgresql"])
@pytest.mark.parametrize("after", ["sqlite", "postgresql"])
def test_everything_of_the_portal_comes_back(tmp_path: Path, before: str, after: str) -> None:
    first, second = database_for(before), database_for(after)
    old = installation(tmp_path / "old", first, more='keys = "elsewhere/keys.json"\n' if before == "postgresql" else "")
    if before == "sqlite":
        make_database(old)
    config = old / "bascule.toml"
    config.write_text(config.read_text().replace("[server]\n", '[server]\nnode = "old-machine"\n'))
    bascule(old, "campaign", "--config", config, "init", "2027-04-27 09:00")
    (old / "list.csv").write_text(
        "sign_on;name;address;kind;owners;role;old_url;old_secret\n"
        f"anna;Anna Martin;anna@{DOMAIN};;;operator;imaps://anna@old.example;hunter2\n;Office;office@{DOMAIN};functional;anna;;;\n", "utf-8"
    )  # fmt: skip
    bascule(old, "campaign", "--config", config, "members", old / "list.csv")
    bascule(old, "campaign", "--config", config, "provision")
    bascule(old, "backup", "--config", config, tmp_path / "backup")
    bascule(old, "backup", "--config", config, tmp_path / "backup")  # again: brought up to date
    expected = told_by(old)
    assert expected["old"] == {f"anna@{DOMAIN}": "hunter2"}
    new = installation(tmp_path / "new", second)
    bascule(new, "restore", "--config", new / "bascule.toml", tmp_path / "backup", "--all")
    assert told_by(new) == expected
    assert (expected["node"], expected["elsewhere"]) == ("old-machine\n", []), "its mailboxes are at home there"
    assert (new / "data/portal.sqlite").exists() == (after == "sqlite")
    refused = bascule(new, "restore", "--config", new / "bascule.toml", tmp_path / "backup", "--all", status=None)
    assert refused.returncode != 0
    assert "already" in refused.stderr


@pytest.mark.needs("postgresql")
def test_a_database_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    """Before anything is written: the data folder is still empty."""
    database = database_for("postgresql")
    old = installation(tmp_path / "old", None)
    make_database(old)
    bascule(old, "campaign", "--config", old / "bascule.toml", "password", "chief", "--name", "Chief")
    bascule(old, "backup", "--config", old / "bascule.toml", tmp_path / "backup")
    new = installation(tmp_path / "new", database)
    bascule(new, "campaign", "--config", new / "bascule.toml", "password", "other", "--name", "Other")
    told = bascule(new, "restore", "--config", new / "bascule.toml", tmp_path / "backup", "--all", status=2)
    assert "has members already" in told.stderr
    assert not (new / "data/mailboxes").exists()
    assert not (new / "data/portal.sqlite").exists()


def test_a_backup_whose_database_was_cut_off_is_as_it_was(tmp_path: Path) -> None:
    """The file in the backup is replaced as a whole."""
    old = installation(tmp_path / "old", None)
    make_database(old)
    bascule(old, "campaign", "--config", old / "bascule.toml", "password", "chief", "--name", "Chief")
    bascule(old, "backup", "--config", old / "bascule.toml", tmp_path / "backup")
    (tmp_path / "backup/portal.sqlite.partial").write_bytes(b"half of it")
    bascule(old, "backup", "--config", old / "bascule.toml", tmp_path / "backup")
    with sqlite3.connect(tmp_path / "backup/portal.sqlite") as database:
        assert database.execute("SELECT sign_on FROM directory_member").fetchall() == [("chief",)]
    shutil.rmtree(tmp_path / "backup")
