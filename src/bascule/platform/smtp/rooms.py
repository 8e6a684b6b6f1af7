"""How much of messages that are on their way all strangers may have here together, and who signed in as the same."""

from bascule.platform.smtp import limits
from bascule.platform.spool import Room


def strangers_room() -> Room:
    return Room(limits.STRANGERS_HELD_OCTETS, limits.STRANGERS, limits.STRANGERS_SPOOLED_OCTETS)


def members_room() -> Room:
    return Room(limits.MEMBERS_HELD_OCTETS, limits.OF_ONE_ACCOUNT, limits.MEMBERS_SPOOLED_OCTETS)
