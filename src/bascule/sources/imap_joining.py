"""Responses to FETCH become messages, whatever order and pieces they come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bascule.protocols.imap.fetch import Fetch, MessageData
from bascule.sources.contract import SourceMessage
from bascule.sources.limits import PIECES, PIECES_OCTETS
from bascule.terms.body import Body, HeldBody, SpooledBody

MISSING = {
    "INTERNALDATE": "the source gives no arrival date",
    "FLAGS": "the source does not give its flags",
    "X-GM-LABELS": "the source does not give its labels",
}
"""What is told of a message that was given without it."""


@dataclass(slots=True)
class Pieces:
    """What was told of one message so far. ``given``: the attributes that were, understood or not. ``nil``: its content was given as NIL or
    as no octets, which may be of a message without any or of one that the server can't read."""

    data: MessageData = field(default_factory=MessageData)
    given: set[str] = field(default_factory=set)
    nil: bool = False

    @property
    def held_octets(self) -> int:
        return len(self.data.body) if isinstance(self.data.body, bytes) else 0

    def add(self, reply: Fetch) -> None:
        """What a later response tells counts, but for the content, of which the first is as good."""
        if reply.data.body == b"":
            self.join(Pieces(replace(reply.data, body=None), {item for item in MISSING if reply.gives(item)}, nil=True))
        else:
            self.join(Pieces(reply.data, {item for item in MISSING if reply.gives(item)}))

    def join(self, later: "Pieces") -> None:
        """Take over what ``later`` has."""
        ours, new = self.data, later.data
        for name in ("uid", "flags", "date", "octets", "labels"):
            if (value := getattr(new, name)) is not None:
                setattr(ours, name, value)
        ours.odd += tuple(one for one in new.odd if one not in ours.odd)
        self.given |= later.given
        self.nil = self.nil or later.nil
        if ours.body is None:
            ours.body = new.body
        else:
            let_go(new)

    def message(self, items: Iterable[str], reasons: Mapping[str, str]) -> SourceMessage:
        """With its UID and its content, which are there. Of ``items`` it is told which was not given, and why where that is known."""
        data = self.data
        remarks = [*data.odd]
        for item in items:
            if item not in self.given:
                remarks.append(": ".join(filter(None, (MISSING[item], reasons.get(item)))))
            elif item == "INTERNALDATE" and data.date is None and not data.odd:
                remarks.append(MISSING[item])  # NIL
        return source_message(data, tuple(remarks))


class Joining:
    """The messages that are asked for on one connection. Servers answer with one response for each message, nearly always: that is given
    on as it comes. Some send a message's attributes in several (RFC 9051 §7.5.2 allows it), without the UID in each, or tell in between
    of flags that changed: these pieces are joined, and given on once nothing is missing, or when the FETCH is answered (`rest`).
    Several FETCHes may be in flight, and be answered before the OK of the first of them (Dovecot).

    What is held is bounded: past `PIECES_OCTETS` a content is let go, and its message left out, to be asked for alone.
    """

    def __init__(self, *, labels: bool = False) -> None:
        self.left: set[int] = set()
        self._items = tuple(item for item in MISSING if labels or item != "X-GM-LABELS")
        self._plain_is_complete = not labels
        self._by_uid: dict[int, Pieces] = {}
        self._by_number: dict[int, Pieces] = {}
        self._held = 0

    def expect(self, uids: Iterable[int]) -> None:
        """These are asked for."""
        self.left.update(uids)

    def take(self, reply: Fetch) -> SourceMessage | None:
        """A message that is complete with this response. One that was given already, or was not asked for, is not given."""
        data = reply.data
        if self._plain_is_complete and reply.items is None and data.body and data.uid in self.left:
            self.left.remove(data.uid)
            return source_message(data)
        pieces = None if reply.fault else self._place(reply)
        if pieces is None:
            let_go(data)
            return None
        before = pieces.held_octets
        pieces.add(reply)
        self._held += pieces.held_octets - before
        if pieces.data.uid is not None and pieces.data.body is not None and pieces.given.issuperset(self._items):
            return self._give(pieces)
        if self._held > PIECES_OCTETS and len(self.left) > 1:
            self._held -= pieces.held_octets
            pieces.data.body = None
        return None

    def renumbered(self) -> None:
        """A message went away: from here on a sequence number may be another message's (RFC 9051 §7.5.1)."""
        self._by_number.clear()

    def rest(self, uids: Iterable[int]) -> tuple[list[SourceMessage], list[int]]:
        """The FETCH of ``uids`` is answered: messages whose content was given, though something else of them was not; and the UIDs of
        those that were not given at all, which are no longer expected."""
        given, missed = [], []
        for uid in uids:
            pieces = self._by_uid.get(uid)
            if pieces is not None and pieces.data.body is not None:
                given.append(self._give(pieces))
            elif uid in self.left:
                self.left.remove(uid)
                self._by_uid.pop(uid, None)
                missed.append(uid)
        if not self.left:
            self._by_number.clear()
        return given, missed

    def _place(self, reply: Fetch) -> Pieces | None:
        """Where this response belongs to, by its UID or else by its number; None: to no message that we wait for."""
        uid, number = reply.data.uid, reply.number
        numbered = self._by_number.get(number)
        if uid is None:
            found = numbered
        elif uid not in self.left:
            return None
        else:
            found = self._by_uid.get(uid) or (numbered if numbered and numbered.data.uid is None else None)
        if found is not None and found.data.uid is not None and found.data.uid not in self.left:
            return None  # by its number: something more of a message that was given
        if found is None and len(self._by_number) + len(self._by_uid) > PIECES:
            return None
        found = found or Pieces()
        self._by_number[number] = found
        if uid is not None:
            self._by_uid[uid] = found
        return found

    def _give(self, pieces: Pieces) -> SourceMessage:
        uid = pieces.data.uid
        assert uid is not None  # `_place` and `take` see to it
        self._held -= pieces.held_octets
        del self._by_uid[uid]
        self.left.remove(uid)
        return pieces.message(self._items, {})


def source_message(data: MessageData, remarks: tuple[str, ...] = ()) -> SourceMessage:
    assert data.uid is not None  # the callers see to it
    return SourceMessage(data.uid, data.flags or frozenset(), data.date, _body(data), data.labels, remarks)


def _body(data: MessageData) -> Body:
    if isinstance(data.body, bytes):
        return HeldBody(data.body)
    assert isinstance(data.body, SpooledBody)  # `connect` gives this sink to every large literal
    return data.body


def let_go(data: MessageData) -> None:
    """Of a content that nobody takes."""
    if isinstance(data.body, SpooledBody):
        data.body.close()
