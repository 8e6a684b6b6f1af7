"""The base subject: what a thread's messages share. RFC 5256 §2.1"""

import re

_BLOB = r"\[[^\[\]]*\]"
_LEADER = re.compile(rf"(?:(?:{_BLOB}\s*)*(?:re|fwd?)\s*(?:{_BLOB})?\s*:|\s+)", re.IGNORECASE)
_LEADING_BLOB = re.compile(rf"{_BLOB}\s*")
_TRAILER = re.compile(r"(?:\(fwd\)|\s+)$", re.IGNORECASE)
_FORWARDED = re.compile(r"\[fwd:(.*)\]$", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> tuple[str, bool]:
    """``subject`` is decoded already. (The base in capitals for comparison, whether it was a reply or a forward.)"""
    text = " ".join(subject.split())
    answered = False
    while True:
        while (found := _TRAILER.search(text)) and found[0]:
            answered = answered or bool(found[0].strip())
            text = text[: found.start()]
        while True:
            found = _LEADER.match(text)
            if found and found[0]:
                answered = answered or bool(found[0].strip())
                text = text[found.end() :]
                continue
            blob = _LEADING_BLOB.match(text)
            if blob and text[blob.end() :]:
                text = text[blob.end() :]
                continue
            break
        forwarded = _FORWARDED.match(text)
        if forwarded is None:
            return text.upper(), answered
        text, answered = forwarded[1].strip(), True
