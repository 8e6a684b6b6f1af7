"""``bascule report --check CERTIFICATE``: whether a report was changed since it was signed, and whose it is."""

from dataclasses import asdict
from pathlib import Path

from bascule.commands.terminal import say, say_json
from bascule.deliver.proof import Checked, CheckWords, Words, check_certificate, check_words_of, read_fingerprint
from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.own_files import CERTIFICATE


def check(named: Path, key: str, words: Words, *, as_json: bool) -> ExitStatus:
    """``named``: a certificate, or the folder of a report. ``key``: the fingerprint of the key that must have signed it; empty for any. Raises BasculeError
    (usage) for what is no certificate, and for one that builds on a report which is not there."""
    told = check_words_of(words)
    expected = read_fingerprint(key) if key else ""
    certificate = _certificate(named, told)
    try:
        found = check_certificate(certificate)
    except BasculeError as error:
        raise BasculeError(told.no_certificate.format(certificate), told.name_one, ExitStatus.USAGE) from error
    is_another = bool(expected) and found.fingerprint != expected
    problems = [told.own(problem) for problem in found.problems]
    problems += [told.other_key.format(found.fingerprint)] if is_another else []
    if as_json:
        say_json({"certificate": str(certificate), **asdict(found), "problems": problems})
        return ExitStatus.MISSING if problems else ExitStatus.USAGE if found.lacks else ExitStatus.ACCOUNTED
    if problems:
        say(*(told.problem.format(certificate, problem) for problem in problems))
        return ExitStatus.MISSING
    phrase = told.incomplete if found.lacks else told.unchanged
    say(phrase.format(certificate, _signature(found, expected, words, told)))
    if found.lacks:
        raise BasculeError(told.lacks.format(found.lacks), told.bring.format(found.lacks), ExitStatus.USAGE)
    say(told.all_well if found.accounted else told.exceptions)
    return ExitStatus.ACCOUNTED


def _certificate(named: Path, told: CheckWords) -> Path:
    """Raises BasculeError (usage) where there is none that can be read."""
    certificate = named / CERTIFICATE if named.is_dir() else named
    if not certificate.exists():
        phrase = told.no_certificate_in if named.is_dir() else told.not_there
        raise BasculeError(phrase.format(named), told.name_one, ExitStatus.USAGE)
    try:
        certificate.open("rb").close()
    except OSError as error:
        raise BasculeError(
            told.unreadable.format(certificate, error.strerror), told.name_one, ExitStatus.USAGE
        ) from error
    return certificate


def _signature(found: Checked, expected: str, words: Words, told: CheckWords) -> str:
    key, dated = told.signed
    signed = (
        dated.format(words.when(found.finished), found.fingerprint) if found.finished else key.format(found.fingerprint)
    )
    phrase = told.named if expected else told.ours if found.is_ours else told.strange
    return phrase.format(signed)
