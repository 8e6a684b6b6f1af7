"""Somebody who works in a mailbox with a mail program, between two runs."""

import imaplib
from collections import Counter
from collections.abc import Iterator

from support import messages, reference, standing, varied
from support.kinds import Place

DATE = '"01-Feb-2020 10:00:00 +0000"'


class Person:
    """Somebody who works in a mailbox with a mail program."""

    def __init__(self, place: Place) -> None:
        self.client = imaplib.IMAP4("127.0.0.1", place.port, timeout=60)
        self.client.login(place.user, "secret")
        self._user = place.user
        self._prefix, _ = standing.prefix_of(self.client)

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.logout()

    def add(self, folder: str, numbers: Iterator[int] | range) -> None:
        self.client.create(self._name(folder))
        for number in numbers:
            assert varied.append(self.client, self._prefix + folder.encode(), messages.plain(number), "", DATE)

    def add_octets(self, folder: str, octets: bytes) -> None:
        assert varied.append(self.client, self._prefix + folder.encode(), octets, "", DATE)

    def leave_rights(self, folder: str, rights: str) -> None:
        """Keep only these for oneself (RFC 4314)."""
        self._told("SETACL", self._name(folder), self._user, rights)

    def mark(self, folder: str, number: int, flag: str) -> None:
        self._told("STORE", self._find(folder, number), "+FLAGS", f"({flag})")

    def delete(self, folder: str, number: int) -> None:
        self.mark(folder, number, "\\Deleted")
        self._told("EXPUNGE")

    def move(self, folder: str, number: int, to: str) -> None:
        self._told("COPY", self._find(folder, number), self._name(to))
        self.delete(folder, number)

    def rename(self, folder: str, to: str) -> None:
        self._told("RENAME", self._name(folder), self._name(to))

    def remove(self, folder: str) -> None:
        self._told("DELETE", self._name(folder))

    def _name(self, folder: str) -> bytes:
        return reference.quoted(self._prefix + folder.encode())

    def _find(self, folder: str, number: int) -> str:
        self.client.select(self._name(folder))
        wanted = Counter([_digest(number)])
        found = [place for place, (_, key) in enumerate(reference.messages_of(self.client, ""), 1) if wanted[key[1]]]
        return str(found[0])

    def _told(self, command: str, *words: str | bytes) -> None:
        status, said = self.client._simple_command(command, *words)  # type: ignore[attr-defined]
        assert status == "OK", (command, words, said)


def _digest(number: int) -> str:
    return reference.digest(messages.plain(number))
