"""Messages that the target refuses are written beside the report, so that nobody has to look for them."""

from pathlib import Path

from bascule.deliver import Parcel
from bascule.export.names import safe_name
from bascule.mailbox import FolderRow, Mailbox
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.body import Body
from bascule.terms.outcome import Outcome

PATH_OCTETS = 2_000
"""Of a folder's path below the report's: Linux takes 4,096 for all of it."""


class RefusedKeeper:
    """Writes each refused message as ``refused/Folder/UID.eml`` in ``place``. Called on the event loop, rarely."""

    def __init__(self, mailbox: Mailbox, place: Path) -> None:
        self._mailbox = mailbox
        self._place = place

    def __call__(self, row: FolderRow, parcel: Parcel, outcome: Outcome) -> None:
        body = parcel.original or parcel.body
        safe = [safe_name(part) for part in row.path.parts]
        if len("/".join(safe).encode("utf-8", "replace")) > PATH_OCTETS:
            safe = [f"folder {row.id}"]
        elif safe != list(row.path.parts):
            safe[-1] += f" ({row.id})"  # two folders may have one such name, and the same UIDs
        folder = Path("refused", *safe)
        name = folder / f"{parcel.uid}.eml"
        if (self._place / name).exists():  # somebody's folder is called as we call another
            name = folder / f"{parcel.uid} ({row.id}).eml"
        saved = self._write(name, body)
        if parcel.message:
            if saved:
                self._mailbox.set_meta(f"saved:{parcel.message}", str(name))
            self._mailbox.messages.record_header(parcel.message, summarise(body.start(HEADER_OCTETS)))

    def _write(self, name: Path, body: Body) -> bool:
        """Whether it could be; where not, the old side still has it, and the report names it all the same."""
        try:
            (self._place / name).parent.mkdir(parents=True, exist_ok=True)
            with (self._place / name).open("wb") as file:
                file.writelines(body.chunks())
        except OSError:
            return False
        return True
