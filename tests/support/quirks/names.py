"""Quirks of folders: what LIST tells, names, separators, prefixes, STATUS, CREATE and SUBSCRIBE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapclient.imap_utf7 import decode, encode

from support import messages
from support.quirks.quirk import EXACT, NAMED, Allowed, Codes, Quirk
from support.quirks.sample import add
from support.quirks.syntax import Bad, No, word

if TYPE_CHECKING:
    from support.quirks.server import Session
    from support.quirks.store import Folder, Store
    from support.quirks.syntax import Command

_MEETINGS = b"R&AOk-unions"


def _another(store: Store, name: bytes, start: int, *attributes: bytes) -> None:
    """One more folder with three messages of its own."""
    folder = store.create(name, *attributes)
    for number in range(start, start + 3):
        add(store, folder, number)


class ListsTwice(Quirk):
    """Every folder is listed twice."""

    seen = "https://github.com/jstedfast/MailKit/issues/149 (SmarterMail), https://github.com/cyrusimap/cyrus-imapd/issues/96"
    as_source = as_target = EXACT

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return lines * 2


class InboxNotListed(Quirk):
    """LIST leaves INBOX out."""

    seen = "https://github.com/MailCore/mailcore2/pull/1406, https://github.com/jstedfast/MailKit/issues/242 (Yahoo)"
    as_source = as_target = EXACT

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not line.endswith(b'"INBOX"')]


class InboxInOtherCase(Quirk):
    """INBOX is listed as Inbox."""

    seen = "https://github.com/mjl-/mox/issues/80, https://github.com/cypht-org/cypht/issues/165 (Yahoo)"
    as_source = as_target = EXACT
    forgets = True

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line.replace(b'"INBOX"', b'"Inbox"') for line in lines]


class DotsAndPrefix(Quirk):
    """All folders but INBOX lie below INBOX with a dot between, as NAMESPACE tells."""

    seen = "Courier, Cyrus without altnamespace, Dovecot with prefix INBOX."
    as_source: Allowed | None = EXACT
    forgets = True
    as_target: Allowed | None = EXACT
    anywhere = True

    def prepare(self, store: Store) -> None:
        store.separator = b"."
        for name in [name for name in store.folders if name != b"INBOX"]:
            folder = store.folders.pop(name)
            folder.name = b"INBOX." + name.replace(b"/", b".")
            store.folders[folder.name] = folder

    def namespace(self, session: Session, line: bytes) -> bytes:
        return b'* NAMESPACE (("INBOX." ".")) NIL NIL'

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "CREATE" and not word(command.arguments[0]).upper().startswith(b"INBOX."):
            raise No("[CANNOT] Invalid mailbox name.")


class InboxBelowInbox(DotsAndPrefix):
    """Below the prefix INBOX. there is another folder of the name INBOX."""

    seen = "trials with Courier-IMAP 5.0, and Dovecot 2.3 with prefix INBOX."
    as_target = None

    def prepare(self, store: Store) -> None:
        super().prepare(store)
        _another(store, b"INBOX.INBOX", 70)


class InboxBesideInbox(DotsAndPrefix):
    """Below the prefix INBOX. there is a folder Inbox, which is not INBOX."""

    seen = "https://github.com/nextcloud/mail/issues/555"
    as_target = None

    def prepare(self, store: Store) -> None:
        super().prepare(store)
        _another(store, b"INBOX.Inbox", 70)


class InboxOnlyWithoutNamespace(Quirk):
    """Folders are taken only below INBOX/, and no NAMESPACE says so."""

    seen = "David, old Cyrus and GMX: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt"
    as_target = NAMED
    says = "--prefix"
    without = frozenset({"NAMESPACE"})
    anywhere = True

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "CREATE" and not word(command.arguments[0]).startswith(b"INBOX/"):
            raise No("Permission denied")


class NamespaceUnderAnotherName(Quirk):
    """NAMESPACE is answered by an untagged CAPABILITY with the namespaces in it."""

    seen = "https://github.com/jstedfast/MailKit/issues/2006 (Sohu)"
    as_source = as_target = EXACT

    def namespace(self, session: Session, line: bytes) -> bytes:
        return line.replace(b"NAMESPACE", b"CAPABILITY", 1)


class NamespaceRefused(Quirk):
    """NAMESPACE is offered and refused."""

    seen = "hMailServer 4.4.1: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "NAMESPACE":
            raise No("not implemented")


class NamespaceOfEverybody(Quirk):
    """NAMESPACE calls all folders everybody's."""

    seen = "thought of, beside RFC 2342 §5, example 5.3"
    as_source = as_target = EXACT

    def namespace(self, session: Session, line: bytes) -> bytes:
        return b'* NAMESPACE NIL NIL (("" "/"))'


class ExtendedListRefused(Quirk):
    """LIST-EXTENDED is offered, and LIST with RETURN refused."""

    seen = "https://github.com/hkdb/aerion/issues/218 (Microsoft 365: “BAD Command Argument Error. 12”)"
    as_source = as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "LIST" and b"RETURN" in command.line.upper():
            raise Bad("Command Argument Error. 12")


