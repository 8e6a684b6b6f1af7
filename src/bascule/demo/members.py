"""The people of the demo: a dozen members of a university, and an office that three of them look after."""

from dataclasses import dataclass

DOMAIN = "univ-exemple.fr"


@dataclass(frozen=True, slots=True)
class Member:
    """``share``: of all sample messages, in parts of a hundred. ``folders``: beside the usual ones. ``keepers``: for an office, who looks after it."""

    local: str
    name: str
    language: str
    share: int
    folders: tuple[tuple[str, ...], ...] = ()
    keepers: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.local}@{DOMAIN}"


MEMBERS = (
    Member("camille.roux", "Camille Roux", "fr", 14, (("Enseignement", "Licence 2"), ("Enseignement", "Master"), ("Projets", "Été 2025"))),
    Member("anais.lefevre", "Anaïs Lefèvre", "fr", 10, (("Thèse",), ("Colloques",))),
    Member("jn.dupre", "Jean-Noël Dupré", "fr", 9, (("Conseil d’UFR",), ("Budget",))),
    Member("thomas.obrien", "Thomas O’Brien", "en", 9, (("Lab", "Grants"), ("Travel",))),
    Member("asa.lindstrom", "Åsa Lindström", "en", 8, (("Papers", "Under review"), ("Field work",))),
    Member("jose.garcia", "José García", "fr", 8, (("Stages",),)),
    Member("maria.ivanova", "Мария Иванова", "en", 7, (("Семинар",),)),
    Member("chloe.martin", "Chloé Martin", "fr", 8, (("Bibliothèque",),)),
    Member("helene.nguyen", "Hélène Nguyễn", "fr", 7, (("Relations internationales",),)),
    Member("paul.weber", "Paul Weber", "fr", 6),
    Member("fatou.diallo", "Fatou Diallo", "fr", 5, (("Vie étudiante",),)),
    Member("kenji.sato", "Kenji Sato (佐藤健二)", "en", 4),
    Member("scolarite", "Scolarité", "fr", 5, (("Attestations",),), ("camille.roux", "chloe.martin", "paul.weber")),
)  # fmt: skip
