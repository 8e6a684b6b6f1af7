"""Protocols without I/O: bytes in, events or bytes out.

No socket, clock, database, logging or randomness is used here; what a protocol needs of these is an argument. The
shells that read and write stand in ``bascule.wire``.
"""