class SubscribedListRefused(Quirk):
    """LSUB is refused."""

    seen = "RFC 9051 appendix E: IMAP4rev2 servers need not have LSUB"
    as_source = as_target = EXACT
    without = frozenset({"LIST-EXTENDED", "LIST-STATUS"})

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "LSUB":
            raise Bad("unknown command")


class ListStatusLeavesOut(Quirk):
    """LIST with STATUS says nothing of one folder, which is there all the same."""

    seen = "https://github.com/jstedfast/MailKit/issues/879; allowed by RFC 5819 §2"
    as_source = as_target = EXACT

    def replies(self, session: Session, command: Command, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if command.verb != "LIST" or not line.startswith(b'* STATUS "R&AOk-unions"')]


class AmpersandTwice(Quirk):
    """One folder is called R&D, another R&-D, and both are shown to people as R&D."""

    seen = "https://github.com/modern-email/defects/issues/46 (Yandex)"
    as_source = EXACT
    anywhere = True

    def prepare(self, store: Store) -> None:
        _another(store, b"R&D", 70)
        _another(store, b"R&-D", 75)


class LatinAndUtf8(Quirk):
    """One folder is called café in Latin-1, another in UTF-8."""

    seen = "trials with Courier-IMAP 5.0, whose names are those of the file system"
    as_source = EXACT
    anywhere = True

    def prepare(self, store: Store) -> None:
        _another(store, b"caf\xe9", 70)
        _another(store, b"caf\xc3\xa9", 75)


class OddNames(Quirk):
    """Folders have quotes, backslashes, wildcards, tabs, blanks at the end, line feeds and NUL in their names."""

    seen = "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“folders ending with a space”)"
    as_source = NAMED
    anywhere = True

    def prepare(self, store: Store) -> None:
        names = (
            b'a "q" b',
            b"back\\slash",
            b"100%",
            b"a*b",
            b"tab\there",
            b"blank ",
            b"line\nfeed",
            b"nul\0l",
            b"NIL",
            b"{3}",
        )
        for place, name in enumerate(names):
            add(store, store.create(name), 70 + place)


class UnquotedNames(Quirk):
    """Names with blanks and tabs are listed without quotes."""

    seen = "https://github.com/jstedfast/MailKit/issues/945 (Exchange)"
    as_source = EXACT
    anywhere = True
    folders = (b"Da Oggetto", b"Da  (2) Oggetto", b"Da\tTab")

    def prepare(self, store: Store) -> None:
        for number, name in enumerate(self.folders):
            _another(store, name, 70 + 10 * number)

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        for name in self.folders:
            lines = [line.replace(b'"%b"' % name, name) for line in lines]
        return lines


class NoSeparator(Quirk):
    """There are no folders within folders: the separator is NIL."""

    seen = "RFC 3501 §6.3.8"
    as_source = as_target = EXACT
    anywhere = True

    def prepare(self, store: Store) -> None:
        store.separator = None


class NoselectNotTold(Quirk):
    """A folder is listed like any other, and can't be opened."""

    seen = "https://github.com/jstedfast/MailKit/issues/791 (Exchange), https://github.com/nextcloud/mail/issues/8657"
    as_source = NAMED

    def prepare(self, store: Store) -> None:
        _another(store, b"Shared", 70)

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        if folder.name == b"Shared":
            raise No("Access denied")
        return items

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SELECT", "EXAMINE") and command.arguments[0] == b"Shared":
            raise No("Access denied")


class DeletedParentListed(Quirk):
    """A folder that was deleted is listed as long as it has folders below, and there is nothing to open."""

    seen = "trials with Dovecot 2.3, which lists it without \\NonExistent"
    as_source = EXACT

    def prepare(self, store: Store) -> None:
        store.create(b"Archive", b"\\noselect", subscribed=False)

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line.replace(b"\\noselect", b"\\HasChildren") for line in lines]

    def before(self, session: Session, command: Command) -> None:
        if command.verb in ("SELECT", "EXAMINE", "STATUS") and command.arguments[0] == b"Archive":
            raise No("[NONEXISTENT] Mailbox doesn't exist: Archive")


class StatusRefused(Quirk):
    """STATUS of one folder is refused; it opens."""

    seen = "https://github.com/nextcloud/mail/issues/8657"
    as_source = as_target = EXACT

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        if folder.name == _MEETINGS:
            raise No("[SERVERBUG] Internal error")
        return items


class StatusEmpty(Quirk):
    """STATUS tells nothing: its list is empty."""

    seen = "https://github.com/modern-email/defects/issues/15 (163.com)"
    as_source = as_target = EXACT

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {}


class StatusStale(Quirk):
    """STATUS counts what was there a while ago."""

    seen = "thought of: servers that keep their counters apart"
    as_source = as_target = EXACT
    forgets = True

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        return {**items, "MESSAGES": b"2", "UIDNEXT": b"3"} if folder.messages else items


