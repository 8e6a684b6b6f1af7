"""The people of the demo: a dozen members of a university, and an office that three of them look after."""

from dataclasses import dataclass

DOMAIN = "univ-exemple.fr"


@dataclass(frozen=True, slots=True)
class Member:
    """``share``: of all sample messages, in parts of a hundred. ``folders``: beside the usual ones. ``keepers``: for an office, who looks after it.
    ``wave``: with the pilots, or with everybody else."""

    local: str
    name: str
    language: str
    share: int
    folders: tuple[tuple[str, ...], ...] = ()
    keepers: tuple[str, ...] = ()
    role: str = "member"
    wave: str = "main"
    department: str = ""

    @property
    def address(self) -> str:
        return f"{self.local}@{DOMAIN}"


MEMBERS = (
    Member("camille.roux", "Camille Roux", "fr", 14, (("Enseignement", "Licence 2"), ("Enseignement", "Master"), ("Projets", "Été 2025")), department="UFR Lettres"),
    Member("anais.lefevre", "Anaïs Lefèvre", "fr", 10, (("Thèse",), ("Colloques",)), department="École doctorale"),
    Member("jn.dupre", "Jean-Noël Dupré", "fr", 9, (("Conseil d’UFR",), ("Budget",)), department="Direction du numérique", role="operator", wave="pilots"),
    Member("thomas.obrien", "Thomas O’Brien", "en", 9, (("Lab", "Grants"), ("Travel",)), department="Biology Lab"),
    Member("asa.lindstrom", "Åsa Lindström", "en", 8, (("Papers", "Under review"), ("Field work",)), department="Earth Sciences"),
    Member("jose.garcia", "José García", "fr", 8, (("Stages",),), department="IUT"),
    Member("maria.ivanova", "Мария Иванова", "en", 7, (("Семинар",),), department="Études slaves"),
    Member("chloe.martin", "Chloé Martin", "fr", 8, (("Bibliothèque",),), department="Bibliothèque"),
    Member("helene.nguyen", "Hélène Nguyễn", "fr", 7, (("Relations internationales",),), department="Assistance", role="technician", wave="pilots"),
    Member("paul.weber", "Paul Weber", "fr", 6, department="Direction générale", role="auditor"),
    Member("fatou.diallo", "Fatou Diallo", "fr", 5, (("Vie étudiante",),), department="Vie étudiante"),
    Member("kenji.sato", "Kenji Sato (佐藤健二)", "en", 4, department="Physics"),
    Member("scolarite", "Scolarité", "fr", 5, (("Attestations",),), ("camille.roux", "chloe.martin", "paul.weber")),
)  # fmt: skip
