"""`verify`: both sides read in full, and every message of the old side judged by what the new side has of it.

In: the old side (a source, or a mailbox on disk), the target, and what earlier runs remember. Out: a `Comparison`, message by message. Always true:
nothing is written on either side or into what is remembered; what a difference means is what the rules of later runs say (docs/later-runs.md); a
message is equal only where every octet, flag and date was read and is. Called by the command ``verify``.
"""

from bascule.deliver.comparison.census import FolderCensus, census_of_mailbox, take_census
from bascule.deliver.comparison.compare import compare
from bascule.deliver.comparison.findings import Comparison, Finding, Kind
from bascule.deliver.comparison.memory import Memory, remember
from bascule.deliver.comparison.target import TargetSide

__all__ = [
    "Comparison",
    "Finding",
    "FolderCensus",
    "Kind",
    "Memory",
    "TargetSide",
    "census_of_mailbox",
    "compare",
    "remember",
    "take_census",
]
