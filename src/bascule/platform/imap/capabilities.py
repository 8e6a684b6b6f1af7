"""What the server says it can do. Each name has a test file of its own in `tests/platform/imap`, and is not said without it."""

BEFORE_SIGN_IN = ("IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE")
AFTER_SIGN_IN = (
    "IMAP4rev1", "IMAP4rev2", "LITERAL+", "ID", "ENABLE", "IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "SPECIAL-USE",
    "CREATE-SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS", "CHILDREN", "ESEARCH", "SEARCHRES", "SORT", "THREAD=REFERENCES",
    "THREAD=ORDEREDSUBJECT", "CONDSTORE", "QRESYNC", "MULTIAPPEND", "BINARY", "UTF8=ACCEPT", "STATUS=SIZE", "QUOTA", "QUOTA=RES-STORAGE",
    "OBJECTID", "PREVIEW", "WITHIN", "ACL", "RIGHTS=texk",
)  # fmt: skip


def capabilities(
    *,
    signed_in: bool,
    can_encrypt: bool,
    encrypted: bool,
    plain_text_allowed: bool,
    append_limit: int,
    compressed: bool,
) -> list[str]:
    """In the order that they are said. ``plain_text_allowed``: on loopback."""
    if signed_in:
        compress = [] if compressed else ["COMPRESS=DEFLATE"]
        return [*AFTER_SIGN_IN, *compress, f"APPENDLIMIT={append_limit}"]
    names = list(BEFORE_SIGN_IN)
    if can_encrypt:
        names.append("STARTTLS")
    if encrypted or plain_text_allowed:
        return [*names, "AUTH=PLAIN"]
    return [*names, "LOGINDISABLED"]
