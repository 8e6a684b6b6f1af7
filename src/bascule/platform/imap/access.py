"""A mailbox as one session may use it: its own, or another person's of which folders are shared with it. RFC 4314, RFC 2342 §5"""

from collections.abc import Iterable
from dataclasses import dataclass

from bascule.mailbox.live import LiveFolder, LiveMailbox
from bascule.platform.accounts import Account
from bascule.platform.imap.replies import No
from bascule.platform.mailboxes import OpenMailbox
from bascule.platform.queued_lock import QueuedLock
from bascule.protocols.imap.rights import ALL, ANYONE, Rights
from bascule.terms.flags import Flags
from bascule.terms.folder import FolderPath


@dataclass(frozen=True, slots=True)
class Access:
    """``prefix``: the names above its folders, none for one's own. ``reader``: None for the owner, who may do everything."""

    mailbox: OpenMailbox
    owner: Account
    prefix: tuple[str, ...]
    reader: Account | None
    box: LiveMailbox
    """As this reader sees it."""

    @property
    def lock(self) -> QueuedLock:
        return self.mailbox.lock

    def rights_on(self, folder: int) -> Rights:
        """The mailbox's lock is held."""
        if self.reader is None:
            return ALL
        return self.box.sharing.granted(folder, {*self.reader.addresses, ANYONE})

    def full(self, path: FolderPath) -> FolderPath:
        """Its name among all that the session can name."""
        return FolderPath(self.prefix + path.parts)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that a client named; whether there is one, `find` says. The mailbox's lock is held while methods are called."""

    access: Access
    path: FolderPath

    def find(self, rights: str, missing: str = "NONEXISTENT") -> LiveFolder:
        """The folder, on which the session has one of ``rights`` at least. Raises No, with ``missing`` as its code where it is not there,
        or must not be seen to be there (RFC 4314 §6)."""
        folder = self.access.box.folders.find(self.path)
        granted = self.access.rights_on(folder.id) if folder else frozenset()
        if folder is None or granted.isdisjoint({"l", *rights}):
            text = "there is no such mailbox" + ("; make it first" if missing == "TRYCREATE" else "")
            raise No(text, missing)
        if granted.isdisjoint(rights):
            raise No("you have no right to do that there; its owner can give it to you", "NOPERM")
        return folder

    def require_above(self) -> None:
        """Raises No where the session may not make folders below the one above (right "k")."""
        if self.access.reader is None:
            return
        if self.path.parent is None:
            raise No("only its owner makes folders at the top of a mailbox", "NOPERM")
        Place(self.access, self.path.parent).find("k")


def may_flag(rights: Rights, flag: str) -> bool:
    r"""``\Seen`` takes the right "s", ``\Deleted`` "t", all others "w" (RFC 4314 §4)."""
    return {"\\Seen": "s", "\\Deleted": "t"}.get(flag, "w") in rights


def allowed(rights: Rights, flags: Iterable[str]) -> Flags:
    return frozenset(flag for flag in flags if may_flag(rights, flag))
