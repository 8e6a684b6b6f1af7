"""One client's conversation, without its socket: a line in, a reply out.

    EXPECTS  LINE ──AUTH──▶ RESPONSE ──▶ LINE ──DATA──▶ MESSAGE ──CRLF.CRLF──▶ LINE ──QUIT──▶ END
                  ──STARTTLS──▶ TLS ──▶ LINE (everything forgotten: RFC 3207 §4.2)

`take`, `finish` and each step of `finishing` may be called from any thread, one call at a time; they block. They never let an exception out: what can't be carried out is
answered 4yz or 5yz, and what should not have happened 451, and logged.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from bascule.platform.accounts import Account, Accounts, AccountsUnavailable, SignInRefused, Why, words
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.sign_ins import SignIns
from bascule.platform.smtp import limits
from bascule.platform.smtp.accepting import Accepting, Outcome, Refusal, Steps
from bascule.platform.smtp.outward import Outward
from bascule.platform.smtp.postmaster import find_account
from bascule.platform.smtp.refusals import Refusals
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.rooms import strangers_room
from bascule.platform.smtp.transaction import Incoming, Recipient, Transaction
from bascule.platform.spool import Room
from bascule.protocols.sasl import BadResponse, read_plain
from bascule.protocols.smtp import BadCommand, Command, format_reply, parse_command


class Expects(Enum):
    LINE = auto()
    RESPONSE = auto()
    MESSAGE = auto()
    TLS = auto()
    END = auto()


_ASKING = frozenset(("EHLO", "HELO", "LHLO", "NOOP", "HELP", "VRFY", "RSET"))
"""Commands by which no mail gets on."""
_AT_HAND = frozenset((b"EHLO", b"HELO", b"LHLO", b"NOOP", b"HELP", b"VRFY", b"RSET", b"QUIT", b"DATA"))
_SIGN_IN_REPLIES = {
    Why.WRONG: (535, "5.7.8"),
    Why.NOT_YET: (454, "4.7.0"),  # not 535: the password is right, and a program must not ask for another
    Why.MOVED: (454, "4.7.0"),
    Why.LOCKED: (535, "5.7.13"),
    Why.TOO_MANY: (454, "4.7.0"),
}


@dataclass(frozen=True, slots=True)
class Services:
    """What sessions share. ``new_id``: another one each time. ``allowance``: how many more recipients an account may write to now. ``refusals``: where
    what is refused before there is a message is noted; None: nowhere."""

    accounts: Accounts
    arrivals: Arrivals
    accepting: Accepting
    clock: Callable[[], float]
    log: Callable[..., None]
    new_id: Callable[[], str]
    allowance: Callable[[Account], int]
    hostname: str = "localhost"
    message_limit: int = 100 * 1024 * 1024
    postmaster: str | None = None
    can_encrypt: bool = False
    outward: Outward = field(default_factory=Outward)
    sign_ins: SignIns = field(default_factory=lambda: SignIns(lambda *_, **__: None))
    refusals: Refusals | None = None


@dataclass(slots=True)
class Peer:
    """The other end. ``address``: without brackets; "" where there is none. ``admit``: whether it may sign in to an account (its id), of which there
    may be too many connections."""

    address: str
    is_loopback: bool
    is_encrypted: bool = False
    greeted: str = ""
    extended: bool = False
    account: Account | None = None
    wrong: int = field(default=0)
    asked: int = field(default=0)
    admit: Callable[[str], bool] = lambda account: True
    room: Callable[[], Room] = strangers_room
    """For what it sends: it shares that with all strangers, or with all who signed in as the same."""


class Session:
    def __init__(self, services: Services, role: Role, peer: Peer) -> None:
        self.services = services
        self.role = role
        self.peer = peer
        self.expects = Expects.LINE
        self.transaction: Transaction | None = None
        self._login: list[bytes] | None = None
        self._commands: dict[str, Callable[[Command], bytes]] = {
            "EHLO": self._hello, "HELO": self._hello, "LHLO": self._hello, "STARTTLS": self._start_tls, "AUTH": self._auth,
            "MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._data, "RSET": self._reset, "NOOP": self._noop,
            "VRFY": self._verify, "HELP": self._help, "QUIT": self._quit,
        }  # fmt: skip

    # -- lines --------------------------------------------------------------------------------------------------------

    def greet(self) -> bytes:
        return format_reply(
            220, "", f"{self.services.hostname} {'LMTP' if self.role is Role.LMTP else 'ESMTP'} Bascule"
        )

    def take(self, line: bytes) -> bytes:
        """The reply to one line."""
        command: Command | None = None
        try:
            if self.expects is Expects.RESPONSE:
                return self._response(line)
            command = parse_command(line)
            if self._only_asks(command):
                self.expects = Expects.END
                return format_reply(421, "4.7.0", "many questions and no mail; goodbye")
            return self._commands[command.name](command)
        except BadCommand as refusal:
            return self._refused(refusal.code, refusal.status, refusal.text)
        except Refusal as refusal:
            self._note(command, refusal)
            return self._refused(refusal.code, refusal.status, refusal.text)
        except AccountsUnavailable:
            self.expects = Expects.LINE
            return format_reply(451, "4.3.0", "the accounts can't be asked now; try again later")
        except Exception as error:  # noqa: BLE001 - a client must not end its session by our mistake
            self.services.log("bug", role=self.role.value, error=repr(error), exc_info=error)
            self.expects = Expects.LINE
            return format_reply(451, "4.3.0", "internal error; try again later")

    def is_at_hand(self, line: bytes) -> bool:
        """Whether the reply to ``line`` takes no time: no account is asked, and no mailbox."""
        word = line[:4].upper()
        return self.expects is Expects.LINE and (
            word in _AT_HAND or (word == b"MAIL" and self.role is not Role.SUBMISSION)
        )

    def _only_asks(self, command: Command) -> bool:
        """Whether it has had enough answers, and sent nothing."""
        self.peer.asked += command.name in _ASKING
        return self.peer.asked > limits.QUESTIONS

    def _note(self, command: Command | None, refusal: Refusal) -> None:
        """A sender or a recipient that is not taken. What a program only did in the wrong order, or is to do in another way, it does anew by itself."""
        refusals, transaction = self.services.refusals, self.transaction
        if refusals is None or command is None or refusal.status.startswith(("5.5.", "4.5.")) or refusal.code == 530:
            return
        reply = f"{refusal.code} {refusal.status} {refusal.text}"
        if command.name == "MAIL":
            refusals.note(self.peer, "", command.argument, "", reply)
        elif command.name == "RCPT" and transaction is not None:
            refusals.note(self.peer, transaction.id, transaction.sender, command.argument, reply)

    def _refused(self, code: int, status: str, text: str) -> bytes:
        self.expects = Expects.LINE
        self.peer.wrong += 1
        if self.peer.wrong > limits.WRONG_COMMANDS:
            self.expects = Expects.END
            return format_reply(421, "4.7.0", "too many commands that could not be carried out; goodbye")
        return format_reply(code, status, text)

    def finish(self) -> bytes:
        """As `finishing`, in this thread."""
        steps = self.finishing()
        while True:
            try:
                next(steps).result()
            except StopIteration as end:
                return bytes(end.value)

    def finishing(self) -> Steps[bytes]:
        """The whole message is here: the reply, or over LMTP one for each recipient (RFC 2033 §4.2)."""
        transaction, self.transaction = self.transaction, None
        self.expects = Expects.LINE
        self.peer.asked = 0
        assert transaction is not None
        assert transaction.incoming is not None
        try:
            outcomes = yield from self.services.accepting.accept(transaction, self.role, self.peer)
        except Refusal as refusal:
            outcomes = self._for_the_rest(transaction, refusal)
        except AccountsUnavailable:
            unavailable = Refusal(451, "4.3.0", "the accounts can't be asked now; try again later")
            outcomes = self._for_the_rest(transaction, unavailable)
        except Exception as error:  # noqa: BLE001 - see `take`
            self.services.log("bug", role=self.role.value, id=transaction.id, error=repr(error), exc_info=error)
            outcomes = self._for_the_rest(transaction, Refusal(451, "4.3.0", "internal error; try again later"))
        finally:
            transaction.incoming.close()
        return b"".join(
            format_reply(250, "2.0.0", f"kept as {transaction.id}")
            if outcome is None
            else format_reply(outcome.code, outcome.status, outcome.text)
            for outcome in outcomes
        )

    def _for_the_rest(self, transaction: Transaction, refusal: Refusal) -> list[Outcome]:
        """What is known of a recipient stays so: a server in front brings again what it hears was not kept."""
        if self.role is not Role.LMTP:
            return [refusal]
        known = transaction.outcomes
        return [*known, *([refusal] * (len(transaction.recipients) - len(known)))]

    def close(self) -> None:
        """The connection is over: a message that was not finished is thrown away."""
        self._forget()
        self.expects = Expects.END

    def secured(self) -> None:
        """TLS stands: RFC 3207 §4.2"""
        self.peer.is_encrypted, self.peer.greeted, self.peer.account = True, "", None
        self._forget()
        self.expects = Expects.LINE

    def _forget(self) -> None:
        if self.transaction is not None and self.transaction.incoming is not None:
            self.transaction.incoming.close()
        self.transaction = None

    # -- who is there -------------------------------------------------------------------------------------------------

    def _hello(self, command: Command) -> bytes:
        if command.name not in self.role.greeting_command:
            raise Refusal(500, "5.5.1", f"say {self.role.greeting_command[0]} here")
        self._forget()
        self.peer.greeted, self.peer.extended = command.argument, command.name != "HELO"
        if not self.peer.extended:
            return format_reply(250, "", self.services.hostname)
        return format_reply(250, "", self.services.hostname, *self._extensions())

    def _extensions(self) -> list[str]:
        found = [
            "PIPELINING",
            f"SIZE {self.services.message_limit}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self.services.can_encrypt and not self.peer.is_encrypted:
            found.append("STARTTLS")
        if self._may_authenticate():
            found.append("AUTH PLAIN LOGIN")
        return found

    def _may_authenticate(self) -> bool:
        """A password in clear text only where nobody listens."""
        return self.role is Role.SUBMISSION and (self.peer.is_encrypted or self.peer.is_loopback)

    def _start_tls(self, _: Command) -> bytes:
        if not self.services.can_encrypt or self.peer.is_encrypted:
            raise Refusal(502, "5.5.1", "TLS can't be begun here")
        self.expects = Expects.TLS
        return format_reply(220, "2.0.0", "begin TLS")

    def _auth(self, command: Command) -> bytes:
        if self.role is not Role.SUBMISSION:
            raise Refusal(502, "5.5.1", "nobody signs in here; send with the submission port")
        if not self._may_authenticate():
            raise Refusal(538, "5.7.11", "start TLS first; do not send that password again without it")
        if self.peer.account is not None or self.transaction is not None:
            raise Refusal(503, "5.5.1", "AUTH comes once, before MAIL")
        initial = command.parameters.get("INITIAL")
        if command.argument == "LOGIN":
            self._login = []
            if initial is not None:
                return self._login_step(initial.encode())
            self.expects = Expects.RESPONSE
            return format_reply(334, "", base64.b64encode(b"Username:").decode())
        if command.argument != "PLAIN":
            raise Refusal(504, "5.5.4", "there is PLAIN, and LOGIN")
        self._login = None
        if initial is not None:
            return self._plain(initial.encode())
        self.expects = Expects.RESPONSE
        return format_reply(334, "", "")

    def _response(self, line: bytes) -> bytes:
        self.expects = Expects.LINE
        if line == b"*":
            raise Refusal(501, "5.7.0", "AUTH was given up")
        return self._plain(line) if self._login is None else self._login_step(line)

    def _login_step(self, line: bytes) -> bytes:
        """The LOGIN mechanism is in no RFC; Outlook and many devices know nothing else."""
        assert self._login is not None
        try:
            self._login.append(base64.b64decode(b"" if line == b"=" else line, validate=True))
            if len(self._login) == 1:
                self.expects = Expects.RESPONSE
                return format_reply(334, "", base64.b64encode(b"Password:").decode())
            user, password = (each.decode() for each in self._login)
        except ValueError as error:
            raise Refusal(501, "5.5.2", "the response is not Base64 of UTF-8") from error
        return self._sign_in(user, password)

    def _plain(self, response: bytes) -> bytes:
        try:
            act_as, user, password = read_plain(response)
        except BadResponse as error:
            raise Refusal(501, "5.5.2", str(error)) from error
        if act_as not in ("", user):
            raise Refusal(535, "5.7.8", "nobody signs in here for another person")
        return self._sign_in(user, password)

    def _sign_in(self, user: str, password: str) -> bytes:
        try:
            account = self.services.accounts.sign_in(user, password, self.peer.address)
        except SignInRefused as refused:
            self.services.sign_ins.refused(user, self.peer.address, self.role.value, refused.why.value)
            code, status = _SIGN_IN_REPLIES[refused.why]
            raise Refusal(code, status, refused.text) from refused
        except AccountsUnavailable as error:  # RFC 4954 §6
            raise Refusal(454, "4.7.0", "the accounts can't be asked now; try again later") from error
        if not self.peer.admit(account.id):
            self.services.sign_ins.refused(user, self.peer.address, self.role.value, "too-many-connections")
            raise Refusal(454, "4.7.0", words.TOO_MANY_CONNECTIONS)
        self.peer.account = account
        self.services.sign_ins.made(account, self.peer.address, self.role.value)
        return format_reply(235, "2.7.0", "signed in")

    # -- one message --------------------------------------------------------------------------------------------------

    def _mail(self, command: Command) -> bytes:
        if not self.peer.greeted:
            raise Refusal(503, "5.5.1", f"say {self.role.greeting_command[0]} first")
        if self.transaction is not None:
            raise Refusal(503, "5.5.1", "one message after the other: RSET gives this one up")
        octets = self._parameters(command)
        if self.role is Role.SUBMISSION:
            self._require_sender(command.argument)
        self.transaction = Transaction(
            self.services.new_id(), command.argument, "SMTPUTF8" in command.parameters, octets
        )
        return format_reply(250, "2.1.0", "go on")

    def _parameters(self, command: Command) -> int:
        """The announced size. Raises Refusal."""
        told = command.parameters
        for name, value in told.items():
            if name not in ("SIZE", "BODY", "SMTPUTF8", "AUTH") or (
                name == "BODY" and value.upper() not in ("7BIT", "8BITMIME")
            ):
                raise Refusal(555, "5.5.4", f"{name} is not known here")
        size = told.get("SIZE", "0")
        if not size.isascii() or not size.isdigit() or len(size) > 20:
            raise Refusal(501, "5.5.4", "SIZE is a number")
        if int(size) > self.services.message_limit:
            raise Refusal(552, "5.3.4", f"a message has at most {self.services.message_limit} octets here")
        if not command.argument.isascii() and "SMTPUTF8" not in told:
            raise Refusal(553, "5.6.7", "say SMTPUTF8 with that address")
        return int(size)

    def _require_sender(self, sender: str) -> None:
        account = self.peer.account
        if account is None:
            raise Refusal(530, "5.7.0", "sign in first")
        if not self.services.accounts.may_go_on(account):
            self.expects = Expects.END
            raise Refusal(421, "4.7.0", words.CLOSED)
        if sender and not self.services.accounts.may_send_as(account, sender):
            raise Refusal(553, "5.7.1", f"{account.login} does not send as {sender}")

    def _rcpt(self, command: Command) -> bytes:
        transaction = self.transaction
        if transaction is None:
            raise Refusal(503, "5.5.1", "MAIL comes first")
        if command.parameters:
            raise Refusal(555, "5.5.4", f"{next(iter(command.parameters))} is not known here")
        if len(transaction.recipients) >= limits.RECIPIENTS:
            raise Refusal(
                452, "4.5.3", f"a message has at most {limits.RECIPIENTS} recipients; send it to the others apart"
            )
        if not self._is_repeated(command.argument, transaction):
            transaction.recipients.append(self._recipient(command.argument, transaction))
        return format_reply(250, "2.1.5", "go on")

    def _is_repeated(self, address: str, transaction: Transaction) -> bool:
        """Whether the message is for it already; nobody is asked then. Over LMTP each RCPT has a reply of its own (RFC 2033 §4.2). Raises Refusal."""
        if self.role is Role.LMTP or all(each.address != address for each in transaction.recipients):
            return False
        transaction.repeated += 1
        if transaction.repeated > limits.REPEATED_RECIPIENTS:
            raise Refusal(452, "4.5.3", "too many recipients are named again; they get the message once")
        return True

    def _recipient(self, address: str, transaction: Transaction) -> Recipient:
        """Raises Refusal."""
        services = self.services
        if not address.isascii() and not transaction.is_utf8:
            raise Refusal(553, "5.6.7", "say SMTPUTF8 with that address")
        account = find_account(services.accounts, address, services.postmaster)
        if self.role is Role.SUBMISSION:
            sender = self.peer.account
            assert sender is not None
            if account is None and services.accounts.serves(address.rpartition("@")[2]):
                raise Refusal(550, "5.1.1", f"there is nobody here named {address}")
            domain = address.rpartition("@")[2]
            if account is None and not services.outward.allows_domain(domain):
                raise Refusal(550, "5.7.1", f"no mail is sent from here to {domain}")
            if len(transaction.recipients) >= services.allowance(sender):
                raise Refusal(450, "4.7.1", "daily sending limit reached; try again tomorrow")
            return Recipient(address, account)
        if account is None:
            if services.accounts.serves(address.rpartition("@")[2]):
                raise Refusal(550, "5.1.1", f"there is nobody here named {address}")
            raise Refusal(550, "5.7.1", f"mail for {address} is not taken here")
        try:
            has_room = services.arrivals.has_room(account, transaction.announced_octets)
        except NotDelivered as error:
            raise Refusal(451, "4.2.0", error.text) from error
        if not has_room:
            raise Refusal(452, "4.2.2", f"the mailbox of {address} is full")
        return Recipient(address, account)

    def _data(self, _: Command) -> bytes:
        if self.transaction is None or not self.transaction.recipients:
            raise Refusal(503, "5.5.1", "RCPT comes first")
        self.transaction.incoming = Incoming(self.services.message_limit, self.peer.room())
        self.expects = Expects.MESSAGE
        return format_reply(354, "", "go on; end with a line of one dot")

    # -- the rest -----------------------------------------------------------------------------------------------------

    def _reset(self, _: Command) -> bytes:
        self._forget()
        return format_reply(250, "2.0.0", "forgotten")

    def _noop(self, _: Command) -> bytes:
        return format_reply(250, "2.0.0", "here")

    def _verify(self, _: Command) -> bytes:
        """RFC 5321 §3.5.3: who lives here is told to nobody."""
        return format_reply(252, "2.5.2", "send it, and see")

    def _help(self, _: Command) -> bytes:
        return format_reply(214, "2.0.0", " ".join(sorted(self._commands)))

    def _quit(self, _: Command) -> bytes:
        self._forget()
        self.expects = Expects.END
        return format_reply(221, "2.0.0", "goodbye")
