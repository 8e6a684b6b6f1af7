"""What lies in a mailbox, as IMAP shows it."""

import imaplib
import time

from support.server import PASSWORD, PrivateBascule


class Inbox:
    def __init__(self, server: PrivateBascule, login: str) -> None:
        self.server = server
        self.login = login

    def messages(self, folder: str = "INBOX") -> list[bytes]:
        client = imaplib.IMAP4("127.0.0.1", self.server.imap)
        try:
            client.login(self.login, PASSWORD)
            client.select(folder, readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            return [client.fetch(number.decode(), "BODY.PEEK[]")[1][0][1] for number in numbers]  # type: ignore[index, misc]
        finally:
            client.logout()

    def wait(self, count: int, folder: str = "INBOX", seconds: float = 20.0) -> list[bytes]:
        """The messages, once there are ``count`` of them."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.messages(folder)
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count}: {self.server.log()[-2000:]}"
            time.sleep(0.1)
