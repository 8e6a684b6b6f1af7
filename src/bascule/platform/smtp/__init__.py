"""SMTP: mail comes in (from the world, from a Postfix in front over LMTP, from people's programs) and goes out.

In: messages for our accounts, and those that our accounts send. Out: messages in mailboxes, on their way to other servers, or back with a
notice. What is always true: a message answered with 250 is synced, in a mailbox or in the queue; one that is refused is in neither.
Who calls: `bascule.platform.worker` (`SmtpConnection`) and the queue's own process (`bascule.platform.smtp.queue`).
"""
