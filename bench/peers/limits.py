"""Every limit of a trial, in one place."""

RUN_SECONDS = 20.0
"""A run of forty messages on loopback takes a second or two; who is still at it after this is ended, and counts as hanging."""
ANSWER_SECONDS = 8
"""Without an answer for so long a peer gives up, where it has an option for that: well within `RUN_SECONDS`."""
HISTORY_SECONDS = 60.0
"""A run within a history has up to a few hundred messages to carry."""
OUTPUT_OCTETS = 2_000_000
"""Of what a run prints, the last: a peer that repeats itself for twenty seconds prints a lot."""