class StatusAsOfTheSessionBefore(Quirk):
    """Until NOOP, STATUS tells what the session before saw."""

    seen = "trials with imapproxy 1.2.8 (enable_select_cache), which hands on a connection with its folder still open"
    as_source = as_target = EXACT
    forgets = True

    def __init__(self) -> None:
        self._seen: dict[bytes, Codes] = {}
        self._fresh: set[int] = set()

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "NOOP":
            self._fresh.add(session.number)
        elif command.verb == "LOGOUT":
            self._seen = {name: _counters(folder) for name, folder in session.store.folders.items()}

    def status(self, session: Session, folder: Folder, items: Codes) -> Codes:
        old = {} if session.number in self._fresh else self._seen.get(folder.name, {})
        return {name: old.get(name, value) for name, value in items.items()}


def _counters(folder: Folder) -> Codes:
    told = {"MESSAGES": len(folder.messages), "UIDNEXT": folder.uidnext, "HIGHESTMODSEQ": folder.modseq}
    return {name: b"%d" % number for name, number in told.items()}


class CreateFoldsCase(Quirk):
    """Names that differ in case alone are one folder, and CREATE of the second is answered OK."""

    seen = "trials with a server on a file system that folds case"
    as_target = NAMED
    anywhere = True

    def prepare(self, store: Store) -> None:
        store.folds_case = True

    def prepare_other(self, store: Store) -> None:
        _another(store, b"Projet", 70)
        _another(store, b"projet", 75)

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "CREATE" and session.store.find(word(command.arguments[0])) is not None:
            command.arguments[0] = b"unlikely name"

    def create(self, session: Session, name: bytes) -> bytes | None:
        return None if name == b"unlikely name" else name


class ExistsUnlisted(Quirk):
    """A folder is there, is not listed, and CREATE says that it exists."""

    seen = (
        "https://imapsync.lamiral.info/FAQ.d/FAQ.Exchange.txt (“Couldn't create folder [trash] Mailbox already exists”)"
    )
    as_target = EXACT
    forgets = True
    anywhere = True

    def prepare(self, store: Store) -> None:
        store.create(_MEETINGS)

    def listing(self, session: Session, lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if _MEETINGS not in line]


class ExistsUnlistedWithoutWords(ExistsUnlisted):
    """A folder is there, is not listed, and CREATE is refused without a reason."""

    seen = "thought of, beside Twisted's MemoryAccount (“Mailbox not created”)"

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "CREATE" and session.store.find(word(command.arguments[0])) is not None:
            raise No("Mailbox not created")


class KeepsNamesInCapitals(Quirk):
    """Folders are kept and listed in capitals, and CREATE of one that is there is refused without a reason."""

    seen = "trials with Twisted 24.11 (MemoryAccount)"
    as_target = EXACT
    forgets = True
    anywhere = True

    def before(self, session: Session, command: Command) -> None:
        if command.verb not in ("CREATE", "SELECT", "EXAMINE", "STATUS", "APPEND", "SUBSCRIBE"):
            return
        kept = encode(decode(word(command.arguments[0])).upper())
        if command.verb == "CREATE" and kept in session.store.folders:
            raise No("Mailbox not created")
        command.arguments[0] = kept


class CreateRefusesEightBit(Quirk):
    """CREATE refuses every name that is not plain ASCII."""

    seen = "FirstClass: https://imapsync.lamiral.info/FAQ.d/FAQ.Various_Server_Softwares.txt"
    as_target = NAMED
    anywhere = True

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "CREATE" and b"&" in word(command.arguments[0]):
            raise No("[CANNOT] Character not allowed in mailbox name")


class CreateKeptForLater(Quirk):
    """CREATE is answered OK, and the folder is there only after the next sign-in."""

    seen = "thought of: clusters whose directory lags behind"
    as_target = NAMED
    passes = True

    def __init__(self) -> None:
        self._waiting: list[tuple[int, bytes]] = []

    def create(self, session: Session, name: bytes) -> bytes | None:
        self._waiting.append((session.server.connections, name))
        return None

    def before(self, session: Session, command: Command) -> None:
        for waiting in list(self._waiting):
            connections, name = waiting
            if session.number > connections:
                self._waiting.remove(waiting)
                if session.store.find(name) is None:
                    session.store.create(name, subscribed=False)


class SubscribeRefused(Quirk):
    """SUBSCRIBE is refused."""

    seen = "https://github.com/hkdb/aerion/issues/218"
    as_target = EXACT

    def before(self, session: Session, command: Command) -> None:
        if command.verb == "SUBSCRIBE":
            raise No("[CANNOT] not supported")


class SentTwice(Quirk):
    """Two folders have the special use of sent mail."""

    seen = "RFC 6154 §2, which allows it"
    as_source = as_target = EXACT
    anywhere = True

    def prepare(self, store: Store) -> None:
        for place, name in enumerate((b"Sent", b"Sent Messages")):
            folder = store.create(name, b"\\Sent")
            store.append(folder, messages.plain(80 + place))

    def prepare_other(self, store: Store) -> None:
        if b"Sent" not in store.folders and len(store.folders) > 1:
            store.append(store.create(b"Envoyes", b"\\Sent"), messages.plain(85))
