"""What `bascule report --check` says of a certificate, in English and in French."""

import re
from dataclasses import dataclass

from bascule.deliver.proof.words import Words


@dataclass(frozen=True, slots=True)
class CheckWords:
    """``{}`` stand for what their use fills in."""

    unchanged: str
    """The certificate, and ``signed``."""
    incomplete: str
    signed: tuple[str, str]
    """With the key; where it tells when, on which day and with which key."""
    named: str
    ours: str
    strange: str
    all_well: str
    exceptions: str
    problem: str
    other_key: str
    lacks: str
    bring: str
    no_certificate: str
    no_certificate_in: str
    not_there: str
    unreadable: str
    name_one: str
    sentences: tuple[tuple[str, str], ...] = ()
    """What `check_certificate` finds wrong, which it tells in English: a regular expression of the whole, and what it is in this language."""

    def own(self, problem: str) -> str:
        for pattern, sentence in self.sentences:
            if found := re.fullmatch(pattern, problem, re.DOTALL):
                return sentence.format(*map(self.own, found.groups()))
        return problem


_EN = CheckWords(
    unchanged="{} is unchanged: {}",
    incomplete="{} is not complete: {}",
    signed=("signed with the key {}", "signed on {} with the key {}"),
    named="{}, which is the one that was named.",
    ours="{}, which is this installation's.",
    strange="{}, which is not this installation's: compare it with the one that “bascule doctor” shows where the report was written. Anybody can sign a report "
    "with a key of their own; --key FINGERPRINT makes another one an error.",
    all_well="It says: everything was accounted for.",
    exceptions="It says: there were exceptions; report.html names them.",
    problem="{}: {}",
    other_key="it is signed with the key {}, which is not the one that was named",
    lacks="Nothing was changed, but it is not complete: it builds on the report in the folder {}, which is not beside it.",
    bring="Bring the folder {} as well, or write a whole report with “bascule report STATE”.",
    no_certificate="{} is not a certificate of Bascule's, or it is damaged.",
    no_certificate_in="There is no certificate.json in {}.",
    not_there="{} is not there.",
    unreadable="{} can't be read: {}.",
    name_one="Name the certificate.json of a report, or the report's folder.",
)
_FR = CheckWords(
    unchanged="{} est intact : {}",
    incomplete="{} n’est pas complet : {}",
    signed=("signé avec la clé {}", "signé le {} avec la clé {}"),
    named="{}, qui est bien la clé indiquée.",
    ours="{}, qui est celle de cette installation.",
    strange="{}, qui n’est pas celle de cette installation : la comparer à celle que « bascule doctor » affiche là où le compte rendu a été écrit. N’importe qui "
    "peut signer un compte rendu avec sa propre clé ; avec --key EMPREINTE, toute autre clé est une erreur.",
    all_well="Il indique que tous les messages sont comptabilisés.",
    exceptions="Il indique des messages à examiner ; report.html les nomme.",
    problem="{} : {}",
    other_key="il est signé avec la clé {}, qui n’est pas la clé indiquée",
    lacks="Rien n’a été modifié, mais le compte rendu n’est pas complet : il s’appuie sur celui du dossier {}, qui ne se trouve pas à côté.",
    bring="Apporter aussi le dossier {}, ou écrire un compte rendu complet avec « bascule report STATE ».",
    no_certificate="{} n’est pas un certificat de Bascule, ou il est endommagé.",
    no_certificate_in="Il n’y a pas de certificate.json dans {}.",
    not_there="{} n’existe pas.",
    unreadable="{} ne peut pas être lu : {}.",
    name_one="Indiquer le certificate.json d’un compte rendu, ou le dossier de celui-ci.",
    sentences=(
        (r"the signature is not of this statement: the certificate was changed", "la signature ne correspond pas à son contenu : le certificat a été modifié"),
        (r"it names a file that no report of Bascule's has", "il nomme un fichier qu’aucun compte rendu de Bascule ne contient"),
        (r"(\S+) is missing", "{} manque"),
        (r"(\S+) was changed since it was signed", "{} a été modifié depuis la signature"),
        (r"(\S+) builds on another: (.+)", "{} s’appuie sur un autre manifeste : {}"),
        (r"(.+) was changed since a later one was built on it\.", "{} a été modifié depuis qu’un autre s’appuie sur lui"),
        (r"(.+) is no manifest\.", "{} n’est pas un manifeste"),
        (r"(.+) does not say on what it builds\.", "{} ne dit pas sur quoi il s’appuie"),
        (r"(.+) builds on more than (\d+) others\.", "{} s’appuie sur plus de {} autres"),
        (r"(.+) can't be read: (.+)\.", "{} ne peut pas être lu : {}"),
    ),
)  # fmt: skip


def check_words_of(words: Words) -> CheckWords:
    return _FR if words.language == "fr" else _EN
