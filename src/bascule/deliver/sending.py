"""A batch onto the wire: one MULTIAPPEND, or one APPEND after the other, pipelined where literals need no leave."""

import asyncio
import re
from dataclasses import dataclass, field

from bascule.deliver.parcel import Batch, Parcel
from bascule.protocols.imap.append import appended_uids, format_message_head
from bascule.protocols.imap.commands import command
from bascule.protocols.imap.refusals import WAIT, meaning_of_condition
from bascule.protocols.imap.responses import Condition
from bascule.terms.outcome import Outcome, OutcomeCode
from bascule.wire.imap import ImapClient
from bascule.wire.imap.connection import Pending

_WRITE_OCTETS = 128 * 1024
_QUOTA = frozenset({"OVERQUOTA"})
_KEYWORDS = re.compile(r"\bflags?\b|keyword", re.IGNORECASE)
"""Dovecot: ``[CANNOT] Keyword length too long``; others: ``Invalid flag list``."""
_OK_TOO_EARLY = "the target said OK before it was sent the message"
_SIZE = frozenset({"TOOBIG", "APPENDLIMIT"})
_OF_SIZE = re.compile(
    r"\b(message|mail|item|literal)( size)?( is| was)? (too (large|big)|larger|bigger|exceed)|(maximum|max\.?) (message|mail) size",
    re.IGNORECASE,
)
"""Dovecot: ``[LIMIT] Mail size is larger than the maximum size allowed by server configuration``; Gmail: ``Message too large``; Exchange: ``The message
exceeds the maximum supported size``; Cyrus: ``Message size exceeds fixed limit``."""
_OF_ROOM = re.compile(r"quota|mailbox|folder|storage|disk|\bspace\b", re.IGNORECASE)
"""Whoever speaks of these means what is kept already, and a message of the same size may go in another day."""
_NOT_NOW = frozenset({"EXPUNGEISSUED", "LIMIT"})
"""Response codes of RFC 5530 that are of the moment where a message is appended. LIMIT is a limit of the server's own, on what it does
at once or on what it holds, unless its words speak of the message's size."""
_NOT_BEGUN = _NOT_NOW | {"INUSE", "THROTTLED"}
"""Those that say why nothing was done."""


@dataclass(slots=True)
class Shipment:
    """A batch that was sent. ``pendings``: one for the whole (MULTIAPPEND), or one for each parcel. ``is_sent``: whether that was to the last octet.
    ``cut``: those that were answered before that."""

    batch: Batch
    pendings: list[Pending] = field(default_factory=list)
    answers: list[Condition] = field(default_factory=list)
    is_multi: bool = False
    is_sent: bool = False
    cut: list[Pending] = field(default_factory=list)

    async def answered(self) -> None:
        """Wait for every answer. Raises ConnectionLost; the answers heard before it are kept."""
        for pending in self.pendings[len(self.answers) :]:
            self.answers.append(self._told(pending, await pending.answer()))

    @property
    def is_answered(self) -> bool:
        return self.is_sent and len(self.answers) == len(self.pendings)

    async def answered_within(self, seconds: float) -> None:
        """Wait no longer than this for the answers that can still come: what was not sent to its end is never answered."""
        coming = self.pendings if self.is_sent else self.pendings[:-1]
        if left := [pending.done for pending in coming if not pending.done.done()]:
            await asyncio.wait(left, timeout=seconds)

    def _told(self, pending: Pending, answer: Condition) -> Condition:
        """What an answer means: an OK to a message that the server was not sent to its end says nothing of it (RFC 9051 §6.3.12)."""
        if answer.status == "OK" and pending in self.cut:
            return Condition(answer.tag, "NO", None, _OK_TOO_EARLY)
        return answer

    def heard(self) -> list["Shipment"]:
        """What was answered until now, each answer with its parcels: all of a MULTIAPPEND, or none; else one by one, from the first on."""
        for pending in self.pendings[len(self.answers) :]:
            if not pending.done.done() or pending.done.exception() is not None:
                break
            self.answers.append(self._told(pending, pending.done.result()))
        if self.is_multi:
            return [self] if self.answers else []
        pairs = zip(self.batch.parcels, self.answers, strict=False)
        return [Shipment(Batch([parcel]), answers=[answer]) for parcel, answer in pairs]


async def send(client: ImapClient, mailbox: bytes, shipment: Shipment) -> None:
    """Write the batch to the connection. Raises ConnectionLost: nothing is known then of what the target kept and did not answer."""
    parcels = shipment.batch.parcels
    if client.has("MULTIAPPEND"):
        shipment.is_multi = len(parcels) > 1
        await _append(client, mailbox, parcels, shipment)
    else:
        for parcel in parcels:
            await _append(client, mailbox, [parcel], shipment)
    shipment.is_sent = True


