"""Every limit of the SMTP servers, with its reason."""

COMMAND_SECONDS = 5 * 60.0
"""For the next command or piece of a message: RFC 5321 §4.5.3.2.7."""
STALL_SECONDS = 5 * 60.0
"""For a client to take a reply."""
READ_OCTETS = 32 * 1024
"""Taken from a socket at once."""
READ_AHEAD_OCTETS = 64 * 1024
"""That wait in memory of a connection before its socket is left alone; it may have as much again in work."""
HELD_OCTETS = 64 * 1024
"""Of one message, in memory; a larger one is in a file as it comes. Of ten messages eight are smaller; a file takes some 0.1 ms."""
STRANGERS_HELD_OCTETS = 32 * 1024 * 1024
"""Of all strangers of a process, of their messages in memory and of what was read ahead: room for 2,000 usual messages. Where there is none a message goes
to its file from its first octet on, and nothing is read ahead: beyond it each has `READ_OCTETS`, and as much in work, 64 MB with all `STRANGERS`."""
STRANGERS_SPOOLED_OCTETS = 2 * 1024**3
"""Of all strangers of a process, in files: twenty of the largest messages at once. More is refused for now (452), as where the disk is full; what is small
comes in all the same."""
MEMBERS_HELD_OCTETS = 4 * 1024 * 1024
"""As for strangers, of all connections that signed in as the same."""
MEMBERS_SPOOLED_OCTETS = 300 * 1024 * 1024
"""As for strangers, of all connections that signed in as the same: three of the largest messages at once."""
RECIPIENTS = 1000
"""Of one message: RFC 5321 §4.5.3.1.8 asks for at least 100; a class mailing has several hundred."""
REPEATED_RECIPIENTS = 100
"""RCPT of one message for whom it is for already: a list names some people twice. More are refused, and counted with `WRONG_COMMANDS`."""
WRONG_COMMANDS = 20
"""Refused commands of one connection, before it is closed: whoever guesses recipients is slowed down."""
QUESTIONS = 50
"""EHLO, NOOP, HELP, VRFY and RSET of one connection between two messages: a program that keeps its connection open says NOOP now and then."""
ANSWERED_AT_ONCE = 20
"""Commands of one connection that ask nobody, on the event loop, before others have their turn: less than a millisecond."""
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
AT_ONCE = 50
"""Mailboxes that a message is written to before its reply; the others get it from the queue. Each holds, for some 10 ms, one of the threads
for mail from the world, and a stranger says how many there are."""
AT_ONCE_OCTETS = 64 * 1024 * 1024
"""Written to mailboxes before the reply, of one message for several: half a second's work."""
ANSWER_SECONDS = 60.0
"""For one answer of a filter: one that asks block lists takes a few."""
FILTERS_SECONDS = 120.0
"""With all filters, of one message: a filter that says again and again that it is at work ends here too."""
FILTERED_AT_ONCE = 5
"""Messages from the world that are with the filters, of one process, and as many from members. Each holds one of the threads for its kind
(`bascule.platform.limits`)."""
FILTERS_SLOW_SECONDS = 5.0
"""Where one message has been with them for that long, no other waits for its place: it is refused for now. Nor does one wait longer."""
REFUSED_NAMED = 60
"""Rows of the trace a minute for what strangers were refused at MAIL or RCPT, of one process, and as many for members. An attack that never ends writes
some 25 MB a day of them."""
REFUSED_OF_ONE = 20
"""Of these, for one network or account: a server that brings a school's mail is refused a few; who goes through a dictionary, all."""
REFUSED_SHARED = 30
"""Once so many are written…"""
REFUSED_OF_ONE_WHEN_MANY = 3
"""…each network has so many: a few that guess leave the others theirs."""
REFUSED_COUNTED = 20
"""Networks, and accounts, that have a count of their own in a minute; those of others are one count."""
