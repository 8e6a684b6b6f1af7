"""Outlook PST and OST files, through libpff (the ``pst`` extra, LGPL, a package of its own).

A PST holds no RFC 5322 message: it is put together from the transport header, the bodies and the attachments. The same item gives
the same octets each time.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

from bascule.protocols.mime.header import FIELD_NAME
from bascule.sources.contract import SourceError
from bascule.sources.files.base import FileEntry, FileFolder, Walked, unreadable_entry
from bascule.terms.body import Body, HeldBody
from bascule.terms.errors import ExitStatus
from bascule.terms.folder import FolderPath
from bascule.terms.instant import InternalDate
from bascule.terms.printable import printable

_READ = 0x01
_FLAGS_PROPERTY = 0x0E07  # PidTagMessageFlags, MS-OXCMSG §2.2.1.6: 0x1 read, 0x8 unsent
_UNSENT = 0x08
_FILENAME = 0x3707  # PidTagAttachLongFilename
_SHORT_FILENAME = 0x3704
_MIME_TYPE = 0x370E
_OWN_FIELDS = re.compile(r"^(content-|mime-version)", re.IGNORECASE)


def walk_pst(path: Path) -> Walked:
    """Every folder with its messages. Raises SourceError: libpff is missing, or the file is damaged."""
    try:
        import pypff
    except ImportError as error:
        raise SourceError(
            "Reading PST files needs libpff.", "Install it: pip install 'bascule[pst]'.", ExitStatus.USAGE
        ) from error
    opened = pypff.file()
    try:
        opened.open(str(path))
        root = opened.get_root_folder()
    except OSError as error:
        raise SourceError(
            f"{path} can't be read as a PST file: {error}.", "Check that Outlook opens it.", ExitStatus.USAGE
        ) from error
    return Walked(list(_walk(opened, root, "", (), ())))


def _walk(
    opened: Any, folder: Any, place: str, pieces: tuple[str, ...], above: tuple[str, ...]
) -> Iterator[FileFolder]:
    """``place``: the numbers of the folders from the root down, which two folders of one name don't share."""
    for number in range(folder.get_number_of_sub_folders()):
        own = f"{place}/{number:04d}"
        try:
            inner = folder.get_sub_folder(number)
            name = (inner.get_name() or "").replace("\0", "") or f"Folder {number + 1}"
        except OSError as error:
            yield FileFolder(FolderPath((*above, f"Folder {number + 1}")), error=str(error), pieces=(*pieces, own))
            continue
        if not above and _is_top(name):
            yield from _walk(opened, inner, own, (), ())
            continue
        yield FileFolder(FolderPath((*above, name)), list(_entries(opened, inner)), pieces=(*pieces, own))
        yield from _walk(opened, inner, own, (*pieces, own), (*above, name))


def _is_top(name: str) -> bool:
    """The one folder below which Outlook keeps all that people see; its name is nobody's folder."""
    return name in ("Top of Personal Folders", "Top of Outlook data file", "Début du fichier de données Outlook")


def _entries(opened: Any, folder: Any) -> Iterator[FileEntry]:
    for number in range(folder.get_number_of_sub_messages()):
        try:
            message = folder.get_sub_message(number)
            date = _date(message)
            flags = _flags(message)
        except OSError as error:
            yield unreadable_entry(f"item {number + 1}", str(error))
            continue
        # ``opened`` is kept alive by the entry: libpff's items are only valid while their file is.
        key = f"item {message.get_identifier()}"
        yield FileEntry(key, flags, date, 0, partial(_body, message, opened))


def _date(message: Any) -> InternalDate:
    for ask in (message.get_delivery_time, message.get_client_submit_time, message.get_creation_time):
        try:
            when = ask()
        except (OSError, ValueError):
            continue
        if when is not None:
            return InternalDate(int(when.replace(tzinfo=UTC).timestamp()))
    return InternalDate(0)


