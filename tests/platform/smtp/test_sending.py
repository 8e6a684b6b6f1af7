"""What other servers answer, and what it means for a message: each over real sockets, as strange as servers are."""

import asyncio
import base64
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from bascule.platform.settings_file import Endpoint
from bascule.platform.smtp.queue.meaning import Meaning, Outcome
from bascule.platform.smtp.queue.sending import Outgoing, Sender, Smarthost, Unreachable
from bascule.terms.body import HeldBody
from support.certificates import make_certificate, trust
from support.far_server import Answer, FarServer

SENDER, ZOE, BOB = "anna@example.org", "zoe@far.example", "bob@far.example"
TEXT = b"Subject: x\r\n\r\nhello\r\n"


class Logged(list[tuple[str, dict[str, object]]]):
    def __call__(self, event: str, **fields: object) -> None:
        self.append((event, fields))


def send(
    server: FarServer,
    *recipients: str,
    text: bytes = TEXT,
    smarthost: Smarthost | None = None,
    log: Logged | None = None,
) -> dict[str, Outcome]:
    message = Outgoing(SENDER, recipients or (ZOE,), HeldBody(text), is_utf8=False)
    sender = Sender("mail.example.org", Logged() if log is None else log, smarthost)
    return asyncio.run(sender.send(Endpoint("127.0.0.1", server.port), message))


def test_a_message_arrives_as_it_was_whatever_its_lines() -> None:
    long = b"x" * 700_000 + b"\r\n"
    text = b".\r\n..a\r\n" + long + b"end\r\n"
    with FarServer() as server:
        outcomes = send(server, ZOE, BOB, text=text)
        assert {each.meaning for each in outcomes.values()} == {Meaning.DONE}
        assert server.messages == [text.replace(b"\r\n.", b"\r\n..").replace(b".\r\n..", b"..\r\n..", 1)]


@pytest.mark.parametrize(
    ("answers", "meaning", "status"),
    [
        ({"MAIL": b"550 5.7.1 no\r\n"}, Meaning.FINAL, "5.7.1"),
        ({"MAIL": b"451 4.7.1 greylisted\r\n"}, Meaning.LATER, "4.7.1"),
        ({"MAIL": b"530 5.7.0 must issue STARTTLS first\r\n"}, Meaning.LATER, "4.7.0"),
        ({"RCPT": b"550 5.1.1 nobody\r\n"}, Meaning.FINAL, "5.1.1"),
        ({"RCPT": b"550 nobody\r\n"}, Meaning.FINAL, "5.0.0"),
        ({"RCPT": b"550 4.1.1 the digits disagree\r\n"}, Meaning.FINAL, "5.1.1"),
        ({"RCPT": b"450 5.1.1 the digits disagree\r\n"}, Meaning.LATER, "4.1.1"),
        ({"RCPT": b"552 too many\r\n"}, Meaning.LATER, "4.0.0"),
        ({"RCPT": b"550 5.5.3 too many\r\n"}, Meaning.LATER, "4.5.3"),
        ({"RCPT": b"552 5.2.2 full\r\n"}, Meaning.LATER, "4.2.2"),
        ({"RCPT": b"421 4.3.2 stopping\r\n"}, Meaning.LATER, "4.3.2"),
        ({"RCPT": "550 5.1.1 boîte inconnue\r\n".encode("latin-1")}, Meaning.FINAL, "5.1.1"),
        ({"RCPT": b"no reply at all\r\n"}, Meaning.LATER, "4.4.2"),
        ({"RCPT": b"250 yes\r\n250 and yes\r\n"}, Meaning.LATER, "4.4.2"),
        ({"RCPT": b"250-" + b"x" * 100_000}, Meaning.LATER, "4.4.2"),
        ({"DATA": b"554 5.7.1 no\r\n"}, Meaning.FINAL, "5.7.1"),
        ({"DATA": b"250 2.0.0 taken\r\n"}, Meaning.LATER, "4.0.0"),
        ({"DATA": b"354 go on\r\n250 2.0.0 taken\r\n"}, Meaning.LATER, "4.4.2"),
        ({"end": b"552 5.3.4 too large\r\n"}, Meaning.FINAL, "5.3.4"),
        ({"end": b"452 4.3.1 no room\r\n"}, Meaning.LATER, "4.3.1"),
        ({"end": b""}, Meaning.LATER, "4.4.2"),
    ],
)
def test_what_an_answer_means(answers: Mapping[str, Answer], meaning: Meaning, status: str) -> None:
    if answers.get("end") == b"":
        answers = {"end": lambda connection: connection.shutdown(socket.SHUT_RDWR)}
    with FarServer(answers) as server:
        outcome = send(server)[ZOE]
    assert (outcome.meaning, outcome.status(is_over=False)) == (meaning, status)
    assert str(outcome.reply).isprintable()


