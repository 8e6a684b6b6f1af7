"""A raw SMTP client: sends what it is told, reads replies, repairs nothing."""

import base64
import socket
import ssl
from typing import Self

from bascule.protocols.smtp import Reply, parse_replies
from support.server import PASSWORD


class SmtpDialogue:
    def __init__(self, port: int, *, hello: str = "EHLO client.example", tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._octets = b""
        self._replies: list[Reply] = []
        self.greeting = self.reply()
        self.extensions = self.say(hello).lines if hello else ()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> Reply:
        while not self._replies:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self._octets)
            self._replies, self._octets = parse_replies(self._octets + piece)
        return self._replies.pop(0)

    def say(self, line: str) -> Reply:
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def ok(self, line: str) -> Reply:
        reply = self.say(line)
        assert reply.is_positive, f"{line}: {reply}"
        return reply

    def login(self, login: str, password: str = PASSWORD) -> Reply:
        return self.say("AUTH PLAIN " + base64.b64encode(f"\0{login}\0{password}".encode()).decode())

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.ok("STARTTLS")
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def deliver(self, message: bytes, sender: str, *recipients: str) -> Reply:
        """``message`` in lines that end with CRLF; the reply to its end (over LMTP the first)."""
        self.ok(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.ok(f"RCPT TO:<{recipient}>")
        assert self.say("DATA").code == 354
        self.send(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.reply()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def message(subject: str = "Réunion", sender: str = "else@where.example", body: str = "Bonjour\r\n") -> bytes:
    return f"From: {sender}\r\nTo: someone@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{body}".encode()
