"""The second factor's secrets, sealed like everything of that kind: whoever reads the database can't make codes."""

from allauth.mfa.adapter import DefaultMFAAdapter

from bascule.portal.shell.doors import keys


class SecondFactor(DefaultMFAAdapter):
    """What allauth asks for when it keeps a secret."""

    def encrypt(self, text: str) -> str:
        return keys().seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises ValueError where no key of ours sealed it."""
        return keys().open(encrypted_text)
