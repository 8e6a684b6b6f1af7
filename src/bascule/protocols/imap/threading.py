"""THREAD's algorithms: REFERENCES and ORDEREDSUBJECT. RFC 5256 §3"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bascule.protocols.imap.limits import REFERENCES_OF_A_MESSAGE, STEPS_OF_A_THREADING
from bascule.protocols.imap.subject import base_subject

_ID = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Threaded:
    """One message: ``number`` is what is answered (sequence number or UID); ``date_utc`` its Date, or its arrival without one."""

    number: int
    date_utc: int
    subject: str
    message_id: str
    references: str
    in_reply_to: str


@dataclass(slots=True, eq=False)
class Node:
    """A message, or one that others refer to and that is not there (``message`` None)."""

    message: Threaded | None = None
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)
    is_parent: bool = False
    """Whether it was ever put above another."""

    def date(self) -> tuple[int, int]:
        first = self.message or (self.children[0].message if self.children else None)
        return (first.date_utc, first.number) if first else (0, 0)


def by_subject(messages: Iterable[Threaded]) -> bytes:
    """ORDEREDSUBJECT: one thread for each base subject, its first message with all others below it."""
    threads: dict[str, list[Threaded]] = {}
    for message in sorted(messages, key=lambda m: (m.date_utc, m.number)):
        threads.setdefault(base_subject(message.subject)[0], []).append(message)
    out = bytearray()
    for thread in threads.values():
        first, *others = [b"%d" % message.number for message in thread]
        if len(others) <= 1:
            out += b"(" + b" ".join([first, *others]) + b")"
        else:
            out += b"(" + first + b" " + b"".join(b"(" + other + b")" for other in others) + b")"
    return bytes(out)


def by_references(messages: Iterable[Threaded]) -> bytes:
    """REFERENCES: who answers whom, by Message-IDs; then threads of one base subject are joined. The time it takes grows as the messages and
    the names in their References do, however deep they make a thread."""
    roots = _prune(_link(messages))
    for root in roots:
        _sort(root)
    roots.sort(key=Node.date)
    roots = _join_subjects(roots)
    for root in roots:
        _sort(root)
    roots.sort(key=Node.date)
    return b"".join(b"(" + _format(root) + b")" for root in roots)


class _Links:
    """Step 1: every message and every message that is referred to, each below the one it answers. Only parents are known here."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._named: dict[str, Node] = {}
        self._steps_left = STEPS_OF_A_THREADING

    def add(self, message: Threaded) -> None:
        own = _ID.search(message.message_id)
        node = self._node(own[0]) if own else None
        if node is None or node.message is not None:  # a Message-ID that is missing or was seen already: one of its own
            node = Node()
            self.nodes.append(node)
        node.message = message
        above: Node | None = None
        for name in _names(message):
            referred = self._node(name)
            if above is not None and referred.parent is None:
                self._put_below(referred, above)
            above = referred
        node.parent = None
        if above is not None:
            self._put_below(node, above)

    def _node(self, name: str) -> Node:
        node = self._named.get(name)
        if node is None:
            node = self._named[name] = Node()
            self.nodes.append(node)
        return node

    def _put_below(self, node: Node, parent: Node) -> None:
        """``node`` has no parent. Not where that would make a loop, nor where nobody has the time to look whether it would."""
        if node is parent or (node.is_parent and self._is_above(node, parent)):
            return
        node.parent = parent
        parent.is_parent = True

    def _is_above(self, node: Node, other: Node) -> bool:
        at: Node | None = other
        while at is not None and at is not node:
            at = at.parent
            self._steps_left -= 1
            if self._steps_left < 0:
                return True
        return at is node


def _names(message: Threaded) -> list[str]:
    """Message-IDs above it, the nearest last (RFC 5256 §3, REFERENCES, step 1)."""
    names = _ID.findall(message.references)
    return names[-REFERENCES_OF_A_MESSAGE:] if names else _ID.findall(message.in_reply_to)[:1]


def _link(messages: Iterable[Threaded]) -> list[Node]:
    links = _Links()
    for message in messages:
        links.add(message)
    return links.nodes


def _prune(nodes: list[Node]) -> list[Node]:
    """Steps 2 and 3: the roots. Nodes without a message go, and their children take their place; under the root only where there is one."""
    kept: dict[Node, Node] = {}
    for node in nodes:
        if node.message is not None and node.parent is not None:
            _kept_above(node.parent, kept).children.append(node)
    roots: list[Node] = []
    for node in nodes:
        if node.message is None and node.parent is None and len(node.children) > 1:
            roots.append(node)
        elif node.message is None and node.parent is None:
            roots += node.children
        elif node.parent is None:
            roots.append(node)
    return roots


def _kept_above(node: Node, kept: dict[Node, Node]) -> Node:
    """The nearest with a message of ``node`` and those above it, or their root. ``kept``: answers that are known, and are added to."""
    passed: list[Node] = []
    while node not in kept and node.message is None and node.parent is not None:
        passed.append(node)
        node = node.parent
    found = kept.get(node, node)
    kept.update(dict.fromkeys(passed, found))
    return found


def _sort(root: Node) -> None:
    """Steps 4 and 6: siblings by date; a node without a message has its first child's."""
    order: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(node.children)
    for node in reversed(order):
        node.children.sort(key=Node.date)


def _subject_of(root: Node) -> str:
    message = root.message or root.children[0].message
    return message.subject if message else ""


def _join_subjects(roots: list[Node]) -> list[Node]:
    """Step 5: threads of one base subject become one."""
    table: dict[str, Node] = {}
    for root in roots:
        base, answered = base_subject(_subject_of(root))
        if not base:
            continue
        known = table.get(base)
        if (
            known is None
            or (root.message is None and known.message is not None)
            or (known.message is not None and base_subject(known.message.subject)[1] and not answered)
        ):
            table[base] = root
    kept: list[Node] = []
    places: dict[Node, int] = {}
    for root in roots:
        base, answered = base_subject(_subject_of(root))
        known = table.get(base) if base else None
        if known is None or known is root:
            places[root] = len(kept)
            kept.append(root)
        elif root.message is None and known.message is None:
            known.children += root.children
        elif known.message is None or (answered and not base_subject(known.message.subject)[1]):
            known.children.append(root)
        else:
            top = Node(children=[known, root])
            kept[places[known]] = top
            table[base] = top
    return kept


def _format(root: Node) -> bytes:
    """RFC 5256 §4 (thread-members), without recursion: a thread may be ten thousand answers deep."""
    out = bytearray()
    stack: list[Node | bytes] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, bytes):
            out += item
            continue
        if item.message is not None:
            out += b"%d" % item.message.number
            if item.children:
                out += b" "
        if len(item.children) == 1 and item.message is not None:
            stack.append(item.children[0])
        else:
            for child in reversed(item.children):
                stack += [b")", child, b"("]
    return bytes(out)
