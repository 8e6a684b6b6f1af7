"""Sockets, TLS, deadlines and limits around the protocols of `bascule.protocols`.

In: a location and credentials. Out: an asyncio client whose methods are the protocol's commands. Always true: TCP_NODELAY is set,
every wait has a deadline, and credentials never reach a log, an error or a repr.
"""
