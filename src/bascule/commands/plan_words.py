"""What ``--dry-run`` says, in English and in French."""

from dataclasses import dataclass

from bascule.commands.showing import human_octets
from bascule.deliver.proof import Words, words_of
from bascule.deliver.proof.words import Pair


@dataclass(frozen=True, slots=True)
class PlanWords:
    """``{}`` stand for what their use fills in."""

    report: Words
    """Of the same language: what Bascule says of a folder's name is among its own sentences (`Words.own`)."""
    lost: str
    left: Pair
    """What earlier runs did not deal with."""
    to_be_made: str
    note: str
    messages: Pair
    folders: Pair
    of_these: Pair
    total: str
    """``{0}``: the messages; ``{1}``: the folders; ``{2}``: ``of_these``, or nothing."""
    all_counted: str
    room: str
    full: str
    largest: str
    units: dict[str, str]
    """Of `human_octets`, where they are others."""
    decimal: str

    def total_of(self, messages: int, folders: int, left: int | None) -> str:
        """The last line but its first figure. ``left``: new, or left from earlier runs; None where there were none."""
        of_these = self._several(self.of_these, left) if left is not None else ""
        return self.total.format(self._several(self.messages, messages), self._several(self.folders, folders), of_these)

    def _several(self, pair: Pair, number: int) -> str:
        """Of none English speaks as of several, and French as of one."""
        return pair[number > 1 or (not number and self.report.language == "en")].format(number)

    def octets(self, number: float) -> str:
        """``1.4 MB``, ``1,4 Mo``."""
        told, unit = human_octets(number).split()
        return f"{told.replace('.', self.decimal)} {self.units.get(unit, unit)}"


_EN = PlanWords(
    report=words_of("en"),
    lost="no longer there under the name that it had: a run looks for a new name",
    left=("{} new or left", "{} new or left"),
    to_be_made="to be made",
    note="  ({})",
    messages=("message", "messages"),
    folders=("{} folder", "{} folders"),
    of_these=(", {} of them new or left from earlier runs", ", {} of them new or left from earlier runs"),
    total="{0} in {1}{2}. Nothing was changed.",
    all_counted="All messages of these folders are counted: --since, --before and --max-size are looked at only by the copy.",
    room="The target takes {} for this mailbox, of which {} are used.",
    full=" Nothing more fits: ask who runs it for more room before the move.",
    largest="It takes messages of up to {}.",
    units={},
    decimal=".",
)
_FR = PlanWords(
    report=words_of("fr"),
    lost="n’est plus là sous le nom qu’il avait : une exécution cherche son nouveau nom",
    left=("{} nouveau ou à reprendre", "{} nouveaux ou à reprendre"),
    to_be_made="à créer",
    note="  ({})",
    messages=("message", "messages"),
    folders=("{} dossier", "{} dossiers"),
    of_these=(
        ", dont {} nouveau ou à reprendre d’exécutions précédentes",
        ", dont {} nouveaux ou à reprendre d’exécutions précédentes",
    ),
    total="{0} dans {1}{2}. Rien n’a été modifié.",
    all_counted="Tous les messages de ces dossiers sont comptés : seule la copie tient compte de --since, --before et --max-size.",
    room="La nouvelle plateforme accorde {} à cette boîte, dont {} sont occupés.",
    full=" Plus rien n’y tient : demander davantage de place à ses responsables avant le transfert.",
    largest="Elle accepte des messages de {} au plus.",
    units={"B": "octets", "kB": "ko", "MB": "Mo", "GB": "Go"},
    decimal=",",
)


def plan_words_of(language: str = "") -> PlanWords:
    """Of ``language`` (``en``, ``fr``), else of the user's locale, else English (`words_of`)."""
    return _FR if words_of(language).language == "fr" else _EN
