"""Two errors: ours, and theirs."""


class ImapError(Exception):
    """Either side broke the protocol."""


class LocalError(ImapError):
    """Our own code asked for something that the protocol does not allow: a bug of ours."""


class RemoteError(ImapError):
    """The other side sent something that is not IMAP, or is past a limit. The connection can't be used any more."""


class TooMuch(RemoteError):
    """It is past a limit. What says so is never passed over as a response that is garbled."""
