"""What another server's answer means for a message: gone, to be tried later, given up, or to be tried at the next host. One table.

RFC 5321 §4.2.1: the first digit decides, 4 for later and 5 for never; the enhanced code (RFC 3463) tells more, and where the two disagree
the first digit holds. But an answer is final only about what was asked: before MAIL nobody has spoken of a message yet, so what is refused
there is this server, or ours, and never anybody's mail (RFC 5321 §3.1, §3.2; RFC 4954 §6).
"""

from dataclasses import dataclass
from enum import Enum, auto

from bascule.protocols.smtp import Reply


class Step(Enum):
    """What was said, and is answered. The order is that of a conversation."""

    GREETING = auto()
    """Nothing: we connected."""
    HELLO = auto()
    TLS = auto()
    SIGN_IN = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()
    """The whole message."""


class Meaning(Enum):
    DONE = auto()
    """As it was hoped for: go on, or after the message's end, it is theirs."""
    NEXT_HOST = auto()
    """This host takes no mail from us now; where there is no other, later."""
    NO_HOST = auto()
    """This host never takes mail; where all say so, never."""
    LATER = auto()
    FINAL = auto()


_OPENING = (Step.GREETING, Step.HELLO, Step.TLS, Step.SIGN_IN)
_ENVELOPE = (Step.MAIL, Step.RCPT, Step.DATA, Step.END)
_HOPED_FOR = {Step.DATA: "354"}
"""Of DATA one code says go on. A 2yz there is no consent: nothing was sent yet that it could be about."""

_TABLE: tuple[tuple[tuple[Step, ...], str, str, Meaning], ...] = (
    # asked           code    status    means                 because
    ((Step.GREETING,), "521", "",       Meaning.NO_HOST),   # RFC 7504 §3: that host does not take mail
    (_OPENING,         "",    "",       Meaning.NEXT_HOST), # about the server or ours: 554, a list we are on, an expired password
    (_ENVELOPE,        "53",  "",       Meaning.LATER),     # RFC 4954 §6: it wants us to sign in, or to start TLS first
    ((Step.RCPT,),     "552", "",       Meaning.LATER),     # RFC 5321 §4.5.3.1.10: too many recipients, as RFC 821 said it
    ((Step.RCPT,),     "5",   "X.5.3",  Meaning.LATER),     # RFC 3463 §3.6: the same
    (_ENVELOPE,        "5",   "X.2.2",  Meaning.LATER),     # RFC 3463 §3.3: a full mailbox has room again some day
    (_ENVELOPE,        "5",   "",       Meaning.FINAL),     # RFC 5321 §4.2.1
    (_ENVELOPE,        "",    "",       Meaning.LATER),     # 4yz, 421 among them; and what is no answer to the question
)  # fmt: skip
"""From above, the first that fits: a code by its beginning, a status by what follows its class ("": any)."""


def meaning_of(step: Step, reply: Reply) -> Meaning:
    if str(reply.code).startswith(_HOPED_FOR.get(step, "2")):
        return Meaning.DONE
    for steps, code, status, meaning in _TABLE:
        if step in steps and str(reply.code).startswith(code) and status in ("", f"X{reply.status[1:]}"):
            return meaning
    raise AssertionError(step)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one recipient: ``meaning`` is DONE, LATER or FINAL. ``is_here``: it lies in a mailbox of ours."""

    reply: Reply
    meaning: Meaning
    is_here: bool = False

    @classmethod
    def of(cls, step: Step, reply: Reply) -> "Outcome":
        return cls(reply, meaning_of(step, reply))

    def status(self, *, is_over: bool) -> str:
        """For a notice (RFC 3464 §2.3.4): its class is what becomes of the message. ``is_over``: nothing more is tried."""
        if is_over and self.meaning is not Meaning.FINAL:
            return "4.4.7"  # RFC 3463 §3.5: delivery time expired
        digit = "5" if self.meaning is Meaning.FINAL else "4"
        return f"{digit}{self.reply.status[1:]}" if self.reply.status else f"{digit}.0.0"


def later(status: str, text: str, code: int = 450) -> Outcome:
    """Not by an answer of a server's, but by what we found."""
    return Outcome(Reply(code, status, (text,)), Meaning.LATER)


def final(status: str, text: str, code: int = 550) -> Outcome:
    return Outcome(Reply(code, status, (text,)), Meaning.FINAL)
