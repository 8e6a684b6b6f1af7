"""What `bascule verify` says, in English and in French."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bascule.deliver.proof import Words, words_of
from bascule.deliver.proof.words import Pair


@dataclass(frozen=True, slots=True)
class ComparisonWords:
    """``{}`` stand for what their use fills in."""

    report: Words
    """Of the same language, with what a comparison says of a message among its own sentences (`Words.own`)."""
    no_memory: str
    left_out: str
    """Before a line for all messages of a folder with which it is so; as ``theirs``."""
    theirs: str
    to_do: str
    """Before one message."""
    of_folder: Pair
    """``{0}``: how many messages; ``{1}``: the folder; ``{2}``: what is so with them."""
    of_message: str
    seen: str
    more: str
    more_folders: Pair
    equal: str
    """``{}``: how many are equal, and of how many."""
    differ_theirs: Pair
    differ_to_do: Pair
    were_left_out: Pair
    at_fault: Pair
    not_compared: Pair
    line_ends: str

    def own(self, text: str) -> str:
        return self.report.own(text)


_EN = ComparisonWords(
    report=words_of("en"),
    no_memory="No run of Bascule's is remembered for these two, so that it can't be told what people did on the new side: every difference is named.",
    left_out="left out: ",
    theirs="theirs: ",
    to_do="to do: ",
    of_folder=("{1}, {0} message: {2}", "{1}, {0} messages: {2}"),
    of_message="{}: {}",
    seen=" ({})",
    more="… and {} more (--json shows all)",
    more_folders=("… and more of the kind in {} folder (--json shows all)", "… and more of the kind in {} folders (--json shows all)"),
    equal="{} of {} messages are equal in every octet, flag and date.",
    differ_theirs=(
        "{} differs by what was done on the new side (moved, removed, marked, or there before with another date), which is no fault of the move. Where nobody did it, ask who runs the new platform.",
        "{} differ by what was done on the new side (moved, removed, marked, or there before with another date), which is no fault of the move. Where nobody did it, ask who runs the new platform.",
    ),
    differ_to_do=(
        "{} differs by what happened on the old side since, or was not delivered yet. The next run of “bascule copy” or “bascule deliver” brings it.",
        "{} differ by what happened on the old side since, or was not delivered yet. The next run of “bascule copy” or “bascule deliver” brings it.",
    ),
    were_left_out=("{} left out.", "{} left out."),
    at_fault=("{} is at fault.", "{} are at fault."),
    not_compared=("{} folder could not be compared to its end.", "{} folders could not be compared to their end."),
    line_ends="Of the equal ones {} had lines that end in LF alone; on the new side they end in CRLF, as mail does (RFC 5322).",
)  # fmt: skip
_SENTENCES = (
    (r"not there any more: moved or removed on the new side since, with its folder", "n’est plus là : déplacé ou supprimé depuis sur la nouvelle plateforme, avec son dossier"),
    (r"not there any more: moved or removed on the new side since", "n’est plus là : déplacé ou supprimé depuis sur la nouvelle plateforme"),
    (r"not on the new side yet: no run has dealt with it", "pas encore sur la nouvelle plateforme : aucune exécution ne l’a traité"),
    (r"its delivery was cut off, and it is not there: the next run looks for it again",
     "son transfert a été interrompu, et il n’est pas là : la prochaine exécution le recherchera"),
    (r"the target said OK, and does not have it", "la nouvelle plateforme l’a accepté, et ne l’a pas"),
    (r"not there", "absent"),
    (r"missing", "absent"),
    (r"it was there before: (.+)", "il était déjà là : {}"),
    (r"marked on the old side since: (.+)", "marqué depuis sur l’ancienne plateforme : {}"),
    (r"marked on the new side: (.+)", "marqué sur la nouvelle plateforme : {}"),
    (r"marked as deleted on the old side, which is not repeated", "marqué comme supprimé sur l’ancienne plateforme, ce qui n’est pas repris"),
    (r"an equal message is there with other flags: (.+)", "un message identique s’y trouve avec d’autres indicateurs : {}"),
    (r"no run has dealt with it", "aucune exécution ne l’a traité"),
    (r"an equal message is there: (.+)", "un message identique s’y trouve : {}"),
    (r"its octets are others on the new side \((\d+) became (\d+)\)", "son contenu est différent sur la nouvelle plateforme ({:number} octets devenus {:number})"),
    (r"moved on the old side", "déplacé sur l’ancienne plateforme"),
    (r"its copy in (.+) had been removed or moved on the new side", "son exemplaire dans {} avait été supprimé ou déplacé sur la nouvelle"),
    (r"moved on the old side since, from (.+)", "déplacé depuis sur l’ancienne plateforme ; il était dans {}"),
    (r"moved on the new side, to (.+)", "déplacé sur la nouvelle plateforme, vers {}"),
    (r"its flags are none", "il n’a aucun indicateur"),
    (r"its flags are (.+)", "ses indicateurs sont {}"),
    (r"no flag", "aucun indicateur"),
    (r"it has no date there", "il n’y a pas de date"),
    (r"its date differs: (.+) UTC there", "sa date y est différente : {} UTC"),
    (r"left out: (.+)", "{}"),
    (r"arrived before (\d+)-(\d+)-(\d+)", "arrivé avant le {2}/{1}/{0}"),
    (r"arrived on or after (\d+)-(\d+)-(\d+)", "arrivé le {2}/{1}/{0} ou après"),
    (r"larger than (\d+) octets", "plus de {:octets}"),
    (r"altered on the new side \(UID (\d+) there\)", "modifié sur la nouvelle plateforme (UID {} là-bas)"),
    (r"its folder on the new side could not be read", "son dossier n’a pas pu être lu sur la nouvelle plateforme"),
    (r"the new side lists its copy and does not give it: (.+)", "la nouvelle plateforme annonce son exemplaire et ne le donne pas : {}"),
    (r"the new side listed its copy and, asked for it, had it no longer: its server lost it, or somebody removed it at this moment",
     "la nouvelle plateforme a annoncé son exemplaire et ne l’avait plus quand il a été demandé : elle l’a perdu, ou quelqu’un l’a supprimé à cet instant"),
    (r"the folder is missing, with (\d+) messages", "le dossier manque, avec {:number} messages"),
    (r"the old side does not open the folder, or not to the end: (.+)", "l’ancienne plateforme n’ouvre pas le dossier, ou pas jusqu’à la fin : {}"),
    (r"the new side does not open the folder, or not to the end: (.+)", "la nouvelle plateforme n’ouvre pas le dossier, ou pas jusqu’à la fin : {}"),
    (r"the old side lists it and does not give it: (.+)", "l’ancienne plateforme l’annonce et ne le donne pas : {}"),
    (r"the new side lists it and does not give it: (.+)", "la nouvelle plateforme l’annonce et ne le donne pas : {}"),
    (r"no run has read it: nothing is known of what it holds", "aucune exécution ne l’a lu : on ne sait pas ce qu’il contient"),
    (r"(\d+) messages more were found there, and no run has read them yet: run the same capture or import again",
     "{:number} messages de plus y ont été trouvés, qu’aucune exécution n’a encore lus : relancer la même commande (capture ou import)"),
    (r"the old side counts (\d+) more messages than it lists", "l’ancienne plateforme compte {:number} messages de plus qu’elle n’en annonce"),
    (r"the new side counts (\d+) more messages than it lists", "la nouvelle plateforme compte {:number} messages de plus qu’elle n’en annonce"),
    (r"(.+) is called (.+) on the new side now", "{} s’appelle maintenant {} sur la nouvelle plateforme"),
    (r"(.+) is no longer there under that name: somebody removed or renamed it on the new side",
     "{} n’est plus là sous ce nom : quelqu’un l’a supprimé ou renommé sur la nouvelle plateforme"),
    (r"read back in full", "relu en entier"),
    (r"read back by size, date and flags", "relu par taille, date et indicateurs"),
    (r"read back in full on (\d+)-(\d+)-(\d+) at (\d+):(\d+) UTC", "relu en entier le {2}/{1}/{0} à {3} h {4} UTC"),
    (r"read back by size, date and flags on (\d+)-(\d+)-(\d+) at (\d+):(\d+) UTC", "relu par taille, date et indicateurs le {2}/{1}/{0} à {3} h {4} UTC"),
)  # fmt: skip


def _of_outcomes(words: Words) -> Iterator[tuple[str, str]]:
    """What is said of a message that was refused begins with its code."""
    for code, meaning in words.codes.items():
        told = f"{meaning[:1].lower()}{meaning[1:]}"
        yield from ((code, told), (f"{code}: (.+)", f"{told} : {{}}"))


_FR = ComparisonWords(
    report=replace(words_of("fr"), sentences=(*_SENTENCES, *_of_outcomes(words_of("fr")), *words_of("fr").sentences)),
    no_memory="Bascule n’a gardé la trace d’aucune exécution entre ces deux boîtes, et ne peut donc pas dire ce qui a été fait sur la nouvelle plateforme : chaque différence est nommée.",
    left_out="écarté : ",
    theirs="par l’usager : ",
    to_do="à faire : ",
    of_folder=("{1}, {0} message : {2}", "{1}, {0} messages : {2}"),
    of_message="{} : {}",
    seen=" ({})",
    more="… et {} autres (--json les montre tous)",
    more_folders=("… et d’autres du même genre dans {} dossier (--json les montre tous)", "… et d’autres du même genre dans {} dossiers (--json les montre tous)"),
    equal="{} messages sur {} sont identiques jusqu’au dernier octet, indicateur et date.",
    differ_theirs=(
        "{} diffère par ce qui a été fait sur la nouvelle plateforme (déplacé, supprimé, marqué, ou déjà là avec une autre date), ce qui n’est pas une faute du transfert. Si personne ne l’a fait, interroger les responsables de la nouvelle plateforme.",
        "{} diffèrent par ce qui a été fait sur la nouvelle plateforme (déplacés, supprimés, marqués, ou déjà là avec une autre date), ce qui n’est pas une faute du transfert. Si personne ne l’a fait, interroger les responsables de la nouvelle plateforme.",
    ),
    differ_to_do=(
        "{} diffère par ce qui s’est passé depuis sur l’ancienne plateforme, ou n’est pas encore transféré. La prochaine exécution de « bascule copy » ou de « bascule deliver » s’en charge.",
        "{} diffèrent par ce qui s’est passé depuis sur l’ancienne plateforme, ou ne sont pas encore transférés. La prochaine exécution de « bascule copy » ou de « bascule deliver » s’en charge.",
    ),
    were_left_out=("{} écarté par choix.", "{} écartés par choix."),
    at_fault=("{} pose problème.", "{} posent problème."),
    not_compared=("{} dossier n’a pas pu être comparé jusqu’au bout.", "{} dossiers n’ont pas pu être comparés jusqu’au bout."),
    line_ends="Parmi les messages identiques, {} avaient des lignes terminées par LF seul ; sur la nouvelle plateforme elles se terminent par CRLF, comme le veut le courrier (RFC 5322).",
)  # fmt: skip


def comparison_words_of(language: str = "") -> ComparisonWords:
    """Of ``language`` (``en``, ``fr``), else of the user's locale, else English (`words_of`)."""
    return _FR if words_of(language).language == "fr" else _EN
