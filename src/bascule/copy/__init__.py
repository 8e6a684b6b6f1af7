"""One mailbox to another: capture and deliver joined in a pipeline, with nothing stored between but what is remembered.

In: a source and a target. Out: messages on the target, and a state folder (a mailbox that keeps no bodies) whose ledger accounts
for each. Always true: a message is read from the source only when no earlier run settled it; everything that `capture` and
`deliver` promise holds here, since their own parts do the work. Called by the command ``copy``.
"""

from bascule.copy.engine import CopyOptions, copy

__all__ = ["CopyOptions", "copy"]
