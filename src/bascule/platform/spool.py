"""A large literal on its way in: a file without a name, written before any mailbox is locked."""

from bascule.terms.body import SpooledBody


class Spool(SpooledBody):
    """``failure``: why it could not be written (disk full). Its octets are thrown away then, so that the command can be answered."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: OSError | None = None

    def write(self, octets: "memoryview | bytes") -> None:
        if self.failure is not None:
            return
        try:
            super().write(octets)
        except OSError as error:
            self.failure = error
