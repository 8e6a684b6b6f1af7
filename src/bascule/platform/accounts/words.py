"""What mail programs show of a refusal: French first, then English, in one line without accents, because replies of IMAP and SMTP are ASCII
(RFC 3501 §9 TEXT-CHAR, RFC 5321 §4.2 textstring).
"""

from datetime import datetime

from bascule.terms.french import DAYS, MONTHS

_PLAIN = str.maketrans("éû", "eu")
"""Replies are in US-ASCII."""
_MONTHS = tuple(month.translate(_PLAIN) for month in MONTHS)

WRONG = "identifiant ou mot de passe incorrect / user name or password is wrong"
TOO_MANY = (
    "trop de mots de passe incorrects : attendez un quart d'heure / too many wrong passwords; wait a quarter of an hour, then try again"
)  # fmt: skip
TOO_MANY_CONNECTIONS = (
    "trop de connexions a cette boite : fermez quelques programmes / too many connections to this mailbox; close some programs"
)  # fmt: skip
LOCKED = "ce compte est verrouille : adressez-vous a l'assistance / this account is locked; ask your help desk"
ELSEWHERE = (
    "cette boite est sur un autre serveur de l'etablissement / this mailbox is on another server of the institution"
)
CLOSED = "ce compte vient de vous etre ferme / this account was closed to you a moment ago"


def not_yet(switch: datetime) -> str:
    """``switch``: in the institution's zone."""
    return (
        f"cette boite ouvre le {_french(switch)} ; le mot de passe est juste, gardez-le"
        f" / this account opens on {_english(switch)}; the password is right, keep it"
    )


def moved(switch: datetime) -> str:
    return (
        f"cette boite a change de plateforme le {_french(switch)} ; connectez-vous a la nouvelle"
        f" / this mailbox moved to the new platform on {_english(switch)}; sign in there"
    )


def _french(instant: datetime) -> str:
    first = "1er" if instant.day == 1 else str(instant.day)
    return f"{DAYS[instant.weekday()]} {first} {_MONTHS[instant.month - 1]} {instant.year} a {instant.hour} h {instant.minute:02d}"


def _english(instant: datetime) -> str:
    return f"{instant:%A %d %B %Y at %H:%M (%Z)}"
