"""What a server says, without the secret that we sign in with: some repeat the command that they refuse, and reports are filed and handed on."""

import base64
import re
from dataclasses import replace

from bascule.protocols import sasl
from bascule.protocols.imap.fetch import Fetch
from bascule.protocols.imap.responses import Condition, Response
from bascule.protocols.imap.tokens import as_text
from bascule.wire.limits import SECRET_OCTETS, TOLD_CHARACTERS

INSTEAD = "***"


class Redaction:
    """Of one connection. ``secret``: the password or the token as it is typed; empty where there is none.

    It is found as it is, as a quoted string has it (RFC 9051 §4.3), and in Base64, wherever it stands in what was encoded (SASL PLAIN has names
    before it). One of fewer octets than `SECRET_OCTETS` is found as a word of its own only.
    """

    def __init__(self, secret: str) -> None:
        try:
            octets = sasl.octets(secret)
        except sasl.Unwritable:  # then it is never sent, and nobody can repeat it
            octets = b""
        self._forms = re.compile("|".join(_forms(octets))) if octets else None

    def clean(self, words: str) -> str:
        """No more than `TOLD_CHARACTERS` of them."""
        told = words[:TOLD_CHARACTERS]
        return self._forms.sub(INSTEAD, told) if self._forms else told

    def clean_response(self, response: Response) -> Response:
        """What of it people are shown: a condition's words, and what is wrong with a FETCH."""
        if isinstance(response, Condition):
            return self.clean_condition(response)
        if isinstance(response, Fetch) and response.fault:
            return replace(response, fault=self.clean(response.fault))
        return response

    def clean_condition(self, condition: Condition) -> Condition:
        """Its text; and its code, where a refusal's is the secret itself. A code's arguments are never shown."""
        text, code = self.clean(condition.text), condition.code
        if code is not None and condition.status != "OK" and self._forms and self._forms.fullmatch(code.name):
            code = None
        return (
            condition if (text, code) == (condition.text, condition.code) else replace(condition, text=text, code=code)
        )


NOTHING_SECRET = Redaction("")


def _forms(secret: bytes) -> list[str]:
    """As regular expressions, the longest first. In either case: some servers write a command in capitals."""
    quoted = secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    written = {form for octets in (secret, quoted) for form in (as_text(octets), octets.decode("latin-1"))}
    words = [f"(?i:{re.escape(form)})" for form in written]
    if len(secret) < SECRET_OCTETS:
        return sorted((rf"(?<!\w){word}(?!\w)" for word in words), key=len, reverse=True)
    encoded = (rf"[\w+/]{{0,3}}{re.escape(_encoded(secret, before))}[\w+/=]{{0,4}}" for before in range(3))
    return sorted([*encoded, *words], key=len, reverse=True)


def _encoded(secret: bytes, before: int) -> str:
    """What is the same in Base64 whatever stands around the secret, of which ``before`` octets are encoded with its first."""
    octets = bytes(before) + secret
    return base64.b64encode(octets).decode()[(0, 2, 3)[before] : len(octets) * 8 // 6]
