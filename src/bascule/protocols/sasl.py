"""Responses of the SASL mechanisms that we speak. RFC 4422"""

import base64


class Unwritable(ValueError):
    """A name or a password holds what the mechanism has no form for; the message says what, and never the value."""


def octets(value: str, separators: str = "\0") -> bytes:
    """A name or a password in UTF-8, as every mechanism and LOGIN take them. Raises Unwritable for ``separators``: the mechanism's own syntax."""
    if any(separator in value for separator in separators):
        raise Unwritable("a control character that the way to sign in can't carry")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise Unwritable("octets that are not UTF-8") from error


def plain(user: str, password: str, act_as: str = "") -> bytes:
    """RFC 4616. ``act_as`` is the authorisation identity: an administrator's sign-in opens that person's mailbox. Raises Unwritable."""
    return b"\0".join(map(octets, (act_as, user, password)))


_OAUTH_SEPARATORS = "\0\x01"


def xoauth2(user: str, token: str) -> bytes:
    """Google's and Microsoft's form: ``user=…^Aauth=Bearer …^A^A`` (developers.google.com, "SASL XOAUTH2"). Raises Unwritable."""
    name, secret = octets(user, _OAUTH_SEPARATORS), octets(token, _OAUTH_SEPARATORS)
    return b"user=%b\x01auth=Bearer %b\x01\x01" % (name, secret)


def oauthbearer(user: str, token: str, host: str, port: int) -> bytes:
    """RFC 7628 §3.1, with the GS2 header of RFC 5801: ``,`` and ``=`` in the user are written ``=2C`` and ``=3D``. Raises Unwritable."""
    name = octets(user.replace("=", "=3D").replace(",", "=2C"), _OAUTH_SEPARATORS)
    secret, place = octets(token, _OAUTH_SEPARATORS), octets(host, _OAUTH_SEPARATORS)
    return b"n,a=%b,\x01host=%b\x01port=%d\x01auth=Bearer %b\x01\x01" % (name, place, port, secret)


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
