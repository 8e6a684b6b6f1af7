"""Initial responses of the SASL mechanisms that we speak. Each gives the octets before Base64."""

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
