"""A sample mailbox of a person at a university, in French and English: folders, threads, accents, attachments, an invitation."""

import random
from calendar import timegm
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from bascule.export.maildir import MaildirWriter
from bascule.mailbox import FolderRow, MessageRow
from bascule.sources.files.manifest import NAME
from bascule.terms.body import HeldBody
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate

_PEOPLE = [
    ("Anaïs Lefèvre", "anais.lefevre"), ("Jean-Noël Dupré", "jn.dupre"), ("Åsa Lindström", "asa.lindstrom"),
    ("José García", "jose.garcia"), ("Мария Иванова", "maria.ivanova"), ("Chloé Martin", "chloe.martin"),
    ("Thomas O’Brien", "thomas.obrien"), ("Scolarité", "scolarite"),
]  # fmt: skip
_SUBJECTS = [
    "Réunion du département jeudi", "Emploi du temps du second semestre", "Thesis defence: room and time", "Budget 2026",
    "Compte rendu du conseil", "Re: your paper on migrating birds", "Relances de la bibliothèque", "Clés du bureau B214",
    "Colloque de printemps : appel à communications", "Lunch on Friday", "Copies d’examen à rendre", "Déménagement du labo",
]  # fmt: skip
_SENTENCES = [
    "Bonjour à toutes et à tous,", "Merci de confirmer votre présence avant mardi.", "The room has changed: it is now B214.",
    "Vous trouverez le document en pièce jointe.", "Please find the figures attached.", "À bientôt,", "Bien cordialement,",
    "L’ordre du jour suivra en fin de semaine.", "Could you have a look before Thursday?", "C’est noté, à jeudi.",
]  # fmt: skip
_FOLDERS = [
    (("INBOX",), None, 0.45), (("Sent",), SpecialUse.SENT, 0.2), (("Drafts",), SpecialUse.DRAFTS, 0.02),
    (("Trash",), SpecialUse.TRASH, 0.05), (("Enseignement", "Licence 2"), None, 0.1), (("Enseignement", "Master"), None, 0.06),
    (("Projets", "Été 2025"), None, 0.07), (("Équipe",), None, 0.05),
]  # fmt: skip
_FIRST, _LAST = timegm((2019, 9, 1, 8, 0, 0)), timegm((2025, 6, 30, 18, 0, 0))


def write_sample(place: Path, messages: int = 400, seed: int = 7) -> int:
    """Write a Maildir++ of about ``messages``; how many it holds. The same seed gives the same octets."""
    chance = random.Random(seed)  # noqa: S311 - sample mail is no secret
    writer = MaildirWriter(place)
    written = 0
    for number, (parts, use, share) in enumerate(_FOLDERS, 1):
        folder = FolderRow(number, FolderPath(parts), 1, 1, use, True, True, False, b"", None, None)
        writer.begin(folder)
        for uid in range(1, max(1, round(messages * share)) + 1):
            body = HeldBody(_message(chance, folder.path, uid))
            written += 1
            writer.write(_row(chance, folder, uid, body), body)
    writer.finish(iter(()))
    (place / NAME).unlink()  # the old platform of the demo knows nothing of us
    return written


def _row(chance: random.Random, folder: FolderRow, uid: int, body: HeldBody) -> MessageRow:
    flags = {"\\Seen"} if chance.random() < 0.8 else set()
    flags |= {"\\Flagged"} if chance.random() < 0.06 else set()
    flags |= {"\\Answered"} if chance.random() < 0.15 else set()
    flags |= {"$Forwarded"} if chance.random() < 0.05 else set()
    date = InternalDate(chance.randrange(_FIRST, _LAST))
    return MessageRow(uid, folder.id, 1, uid, body.sha256, body.octets, date, frozenset(flags), None)


def _message(chance: random.Random, folder: FolderPath, uid: int) -> bytes:
    name, address = chance.choice(_PEOPLE)
    built = EmailMessage(policy=SMTP)
    built["From"] = f'"{name}" <{address}@univ-exemple.fr>'
    built["To"] = '"Camille Roux" <camille.roux@univ-exemple.fr>'
    built["Subject"] = chance.choice(_SUBJECTS)
    built["Date"] = format_datetime(datetime.fromtimestamp(chance.randrange(_FIRST, _LAST), UTC))
    built["Message-ID"] = f"<{chance.getrandbits(48):012x}.{uid}@univ-exemple.fr>"
    built.set_content("\n\n".join(chance.sample(_SENTENCES, 4)) + "\n")
    if chance.random() < 0.15:
        data = chance.randbytes(chance.randrange(2_000, 60_000))
        built.add_attachment(data, maintype="application", subtype="pdf", filename="Ordre du jour.pdf")
    elif chance.random() < 0.05:
        built.add_attachment(_INVITATION, subtype="calendar", params={"method": "REQUEST"})
    for part, number in zip(built.walk(), range(10), strict=False):
        if part.is_multipart():
            part.set_boundary(f"=_sample_{uid}_{number}")
    return built.as_bytes()


_INVITATION = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//univ-exemple//FR
METHOD:REQUEST
BEGIN:VEVENT
UID:conseil-2025@univ-exemple.fr
DTSTAMP:20250310T080000Z
DTSTART:20250425T070000Z
DTEND:20250425T083000Z
SUMMARY:Conseil du département
ORGANIZER:mailto:scolarite@univ-exemple.fr
ATTENDEE:mailto:camille.roux@univ-exemple.fr
END:VEVENT
END:VCALENDAR
"""
