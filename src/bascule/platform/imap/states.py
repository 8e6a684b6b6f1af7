"""Where a session stands. RFC 9051 §3"""

from enum import Enum


class State(Enum):
    NOT_SIGNED_IN = "not signed in"
    SIGNED_IN = "signed in"
    SELECTED = "selected"
    ENDED = "ended"