def test_each_recipient_has_an_answer_of_its_own() -> None:
    with FarServer({"RCPT TO:<zoe": b"550 5.1.1 nobody\r\n"}) as server:
        outcomes = send(server, ZOE, BOB)
        assert (outcomes[ZOE].meaning, outcomes[BOB].meaning) == (Meaning.FINAL, Meaning.DONE)
        assert len(server.messages) == 1


def test_what_is_refused_in_the_middle_of_a_message_is_refused() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"354 go on\r\n")
        connection.recv(1000)
        connection.sendall(b"552 5.3.4 that is too large\r\n")
        connection.shutdown(socket.SHUT_RDWR)

    with FarServer({"DATA": refuse}) as server:
        outcome = send(server, text=b"x" * 20_000_000)[ZOE]
    assert (outcome.meaning, outcome.status(is_over=False)) == (Meaning.FINAL, "5.3.4")


@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": b"554 5.7.1 no SMTP service here\r\n"},
        {"greeting": b"421 4.3.2 too busy\r\n"},
        {"greeting": b"SSH-2.0-x\r\n"},
        {"EHLO": b"550 5.7.1 no\r\n", "HELO": b"550 5.7.1 no\r\n"},
        {"EHLO": b"451 4.7.1 no\r\n"},
        {"EHLO": lambda connection: connection.shutdown(socket.SHUT_RDWR)},
    ],
)
def test_before_mail_nothing_is_final(answers: Mapping[str, Answer]) -> None:
    with FarServer(answers) as server, pytest.raises(Unreachable) as caught:
        send(server)
    assert not caught.value.is_never
    assert str(caught.value).isprintable()


def test_a_host_that_never_takes_mail_says_so() -> None:
    with FarServer({"greeting": b"521 far does not accept mail\r\n"}) as server, pytest.raises(Unreachable) as caught:
        send(server)
    assert caught.value.is_never


def test_a_server_without_ehlo_gets_helo() -> None:
    with FarServer({"EHLO": b"502 5.5.1 command not implemented\r\n"}) as server:
        assert send(server)[ZOE].meaning is Meaning.DONE
        assert server.heard[1] == b"HELO mail.example.org"


# -- TLS --------------------------------------------------------------------------------------------------------------

OFFERS_TLS: dict[str, Answer] = {"EHLO": b"250-far\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n"}


def no_handshake(connection: socket.socket) -> None:
    connection.sendall(b"220 go on\r\n")
    connection.recv(100)
    connection.sendall(b"no handshake")


@pytest.mark.parametrize("answer", [no_handshake, b"454 4.7.0 not now\r\n", b"501 5.5.4 what\r\n"])
def test_where_tls_does_not_come_about_it_is_sent_without(answer: Answer) -> None:
    log = Logged()
    with FarServer({**OFFERS_TLS, "STARTTLS": answer}) as server:
        assert send(server, log=log)[ZOE].meaning is Meaning.DONE
        assert len(server.messages) == 1
    assert [event for event, _ in log] == (["sent-without-tls"] if answer is no_handshake else [])


def test_any_encryption_is_better_than_none(tmp_path: Path) -> None:
    with FarServer({**OFFERS_TLS, "STARTTLS": b"220 go on\r\n"}, tls=make_certificate(tmp_path)) as server:
        assert send(server)[ZOE].meaning is Meaning.DONE
        assert server.count(b"EHLO") == 2