def _property(item: Any, wanted: int) -> Any:
    for number in range(item.get_number_of_record_sets()):
        record = item.get_record_set(number)
        for place in range(record.get_number_of_entries()):
            entry = record.get_entry(place)
            if entry.get_entry_type() == wanted:
                return entry
    return None


def _flags(message: Any) -> frozenset[str]:
    entry = _property(message, _FLAGS_PROPERTY)
    bits = entry.get_data_as_integer() if entry is not None else 0
    names = {"\\Seen"} if bits & _READ else set()
    return frozenset(names | ({"\\Draft"} if bits & _UNSENT else set()))


def _text(value: bytes | str | None) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    return (value or "").rstrip("\0")


def _body(message: Any, opened: Any) -> Body:
    """The item as an RFC 5322 message with CRLF. Raises OSError when libpff can't read a part."""
    built = EmailMessage(policy=policy.SMTP.clone(max_line_length=76))
    _headers(built, message)
    plain, html = _text(message.get_plain_text_body()), _text(message.get_html_body())
    if plain or not html:
        built.set_content(plain.replace("\r\n", "\n"), cte="base64")
    if html:
        if plain:
            built.add_alternative(html, subtype="html", cte="base64")
        else:
            built.set_content(html, subtype="html", cte="base64")
    for number in range(message.get_number_of_attachments()):
        _attach(built, message.get_attachment(number), number)
    _name_boundaries(built)
    return HeldBody(built.as_bytes())


def _headers(built: EmailMessage, message: Any) -> None:
    header = _text(message.get_transport_headers())
    seen = False
    for line in re.split(r"\r?\n(?![ \t])", header.strip()):
        name, colon, value = line.partition(":")
        if colon and FIELD_NAME.fullmatch(name.encode("utf-8", "replace")) and not _OWN_FIELDS.match(name):
            value = " ".join(value.split())
            built[_free_name(built, name)] = (
                value.encode("ascii", "replace").decode() if not _is_clean(value) else value
            )
            seen = True
    if not seen:
        built["Subject"] = " ".join(_text(message.get_subject()).split())
        sender = " ".join(_text(message.get_sender_name()).replace('"', "").split())
        built["From"] = f'"{sender}" <unknown@outlook.invalid>'
        when = _date(message)
        built["Date"] = format_datetime(datetime.fromtimestamp(when.utc_seconds, UTC))


def _is_clean(value: str) -> bool:
    return all(ord(c) >= 32 for c in value)


def _free_name(built: EmailMessage, name: str) -> str:
    """A field that may stand once (RFC 5322 §3.6) and comes again keeps its value under another name."""
    once = {
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "date",
    }
    return f"X-Again-{name}" if name.lower() in once and name in built else name


def _attach(built: EmailMessage, attachment: Any, number: int) -> None:
    size = attachment.get_size()
    data = attachment.read_buffer(size) if size else b""
    name = _named(attachment, _FILENAME) or _named(attachment, _SHORT_FILENAME) or f"attachment-{number + 1}"
    kind = _named(attachment, _MIME_TYPE)
    main, slash, sub = kind.partition("/")
    if not slash or main in ("multipart", "message") or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind):
        main, sub = "application", "octet-stream"
    built.add_attachment(data, maintype=main, subtype=sub, filename=printable(name))


def _named(item: Any, wanted: int) -> str:
    try:
        entry = _property(item, wanted)
        return _text(entry.get_data_as_string()) if entry is not None else ""
    except OSError:
        return ""


def _name_boundaries(built: EmailMessage) -> None:
    """Boundaries from the content, so that the same item always gives the same octets."""
    seed = hashlib.sha256(
        f"{built['Subject']}{built['Date']}{built['Message-ID']}".encode("utf-8", "replace")
    ).hexdigest()
    for number, part in enumerate(built.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_bascule_{seed[:24]}_{number}")
