"""The IMAP server: RFC 9051 (IMAP4rev2) and RFC 3501 (IMAP4rev1) with the extensions that `capabilities` names.

`connection` has the socket and no mail: it reads frames, hands each to the session in a thread, and writes what comes of it. `session`
has the mail and no socket: it carries out one command at a time, in whatever thread calls it. `view` is a folder as one session knows it.
`commands` has one file for each command.
"""
