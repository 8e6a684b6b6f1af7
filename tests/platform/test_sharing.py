"""`bascule account share`: while the server runs, and before the mailbox was ever used; and two who share at the same time."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from bascule.mailbox.live import LiveMailbox
from bascule.platform.accounts import Account, Accounts
from bascule.platform.sharing import FULL, READ, set_rights
from bascule.protocols.imap.rights import Rights
from bascule.terms.folder import FolderPath
from support.command import bascule
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule

OFFICE = "office@example.org"


def test_a_mailbox_is_shared_listed_and_shared_no_more(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s", accounts=(ANNA, OFFICE)) as server:
        words = ("account", "--config", server.config)
        anna = Dialogue(server.imap)
        anna.ok(f"LOGIN {ANNA} {PASSWORD}")
        assert "shares nothing" in bascule(tmp_path, *words, "shares", OFFICE).stdout
        said = bascule(tmp_path, *words, "share", OFFICE, ANNA, "--send").stdout
        assert said == f"5 folders of {OFFICE} shared with {ANNA}: full.\n"
        bascule(tmp_path, *words, "share", OFFICE, "anyone", "--may", "read", "--folder", "Sent")
        assert f"Sent\t{ANNA}\tfull\nSent\tanyone\tread\n" in bascule(tmp_path, *words, "shares", OFFICE).stdout
        assert f"–\t{ANNA}\tsend" in bascule(tmp_path, *words, "shares", OFFICE).stdout
        names = [line.rsplit(b'"/" ', 1)[1] for line in anna.ok('LIST "" "Other Users/*"').lines]
        assert f'"Other Users/{OFFICE}/Sent"'.encode() in names
        assert len(names) == 5
        bascule(tmp_path, *words, "unshare", OFFICE, ANNA)
        assert ANNA not in bascule(tmp_path, *words, "shares", OFFICE).stdout
        names = [line.rsplit(b'"/" ', 1)[1] for line in anna.ok('LIST "" "Other Users/*"').lines]
        assert names == [f'"Other Users/{OFFICE}/Sent"'.encode()]
        anna.close()


def test_what_can_not_be_shared_is_said(tmp_path: Path) -> None:
    with PrivateBascule(tmp_path / "s", accounts=(ANNA, OFFICE)) as server:
        words = ("account", "--config", server.config)
        for told, sentence in [
            ((OFFICE, "nobody@example.org"), "There is no account nobody@example.org"),
            (("nobody@example.org", ANNA), "There is no account nobody@example.org"),
            ((OFFICE, OFFICE), "its owner's already"),
            ((OFFICE, ANNA, "--folder", "Nothing"), "There is no folder Nothing"),
        ]:
            assert sentence in bascule(tmp_path, *words, "share", *told, status=2).stderr


class Noted:
    """What the accounts note. ``then``: what somebody else does behind a note, or before it is taken back, the first time."""

    def __init__(self) -> None:
        self.shares: set[str] = set()
        self.then: dict[str, Callable[[], None]] = {}

    def share(self, owner: Account, identifier: str) -> None:
        self.shares.add(identifier)
        self.then.pop("share", lambda: None)()

    def unshare(self, owner: Account, identifier: str) -> None:
        self.then.pop("unshare", lambda: None)()
        self.shares.discard(identifier)


@pytest.mark.parametrize("where", ["share", "unshare"])
def test_where_one_gives_a_right_and_another_takes_the_last_one_it_is_noted(tmp_path: Path, where: str) -> None:
    owner, noted = Account("0" * 32, OFFICE, ""), Noted()
    with LiveMailbox.create(tmp_path / "o.mailbox", 1) as one, LiveMailbox.open(tmp_path / "o.mailbox") as other:
        had, gets = (one.folders.create(FolderPath((name,)), 1).id for name in ("Had", "Gets"))

        def set_to(box: LiveMailbox, folder: int, rights: Rights) -> None:
            set_rights(cast("Accounts", noted), owner, box, folder, ANNA, rights)

        set_to(one, had, FULL)
        if where == "share":
            noted.then["share"] = lambda: set_to(other, had, frozenset())
            set_to(one, gets, READ)
        else:
            noted.then["unshare"] = lambda: set_to(other, gets, READ)
            set_to(one, had, frozenset())
        assert not noted.then
        assert one.sharing.identifiers() == noted.shares == {ANNA}
        set_to(one, gets, frozenset())
        assert noted.shares == set()
