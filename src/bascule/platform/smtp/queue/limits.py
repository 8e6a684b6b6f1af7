"""Every limit of the queue, with its reason. What another server decides (how slow it is, how much it says) ends here."""

CONNECTIONS = 100
"""To other servers at once. Each holds some 300 kB of a message and of the socket's buffers, and no thread while it waits."""
CONNECTIONS_TO_ONE = 4
"""To one domain at once: more, and large receivers begin to refuse."""
CONNECTIONS_SHARED = 50
"""While more are open, a domain gets its first connection and no second: a few domains of slow servers leave the rest to others."""
LANES_HERE = 64
"""Mailboxes share these, by their addresses: as many as there are would make each look at the queue long, when thousands have mail waiting."""
DELIVERIES = 6
"""Into mailboxes here at once: of `THREADS`, so that some are left for the queue's own rows."""
THREADS = 8
RECIPIENTS = 100
"""Of one transaction: what every server takes (RFC 5321 §4.5.3.1.8). A message for more goes out in several."""

HOSTS = 10
"""Addresses tried for one message: RFC 5321 §5.1 asks for at least two, and whoever owns a domain names as many as they like."""
DNS_SECONDS = 20.0
"""For one question."""
ROUTE_SECONDS = 60.0
"""For all questions about one domain."""
CONNECT_SECONDS = 30.0
OPENING_SECONDS = 5 * 60.0
"""From connecting to one server until it would take a message. RFC 5321 §4.5.3.2.1 gives five minutes to the greeting alone; who needs
more than that for all of it is as good as down."""
REPLY_SECONDS = 5 * 60.0
"""RFC 5321 §4.5.3.2.2 and §4.5.3.2.3; DATA's two minutes are in it."""
BLOCK_SECONDS = 3 * 60.0
"""For a server to take the next piece of a message: RFC 5321 §4.5.3.2.5."""
END_SECONDS = 10 * 60.0
"""A server may take ten minutes over a message's end: RFC 5321 §4.5.3.2.6."""
ATTEMPT_SECONDS = 3600.0
"""That one transaction may hold a connection, however often something of it arrives: 50 MB need 15 kB/s."""
STOP_SECONDS = 10.0
"""For what is on its way when the queue is stopped; then it is cut off, noted, and sent again. The supervisor ends us after 15."""
QUIT_SECONDS = 5.0
"""Everything is known by then."""
REPLY_OCTETS = 64 * 1024
"""Of what a server said and nobody asked for yet."""

REPLY_CHARACTERS = 500
"""Of an answer that is kept, told to the sender and shown: a server may say 64 kB, of each of a hundred recipients."""

LOOK_SECONDS = 30.0
"""Between two looks at the queue when nobody wakes it."""
ERROR_SECONDS = 10.0
"""Before a message is looked at again that could not be worked on here (disk full), and before what was done with one is written again. It is not sent
meanwhile, and is one of `CONNECTIONS` or `DELIVERIES`: no more than so many wait to be written."""
REST_SECONDS = 15.0
"""After no server of a domain could be reached, its messages get that answer without another attempt; so do those that were due before.
A smarthost that refuses our sign-in would otherwise be asked once for each message, and lock us out."""
HOST_REST_SECONDS = 5 * 60.0
"""That a host which did not answer comes after the others of its domain: each message would wait for it first otherwise."""
LONGEST_RETRY_SECONDS = 4 * 3600.0
"""Between two attempts: RFC 5321 §4.5.4.1."""
RETURNED_OCTETS = 16 * 1024
"""Of the header that goes back with a notice."""
DOMAINS_REMEMBERED = 1000
"""That could not be reached. Forgetting one costs an attempt."""
ASKED_AGAIN_SECONDS = 0.1
"""Before the queue's process looks again whether one of before, which was left over, has ended."""
