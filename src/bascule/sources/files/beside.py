"""What lies beside the messages that a walk is looking for: mail in another form, which is named, or none of mail's business, which is counted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bascule.sources.files.other_forms import other_form
from bascule.sources.files.reading import begins_as_mbox, reason_of
from bascule.sources.files.remarks import Remarks
from bascule.sources.files.tree import Directory
from bascule.terms.printable import printable

BY_ITSELF = {
    ".pst": "it is a file of Outlook: import it by itself",
    ".ost": "it is a file of Outlook: import it by itself",
    ".zip": "it is a zip: import it by itself",
}
FOREIGN = {
    ".msg": "it is a message in Outlook's own form, which Bascule does not read: save it as EML",
    ".olm": "it is an archive of Outlook for Mac, which Bascule does not read: export it as mbox",
    ".emlx": "it is a message of Apple Mail, which Bascule does not read: export its folder as mbox",
    ".dbx": "it is a folder of Outlook Express, which Bascule does not read: import it into Thunderbird first",
}
MBOX = "it is an mbox: import it by itself"
BARE = "it begins as a message does, and nothing in its name says so: give it the ending .eml"
_FIRST_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
_FIELDS_OF_MAIL = re.compile(
    rb"^(from|to|date|received|message-id|return-path|subject|delivered-to)[ \t]*:", re.I | re.M
)
_TELLING = 2
"""So many of these fields make a message: one alone stands in many a text."""
OF_A_SERVER = re.compile(r"\.?dovecot|courier|maildir(size|folder)|\.?subscriptions\Z")
"""Names of what servers keep in a Maildir, beside the messages."""
_APPLE_DOUBLE = b"\0\5\x16\7"
NAMED = 5
"""Files that are named as examples of those that were passed over."""


@dataclass(slots=True)
class Beside:
    """Filled by a walk, and told in a sentence for each. ``own``: directories with what Bascule itself keeps there. ``mboxes``: what is told of those that were read."""

    files: int = 0
    names: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    mboxes: Remarks = field(default_factory=Remarks)

    def look(self, name: str, head: Callable[[], bytes]) -> str:
        """Why a file is mail all the same, and must be named; empty where it is not, and is counted. ``head`` reads its start."""
        try:
            why = mail_in(name, head())
        except (OSError, ValueError) as error:
            return f"nobody can say whether it is mail: {reason_of(error)}"
        if not why:
            self.count(name)
        return why

    def count(self, name: str) -> None:
        self.files += 1
        if len(self.names) < NAMED:
            self.names.append(name)

    @property
    def sentence(self) -> str:
        """Empty where nothing was passed over."""
        return " ".join(filter(None, (self._of_files, self._of_own, *self.mboxes.sentences)))

    def set_aside(self, directory: Directory) -> None:
        if directory.has_own:
            self.own.append("/".join(directory.parts) or ".")

    @property
    def _of_own(self) -> str:
        if not self.own:
            return ""
        return f"What Bascule itself keeps among these files was passed over: {_first(self.own, len(self.own))}."

    @property
    def _of_files(self) -> str:
        if not self.files:
            return ""
        which = "1 file that is no mail was" if self.files == 1 else f"{self.files} files that are no mail were"
        return f"{which} passed over: {_first(self.names, self.files)}."


def _first(names: Sequence[str], number: int) -> str:
    """Some of so many names."""
    told = names[:NAMED]
    return ", ".join(map(printable, told)) + (", …" if number > len(told) else "")


def is_apple_double(name: str, head: Callable[[], bytes]) -> bool:
    """What macOS writes beside a file on a disk or in a zip that has no room for its own attributes (``._NAME``, RFC 1740): whatever the name ends in,
    it is none. ``head`` reads its start, or raises OSError, ValueError."""
    if not name.startswith("._"):
        return False
    try:
        return head().startswith(_APPLE_DOUBLE)
    except (OSError, ValueError):
        return False


def unread_form(name: str, head: bytes) -> str:
    """Why a file can't be imported by itself either; empty where nothing speaks against it."""
    return _by_ending(FOREIGN, name) or other_form(head)


def _by_ending(reasons: dict[str, str], name: str) -> str:
    return next((why for ending, why in reasons.items() if name.lower().endswith(ending)), "")


def mail_in(name: str, head: bytes) -> str:
    """What kind of mail a file holds that is not in the form that is read, as a reason with what to do; empty where it holds none."""
    why = _by_ending(BY_ITSELF, name) or unread_form(name, head)
    if why or not head:
        return why
    if begins_as_mbox(head):
        return MBOX
    header = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    is_mail = _FIRST_LINE.match(header) and len({f.lower() for f in _FIELDS_OF_MAIL.findall(header)}) >= _TELLING
    return BARE if is_mail else ""
