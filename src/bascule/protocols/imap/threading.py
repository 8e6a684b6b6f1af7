"""THREAD's algorithms: REFERENCES and ORDEREDSUBJECT. RFC 5256 §3"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

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
    """REFERENCES: who answers whom, by Message-IDs; then threads of one base subject are joined."""
    roots = [node for node in _link(messages) if node.parent is None]
    roots = [kept for root in roots for kept in _prune(root, is_root=True)]
    for root in roots:
        _sort(root)
    roots.sort(key=Node.date)
    roots = _join_subjects(roots)
    for root in roots:
        _sort(root)
    roots.sort(key=Node.date)
    return b"".join(b"(" + _format(root) + b")" for root in roots)


def _link(messages: Iterable[Threaded]) -> list[Node]:
    """Step 1: every message and every message that is referred to, each below the one it answers."""
    nodes: dict[str, Node] = {}
    made: list[Node] = []

    def node_of(name: str) -> Node:
        if name not in nodes:
            nodes[name] = Node()
            made.append(nodes[name])
        return nodes[name]

    for message in messages:
        own = _ID.search(message.message_id)
        node = node_of(own[0]) if own else Node()
        if node.message is not None or own is None:  # a Message-ID that is missing or was seen already: one of its own
            node = Node()
            made.append(node)
        node.message = message
        names = _ID.findall(message.references) or _ID.findall(message.in_reply_to)[:1]
        above: Node | None = None
        for name in names:
            referred = node_of(name)
            if above is not None and referred.parent is None and not _is_above(referred, above):
                _put_below(referred, above)
            above = referred
        if node.parent is not None:
            node.parent.children.remove(node)
            node.parent = None
        if above is not None and not _is_above(node, above):
            _put_below(node, above)
    return made


def _is_above(node: Node, other: Node) -> bool:
    """Whether ``other`` is ``node`` or below it."""
    at: Node | None = other
    while at is not None:
        if at is node:
            return True
        at = at.parent
    return False


def _put_below(node: Node, parent: Node) -> None:
    node.parent = parent
    parent.children.append(node)


def _prune(root: Node, *, is_root: bool) -> list[Node]:
    """Step 3: nodes without a message go; their children take their place (under the root only where there is one)."""
    order: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(node.children)
    for node in reversed(order):  # from the leaves up
        kept: list[Node] = []
        for child in node.children:
            if child.message is None:
                kept.extend(child.children)
            else:
                kept.append(child)
        node.children = kept
        for child in kept:
            child.parent = node
    if root.message is None and len(root.children) <= 1:
        for child in root.children:
            child.parent = None
        return root.children
    return [root]


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
    for root in roots:
        base, answered = base_subject(_subject_of(root))
        known = table.get(base) if base else None
        if known is None or known is root:
            kept.append(root)
        elif root.message is None and known.message is None:
            for child in root.children:
                _put_below(child, known)
        elif known.message is None or (answered and not base_subject(known.message.subject)[1]):
            _put_below(root, known)
        else:
            top = Node(children=[])
            for place, other in enumerate(kept):
                if other is known:
                    kept[place] = top
                    break
            else:
                kept.append(top)
            _put_below(known, top)
            _put_below(root, top)
            table[base] = top
    return [root for root in kept if root.parent is None]


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