# -- a smarthost ------------------------------------------------------------------------------------------------------

USER, PASSWORD = "bascule@example.org", "tr3s-secret"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path / "certificate")


@pytest.fixture
def smarthost(tmp_path: Path, certificate: tuple[Path, Path]) -> Smarthost:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return Smarthost(USER, tmp_path / "password", trust(tmp_path / "certificate"))


def sign_in(mechanisms: bytes, answer: bytes) -> dict[str, Answer]:
    extensions = b"250-far\r\n250-STARTTLS\r\n250 AUTH " + mechanisms + b"\r\n"
    return {"EHLO": extensions, "STARTTLS": b"220 go on\r\n", "AUTH": answer}


def test_mail_goes_through_a_smarthost_that_knows_us(certificate: tuple[Path, Path], smarthost: Smarthost) -> None:
    with FarServer(sign_in(b"CRAM-MD5 PLAIN", b"235 2.7.0 hello\r\n"), tls=certificate) as server:
        assert send(server, smarthost=smarthost)[ZOE].meaning is Meaning.DONE
        secret = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
        assert b"AUTH PLAIN " + secret in server.heard


def test_a_smarthost_may_know_login_alone(certificate: tuple[Path, Path], smarthost: Smarthost) -> None:
    user, password = (base64.b64encode(each.encode()) for each in (USER, PASSWORD))
    answers = sign_in(b"LOGIN", b"334 VXNlcm5hbWU6\r\n")
    answers |= {user.decode(): b"334 UGFzc3dvcmQ6\r\n", password.decode(): b"235 2.7.0 hello\r\n"}
    with FarServer(answers, tls=certificate) as server:
        assert send(server, smarthost=smarthost)[ZOE].meaning is Meaning.DONE


@pytest.mark.parametrize("code", [535, 534, 454, 554])
def test_a_sign_in_that_is_refused_is_no_fault_of_anybodys_mail_and_told_without_a_word_of_it(
    code: int, certificate: tuple[Path, Path], smarthost: Smarthost
) -> None:
    """Some servers repeat the whole line in their answer; what an attempt ended with goes to the sender."""
    secret = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    answer = b"%d 5.7.8 expired: AUTH PLAIN %s, that is %s\r\n" % (code, secret, PASSWORD.encode())
    log = Logged()
    with FarServer(sign_in(b"PLAIN", answer), tls=certificate) as server, pytest.raises(Unreachable) as caught:
        send(server, smarthost=smarthost, log=log)
    for told in (str(caught.value), repr(log)):
        assert str(code) in told
        assert PASSWORD not in told
        assert secret.decode() not in told
    assert [event for event, _ in log] == ["smarthost-sign-in-refused"]


def test_no_password_is_sent_to_a_smarthost_whose_certificate_does_not_hold(
    tmp_path: Path, certificate: tuple[Path, Path], smarthost: Smarthost
) -> None:
    other = Smarthost(USER, smarthost.password_file)
    with FarServer(sign_in(b"PLAIN", b"235 hello\r\n"), tls=certificate) as server:
        with pytest.raises(Unreachable):
            send(server, smarthost=other)
        assert server.count(b"AUTH") == 0
        assert server.connections == 1


@pytest.mark.parametrize("text", [None, "", "\udcff"])
def test_a_password_that_can_not_be_read_is_the_operators_matter(
    text: str | None, certificate: tuple[Path, Path], smarthost: Smarthost
) -> None:
    smarthost.password_file.unlink()
    if text is not None:
        smarthost.password_file.write_bytes(text.encode("utf-8", "surrogateescape"))
    log = Logged()
    answers = sign_in(b"PLAIN", b"235 hello\r\n")
    with FarServer(answers, tls=certificate) as server, pytest.raises(Unreachable) as caught:
        send(server, smarthost=smarthost, log=log)
    assert str(smarthost.password_file) not in str(caught.value)
    assert [event for event, _ in log] == ["smarthost-password-unreadable"]
