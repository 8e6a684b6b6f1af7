"""Who else may do what with the folders of a live mailbox: their access control lists (RFC 4314 §2)."""

from collections.abc import Collection

from bascule.mailbox.mailbox import Mailbox
from bascule.protocols.imap.rights import Rights


class Sharing:
    """Identifiers are addresses in small letters, or `bascule.protocols.imap.rights.ANYONE`. The owner's rights are not kept: the owner may do everything."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._database = mailbox.database

    def of(self, folder: int) -> dict[str, Rights]:
        """Identifier → its rights on a folder, by identifier."""
        query = "SELECT identifier, rights FROM rights WHERE folder = ? ORDER BY identifier"
        return {who: frozenset(rights) for who, rights in self._database.execute(query, (folder,))}

    def granted(self, folder: int, identifiers: Collection[str]) -> Rights:
        """What somebody who is all of ``identifiers`` may do: the union of their rights."""
        return frozenset[str]().union(*(rights for who, rights in self.of(folder).items() if who in identifiers))

    def grant(self, folder: int, identifier: str, rights: Rights) -> None:
        """No rights: the entry goes. Raises sqlite3.Error."""
        with self._mailbox.transaction():
            self._database.execute("DELETE FROM rights WHERE folder = ? AND identifier = ?", (folder, identifier))
            if rights:
                self._database.execute(
                    "INSERT INTO rights VALUES (?, ?, ?)", (folder, identifier, "".join(sorted(rights)))
                )

    def identifiers(self) -> set[str]:
        """Everybody with whom any folder that is there is shared."""
        query = (
            "SELECT DISTINCT identifier FROM rights JOIN folders ON folders.id = rights.folder WHERE gone_utc IS NULL"
        )
        return {who for (who,) in self._database.execute(query)}
