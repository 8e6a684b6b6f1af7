"""Asks a site's filters (rspamd, ClamAV) about a message, once all of it is here.

A filter that does not answer stops mail for a while; it never lets it through unseen, and never loses it: the sender is asked to try again.
"""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from bascule.platform.smtp import limits
from bascule.platform.smtp.gate import Gate
from bascule.platform.smtp.roles import Role
from bascule.platform.smtp.transaction import Transaction
from bascule.protocols.milter import (
    BODY_OCTETS,
    NO_REPLY,
    PACKET_OCTETS,
    STEPS_LEFT_OUT,
    Answer,
    MilterError,
    connected,
    macros,
    negotiated,
    negotiation,
    packet,
    parse_answer,
    strings,
)
from bascule.protocols.mime.header import Header, RawField, written
from bascule.terms.body import Body, body_of

if TYPE_CHECKING:
    from bascule.platform.smtp.session import Peer

_REPLY = re.compile(rb"(?P<code>[45]\d\d)(?: (?P<status>[45]\.\d{1,3}\.\d{1,3}))? ?(?P<text>.*)", re.DOTALL)
_SPAM_FIELDS = {b"x-spam": b"yes", b"x-spam-flag": b"yes"}

__all__ = ["MilterError", "Milters", "Verdict"]


@dataclass(slots=True)
class Verdict:
    """``refusal``: code, status and text. ``changes``: fields to add, insert or change, in order."""

    refusal: tuple[int, str, str] | None = None
    is_discarded: bool = False
    changes: list[Answer] = field(default_factory=list)

    @property
    def is_spam(self) -> bool:
        return any(_SPAM_FIELDS.get(each.name.lower()) == each.value.strip().lower() for each in self.changes)

    def change(self, header: Header) -> None:
        for each in self.changes:
            name, value = each.name.decode("ascii", "replace"), each.value.decode("utf-8", "replace")
            if each.command == b"h":
                header.append(name, value)
            elif each.command == b"i":
                header.insert(name, value, min(each.index, len(header.fields)))
            else:
                _replace(header, each, written(name, value) if each.value else None)

    def apply(self, body: Body) -> Body:
        """``body`` itself where nothing is changed, otherwise a new one, the caller's to close."""
        if not self.changes:
            return body
        header, end = Header.of(body.start(limits.HEADER_OCTETS))
        self.change(header)
        before = header.octets() + b"\r\n"
        return body_of(chain((before,), body.after(end)), body.octets - end + len(before))


def _replace(header: Header, change: Answer, by: RawField | None) -> None:
    """The ``index``-th field of a name, counted from 1; one that is not there is added."""
    places = [place for place, each in enumerate(header.fields) if each.name == change.name.lower()]
    if not 1 <= change.index <= len(places):
        if by is not None:
            header.fields.append(by)
        return
    place = places[change.index - 1]
    header.fields[place : place + 1] = [by] if by is not None else []


@dataclass(frozen=True, slots=True)
class Milters:
    """``addresses``: ``inet:host:port`` or ``unix:/path``, asked in order. ``seconds``: for all of them, of one message. ``gate``: for mail from the world,
    ``members_gate``: for what members send, which no stranger's mail keeps from the filters."""

    addresses: tuple[str, ...] = ()
    hostname: str = "localhost"
    seconds: float = limits.FILTERS_SECONDS
    gate: Gate = field(default_factory=Gate)
    members_gate: Gate = field(default_factory=Gate)

    def ask(self, transaction: Transaction, peer: "Peer", body: Body, role: Role) -> Verdict:
        """Raises MilterError where a filter can't be asked."""
        if not self.addresses:
            return Verdict()
        try:
            with (self.members_gate if role is Role.SUBMISSION else self.gate).place():
                return self._ask_each(transaction, peer, body, role)
        except TimeoutError as error:
            raise MilterError(str(error)) from error

    def _ask_each(self, transaction: Transaction, peer: "Peer", body: Body, role: Role) -> Verdict:
        """Raises TimeoutError, MilterError."""
        whole, until = Verdict(), time.monotonic() + self.seconds
        for address in self.addresses:
            try:
                with contextlib.closing(_Conversation(address, until)) as filter_:
                    verdict = filter_.ask(transaction, peer, body, role, self.hostname)
            except TimeoutError as error:
                raise TimeoutError(f"the filter at {address} does not answer in time") from error
            except (OSError, struct.error) as error:
                raise MilterError(f"the filter at {address}: {error}") from error
            whole.changes += verdict.changes
            if verdict.refusal is not None or verdict.is_discarded:
                return verdict
        return whole


