"""Passwords as they are kept. DESIGN, decisions: generated ones as salted SHA-512, chosen ones as Argon2id.

A generated password has so many bits that a fast hash is enough, and Dovecot reads it; a chosen one is guessed unless each guess is slow.
"""

import base64
import hashlib
import hmac
import os
import secrets
import threading

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB = 19 * 1024
ITERATIONS = 2
LANES = 1
"""OWASP's parameters for Argon2id (Password Storage Cheat Sheet): about 30 ms and 19 MiB each."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Hashes computed at the same time: a rush of sign-ins takes two cores and 38 MiB, not all there is."""
_SSHA512 = "{SSHA512}"
_ARGON2ID = "{ARGON2ID}"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are taken for one another
_GROUPS, _GROUP = 4, 4


def generate_password() -> str:
    """Four groups of four letters and digits, 79 random bits: ``k7mp-x2qd-hh4t-9wvc``."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def hash_generated(password: str) -> str:
    salt = os.urandom(16)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return _SSHA512 + base64.b64encode(digest + salt).decode()


def hash_chosen(password: str) -> str:
    with AT_ONCE:
        return _ARGON2ID + _argon2(os.urandom(16)).derive_phc_encoded(password.encode())


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)


def hash_of_none() -> str:
    """What no password opens: compared with where there is no account, so that a guess takes as long as with a chosen password."""
    salt, digest = (base64.b64encode(bytes(count)).decode().rstrip("=") for count in (16, 32))
    return f"{_ARGON2ID}$argon2id$v=19$m={MEMORY_KIB},t={ITERATIONS},p={LANES}${salt}${digest}"


def is_generated(kept: str) -> bool:
    """Whether ``kept`` is of a password that was generated: 79 random bits, which nobody guesses."""
    return kept.startswith(_SSHA512)


def is_password(password: str, kept: str) -> bool:
    """Whether ``password`` is the one that ``kept`` was made of. Takes 30 ms for an Argon2id hash. Raises ValueError for an unknown form."""
    if is_generated(kept):
        told = base64.b64decode(kept.removeprefix(_SSHA512))
        digest, salt = told[:64], told[64:]
        return hmac.compare_digest(hashlib.sha512(password.encode() + salt).digest(), digest)
    if kept.startswith(_ARGON2ID):
        with AT_ONCE:
            try:
                Argon2id.verify_phc_encoded(password.encode(), kept.removeprefix(_ARGON2ID))
            except InvalidKey:
                return False
            return True
    raise ValueError("a password is kept in a form that this Bascule does not know")
