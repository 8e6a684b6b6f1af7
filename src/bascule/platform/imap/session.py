"""One person's conversation, without its socket: a request in, the octets to answer out.

States (RFC 9051 §3)::

    NOT_SIGNED_IN ──LOGIN, AUTHENTICATE──▶ SIGNED_IN ──SELECT, EXAMINE──▶ SELECTED
                                              ▲                              │
                                              └── CLOSE, UNSELECT, a failed SELECT
    any ──LOGOUT, a refusal to go on──▶ ENDED

`handle` may be called from any thread, one call at a time; it blocks. It yields octets as they are made, in pieces small enough to hold, and
never lets an exception out: what can't be carried out is answered NO or BAD, what should not have happened with NO [SERVERBUG], and logged.
"""

import contextlib
import sqlite3
from array import array
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial

from bascule.mailbox.database import is_bug
from bascule.mailbox.format import MailboxElsewhere, MailboxError
from bascule.mailbox.live import FolderGone, LiveMailbox, NameRefused, TooManyKeywords
from bascule.platform import memory
from bascule.platform.accounts import Account, Accounts, AccountsUnavailable, SignInRefused, require_here, words
from bascule.platform.imap.access import Access, Place
from bascule.platform.imap.capabilities import capabilities
from bascule.platform.imap.commands import COMMANDS
from bascule.platform.imap.replies import Bad, Done, No
from bascule.platform.imap.states import State
from bascule.platform.imap.view import View
from bascule.platform.mailboxes import Mailboxes
from bascule.platform.queued_lock import QueuedLock
from bascule.platform.sign_ins import SignIns
from bascule.platform.wakeups import after_commit
from bascule.protocols.imap.answers import condition, string
from bascule.protocols.imap.names import decode_name, encode_name
from bascule.protocols.imap.receiver import Announcement, Refused
from bascule.protocols.imap.requests import BadRequest, MessageSet, Request
from bascule.protocols.imap.search import BadCharset
from bascule.protocols.imap.sequence import Range
from bascule.terms.errors import without_advice
from bascule.terms.folder import FolderPath

SEPARATOR = "/"
NAME_CHARACTERS = 250
"""Of one folder's name; a path has at most 20 of them."""
DEPTH = 20
_UNREADABLE = (MailboxError, sqlite3.Error, OSError)
_SELECTS = frozenset(("SELECT", "EXAMINE"))


@dataclass(frozen=True, slots=True)
class Services:
    """What sessions share. ``notify``: tell all who watch an account's mailbox that it changed. ``log``: an event and its fields."""

    accounts: Accounts
    mailboxes: Mailboxes
    notify: Callable[[str], None]
    clock: Callable[[], float]
    log: Callable[..., None]
    hostname: str = "localhost"
    others: str = "Other Users"
    """The name above other people's mailboxes (RFC 2342 §5)."""
    append_limit: int = 100 * 1024 * 1024
    """The largest message taken, in octets."""
    sign_ins: SignIns = field(default_factory=lambda: SignIns(lambda *_, **__: None))

    def __post_init__(self) -> None:
        memory.settle()


@dataclass(slots=True)
class Connection:
    """What a session knows of its connection, and asks of it: the shell acts on these after the reply is sent. ``admit``: whether it may sign in to an
    account (its id), of which there may be too many connections."""

    peer: str
    is_loopback: bool
    can_encrypt: bool = False
    encrypted: bool = False
    compressed: bool = False
    wants_tls: bool = False
    wants_compression: bool = False
    idles: bool = False
    admit: Callable[[str], bool] = lambda account: True
    is_gone: Callable[[], bool] = lambda: False
    """Whether nobody waits for an answer any more; for any thread."""
    rests: bool = False
    """The command waits for others: it goes on in a moment, and holds no thread until then."""
    looks_again: bool = False
    """What changed could not be read during IDLE: it is to be looked at again in a moment."""
    asks_for_literal: bool = False
    """A message that was announced is asked for. Otherwise its command was refused, and will not go on."""


