"""How a server process is shared out among all who come to it, with each limit's reason. What one protocol limits is in `imap.limits`, `smtp.limits`,
`smtp.queue.limits` and `accounts.limits`."""

SWITCH_SECONDS = 0.001
"""That one thread may keep Python's interpreter to itself while another waits for it; Python's own value is five times that. The event loop gives it up
with each write, and waits as long to have it back: beside three threads that look through mail, each write of each connection took up to 15 ms."""
MEMBERS_THREADS = 8
"""For who has signed in. More than cores: a thread waits for the disk most of its time."""
OF_ONE_MEMBER = 6
"""Of these, for one account at the same time: its largest searches and messages leave two for others."""
SIGN_IN_THREADS = 4
"""For who is about to sign in: a rush of hashes leaves the others alone."""
SIGN_INS_OF_ONE_NETWORK = 2
"""Of these, for one network: as many slow hashes as are computed at once (`bascule.platform.accounts.passwords`), so that one that guesses without an
end leaves threads for others, and a campus behind one address signs in as fast as it can be done."""
ARRIVING_THREADS = 8
"""For mail from the world: asking the accounts and the filters, and writing to mailboxes. Nobody who is signed in waits for them."""
ARRIVING_OF_ONE_NETWORK = 6
"""Of these, for one network: a server in front that brings everybody's mail needs most of them, and one that floods leaves two to others."""
ACCEPTED_AT_ONCE = 20
"""Connections taken from a listening socket before who is connected has their turn again. Each takes some 0.1 ms."""
LOOKED_AT_AT_THE_START = 200_000
"""Files and folders whose rights `bascule serve` looks at before it starts: of twenty thousand mailboxes, in a second or two. Whatever root made by mistake
is seldom one file alone; what lies beyond is named in the log when it is met."""
