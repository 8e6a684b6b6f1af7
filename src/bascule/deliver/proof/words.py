"""The words of a report: what each language has a phrase for. What servers said, and names, stay as they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bascule.terms.location import FILE_SCHEMES
from bascule.terms.outcome import OutcomeCode
from bascule.terms.size import grouped

Pair = tuple[str, str]
"""Singular and plural."""


@dataclass(frozen=True, slots=True)
class WordsOfFiles:
    """What is said otherwise where files were read, of which nobody is asked who runs them."""

    unread_note: str
    found: str
    refused: str
    unreadable: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Words:
    """Each field is a phrase; ``{}`` stand for what its use fills in."""

    language: str
    colon: str
    semicolon: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    day: str
    """Weekday, day, month, year, hour, minute; UTC."""
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
    key: str
    nothing: str
    none: str
    folders: str
    exceptions: str
    details: str
    exception_heads: tuple[str, str, str]
    quoted: str
    saved: str
    on_target: str
    renamed: str
    same_name: str
    """The same of a folder whose name there is its own, where another was to be expected."""
    more: str
    stopped: str
    """Why, and ``to_do`` or nothing."""
    to_do: str
    unfinished: Pair
    empty: str
    good: Pair
    """``{0}``: how many were found; ``{1}``: ``chosen``, or nothing."""
    good_parts: Pair
    """The same where some are left out by choice; ``{2}``: what became of how many."""
    read_whole: Pair
    read_rest: Pair
    """The same where some are no longer where they were put."""
    unread: Pair
    bad: Pair
    """``{2}``: ``in_order``, or ``none_in_order``; ``{3}``: ``and_left_out``, or nothing; ``{4}``: what is to be looked at."""
    bad_empty: str
    """Where no message was found. ``{0}``: ``chosen``, or nothing; ``{1}``: what is to be looked at."""
    in_order: Pair
    none_in_order: str
    and_left_out: str
    chosen: str
    """Where folders are left out by choice: of which ones the verdict speaks."""
    empty_chosen: str
    delivered: Pair
    stored: Pair
    already_there: Pair
    left_out: Pair
    left_out_why: Mapping[str, str]
    left_out_folders: Pair
    unreached_folder: Pair
    unreached: str
    named: str
    refused: Pair
    altered: Pair
    unaccounted: Pair
    unlisted: Pair
    unread_folder: Pair
    refused_folder: Pair
    this_run: str
    nothing_new: str
    moved: Pair
    flagged: Pair
    removed: Pair
    marked: Pair
    line_ends: Pair
    unread_note: str
    """Of a folder; ``{}``: what the server said."""
    never_read_note: str
    """The same of one that no run has opened yet."""
    refused_note: str
    unread_rest: Pair
    unlisted_note: Pair
    verified: str
    verified_on: str
    verified_between: str
    by_details_only: str
    in_full: Pair
    by_details: Pair
    not_read: Pair
    what_to_do: str
    terms: tuple[tuple[str, str], ...]
    """Each word of the table, and what is counted under it."""
    kept_head: str
    """Instead of *delivered*, where messages went into a mailbox on disk; ``kept`` instead of ``good``, and ``held`` says what is counted there."""
    kept: Pair
    held: str
    terms_heading: str
    note: str
    codes: Mapping[str, str]
    remedies: Mapping[str, str]
    mended_in_vain: str
    """What to do of one that is refused although the user asked to have it mended."""
    files: WordsOfFiles
    sentences: tuple[tuple[str, str], ...] = ()
    """Bascule's own sentences, which the ledger keeps in English: a regular expression of the whole, and what it is in this language. ``{:number}`` and
    ``{:octets}`` stand for a number and a size."""
    code_names: Mapping[str, str] = field(default_factory=dict)
    """What an outcome's code is called among words, where that is not the code."""

    def of(self, source: str) -> "Words":
        """Those of a report on what was read from ``source``: of files nobody runs a platform."""
        if source.partition(":")[0] not in FILE_SCHEMES:
            return self
        told = {self.heads[1]: self.files.found, self.heads[4]: self.files.refused}
        return replace(
            self,
            unread_note=self.files.unread_note,
            never_read_note=self.files.unread_note,
            terms=tuple((term, told.get(term, meaning)) for term, meaning in self.terms),
            codes={**self.codes, OutcomeCode.UNREADABLE.value: self.files.unreadable},
            remedies={**self.remedies, OutcomeCode.UNREADABLE.value: self.files.remedy},
        )

    def on_disk(self) -> "Words":
        """Those of a report on what went into a mailbox on disk, and to no new platform."""
        folder, found, before, there, refused, out = self.heads
        now = self.kept_head
        return replace(
            self,
            heads=(folder, found, now, there, refused, out),
            good=self.kept,
            delivered=self.stored,
            terms=tuple((now, self.held) if term == before else (term, meaning) for term, meaning in self.terms),
            note=self.note.replace(f" {before.lower()} ", f" {now.lower()} ", 1),
        )

    def own(self, text: str) -> str:
        """What Bascule says in it, in this language; what others said, as they said it."""
        before, *pieces = text.split("; ") if self.sentences else [text]
        told = self._piece(before)
        for piece in pieces:
            theirs = self._piece(piece) == piece and self._piece(before) == before
            told, before = f"{told}{'; ' if theirs else self.semicolon}{self._piece(piece)}", piece
        return told

    def _piece(self, text: str) -> str:
        for pattern, sentence in self.sentences:
            if found := re.fullmatch(pattern, text, re.DOTALL):
                return sentence.format(*(_Found(self._piece(group)) for group in found.groups()))
        return text

    def when(self, iso: str) -> str:
        """``2026-11-28T06:36:49+00:00`` as people write it."""
        try:
            at = datetime.fromisoformat(iso).astimezone(UTC)
        except (ValueError, OverflowError):
            return iso
        first = "1er" if self.language == "fr" and at.day == 1 else str(at.day)
        return self.day.format(
            self.weekdays[at.weekday()], first, self.months[at.month - 1], at.year, at.hour, at.minute
        )


class _Found(str):
    """What a sentence's pattern found, written as its translation asks for."""

    def __format__(self, how: str) -> str:
        match how:
            case "number":
                return grouped(int(self))
            case "octets":
                return _octets_in_french(int(self))
        return str(self)


def _octets_in_french(number: int) -> str:
    """``30 000 octets (30 ko)``."""
    for unit, size in (("Go", 10**9), ("Mo", 10**6), ("ko", 10**3)):
        if number >= size:
            return f"{grouped(number)} octets ({f'{number / size:.1f}'.removesuffix('.0').replace('.', ',')} {unit})"
    return f"{grouped(number)} octets"


def counted(pair: Pair, number: int, *more: str) -> str:
    """The phrase for this many."""
    return pair[number > 1].format(grouped(number), *more)
