"""Every limit of the SMTP servers, with its reason."""

COMMAND_SECONDS = 5 * 60.0
"""For the next command or piece of a message: RFC 5321 §4.5.3.2.7."""
STALL_SECONDS = 5 * 60.0
"""For a client to take a reply."""
READ_AHEAD_OCTETS = 256 * 1024
"""That wait in memory of a connection before its socket is left alone."""
RECIPIENTS = 1000
"""Of one message: RFC 5321 §4.5.3.1.8 asks for at least 100; a class mailing has several hundred."""
WRONG_COMMANDS = 20
"""Refused commands of one connection, before it is closed: whoever guesses recipients is slowed down."""
QUESTIONS = 200
"""EHLO, NOOP, HELP, VRFY and RSET of one connection between two messages: a program that keeps its connection open says NOOP now and then."""
HOPS = 50
"""Received fields: RFC 5321 §6.3 asks for at least 100 to be taken; a message of ours on its 50th way is in a loop."""
STRANGERS = 1000
"""Connections of one process that have not signed in; mail from elsewhere comes by these."""
OF_ONE_ACCOUNT = 50
"""Connections of one process that signed in as the same: a program has one or two, a machine that sends for many a few more."""
HANDSHAKE_SECONDS = 30.0
"""For TLS to stand."""
HEADER_OCTETS = 256 * 1024
"""Of a submitted message's header, which is read and mended."""
