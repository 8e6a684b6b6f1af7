"""The whole move: its calendar of instants, and who takes part in it. No Django: the portal keeps what is decided here.

In: what an institution writes down (dates in its own zone, its list of members). Out: instants, rows, and the differences with what is there. Always
true: nothing is guessed. A date that does not exist, or a row that contradicts another, is refused with the reason.
"""
