"""What a long piece of work tells whoever watches: a bar on a terminal, lines in a log, a row for a page."""


class Watcher:
    """Takes everything and shows nothing. Calls come from the event loop's thread, often; they must return at once."""

    def expect(self, messages: int, octets: int = 0) -> None:
        """So many more messages (and octets, where the source tells) are to be worked on."""

    def done(self, messages: int, octets: int) -> None:
        """So many messages, of so many octets, are through."""

    def delivered(self, messages: int) -> None:
        """The target took so many."""

    def moved(self, messages: int) -> None:
        """So many moved on the old side, and their earlier copies made way on the target."""

    def flagged(self, messages: int) -> None:
        """So many were given the flags that the old side has."""

    def note(self, text: str) -> None:
        """A sentence worth showing now: a folder that can't be read, a connection that is opened again."""


SILENT = Watcher()