class Session:
    def __init__(self, services: Services, connection: Connection) -> None:
        self.services = services
        self.connection = connection
        self.state = State.NOT_SIGNED_IN
        self.account: Account | None = None
        self.view: View | None = None
        self.enabled: set[str] = set()
        self._own: Access | None = None
        self._opened: contextlib.ExitStack | None = None

    # -- what the client asked for ------------------------------------------------------------------------------------

    @property
    def utf8(self) -> bool:
        """Whether names are written as UTF-8."""
        return "UTF8=ACCEPT" in self.enabled or self.rev2

    @property
    def rev2(self) -> bool:
        return "IMAP4REV2" in self.enabled

    @property
    def tells_modseqs(self) -> bool:
        return "CONDSTORE" in self.enabled

    def enable_condstore(self) -> Iterator[bytes]:
        """By any command that asks for MODSEQs. With a mailbox selected, its state is told from here on (RFC 7162 §3.1)."""
        if "CONDSTORE" in self.enabled:
            return
        self.enabled.add("CONDSTORE")
        if self.view is not None:
            yield b"* OK [HIGHESTMODSEQ %d] the highest\r\n" % self.view.modseq

    # -- where things are ---------------------------------------------------------------------------------------------

    @property
    def own(self) -> Access:
        """One's own mailbox, while a command runs."""
        assert self._own is not None
        return self._own

    @property
    def selected(self) -> View:
        assert self.view is not None
        return self.view

    @property
    def box(self) -> LiveMailbox:
        """That of the selected folder."""
        return self.selected.box

    @property
    def lock(self) -> QueuedLock:
        """That of the selected folder's mailbox."""
        return self.selected.access.lock

    @property
    def watched(self) -> set[str]:
        """Accounts of whose mailboxes this session wants to hear."""
        watched = {self.account.id} if self.account else set()
        return watched | {self.view.access.owner.id} if self.view else watched

    def places_of(self, messages: MessageSet, *, uid: bool) -> list[Range]:
        """`View.places` in the selected folder. A set is as long as its sender likes: it is looked up without the mailbox's lock."""
        with self.lock:
            self.selected.read_uids()
        return self.selected.places(messages, uid=uid)

    def uids_of(self, messages: MessageSet, *, uid: bool) -> "array[int]":
        """`View.uids_of` likewise."""
        with self.lock:
            self.selected.read_uids()
        return self.selected.uids_of(messages, uid=uid)

    def path_of(self, raw: bytes) -> FolderPath:
        """The folder that a client names. Raises No where it can't be a folder's name."""
        name = decode_name(raw, utf8=self.utf8)
        parts = name.rstrip(SEPARATOR).split(SEPARATOR)
        if not all(parts) or any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in name):
            raise No("that can't be a mailbox name", "CANNOT")
        if len(parts) > DEPTH or any(len(part) > NAME_CHARACTERS for part in parts):
            raise No("that mailbox name is too long", "LIMIT")
        return FolderPath(tuple(parts))

    def place_of(self, raw: bytes) -> Place:
        """The folder that a client names, in its own mailbox or in one of which something is shared with it. Raises No, MailboxError."""
        path = self.path_of(raw)
        others, *rest = path.parts
        if others != self.services.others or not rest or "@" not in rest[0]:
            return Place(self.own, path)
        owner = next((owner for owner in self.shared_with_me() if owner.login == rest[0].lower()), None)
        if owner is None or len(rest) == 1:
            raise No("there is no such mailbox", "NONEXISTENT")
        return Place(self.access_to(owner), FolderPath(tuple(rest[1:])))

    def shared_with_me(self) -> list[Account]:
        assert self.account is not None
        return self.services.accounts.shared_with(self.account)

    def access_to(self, owner: Account) -> Access:
        """Their mailbox, open until the command has run. Raises MailboxError."""
        assert self._opened is not None
        assert self.account is not None
        require_here(owner)
        mailbox = self.services.mailboxes.take(owner.id)
        self._opened.callback(self.services.mailboxes.give_back, mailbox)
        if owner.id == self.account.id:
            return Access(mailbox, owner, (), None, mailbox.box)
        with mailbox.lock:
            box = mailbox.box.read_by(self.account.id)
        return Access(mailbox, owner, (self.services.others, owner.login), self.account, box)

    def name_of(self, path: FolderPath) -> bytes:
        """As this connection writes it."""
        return string(encode_name(path.join(SEPARATOR), utf8=self.utf8), utf8=self.utf8)

    def now(self) -> int:
        return int(self.services.clock())

    def changed(self, access: Access) -> None:
        """Tell who watches the mailbox. Never fails: what changed is written."""
        after_commit(partial(self.services.notify, access.mailbox.account), self.services.log)

    def capability_names(self) -> list[str]:
        return capabilities(
            signed_in=self.account is not None,
            can_encrypt=self.connection.can_encrypt and not self.connection.encrypted,
            encrypted=self.connection.encrypted,
            plain_text_allowed=self.connection.is_loopback,
            append_limit=self.services.append_limit,
            compressed=self.connection.compressed,
        )

    # -- signing in and out -------------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str) -> None:
        """A mailbox that can't be opened is found out here. Nobody waits for its lock: whoever works long in a mailbox would keep all from signing
        in. Raises SignInRefused, MailboxError, No; a place is taken (`Connection.admit`) once nothing can fail any more."""
        told = self.services.sign_ins
        peer = self.connection.peer
        try:
            account = self.services.accounts.sign_in(login, password, peer)
            require_here(account)
            self.services.mailboxes.give_back(self.services.mailboxes.take(account.id))
            if not self.connection.admit(account.id):
                raise No(words.TOO_MANY_CONNECTIONS, "LIMIT")
        except SignInRefused as refused:
            told.refused(login, peer, "imap", refused.why.value)
            raise
        except No:
            told.refused(login, peer, "imap", "too-many-connections")
            raise
        except MailboxError as error:
            told.refused(
                login, peer, "imap", "elsewhere" if isinstance(error, MailboxElsewhere) else "mailbox-not-open"
            )
            raise
        self.account = account
        self.state = State.SIGNED_IN
        told.made(account, peer, "imap")

    def deselect(self) -> None:
        self.view = None
        if self.state is State.SELECTED:
            self.state = State.SIGNED_IN

    def close(self) -> None:
        """To be called once no `handle` runs."""
        self.view = None
        self.state = State.ENDED
        if self.account is not None:
            memory.give_back()

    @contextlib.contextmanager
    def _with_mailboxes(self, *, selects: bool = False) -> Iterator[None]:
        """The account's mailbox, and that of the selected folder, open for as long as the block lasts: who waits holds none. ``selects``: the selected
        folder is left, and what became of it does not matter. Raises MailboxError; FolderGone where the selected folder is no longer shared with this session."""
        if self.account is None:
            yield
            return
        with contextlib.ExitStack() as self._opened:
            self._own = self.access_to(self.account)
            if self.view is not None and not selects:
                owner = self.view.access.owner
                self.view.enter(self._own if owner.id == self.account.id else self.access_to(owner))
            try:
                yield
            finally:
                self._own = self._opened = None

    # -- one request --------------------------------------------------------------------------------------------------

    def greet(self) -> bytes:
        return condition(
            b"*",
            b"OK",
            f"Bascule on {self.services.hostname} is ready",
            b"CAPABILITY " + " ".join(self.capability_names()).encode(),
        )

    def handle(self, request: Request) -> Iterator[bytes]:
        """Carry it out."""
        try:
            done = yield from self._carry_out(request)
        except No as refusal:
            if (
                request.name in _SELECTS and self.view is not None
            ):  # RFC 9051 §6.3.2: whatever the reason, none is selected
                self.deselect()
                yield condition(b"*", b"OK", "the mailbox that was selected is closed", b"CLOSED")
            yield condition(request.tag, b"NO", refusal.text, refusal.code.encode())
        except (Bad, BadRequest) as refusal:
            yield condition(request.tag, b"BAD", str(refusal))
        else:
            if done is not None:
                yield condition(request.tag, b"OK", done.text, done.code)

    def _carry_out(self, request: Request) -> Generator[bytes, None, Done | None]:
        try:
            with self._with_mailboxes(selects=request.name in _SELECTS):
                return (yield from self._run(request))
        except (No, Bad, BadRequest):
            raise
        except BadCharset as refusal:
            raise No(str(refusal), "BADCHARSET (US-ASCII UTF-8 ISO-8859-1)") from refusal
        except NameRefused as refusal:
            raise No(str(refusal), refusal.code) from refusal
        except TooManyKeywords as refusal:
            raise No("the messages of this mailbox have had too many different keywords", "LIMIT") from refusal
        except IndexError as refusal:
            raise Bad("there is no message of that number") from refusal
        except FolderGone as refusal:
            yield from self._folder_is_gone()
            raise No("that mailbox was deleted", "NONEXISTENT") from refusal
        except AccountsUnavailable as error:
            raise No("the accounts can't be asked now; try again in a while", "UNAVAILABLE") from error
        except MailboxElsewhere as error:
            raise No(words.ELSEWHERE, "UNAVAILABLE") from error
        except _UNREADABLE as error:
            self._log_unreadable(error)
            raise No("this can't be done now; try again in a while", "UNAVAILABLE") from error
        except Exception as error:
            self.services.log("bug", command=request.name, error=repr(error), exc_info=error)
            raise No(
                "this went wrong on the server; check what has been done before you try again", "SERVERBUG"
            ) from error

    def _run(self, request: Request) -> Generator[bytes, None, Done | None]:
        command = COMMANDS.get(("UID " if request.uid else "") + request.name)
        if command is None:
            raise Bad(f"there is no command {request.name}")
        if self.state not in command.states:
            raise Bad(f"{request.name} is not allowed while {self.state.value}")
        if any(isinstance(part, Refused) for part in request.frame):
            raise No("that is larger than this server takes", "TOOBIG")
        if self.account is not None and not self.services.accounts.may_go_on(self.account):
            self.state = State.ENDED
            yield condition(b"*", b"BYE", words.CLOSED, b"UNAVAILABLE")
            return None
        done = yield from command.run(self, request)
        if not isinstance(request.frame, Announcement):
            yield from self._after(request)
        return done

    def _after(self, request: Request) -> Iterator[bytes]:
        """What changed in the selected folder, told before the tagged reply."""
        if self.view is not None:
            expunges = request.uid or request.name not in ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")
            yield from self.news(expunges=expunges)

    def news(self, *, expunges: bool = True) -> Iterator[bytes]:
        """Responses for what changed in the selected folder since the client last heard of it. They come behind a command that has done its work, and make
        no refusal of its reply: a client that is told NO does it again. A folder that is gone is closed; what can't be read now is told with a later command.
        """
        told: list[bytes] = []
        try:
            with self.lock:
                self.selected.look()
                told.extend(
                    self.selected.tell(
                        expunges=expunges,
                        vanished="QRESYNC" in self.enabled,
                        modseqs=self.tells_modseqs,
                        rev2=self.rev2,
                    )
                )
        except FolderGone:
            told += self._folder_is_gone()
        except _UNREADABLE as error:
            self._look_again(error)
        yield from told

    def idle_news(self) -> Iterator[bytes]:
        """What is told during IDLE: the news, or that it is over."""
        try:
            if self.account is not None and not self.services.accounts.may_go_on(self.account):
                self.state = State.ENDED
                yield condition(b"*", b"BYE", words.CLOSED, b"UNAVAILABLE")
                return
            if self.view is not None:
                with self._with_mailboxes():
                    yield from self.news()
        except FolderGone:
            yield from self._folder_is_gone()
        except (AccountsUnavailable, *_UNREADABLE) as error:
            self._look_again(error)

    def _look_again(self, error: Exception) -> None:
        """Somebody had the mailbox alone for a moment, perhaps: nothing else would tell who is in IDLE."""
        self.connection.looks_again = True
        self._log_unreadable(error)

    def _log_unreadable(self, error: Exception) -> None:
        login, traceback = self.account and self.account.login, is_bug(error) and error
        self.services.log("mailbox-error", account=login, error=without_advice(error), exc_info=traceback)

    def _folder_is_gone(self) -> Iterator[bytes]:
        """The selected folder was deleted by another session: this one must not go on as if it had numbers (RFC 2180 §3.4)."""
        if self.view is not None:
            self.deselect()
            yield condition(b"*", b"OK", "the mailbox was deleted", b"CLOSED")
