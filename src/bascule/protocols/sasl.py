"""Responses of the SASL mechanisms that we speak. RFC 4422"""

import base64

MECHANISMS = ("PLAIN", "XOAUTH2", "OAUTHBEARER")


def plain(user: str, password: str, act_as: str = "") -> bytes:
    """RFC 4616. ``act_as`` is the authorisation identity: an administrator's sign-in opens that person's mailbox."""
    return f"{act_as}\0{user}\0{password}".encode()


def xoauth2(user: str, token: str) -> bytes:
    """Google's and Microsoft's form: ``user=…^Aauth=Bearer …^A^A`` (developers.google.com, "SASL XOAUTH2")."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


def oauthbearer(user: str, token: str, host: str, port: int) -> bytes:
    """RFC 7628 §3.1, with the GS2 header of RFC 5801: ``,`` and ``=`` in the user are written ``=2C`` and ``=3D``."""
    name = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()


class BadResponse(ValueError):
    """What a client sent is no response of the mechanism."""


def read_plain(response: bytes) -> tuple[str, str, str]:
    """(identity to act as, user, password) of a PLAIN response in Base64; RFC 4616. Raises BadResponse."""
    try:
        told = base64.b64decode(b"" if response == b"=" else response, validate=True)
    except ValueError as error:
        raise BadResponse("the response is not Base64") from error
    parts = told.split(b"\0")
    if len(parts) != 3:
        raise BadResponse("PLAIN has an identity, a user name and a password")
    try:
        act_as, user, password = (part.decode() for part in parts)
    except UnicodeDecodeError as error:
        raise BadResponse("the response is not UTF-8") from error
    return act_as, user, password
