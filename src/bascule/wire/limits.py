"""Every limit and deadline of the wire, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireLimits:
    connect_seconds: float = 30.0
    """TCP and TLS together. A host that drops packets takes the kernel two minutes to give up on."""
    stall_seconds: float = 120.0
    """No octet from the server while an answer is due. Servers send ``* OK Still here`` each minute or two on long work."""
    write_octets: int = 256 * 1024
    """How much is handed to the socket at once, so that a large message never stands twice in memory."""


DEFAULT_WIRE_LIMITS = WireLimits()
