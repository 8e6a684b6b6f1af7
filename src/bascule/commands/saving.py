"""Messages that the target refuses are written beside the report, so that nobody has to look for them."""

import hashlib
import os
from pathlib import Path

from bascule.commands.report_folder import ReportFolder
from bascule.deliver import Parcel
from bascule.deliver.proof import placed
from bascule.mailbox import FolderRow, Mailbox
from bascule.protocols.mime import summarise
from bascule.protocols.mime.headers import HEADER_OCTETS
from bascule.terms.body import Body
from bascule.terms.outcome import Outcome
from bascule.terms.own_files import REFUSED

PATH_OCTETS = 2_000
"""Of a folder's path below the report's: Linux takes 4,096 for all of it."""


class RefusedKeeper:
    """Writes each refused message as ``refused/Folder/UID.eml`` in ``place``, but for what an earlier run of the series wrote and what lies there as it
    was: a message is refused night after night, and would be one more file each time. Called on the event loop, rarely."""

    def __init__(self, mailbox: Mailbox, place: ReportFolder) -> None:
        self._mailbox = mailbox
        self._place = place

    def __call__(self, row: FolderRow, parcel: Parcel, outcome: Outcome) -> None:
        body = parcel.original or parcel.body
        if not self._is_kept(parcel.message, body):
            self._keep(row, parcel, body)
        if parcel.message:
            self._mailbox.messages.record_header(parcel.message, summarise(body.start(HEADER_OCTETS)))

    def _is_kept(self, message: int, body: Body) -> bool:
        """Whether its octets lie in the folder of an earlier run. What can't be read there is written anew."""
        kept = self._mailbox.meta(f"saved:{message}") or ""
        try:
            file = self._place.kept_in_series(kept)
            if file is None or file.stat().st_size != body.octets:
                return False
            with file.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").digest() == body.sha256
        except OSError:
            return False

    def _keep(self, row: FolderRow, parcel: Parcel, body: Body) -> None:
        from bascule.export.names import safe_name  # with all of `export`, which a run without a refusal need not load

        safe = [safe_name(part) for part in row.path.parts]
        if len("/".join(safe).encode("utf-8", "replace")) > PATH_OCTETS:
            safe = [f"folder {row.id}"]
        elif safe != list(row.path.parts):
            safe[-1] += f" ({row.id})"  # two folders may have one such name, and the same UIDs
        folder, uid = Path(REFUSED, *safe), safe_name(str(parcel.uid))
        saved = self._write([folder / f"{uid}.eml", folder / f"{uid} ({row.id}).eml"], body)
        if parcel.message and saved:
            self._mailbox.set_meta(f"saved:{parcel.message}", self._place.written_down(saved))

    def _write(self, names: list[Path], body: Body) -> Path | None:
        """The name that it got: the second one where somebody's folder is called as we call another. None where it can't be written, or a link
        would lead elsewhere: the old side still has it, and the report names it all the same."""
        try:
            place = self._place.path
            name = names[os.path.lexists(place / names[0])]
            if any((place / above).is_symlink() for above in name.parents[:-1]):
                return None
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            with placed(place / name) as file:
                file.writelines(body.chunks())
        except OSError:
            return None
        return name
