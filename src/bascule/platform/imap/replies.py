"""What a command comes to: its completion, or a refusal that knows the reply it becomes. RFC 9051 §7.1"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The text of the tagged OK; ``code`` without its brackets."""

    text: str
    code: bytes = b""


class No(Exception):
    """The command can't be carried out. Nothing was changed, but where a command says so: groups of messages that STORE changed before the one at which
    it failed, messages that FETCH gave and marked as seen, those of a MOVE into another's mailbox that can't be taken back. What was changed is told,
    before this or with a later command. ``code``: a response code of RFC 9051 §7.1, RFC 5530."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Bad(Exception):
    """The command is not valid here."""
