"""A folder that the member renamed on the new side, and deletes in the moment before something is put in: it is made again under the old side's name, as
in the next run."""

from pathlib import Path

from support import messages
from support.nights import Nights
from support.quirks import Quirk, QuirkServer, Store
from support.quirks.server import Session
from support.quirks.syntax import Command


class IsDeletedBeforeItIsOpened(Quirk):
    """The folder G is listed, and deleted when it is opened."""

    is_armed = False

    def before(self, session: Session, command: Command) -> None:
        if self.is_armed and command.verb == "SELECT" and command.arguments[0] == b"G":
            self.is_armed = False
            session.store.folders.pop(b"G")


def test_what_comes_to_it_lies_where_the_old_side_has_it(tmp_path: Path) -> None:
    old = Store()
    folder = old.create(b"F")
    old.append(folder, messages.plain(1))
    with QuirkServer(store=old) as source, QuirkServer(quirk := IsDeletedBeforeItIsOpened()) as target:
        night = Nights(tmp_path, source, target)
        assert night.copy().returncode == 0
        new = target.store.folders
        new[b"G"] = new.pop(b"F")
        new[b"G"].name = b"G"
        new[b"G"].remove(new[b"G"].messages)
        old.append(folder, messages.plain(2))
        quirk.is_armed = True
        done = night.copy()
        assert done.returncode == 0, done.stdout
        assert sorted(new) == [b"F", b"INBOX"]
        assert [message.octets for message in new[b"F"].messages] == [messages.plain(2)]
        assert night.copy().returncode == 0
        assert sorted(new) == [b"F", b"INBOX"]


class IsRenamedAsSoonAsItIsMade(Quirk):
    """P, made with P/Q below it, has another name before the run has asked what there is."""

    is_armed = True

    def after(self, session: Session, command: Command) -> None:
        if self.is_armed and command.verb == "CREATE" and command.arguments[0] == b"P/Q":
            self.is_armed = False
            folders = session.store.folders
            for name in (b"P", b"P/Q"):
                folder = folders.pop(name)
                folder.name = name.replace(b"P", b"M")
                folders[folder.name] = folder


def test_a_folder_that_was_renamed_as_soon_as_it_was_made_is_made_again_under_its_own_name(tmp_path: Path) -> None:
    old = Store()
    for name, number in ((b"P", 1), (b"P/Q", 2)):
        old.append(old.create(name), messages.plain(number))
    with QuirkServer(store=old) as source, QuirkServer(quirk := IsRenamedAsSoonAsItIsMade()) as target:
        night = Nights(tmp_path, source, target)
        done = night.copy()
        assert done.returncode == 0, done.stdout
        new = target.store.folders
        assert not quirk.is_armed
        assert sorted(new) == [b"INBOX", b"M", b"M/Q", b"P", b"P/Q"]
        assert [message.octets for message in new[b"P/Q"].messages] == [messages.plain(2)]
        assert night.copy().returncode == 0
        assert sorted(new) == [b"INBOX", b"M", b"M/Q", b"P", b"P/Q"]
