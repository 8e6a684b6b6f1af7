"""Messages that the target refuses are written beside the report, so that nobody has to look for them."""

from pathlib import Path

from bascule.deliver import Parcel
from bascule.export.names import safe_name
from bascule.mailbox import FolderRow, Mailbox
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.outcome import Outcome


class RefusedKeeper:
    """Writes each refused message as ``refused/Folder/UID.eml`` in ``place``. Called on the event loop, rarely."""

    def __init__(self, mailbox: Mailbox, place: Path) -> None:
        self._mailbox = mailbox
        self._place = place

    def __call__(self, row: FolderRow, parcel: Parcel, outcome: Outcome) -> None:
        body = parcel.original or parcel.body
        safe = [safe_name(part) for part in row.path.parts]
        if safe != list(row.path.parts):
            safe[-1] += f" ({row.id})"  # two folders may have one such name, and the same UIDs
        folder = Path("refused", *safe)
        (self._place / folder).mkdir(parents=True, exist_ok=True)
        name = folder / f"{parcel.uid}.eml"
        with (self._place / name).open("wb") as file:
            file.writelines(body.chunks())
        if parcel.message:
            self._mailbox.set_meta(f"saved:{parcel.message}", str(name))
            self._mailbox.messages.record_header(parcel.message, summarise(body.start(HEADER_OCTETS)))
