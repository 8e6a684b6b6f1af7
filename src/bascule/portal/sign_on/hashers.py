"""Passwords of local accounts, kept as those of mailboxes are: Argon2id, a few hashes at a time."""

from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher

from bascule.platform.accounts.passwords import hash_chosen, is_password


class Argon2id(BasePasswordHasher):
    algorithm = "bascule-argon2id"

    def encode(self, password: str, salt: str) -> str:
        """Its salt is its own; ``salt`` is Django's, for hashers that have none."""
        return f"{self.algorithm}${hash_chosen(password)}"

    def verify(self, password: str, encoded: str) -> bool:
        return is_password(password, encoded.partition("$")[2])

    def salt(self) -> str:
        return ""

    def decode(self, encoded: str) -> dict[str, Any]:
        algorithm, _, kept = encoded.partition("$")
        return {"algorithm": algorithm, "hash": kept, "salt": ""}

    def safe_summary(self, encoded: str) -> dict[str, Any]:
        return {"algorithm": self.algorithm}

    def must_update(self, encoded: str) -> bool:
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """One cost for all."""
