"""What a side holds: a quirk server's memory, or a Dovecot read through an independent client."""

from imapclient import IMAPClient

from peers.peer import PASSWORD
from peers.yardstick import Held
from support.quirks import Store


def of_store(store: Store) -> list[Held]:
    """Every message of every folder, in order."""
    separator = store.separator or b"/"
    return [
        Held(
            folder.name.replace(separator, b"/"), message.octets, frozenset(flag.lower() for flag in message.flags),
            int(message.date.timestamp()), message.uid, message.number,
        )
        for folder in store.folders.values()
        for message in folder.messages
    ]  # fmt: skip


def of_server(port: int, user: str) -> list[Held]:
    """Changes nothing there."""
    found = []
    with IMAPClient("127.0.0.1", port, ssl=False, timeout=20) as client:
        client.folder_encode = False
        client.normalise_times = False
        client.login(user, PASSWORD)
        for attributes, separator, name in client.list_folders():
            if {b"\\Noselect", b"\\NonExistent"} & set(attributes):
                continue
            client.select_folder(name, readonly=True)
            uids = client.search("ALL")
            for uid, items in client.fetch(uids, ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"]).items():
                flags = frozenset(flag.lower() for flag in items[b"FLAGS"]) - {b"\\recent"}
                found.append(
                    Held(name.replace(separator, b"/"), items[b"BODY[]"], flags, int(items[b"INTERNALDATE"].timestamp()), uid)
                )  # fmt: skip
    return found
