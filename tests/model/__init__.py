"""Random life on both sides of a move, and the rules of later runs held against it.

`world` is what is known of each side, `life` what happens there, `runs` how Bascule is run and cut short, `oracle` what must hold afterwards: it
is written from `docs/later-runs.md` and the README's promises alone. `person` reads and changes a mailbox by the standard library's imaplib. `history` is one
move whose life and runs are written down, for the histories that once went wrong.
"""