async def _append(client: ImapClient, mailbox: bytes, parcels: list[Parcel], shipment: Shipment) -> None:
    """RFC 9051 §6.3.12, RFC 3502 §6.3.11. A refusal while a literal waits for its ``+`` ends the command early."""
    connection = client.connection
    async with connection.sending():
        pending = connection.begin("APPEND")
        shipment.pendings.append(pending)
        held = bytearray(pending.tag.encode() + b" ")
        for segment in command(b"APPEND", client.mailbox(mailbox)).segments:
            if isinstance(segment, bytes):
                held += segment
                continue
            await connection.write(held)
            held = bytearray()
            if not await connection.continuation(pending):
                shipment.cut.append(pending)
                return
        for parcel in parcels:
            nonsync = client.literals.allows(parcel.body.octets)
            utf8 = client.speaks_utf8 and parcel.has_utf8_header
            held += format_message_head(parcel.flags, parcel.date, parcel.body.octets, nonsync=nonsync, utf8=utf8)
            if not nonsync:
                await connection.write(held)
                held = bytearray()
                if not await connection.continuation(pending):
                    shipment.cut.append(pending)
                    return
            for chunk in parcel.body.chunks():
                if len(held) + len(chunk) > _WRITE_OCTETS and held:
                    await connection.write(held)
                    held = bytearray()  # the transport may still refer to the other
                if len(chunk) > _WRITE_OCTETS:
                    await connection.write(chunk)
                else:
                    held += chunk
            if utf8:
                held += b")"
        held += b"\r\n"
        if pending.done.done():
            shipment.cut.append(pending)
        await connection.write(held)


def delivered(shipment: Shipment, uidvalidity: int) -> list[tuple[int, Outcome]]:
    """Outcomes of a shipment that was answered OK throughout, with UIDs where UIDPLUS told them."""
    uids: list[int | None] = []
    for answer, count in zip(shipment.answers, _counts(shipment), strict=True):
        told = appended_uids(answer, count)
        uids += told[1] if told is not None and told[0] == uidvalidity else [None] * count
    return [(parcel.message, arrival(parcel, uid)) for parcel, uid in zip(shipment.batch.parcels, uids, strict=True)]


def arrival(parcel: Parcel, uid: int | None) -> Outcome:
    """The outcome of a parcel that the target took."""
    altered = parcel.alteration
    code = OutcomeCode.ALTERED if altered else OutcomeCode.DELIVERED
    return Outcome(code, altered, uid, parcel.sent_as, parcel.flags)


def _counts(shipment: Shipment) -> list[int]:
    return [len(shipment.batch.parcels)] if shipment.is_multi else [1] * len(shipment.answers)


def is_over_quota(answer: Condition) -> bool:
    return answer.code is not None and answer.code.name in _QUOTA


def may_pass(answer: Condition) -> bool:
    """Whether the refusal is of now rather than of the message."""
    if meaning_of_condition(answer) in WAIT:
        return True
    return answer.code is not None and answer.code.name in _NOT_NOW and not is_of_size(answer)


def may_be_done(answer: Condition) -> bool:
    """Whether a refusal that may pass leaves open what became of the message: a proxy that waited for its back end in vain says no more of it."""
    return answer.code is None or answer.code.name not in _NOT_BEGUN


def is_unexplained(answer: Condition) -> bool:
    """A NO without a code: most servers mean the message by it, some only the moment. One that speaks of the message's size means the message."""
    return answer.status == "NO" and answer.code is None and not is_of_size(answer)


def is_of_size(answer: Condition) -> bool:
    """Whether the target says that it takes no message as large as this one."""
    if answer.code is not None and answer.code.name in _SIZE:
        return True
    return _OF_SIZE.search(answer.text) is not None and _OF_ROOM.search(answer.text) is None


def is_of_keywords(answer: Condition) -> bool:
    """Whether the target says that it is flags or keywords that it refuses. A refusal that says nothing of them may pass, and no flag is given up for it."""
    return _KEYWORDS.search(answer.reason) is not None


def refusal(parcel: Parcel, answer: Condition) -> Outcome:
    """The outcome of a message that was refused alone."""
    name = answer.code.name if answer.code else ""
    if may_pass(answer) or answer.text == _OK_TOO_EARLY:  # who has not seen the message can say nothing of it
        code = OutcomeCode.REFUSED_BUSY
    elif parcel.body.octets == 0:
        code = OutcomeCode.REFUSED_EMPTY
    elif is_of_size(answer):
        code = OutcomeCode.REFUSED_SIZE
    elif name in ("TRYCREATE", "NONEXISTENT", "NOPERM"):
        code = OutcomeCode.REFUSED_FOLDER
    else:
        code = OutcomeCode.REFUSED_CONTENT
    return Outcome(code, answer.reason)
