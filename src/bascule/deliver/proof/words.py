"""The words of a report, in English and in French. What servers said, and names, stay as they are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

NARROW_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class Words:
    """Each field is a phrase; ``{}`` stand for what its use fills in. Pairs are singular and plural."""

    language: str
    colon: str
    heads: tuple[str, str, str, str, str, str]
    total: str
    title: str
    report: str
    kinds: Mapping[str, str]
    source: str
    target: str
    begun: str
    ended: str
    read_back: str
    by: str
    nothing: str
    none: str
    folders: str
    exceptions: str
    exception_heads: tuple[str, str, str]
    saved: str
    on_target: str
    renamed: str
    more: str
    stopped: str
    good: str
    good_unread: str
    removed: tuple[str, str]
    marked: tuple[str, str]
    bad: str
    refused: tuple[str, str]
    altered: tuple[str, str]
    unaccounted: tuple[str, str]
    broken: tuple[str, str]
    verified: str
    by_details_only: str
    in_full: str
    by_details: str
    not_read: str
    note: str
    codes: Mapping[str, str]


EN = Words(
    language="en",
    colon=": ",
    heads=("Folder", "Found", "Delivered", "Already there", "Refused", "Left out"),
    total="Total",
    title="Report of {}",
    report="Report: {}",
    kinds={},
    source="From",
    target="To",
    begun="Begun",
    ended="Ended",
    read_back="Read back",
    by="By",
    nothing="nothing",
    none="None.",
    folders="Folders",
    exceptions="Exceptions",
    exception_heads=("Where", "Message", "What happened"),
    saved="saved as",
    on_target="on the target: {} ({})",
    renamed="{} is {} on the target: {}",
    more="… and {} more, in the report's files",
    stopped="Stopped before the end: {}",
    good="All {} messages are accounted for; none was lost or altered.",
    good_unread="All {} messages are accounted for; {} were not read back.",
    removed=(
        "{} that was delivered has been moved or removed on the new side since, and is left so.",
        "{} that were delivered have been moved or removed on the new side since, and are left so.",
    ),
    marked=(
        "{} has been marked on the new side since; its marks are left as they are there.",
        "{} have been marked on the new side since; their marks are left as they are there.",
    ),
    bad="Of {} messages: {}. Each is named below.",
    refused=("{} refused", "{} refused"),
    altered=("{} altered by the target", "{} altered by the target"),
    unaccounted=("{} without an outcome", "{} without an outcome"),
    broken=("{} folder not read or not made", "{} folders not read or not made"),
    verified="Verified: {}.",
    by_details_only="A change of octets that keeps the size shows only where every octet is read back (--verify full).",
    in_full="{} read back in full",
    by_details="{} by size, date and flags",
    not_read="{} not read back",
    note="For each folder: found = delivered + already there + refused + left out by choice. Altered messages are counted as "
    "delivered, and are named. The SHA-256 of each message is in manifest.sha256 beside this page; “bascule report --check "
    "certificate.json” tells whether any of these files was changed.",
    codes={
        "refused-empty": "The new platform refuses a message without content",
        "refused-size": "The new platform refuses a message of this size",
        "refused-content": "The new platform refuses what is in it",
        "refused-quota": "The new platform had no room left",
        "refused-folder": "The new platform does not make or open the folder",
        "refused-busy": "The new platform could not take it yet",
        "altered": "Delivered, and not quite as it was",
        "duplicate": "One copy too many",
        "unreadable": "The old platform lists it and does not give it",
        "missing": "Accepted by the new platform, and not there when read back",
        "unaccounted": "Not dealt with yet",
    },
)
FR = Words(
    language="fr",
    colon=" : ",
    heads=("Dossier", "Trouvés", "Transférés", "Déjà là", "Refusés", "Écartés"),
    total="Total",
    title="Compte rendu : {}",
    report="Compte rendu : {}",
    kinds={
        "copy": "copie d’une boîte",
        "capture": "copie de l’ancienne boîte",
        "deliver": "transfert",
        "import": "importation",
        "report": "état de la boîte",
    },
    source="Depuis",
    target="Vers",
    begun="Début",
    ended="Fin",
    read_back="Relecture",
    by="Par",
    nothing="aucune",
    none="Aucune.",
    folders="Dossiers",
    exceptions="Exceptions",
    exception_heads=("Où", "Message", "Ce qui s’est passé"),
    saved="enregistré sous",
    on_target="sur la cible : {} ({})",
    renamed="{} s’appelle {} sur la cible : {}",
    more="… et {} autres, dans les fichiers du compte rendu",
    stopped="Arrêté avant la fin : {}",
    good="Les {} messages sont tous justifiés ; aucun n’est perdu ni modifié.",
    good_unread="Les {} messages sont tous justifiés ; {} n’ont pas été relus.",
    removed=(
        "{} message transféré a depuis été déplacé ou supprimé sur la nouvelle plateforme, et le reste.",
        "{} messages transférés ont depuis été déplacés ou supprimés sur la nouvelle plateforme, et le restent.",
    ),
    marked=(
        "{} message a depuis été marqué sur la nouvelle plateforme ; ses marques y sont conservées.",
        "{} messages ont depuis été marqués sur la nouvelle plateforme ; leurs marques y sont conservées.",
    ),
    bad="Sur {} messages : {}. Chacun est nommé ci-dessous.",
    refused=("{} refusé", "{} refusés"),
    altered=("{} modifié par la cible", "{} modifiés par la cible"),
    unaccounted=("{} sans issue connue", "{} sans issue connue"),
    broken=("{} dossier non lu ou non créé", "{} dossiers non lus ou non créés"),
    verified="Vérification : {}.",
    by_details_only="Un changement d’octets à taille égale ne se voit que si tous les octets sont relus (--verify full).",
    in_full="{} relus en entier",
    by_details="{} par taille, date et indicateurs",
    not_read="{} non relus",
    note="Pour chaque dossier : trouvés = transférés + déjà là + refusés + écartés par choix. Les messages modifiés comptent comme "
    "transférés, et sont nommés. L’empreinte SHA-256 de chaque message est dans manifest.sha256, à côté de cette page ; "
    "« bascule report --check certificate.json » dit si l’un de ces fichiers a été modifié.",
    codes={
        "refused-empty": "La nouvelle plateforme refuse un message sans contenu",
        "refused-size": "La nouvelle plateforme refuse un message de cette taille",
        "refused-content": "La nouvelle plateforme refuse ce qu’il contient",
        "refused-quota": "Il ne restait plus de place sur la nouvelle plateforme",
        "refused-busy": "La nouvelle plateforme n’a pas encore pu le recevoir",
        "refused-folder": "La nouvelle plateforme ne crée pas ou n’ouvre pas le dossier",
        "altered": "Transféré, mais pas tout à fait tel qu’il était",
        "duplicate": "Un exemplaire de trop",
        "unreadable": "L’ancienne plateforme l’annonce et ne le donne pas",
        "missing": "Accepté par la nouvelle plateforme, et absent à la relecture",
        "unaccounted": "Pas encore traité",
    },
)
LANGUAGES = {"en": EN, "fr": FR}


def words_of(language: str = "") -> Words:
    """Of ``language`` (``en``, ``fr``), else of the user's locale (LC_ALL, LC_MESSAGES, LANG), else English."""
    places = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = language or next((place for place in places if place), "")
    return LANGUAGES.get(chosen[:2].lower(), EN)


def counted(pair: tuple[str, str], number: int) -> str:
    """The phrase for this many."""
    return pair[number > 1].format(grouped(number))


def grouped(number: int) -> str:
    """``12 408``, with a narrow space that does not break."""
    return f"{number:,}".replace(",", NARROW_SPACE)
