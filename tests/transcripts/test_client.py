"""The client against a server that says exactly what the test wrote: sign-in, literals, injection, hostility."""

import asyncio
import base64
from collections.abc import Awaitable, Callable

import pytest

from bascule.deliver.parcel import Batch, Parcel
from bascule.deliver.sending import Shipment, send
from bascule.protocols.imap.commands import astring, command, sequence_set
from bascule.protocols.imap.fetch import FLAGS, Fetch
from bascule.protocols.imap.responses import Status
from bascule.terms.body import HeldBody
from bascule.terms.instant import InternalDate
from bascule.terms.location import Location
from bascule.wire.errors import CommandRefused, ConnectError, ConnectionLost, NotNow, SignInError
from bascule.wire.imap import Credentials, ImapClient, Security, connect
from bascule.wire.limits import WireLimits

GREETING = "* OK [CAPABILITY IMAP4rev1 {}] ready"


class Script:
    """``lines``: ``S: …`` is said, ``C: …`` is expected (``*`` matches any tag). ``S:`` after the last line closes."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.error: str = ""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tag = b"*"
        try:
            for line in self.lines:
                side, _, text = line.partition(": ")
                if side == "S":
                    writer.write(text.replace("TAG", tag.decode()).encode("latin-1") + b"\r\n")
                    await writer.drain()
                elif side == "RAW":
                    writer.write(text.encode("latin-1"))
                else:
                    got = (await reader.readline()).rstrip(b"\r\n")
                    if text.startswith("TAG "):
                        tag, _, got = got.partition(b" ")
                        text = text[4:]
                    if got.decode("latin-1") != text:
                        self.error = f"expected {text!r}, got {got!r}"
                        return
        finally:
            writer.close()


async def run(script: Script, use: Callable[[ImapClient], Awaitable[object]] | None = None, **given: object) -> object:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    credentials = Credentials("anna", lambda: "pass word", **given)  # type: ignore[arg-type]
    try:
        client = await connect(
            Location("imap", "anna", "127.0.0.1", script.port),
            credentials,
            Security(),
            limits=WireLimits(stall_seconds=2),
        )
        result = await use(client) if use else client
        await client.connection.close()
        return result
    finally:
        server.close()
        assert not script.error, script.error


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.mark.parametrize(
    ("offered", "given", "dialogue"),
    [
        ("SASL-IR AUTH=PLAIN", {}, [f"C: TAG AUTHENTICATE PLAIN {encoded(b'%canna%cpass word' % (0, 0))}"]),
        (
            "SASL-IR AUTH=PLAIN",
            {"admin": "root"},
            [f"C: TAG AUTHENTICATE PLAIN {encoded(b'anna%croot%cpass word' % (0, 0))}"],
        ),
        ("AUTH=PLAIN", {}, ["C: TAG AUTHENTICATE PLAIN", "S: + ", f"C: {encoded(b'%canna%cpass word' % (0, 0))}"]),
        ("", {}, ['C: TAG LOGIN anna "pass word"']),
        (
            "SASL-IR AUTH=XOAUTH2",
            {"mechanism": "xoauth2"},
            [f"C: TAG AUTHENTICATE XOAUTH2 {encoded(b'user=anna%cauth=Bearer pass word%c%c' % (1, 1, 1))}"],
        ),
    ],
    ids=["plain", "plain as administrator", "plain without initial response", "login", "xoauth2"],
)
def test_sign_in(offered, given, dialogue) -> None:
    script = Script(f"S: {GREETING.format(offered)}", *dialogue, "S: TAG OK [CAPABILITY IMAP4rev1 UIDPLUS] in")
    client = asyncio.run(run(script, **given))
    assert client.capabilities == {"IMAP4REV1", "UIDPLUS"}


def test_oauthbearer_names_host_and_port_and_ends_its_error_exchange() -> None:
    failed = encoded(b'{"status":"401"}')

    async def use() -> None:
        script = Script(
            f"S: {GREETING.format('SASL-IR AUTH=OAUTHBEARER')}", "C: ?", f"S: + {failed}", "C: ", "S: TAG NO bad token"
        )
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        initial = f"n,a=anna,\x01host=127.0.0.1\x01port={port}\x01auth=Bearer t\x01\x01".encode()
        script.lines[1] = f"C: TAG AUTHENTICATE OAUTHBEARER {encoded(initial)}"
        with pytest.raises(SignInError, match="bad token"):
            await connect(
                Location("imap", "anna", "127.0.0.1", port), Credentials("anna", lambda: "t", mechanism="oauthbearer")
            )
        server.close()
        assert not script.error, script.error

    asyncio.run(use())


@pytest.mark.parametrize("mechanism", ["login", "plain", "xoauth2", "oauthbearer"])
@pytest.mark.parametrize("secret", ["a\0b", "a\udce9"])
def test_a_password_that_the_way_to_sign_in_can_not_carry_is_told_in_a_sentence(mechanism: str, secret: str) -> None:
    async def use() -> None:
        script = Script(f"S: {GREETING.format('SASL-IR')}", "C: nothing")
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        credentials = Credentials("anna", lambda: secret, mechanism=mechanism)
        with pytest.raises(SignInError, match="password holds") as told:
            await connect(Location("imap", "anna", "127.0.0.1", port), credentials)
        assert secret not in str(told.value)
        server.close()

    asyncio.run(use())


def test_a_password_with_line_ends_is_sent_as_a_literal_when_the_server_asks() -> None:
    dialogue = ["C: TAG LOGIN anna {17}", "S: + go", "C: a", "C: z1 DELETE Sent", "S: TAG OK in"]
    script = Script(f"S: {GREETING.format('LITERAL+')}", *dialogue, "C: TAG CAPABILITY", "S: TAG OK done")

    async def use() -> None:
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        place = Location("imap", "anna", "127.0.0.1", server.sockets[0].getsockname()[1])
        client = await connect(place, Credentials("anna", lambda: "a\r\nz1 DELETE Sent"))
        await client.connection.close()
        server.close()
        assert not script.error, script.error

    asyncio.run(use())


def test_not_yet_is_not_a_wrong_password() -> None:
    script = Script(
        f"S: {GREETING.format('')}", 'C: TAG LOGIN anna "pass word"', "S: TAG NO [UNAVAILABLE] opens on Tuesday"
    )
    with pytest.raises(NotNow, match=r"does not open this mailbox now.*Tuesday"):
        asyncio.run(run(script))


def test_what_is_said_between_starttls_and_tls_is_refused() -> None:
    script = Script(
        f"S: {GREETING.format('STARTTLS')}", "C: TAG STARTTLS", "RAW: b1 OK go\r\n* OK injected [CAPABILITY X]\r\n"
    )
    with pytest.raises(ConnectError, match="may be an attack"):
        asyncio.run(run(script))


def test_a_literal_waits_for_leave_and_a_refusal_of_it_ends_the_command() -> None:
    script = Script(
        f"S: {GREETING.format('')}", 'C: TAG LOGIN anna "pass word"', "S: TAG OK in", "C: TAG CAPABILITY",
        "S: * CAPABILITY IMAP4rev1", "S: TAG OK done", "C: TAG X {2}", "S: + go", "C: é", "S: TAG OK one",
        "C: TAG X {2}", "S: TAG NO no room", "C: TAG NOOP", "S: TAG OK noop",
    )  # fmt: skip

    async def use(client: ImapClient) -> None:
        name = "é".encode()
        await client.run(command(b"X", astring(name)))
        with pytest.raises(CommandRefused, match="no room"):
            await client.run(command(b"X", astring(name)))
        await client.noop()

    script.lines[8] = "C: Ã©"
    asyncio.run(run(script, use))


SIGNED_IN = (f"S: {GREETING.format('')}", 'C: TAG LOGIN anna "pass word"', "S: TAG OK [CAPABILITY IMAP4rev1] in")


@pytest.mark.parametrize(
    "said",
    [
        "S: garbage",
        "S: * 1 FETCH (UID",
        "S: b99 OK never asked",
        "S: + out of turn",
        "S: * BYE later",
        "RAW: * 1 FETCH (BODY[] {9}\r\nabc",
    ],
)
def test_what_is_not_imap_ends_the_connection_with_a_reason(said: str) -> None:
    script = Script(*SIGNED_IN, "C: TAG NOOP", said)
    with pytest.raises(ConnectionLost):
        asyncio.run(run(script, lambda client: client.noop()))


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
        await reader.readline()
        await asyncio.sleep(5)
        writer.close()

    async def use() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError, match="no answer for 1 seconds"):
            await connect(
                Location("imap", "a", "127.0.0.1", port),
                Credentials("a", lambda: "b"),
                limits=WireLimits(stall_seconds=1),
            )
        server.close()

    asyncio.run(use())


def test_clear_text_to_another_machine_is_refused_before_the_password_is_sent() -> None:
    async def use() -> None:
        script = Script(f"S: {GREETING.format('')}", "C: nothing may come")
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        location = Location("imap", "anna", "127.0.0.1", port)
        elsewhere = type(
            "Elsewhere", (), {"__getattr__": lambda self, name: getattr(location, name), "is_loopback": False}
        )()
        with pytest.raises(ConnectError, match="offers no encryption"):
            await connect(elsewhere, Credentials("anna", lambda: "secret"))
        server.close()

    asyncio.run(use())


def test_commands_are_pipelined_and_answers_find_their_own() -> None:
    script = Script(
        *SIGNED_IN, "C: TAG NOOP", "C: TAG NOOP", "C: TAG NOOP", "S: b2 OK one", "S: b3 NO two", "S: b4 OK three"
    )

    async def use(client: ImapClient) -> list[str]:
        started = [await client.start(command(b"NOOP")) for _ in range(3)]
        return [(await pending.answer()).status for pending in started]

    assert asyncio.run(run(script, use)) == ["OK", "NO", "OK"]


UTF8_SESSION = (
    f"S: {GREETING.format('')}", 'C: TAG LOGIN anna "pass word"', "S: TAG OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT LITERAL+] in",
    "C: TAG ENABLE UTF8=ACCEPT", "S: * ENABLED UTF8=ACCEPT", "S: TAG OK enabled",
)  # fmt: skip
ETE = "\u00c9t\u00e9".encode().decode("latin-1")


def test_what_a_fetch_asks_for_is_its_own_though_it_comes_before_the_answer_to_an_append() -> None:
    script = Script(
        *SIGNED_IN[:2],
        "S: TAG OK [CAPABILITY IMAP4rev1 LITERAL+] in",
        'C: b2 APPEND INBOX () "02-Feb-2020 00:00:00 +0000" {2+}',
        "C: ab",
        "C: b3 UID FETCH 7 (UID FLAGS)",
        "S: * 1 FETCH (UID 7 FLAGS (x))",
        "S: b2 OK appended",
        "S: b3 OK fetched",
    )

    async def use(client: ImapClient) -> None:
        told: list[Fetch] = []
        parcel = Parcel(1, frozenset(), InternalDate(1580601600), HeldBody(b"ab"))
        await send(client, b"INBOX", shipment := Shipment(Batch.of([parcel])))
        fetched = await client.fetch(sequence_set([7]), FLAGS, told.append)
        await shipment.answered()
        await fetched.ok()
        assert [reply.data.uid for reply in told] == [7]

    asyncio.run(run(script, use))


def test_names_are_utf_8_once_the_server_accepts_it() -> None:
    listed = (f'S: * LIST () "/" "{ETE}/R&D"', "S: TAG OK listed")
    script = Script(
        *UTF8_SESSION, 'C: TAG LIST "" "*"', *listed, f'C: TAG EXAMINE "{ETE}/R&D"', "S: TAG OK [READ-ONLY] open"
    )

    async def use(client: ImapClient) -> None:
        [entry] = await client.list_all()
        assert client.decode(entry.name) == "\u00c9t\u00e9/R&D"
        assert client.encode("\u00c9t\u00e9/R&D") == entry.name
        await client.select(entry.name, read_only=True)

    asyncio.run(run(script, use))


def test_mailboxid_is_told_by_select_and_asked_for_beside_nothing_that_opens_a_mailbox() -> None:
    script = Script(
        f"S: {GREETING.format('OBJECTID LIST-STATUS')}", 'C: TAG LOGIN anna "pass word"', "S: TAG OK [CAPABILITY IMAP4rev1 OBJECTID LIST-STATUS] in", "C: TAG NOOP", "S: TAG OK",
        'C: TAG LIST "" "*" RETURN (STATUS (UIDVALIDITY MAILBOXID))', "S: * STATUS A (UIDVALIDITY 3 MAILBOXID (F-1))", "S: TAG OK",
        'C: TAG SELECT A', "S: * OK [UIDVALIDITY 3]", "S: * OK [MAILBOXID (F-1)]", "S: TAG OK [READ-WRITE] open",
    )  # fmt: skip

    async def use(client: ImapClient) -> None:
        states = await client.identities([b"A", b"B"])
        assert states == {b"A": Status(b"A", {"UIDVALIDITY": 3}, "F-1")}
        assert (await client.select(b"A", read_only=False)).mailboxid == "F-1"

    asyncio.run(run(script, use))


def test_a_message_with_a_utf_8_header_is_appended_as_such_and_others_as_ever() -> None:
    date = InternalDate(1_580_547_600)
    plain, utf8 = b"Subject: x\r\n\r\n", "Subject: \u00e9\r\n\r\n".encode()
    latin = "Subject: \u00e9\r\n\r\n".encode("latin-1")
    stamp = '"01-Feb-2020 09:00:00 +0000"'
    script = Script(
        *UTF8_SESSION, f'C: TAG APPEND "INBOX" () {stamp} {{14+}}', "C: Subject: x", "C: ", "C: ", "S: TAG OK",
        f'C: TAG APPEND "INBOX" () {stamp} UTF8 (~{{15+}}', f"C: Subject: {chr(0xC3)}{chr(0xA9)}", "C: ", "C: )", "S: TAG OK",
        f'C: TAG APPEND "INBOX" () {stamp} {{14+}}', f"C: Subject: {chr(0xE9)}", "C: ", "C: ", "S: TAG OK",
    )  # fmt: skip

    async def use(client: ImapClient) -> None:
        for number, octets in enumerate((plain, utf8, latin), 1):
            shipment = Shipment(Batch.of([Parcel(number, frozenset(), date, HeldBody(octets))]))
            await send(client, b"INBOX", shipment)
            await shipment.answered()
            assert [answer.status for answer in shipment.answers] == ["OK"]

    asyncio.run(run(script, use))
