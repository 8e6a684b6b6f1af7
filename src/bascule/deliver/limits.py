"""Every limit of delivery, with its reason."""

BATCH_MESSAGES = 100
"""Messages in one MULTIAPPEND. From 50 on Dovecot gains nothing; a batch is also what is looked for after a cut."""
BATCH_OCTETS = 2 * 1024 * 1024
"""Octets in one batch: three in flight on each connection stay far below the 150 MB of the whole process."""
BATCHES_IN_FLIGHT = 3
"""Sent and not yet answered: one that the server works on, one on the wire, one being written."""
LAST_ANSWERS_SECONDS = 10.0
"""How long a run that stops listens yet for the answers to what is in flight: three batches are 6 MB, which a slow line takes some seconds for. A user who
asked for the stop can ask again; what was not heard is in doubt, and the next run looks for it."""
SETTLE_SECONDS = 10.0
"""How long a batch whose connection ended may still be committed by the target. Dovecot takes none, busy Exchange servers
have been seen to take several; the wait is only for what can't be found."""
LOOK_WINDOW = 200
"""UIDs in one FETCH when the target's own messages are read."""
SET_MEMBERS = 2000
"""UIDs in one sequence set: at most 22 kB of a command's line; Dovecot takes 64 kB."""
REFUSAL_TRIES = 5
"""How often a batch is offered again after a refusal that says that it may pass: after 1, 2, 4, 8 and 16 seconds."""
QUOTA_ROUNDS = 20
"""How often a run goes on after earlier copies of what moved made room on a full target: each time all connections are opened anew. What is left then
is for the next run."""
FOLDER_ROUNDS = 10
"""How often folders are asked for, each time under the names that are left to try: a special use less, four simpler names, and three rounds in
which the target shows what it takes for one name."""
FOLDER_LEVELS = 100
"""Folders within folders. Dovecot makes 20, and no path that a server takes has room for more than some dozen names; for each level it is looked whether
the folder there has another name."""
NAMES_KEPT = 100_000
"""Names of which it is kept what servers may take for the same: each folder is compared with every other, and working it out anew each time takes ten times
as long. 30 MB at most, of a campus's names."""
FOLDER_WAIT_SECONDS = 1.0
"""Before folders are asked for again that the target can't make just now (``[INUSE]``, ``[UNAVAILABLE]``)."""
MENDING_OCTETS = 32 * 1024 * 1024
"""A larger message is not mended: its mended form would need all of it in memory, more than once."""
LIKENESS_OCTETS = 32 * 1024 * 1024
"""A larger message of the target's is known by its SHA-256 alone: its likeness would need all of it in memory."""
SECOND_TRY_OCTETS = 8 * 1024 * 1024
"""Octets of messages of one folder that were refused without a reason and are kept for a second try."""
SHOWN_TRIES = 6
"""How often the target is asked for what it said OK to and does not show: once after NOOP, then each time with the folder selected anew."""
SHOWN_FIRST_SECONDS = 0.25
"""The pause after the first of these; each is twice as long, and none is longer than a late commit is waited for."""
SETBACKS = 2
"""After so many ends of the connection without anything delivered in between, messages are sent one by one, to find the one at fault. Once may be
the network's doing."""
ENDS_AT_ONE = 4
"""A message at which the connection ended so often, sent alone, is refused. Two may be chance: a server that ends each connection after a number of
commands does so at some message."""
CAREFUL_MESSAGES = 300
"""How many are sent one by one then: what was in flight, three batches, may hold the one at fault."""
RIVAL_COPIES = 3
"""So many messages equal to ours that arrived beside them in one folder are called another run's on a target that keeps no dates; fewer may be what
a person or a filter put there. Elsewhere those are another run's that have the date of ours."""
ALIKE_MESSAGES = 100
"""Of more equal earlier copies the first that fits a message which moved is taken: a broken filter makes ten thousand of one."""
