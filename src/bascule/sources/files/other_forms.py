"""Forms of mail that are not read, as a file's first octets tell them, each with what to do."""

_BY_IMAP = "where a server keeps its mail so, have that server give it by IMAP"
_PACKED = {
    b"\x1f\x8b": "gzip",  # RFC 1952 §2.3.1
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",  # RFC 8878 §3.1.1
    b"\x04\x22\x4d\x18": "lz4",
    b"Dovecot-LZ4\r*\x9b\xc5": "lz4",
}
_ENCRYPTED = b"CRYPTED\x03\x07"
"""Dovecot's mail_crypt."""
_TAR, _TAR_AT = b"ustar", 257
_OTHERS = {
    b"\1\1\1\1\n": "it is a mailbox in the form MMDF, which Bascule does not read: save it as mbox (mutt does)",
    b"*mbx*": "it is a mailbox in UW-IMAP’s form mbx, which Bascule does not read: have that server give it by IMAP",
    b"BABYL OPTIONS:": "it is a mailbox in Emacs’ form Babyl, which Bascule does not read: save it as mbox",
}


def packed_form(head: bytes) -> str:
    """Why what begins so is no message, though it may lie in a message's place; empty where it may be one. Nothing is unpacked: how large it would become
    is for whoever packed it to say."""
    if head.startswith(_ENCRYPTED):
        return f"it is encrypted: {_BY_IMAP}"
    for magic, name in _PACKED.items():
        if head.startswith(magic) and (name != "bzip2" or _is_bzip2(head)):
            return f"it is compressed ({name}): unpack it; or, {_BY_IMAP}"
    return ""


def other_form(head: bytes) -> str:
    """The same for a file that lies beside messages, of which nobody says that it is one."""
    if head.startswith(_TAR, _TAR_AT):
        return "it is a tar: unpack it, and import the folder"
    return packed_form(head) or next((why for magic, why in _OTHERS.items() if head.startswith(magic)), "")


def _is_bzip2(head: bytes) -> bool:
    """A level, and a block, or the end of a file that has none: a field of a header may begin like the rest."""
    return head[3:4].isdigit() and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")
