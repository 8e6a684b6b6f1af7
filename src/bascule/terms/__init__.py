"""The nouns that every room shares: folder path, flags, instant, outcome, location.

Nothing flows in and nothing flows out: these are values. They never do I/O, never read a clock, and import
the standard library only. Every other package may import them; they import none of ours.
"""

from bascule.terms.errors import BasculeError, ExitStatus
from bascule.terms.flags import Flags, keywords_of, normalise_flags, system_flags_of
from bascule.terms.folder import FolderPath, SpecialUse
from bascule.terms.instant import InternalDate
from bascule.terms.location import Location, parse_location
from bascule.terms.outcome import Outcome, OutcomeCode

__all__ = [
    "BasculeError",
    "ExitStatus",
    "Flags",
    "FolderPath",
    "InternalDate",
    "Location",
    "Outcome",
    "OutcomeCode",
    "SpecialUse",
    "keywords_of",
    "normalise_flags",
    "parse_location",
    "system_flags_of",
]
