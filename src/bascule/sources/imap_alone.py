"""One message that did not come with its window: asked for alone, and if need be in parts, so that what is wrong with it is found."""

from dataclasses import dataclass, field

from bascule.protocols.imap.commands import Argument, sequence_set
from bascule.protocols.imap.fetch import (
    BODY,
    DATE,
    FLAGS,
    LABELLED_MESSAGE,
    LABELS,
    SIZE,
    SIZED_LABELLED_MESSAGE,
    SIZED_MESSAGE,
    WHOLE_MESSAGE,
    Fetch,
)
from bascule.protocols.imap.refusals import WAIT, meaning_of_condition
from bascule.sources.contract import SourceMessage, Unreadable
from bascule.sources.imap_joining import MISSING, Pieces, let_go
from bascule.sources.limits import ANSWERS_FOR_ONE, PIECES_OCTETS
from bascule.terms.body import SpooledBody
from bascule.wire.errors import CommandRefused
from bascule.wire.imap import ImapClient

_PARTS = {"FLAGS": FLAGS, "INTERNALDATE": DATE, "X-GM-LABELS": LABELS}


async def read_alone(
    client: ImapClient, uid: int, measure: tuple[int, int] | None = None
) -> SourceMessage | Unreadable | None:
    """``measure``: UID and octets of a message that was read whole, by which it is seen whether the server's sizes are right.

    The message, with what could not be read of it among its ``remarks``; `Unreadable` where that is its content. None: the server
    gives nothing of it and refuses nothing. Raises ConnectionLost, and CommandRefused where the server asks to be asked later."""
    labelled = has_labels(client)
    answer = await _ask(client, uid, SIZED_LABELLED_MESSAGE if labelled else SIZED_MESSAGE)
    pieces = answer.pieces
    if pieces.data.body is None and answer.reason:
        # One attribute may be at fault, a date that its server can't make or a keyword that it writes wrong: then the content comes.
        answer = await _ask(client, uid, BODY)
        pieces.join(answer.pieces)
    if not pieces.data.body and pieces.nil:
        size = pieces.data.octets
        if size != 0 and await _sizes_are_right(client, measure):
            octets = "" if size is None else f", of {size} octets"
            return Unreadable(uid, f"the server gives nothing of its content{octets}")
        pieces.data.body = b""
    if pieces.data.body is None:
        reason = answer.reason or "; ".join(pieces.data.odd)
        return Unreadable(uid, reason) if reason else None
    reasons: dict[str, str] = {}
    items = [item for item in MISSING if labelled or item != "X-GM-LABELS"]
    for item in items:
        if item not in pieces.given:
            part = await _ask(client, uid, _PARTS[item])
            pieces.join(part.pieces)
            reasons[item] = part.reason
    pieces.data.uid = uid
    return pieces.message(items, reasons)


async def _sizes_are_right(client: ImapClient, measure: tuple[int, int] | None) -> bool:
    """Whether RFC822.SIZE of another message is what came. Of none, the server is believed."""
    if measure is None:
        return True
    uid, octets = measure
    return (await _ask(client, uid, SIZE)).pieces.data.octets == octets


def has_labels(client: ImapClient) -> bool:
    """Whether the server tells Gmail's labels."""
    return "X-GM-EXT-1" in client.capabilities


def whole_message(client: ImapClient) -> Argument:
    """What is asked for of each message."""
    return LABELLED_MESSAGE if has_labels(client) else WHOLE_MESSAGE


@dataclass(slots=True)
class _Answer:
    """``reason``: why something was not given, in the server's words, or what is wrong with its response; empty: nothing is."""

    pieces: Pieces = field(default_factory=Pieces)
    reason: str = ""


def _content_octets(reply: Fetch) -> int:
    """In memory or in a temporary file."""
    body = reply.data.body
    return body.octets if isinstance(body, SpooledBody) else len(body) if isinstance(body, bytes) else 0


async def _ask(client: ImapClient, uid: int, items: Argument) -> _Answer:
    replies: list[Fetch] = []
    held = 0

    def take(reply: Fetch) -> None:
        nonlocal held
        octets = _content_octets(reply)
        if (
            reply.data.uid in (uid, None)
            and len(replies) < ANSWERS_FOR_ONE
            and (not held or held + octets <= PIECES_OCTETS)
        ):
            held += octets
            replies.append(reply)
        else:
            let_go(reply.data)

    condition = await (await client.fetch(sequence_set([uid]), items, take)).answer()
    code = condition.code.name if condition.code else None
    if condition.status != "OK" and meaning_of_condition(condition) in WAIT:
        raise CommandRefused("UID FETCH", condition.status, code, condition.reason)
    answer = _Answer(reason="" if condition.status == "OK" else condition.reason)
    # A response without UID is this message's where it has the number of one with it, or brings a content: nobody asked for another.
    numbers = {reply.number for reply in replies if reply.data.uid == uid or reply.data.body is not None}
    for reply in replies:
        if reply.fault:
            answer.reason = answer.reason or f"the server's answer can't be read: {reply.fault}"
        elif reply.number in numbers:
            answer.pieces.add(reply)
    return answer
