"""What waits to be delivered here or sent elsewhere, and the process that does it.

In: messages that our accounts submitted, and those whose mailbox could not take them at once. Out: messages in mailboxes, on other servers, or
back with a notice (RFC 3464). What is always true: a message that `QueueStore.put` took is in the queue, synced, until each recipient is settled,
across restarts; one delivered to a mailbox here is delivered once, however often it was tried. Who calls: the SMTP servers put,
`bascule queue` looks after it, one process for each installation works it off.
"""

from bascule.platform.smtp.queue.store import QUEUE, Entry, QueueStore, State, Waiting, WakingQueue

__all__ = ["QUEUE", "Entry", "QueueStore", "State", "Waiting", "WakingQueue"]
