"""Delivers a complete message to mailboxes, or queues it."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeVar

from bascule.platform.accounts import Account, Accounts
from bascule.platform.arrivals import Arrivals, NotDelivered
from bascule.platform.smtp import limits
from bascule.platform.smtp.dkim import Signer
from bascule.platform.smtp.milter import MilterError, Milters, Verdict
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.transaction import Incoming, Recipient, Transaction, is_looping
from bascule.platform.trace import Event, Trace
from bascule.protocols.mime import HeaderSummary, summarise
from bascule.protocols.mime.header import Header, written
from bascule.protocols.mime.submitted import NotFit, authors, complete
from bascule.protocols.smtp.lines import with_crlf
from bascule.protocols.smtp.paths import format_path
from bascule.terms.body import Body, SpoolError, body_of

if TYPE_CHECKING:
    from bascule.platform.smtp.session import Peer

_T = TypeVar("_T")


class Refusal(Exception):
    """The reply that something was refused with: nothing of it was kept."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


Outcome = Refusal | None
"""Of a recipient; None: kept."""
Steps = Generator[Future[None], None, _T]
"""Work that waits without a thread, in between: for each future, before it goes on in any thread (`bascule.platform.arrivals`). Whoever does not go on
closes it."""
_NO_ROOM = (452, "4.3.1", "there is no room to take that message now; try again later")


