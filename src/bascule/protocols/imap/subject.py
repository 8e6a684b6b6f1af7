"""The base subject: what a thread's messages share. RFC 5256 §2.1"""

import re

_BLOB = re.compile(r"\[[^\[\]]*\] *")
_REPLY = re.compile(r"(?:re|fwd?) *(?:\[[^\[\]]*\])? *:", re.IGNORECASE)
_TRAILER = "(fwd)"
_FORWARDED = "[fwd:"


def base_subject(subject: str) -> tuple[str, bool]:
    """``subject`` is decoded already. (The base in capitals for comparison, whether it was a reply or a forward.) Each character is passed a few times,
    however often somebody answered."""
    text = " ".join(subject.split())
    start, end, answered = 0, len(text), False
    while True:
        end, is_forward = _before_trailers(text, start, end)
        start, is_reply = _after_leaders(text, start, end)
        answered = answered or is_forward or is_reply
        if not (_begins(text, _FORWARDED, start, end) and text[end - 1] == "]"):
            return text[start:end].upper(), answered
        start, end, answered = start + len(_FORWARDED), end - 1, True


def _begins(text: str, word: str, start: int, end: int) -> bool:
    return text[start : min(end, start + len(word))].lower() == word


def _before_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where blanks and ``(fwd)`` at the end begin, and whether there is any of the latter."""
    answered = False
    while True:
        while end > start and text[end - 1] == " ":
            end -= 1
        if not _begins(text, _TRAILER, max(start, end - len(_TRAILER)), end):
            return end, answered
        end, answered = end - len(_TRAILER), True


def _after_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where what follows ``Re:``, ``Fwd:`` and blobs (``[list]``) begins, and whether there is any of the former. A blob with nothing behind it stays."""
    answered = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        last = behind = start
        while blob := _BLOB.match(text, behind, end):
            last, behind = behind, blob.end()
        reply = _REPLY.match(text, behind, end)
        if reply is None:
            return (behind if behind < end else last), answered
        start, answered = reply.end(), True
