"""SASL-IR: RFC 4959. AUTHENTICATE with its response, and without."""

import base64

from support.dialogue import Dialogue
from support.server import PASSWORD


def response(*parts: str) -> str:
    return base64.b64encode("\0".join(parts).encode()).decode()


def test_with_the_command(server, login: str) -> None:
    client = Dialogue(server.imap)
    assert client.ok(f"AUTHENTICATE PLAIN {response('', login, PASSWORD)}").code.startswith("CAPABILITY")


def test_after_it(server, login: str) -> None:
    client = Dialogue(server.imap)
    tag = client.begin("AUTHENTICATE PLAIN")
    assert client.continuation() == b""
    client.send(response(login, login, PASSWORD).encode() + b"\r\n")
    assert client.end(tag).status == "OK"


def test_what_is_refused(server, login: str) -> None:
    client = Dialogue(server.imap)
    assert client.no(f"AUTHENTICATE PLAIN {response('', login, 'wrong')}").code == "AUTHENTICATIONFAILED"
    assert client.no(f"AUTHENTICATE PLAIN {response('root', login, PASSWORD)}").code == "AUTHORIZATIONFAILED"
    client.no(f"AUTHENTICATE CRAM-MD5 {response('x')}")
    client.bad("AUTHENTICATE PLAIN !!!")
    client.bad(f"AUTHENTICATE PLAIN {response('one')}")
    tag = client.begin("AUTHENTICATE PLAIN")
    client.continuation()
    client.send(b"*\r\n")
    assert client.end(tag).status == "BAD"
