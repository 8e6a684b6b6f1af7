"""Who is there: waves, members, mailboxes. The ground that all rooms of the portal stand on.

In: imports, operators' changes, what members do with their credentials. Out: rows, and for the mail servers their numbered changes. Always true:
an address belongs to one mailbox; a mailbox has a wave, and so a calendar; a change that servers must see has a new `Revision` number.
"""