class _Conversation:
    """With one filter. ``until``: when it has to be over, on the monotonic clock. Each call may raise OSError, TimeoutError among them."""

    def __init__(self, address: str, until: float) -> None:
        self._until = until
        kind, _, place = address.partition(":")
        if kind == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._left())
            self._socket.connect(place)
        else:
            host, _, port = place.rpartition(":")
            self._socket = socket.create_connection((host.strip("[]"), int(port)), self._left())
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._octets = bytearray()
        try:
            self._send(negotiation())
            self._steps = negotiated(self._packet())
        except BaseException:
            self._socket.close()
            raise

    def _left(self) -> float:
        """Seconds for what is next."""
        left = min(limits.ANSWER_SECONDS, self._until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.send(packet(b"Q"), socket.MSG_DONTWAIT)
        self._socket.close()

    def _send(self, octets: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(octets)

    def _take(self, octets: int) -> bytes:
        while len(self._octets) < octets:
            self._socket.settimeout(self._left())
            piece = self._socket.recv(65536)
            if not piece:
                raise MilterError("the filter hung up")
            self._octets += piece
        taken = bytes(self._octets[:octets])
        del self._octets[:octets]
        return taken

    def _packet(self) -> bytes:
        (octets,) = struct.unpack("!I", self._take(4))
        if not 1 <= octets <= PACKET_OCTETS:
            raise MilterError("the filter's answer has no end")
        return self._take(octets)

    def ask(self, transaction: Transaction, peer: "Peer", body: Body, role: Role, hostname: str) -> Verdict:
        verdict = Verdict()
        for command, data in self._steps_of(transaction, peer, body, role, hostname):
            if self._steps & STEPS_LEFT_OUT.get(command, 0):
                continue
            self._send(data)
            if self._steps & NO_REPLY.get(command, 0):
                continue
            if self._is_settled(verdict):
                return verdict
        self._send(packet(b"E"))
        self._is_settled(verdict)
        return verdict

    def _steps_of(
        self, transaction: Transaction, peer: "Peer", body: Body, role: Role, hostname: str
    ) -> Iterator[tuple[bytes, bytes]]:
        """Each step of the conversation, with the macros that go before it."""
        account = peer.account
        yield (
            b"C",
            macros(b"C", {"j": hostname, "{daemon_name}": role.value}) + connected(f"[{peer.address}]", peer.address),
        )
        yield b"H", packet(b"H", strings(peer.greeted))
        names = {"i": transaction.id, "{mail_addr}": transaction.sender}
        if account is not None:
            names |= {"{auth_authen}": account.login, "{auth_type}": "PLAIN"}
        yield b"M", macros(b"M", names) + packet(b"M", strings(f"<{transaction.sender}>"))
        for recipient in transaction.recipients:
            yield (
                b"R",
                macros(b"R", {"{rcpt_addr}": recipient.address}) + packet(b"R", strings(f"<{recipient.address}>")),
            )
        yield b"T", packet(b"T")
        header, end = Header.of(body.start(limits.HEADER_OCTETS))
        for each in header.fields:
            if each.name:
                name = each.octets.partition(b":")[0].strip()
                value = each.value.removeprefix(b" ").replace(b"\r\n", b"\n").replace(b"\0", b"")
                yield b"L", packet(b"L", name + b"\0" + value + b"\0")
        yield b"N", packet(b"N")
        for piece in body.after(end):
            for place in range(0, len(piece), BODY_OCTETS):
                yield b"B", packet(b"B", piece[place : place + BODY_OCTETS])

    def _is_settled(self, verdict: Verdict) -> bool:
        """Read answers up to the one that ends this step; whether it ends the whole conversation."""
        while True:
            answer = parse_answer(self._packet())
            if answer.command in (b"h", b"i", b"m"):
                verdict.changes.append(answer)
            elif answer.command in (b"c", b"s"):  # go on; or: go on with the next kind of step
                return False
            elif answer.command == b"a":
                return True
            elif answer.command == b"d":
                verdict.is_discarded = True
                return True
            elif answer.command in (b"r", b"t", b"y"):
                verdict.refusal = _refusal(answer)
                return True


def _refusal(answer: Answer) -> tuple[int, str, str]:
    found = _REPLY.fullmatch(answer.value) if answer.command == b"y" else None
    if found is not None:
        code = int(found["code"])
        status = (found["status"] or b"%d.7.1" % (code // 100)).decode()
        return code, status, found["text"].decode("utf-8", "replace").split("\r\n")[0] or "refused by a filter"
    if answer.command == b"t" or answer.command == b"y":
        return 451, "4.7.1", "a filter of ours asks you to try again later"
    return 550, "5.7.1", "a filter of ours refuses this message"