class Queue(Protocol):
    """Where messages wait that could not be delivered at once, or go elsewhere."""

    def put(
        self, identity: str, sender: str, recipients: Sequence[str], body: Body, *, account: str | None, is_utf8: bool,
        here: Collection[str], is_spam: bool,
    ) -> None:  # fmt: skip
        """When this returns the message is synced. ``here``: which of ``recipients`` have a mailbox on this machine. ``is_spam``: a filter said so. Raises OSError, sqlite3.Error: then nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Accepting:
    accounts: Accounts
    arrivals: Arrivals
    queue: Queue
    trace: Trace
    milters: Milters
    signer: Signer | None
    clock: Callable[[], float]
    hostname: str

    def accept(self, transaction: Transaction, role: Role, peer: "Peer") -> Steps[list[Outcome]]:
        """One outcome, or over LMTP one for each recipient. Raises Refusal where it is the same for all that have none in ``transaction`` yet."""
        incoming = transaction.incoming
        assert incoming is not None
        refusal = _not_whole(incoming)
        if refusal is not None:
            _Note(self.trace, transaction, peer, summarise(b""), incoming.octets).write_refusal(refusal)
            raise refusal
        came = body = incoming.body()
        try:
            body = _with_crlf(came) if role is Role.SUBMISSION else came
            return (yield from self._accept(transaction, role, peer, body))
        except SpoolError as error:
            raise Refusal(*_NO_ROOM) from error
        finally:
            if body is not came:
                body.close()

    def _accept(self, transaction: Transaction, role: Role, peer: "Peer", body: Body) -> Steps[list[Outcome]]:
        start = body.start(limits.HEADER_OCTETS)
        note = _Note(self.trace, transaction, peer, summarise(start), body.octets)
        try:
            if is_looping(start[: Header.of(start)[1]], transaction.recipients):
                raise Refusal(554, "5.4.6", "mail loop detected")
            verdict = self.milters.ask(transaction, peer, body, role)
            if verdict.is_discarded:
                note.write(Event.DISCARDED, "by a filter")
                return [None] * (len(transaction.recipients) if role is Role.LMTP else 1)
            if verdict.refusal is not None:
                raise Refusal(*verdict.refusal)
            if role is Role.SUBMISSION:
                return self._submit(transaction, peer, body, verdict, note)
            return (yield from self._deliver(transaction, role, peer, body, verdict, note))
        except MilterError as error:
            note.write(Event.REFUSED, str(error))
            raise Refusal(451, "4.7.1", "a filter of ours does not answer; try again later") from error
        except SpoolError as error:
            note.write(Event.REFUSED, str(error))
            raise
        except Refusal as refusal:
            note.write_refusal(refusal)
            raise

    # -- for our accounts ---------------------------------------------------------------------------------------------

    def _deliver(
        self, transaction: Transaction, role: Role, peer: "Peer", body: Body, verdict: Verdict, note: "_Note"
    ) -> Steps[list[Outcome]]:
        received = self._received(transaction, role, peer)
        filtered = verdict.apply(body)
        try:
            soon, outcomes = transaction.recipients[: _at_once(filtered.octets)], transaction.outcomes
            for recipient in soon:
                outcome = yield from self._deliver_to(
                    recipient, transaction, received, filtered, is_spam=verdict.is_spam
                )
                outcomes.append(outcome)
                if outcome is None:
                    note.write(Event.DELIVERED, "", recipient.address)
                elif role is Role.LMTP:
                    note.write(Event.REFUSED, outcome.text, recipient.address)
            left = transaction.recipients[len(soon) :]
            if role is not Role.LMTP:
                refused = [(each, outcome) for each, outcome in zip(soon, outcomes, strict=True) if outcome is not None]
                if len(refused) == len(transaction.recipients):
                    note.write(Event.REFUSED, refused[0][1].text)
                    return [refused[0][1]]
                left = [*(each for each, _ in refused), *left]
            queued = self._queue_the_rest(transaction, left, received, filtered, note, is_spam=verdict.is_spam)
            return [*outcomes, *([queued] * len(left))] if role is Role.LMTP else [queued]
        finally:
            if filtered is not body:
                filtered.close()

    def _deliver_to(
        self, recipient: Recipient, transaction: Transaction, received: bytes, body: Body, *, is_spam: bool
    ) -> Steps[Outcome]:
        assert recipient.account is not None
        before = delivery_fields(transaction.sender, recipient.address) + received
        try:
            delivery = f"{transaction.id}/{recipient.address}"
            yield from self.arrivals.delivering(recipient.account, body, before, delivery, is_spam=is_spam)
        except NotDelivered as failure:
            if failure.is_full:
                return Refusal(452, "4.2.2", f"the mailbox of {recipient.address} is full")
            return Refusal(451, "4.2.0", failure.text)
        except SpoolError:
            return Refusal(*_NO_ROOM)
        return None

    def _queue_the_rest(
        self, transaction: Transaction, left: list[Recipient], received: bytes, body: Body, note: "_Note", *, is_spam: bool
    ) -> Outcome:  # fmt: skip
        """One reply stands for all recipients: where some have the message, the others get it from the queue. RFC 5321 §4.2.5"""
        if not left:
            return None
        try:
            whole = body_of(chain((received,), body.chunks()), len(received) + body.octets)
            with contextlib.closing(whole):
                self._queue(transaction, left, whole, None, is_spam=is_spam)
        except (OSError, sqlite3.Error) as error:
            for each in left:
                note.write(Event.REFUSED, str(error), each.address)
            return Refusal(451, "4.3.1", "there is no room to take that message for all; try again later")
        for each in left:
            note.write(Event.QUEUED, "", each.address)
        return None

    def _queue(
        self, transaction: Transaction, recipients: Sequence[Recipient], body: Body, account: Account | None, *, is_spam: bool
    ) -> None:  # fmt: skip
        """``account``: who submitted it. Raises OSError, sqlite3.Error."""
        here = {each.address for each in recipients if each.account is not None and each.account.is_here}
        self.queue.put(
            transaction.id, transaction.sender, [each.address for each in recipients], body, here=here,
            account=None if account is None else account.id, is_utf8=transaction.is_utf8, is_spam=is_spam,
        )  # fmt: skip

    # -- from our accounts --------------------------------------------------------------------------------------------

    def _submit(
        self, transaction: Transaction, peer: "Peer", body: Body, verdict: Verdict, note: "_Note"
    ) -> list[Outcome]:
        assert peer.account is not None
        start = body.start(limits.HEADER_OCTETS)
        header, end = Header.of(start)
        if end >= limits.HEADER_OCTETS:
            raise Refusal(552, "5.3.4", "the message's header is larger than this server takes")
        try:
            written_by = authors(header)
        except NotFit as error:
            raise Refusal(550, "5.6.0", str(error)) from error
        for author in written_by:
            if not self.accounts.may_send_as(peer.account, author):
                raise Refusal(550, "5.7.1", f"{peer.account.login} does not send as {author}")
        now = datetime.fromtimestamp(int(self.clock()), UTC)
        complete(header, format_datetime(now), f"<{transaction.id}@{self.hostname}>")
        verdict.change(header)
        if self.signer is not None:
            domain = written_by[0].rpartition("@")[2]
            signature = self.signer.sign(header, body.after(end), domain, int(time.time()))  # never a rehearsal's time
            header.fields.insert(0, signature)
        header_octets = self._received(transaction, Role.SUBMISSION, peer) + header.octets() + b"\r\n"
        try:
            whole = body_of(chain((header_octets,), body.after(end)), len(header_octets) + body.octets - end)
            with contextlib.closing(whole):
                self._queue(transaction, transaction.recipients, whole, peer.account, is_spam=False)
        except (OSError, sqlite3.Error) as error:
            raise Refusal(*_NO_ROOM) from error
        for recipient in transaction.recipients:
            note.write(Event.QUEUED, "", recipient.address)
        return [None]

    def _received(self, transaction: Transaction, role: Role, peer: "Peer") -> bytes:
        """RFC 5321 §4.4; the protocol's name, RFC 3848 and RFC 6531 §4.3. Where a member's own machine stands is told to nobody."""
        name = "LMTP" if role is Role.LMTP else "ESMTP" if peer.extended else "SMTP"
        if transaction.is_utf8:
            name = f"UTF8{name.removeprefix('E')}"
        name += "S" if peer.is_encrypted else ""
        name += "A" if peer.account is not None else ""
        address = f"IPv6:{peer.address}" if ":" in peer.address else peer.address
        origin = self.hostname if role is Role.SUBMISSION else f"{peer.greeted} ([{address or '127.0.0.1'}])"
        only = transaction.recipients[0].address if len(transaction.recipients) == 1 else ""
        for_whom = f"\r\n\tfor {format_path(only)}" if only else ""
        now = format_datetime(datetime.fromtimestamp(int(self.clock()), UTC))
        value = f"from {origin}\r\n\tby {self.hostname} (Bascule) with {name} id {transaction.id}{for_whom};\r\n\t{now}"
        return written("Received", value).octets


def _not_whole(incoming: Incoming) -> Refusal | None:
    if incoming.is_too_large:
        return Refusal(552, "5.3.4", "the message is larger than this server takes")
    if incoming.failure is not None:
        return Refusal(452, "4.3.1", "there is no room to take that message now; try again later")
    return None


def _at_once(octets: int) -> int:
    """How many recipients a message of that size is written to before its reply."""
    return min(limits.AT_ONCE, max(1, limits.AT_ONCE_OCTETS // max(1, octets)))


def delivery_fields(sender: str, recipient: str) -> bytes:
    """What the server that delivers writes before all else: RFC 5321 §4.4; Delivered-To tells a circle."""
    return written("Return-Path", format_path(sender)).octets + written("Delivered-To", recipient).octets


def _with_crlf(body: Body) -> Body:
    """Before filters and the signature see it: what is signed is what other servers get (RFC 5321 §2.3.8, RFC 6376 §5.3).

    ``body`` itself where it has no other line ends, otherwise a new one, the caller's to close.
    """
    return body_of(with_crlf(body.chunks())) if body.traits.fragile else body


class _Note:
    """Writes rows of the trace for one message."""

    def __init__(
        self, trace: Trace, transaction: Transaction, peer: "Peer", header: HeaderSummary, octets: int
    ) -> None:
        self._trace, self._transaction, self._peer, self._header, self._octets = (
            trace,
            transaction,
            peer,
            header,
            octets,
        )

    def write_refusal(self, refusal: Refusal) -> None:
        self.write(Event.REFUSED, f"{refusal.code} {refusal.status} {refusal.text}")

    def write(self, event: Event, detail: str, recipient: str = "") -> None:
        header, transaction = self._header, self._transaction
        for address in [recipient] if recipient else [each.address for each in transaction.recipients]:
            self._trace.note(
                event, transaction.id, sender=transaction.sender, recipient=address, subject=header.subject,
                message_id=header.message_id, octets=self._octets, peer=self._peer.address, detail=detail,
            )  # fmt: skip
