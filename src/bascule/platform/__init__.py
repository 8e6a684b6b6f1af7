"""The built-in new platform: servers over live mailboxes (`bascule.mailbox.live`) and accounts.

In: connections of people's programs and of other mail servers. Out: their mail, over IMAP. Always true: what a server acknowledged is
on disk, synced, before the acknowledgement leaves. Who calls: `bascule.commands.serve_command`; the demo and the tests.
"""
