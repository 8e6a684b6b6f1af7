"""`bascule account share`: while the server runs, and before the mailbox was ever used."""

from pathlib import Path

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
