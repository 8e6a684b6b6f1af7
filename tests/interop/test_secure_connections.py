"""TLS, STARTTLS and compression against a real Dovecot; a master user; imapclient as an independent witness."""

import asyncio
import ssl
from pathlib import Path

import imapclient
import pytest

from bascule.protocols.imap.commands import ALL_MESSAGES
from bascule.protocols.imap.fetch import BODY, DETAILS
from bascule.terms.location import parse_location
from bascule.wire.errors import ConnectError
from bascule.wire.imap import Credentials, Security, connect
from support import messages, reference
from support.certificates import make_certificate
from support.command import bascule
from support.dovecot import PrivateDovecot

pytestmark = pytest.mark.needs("dovecot")
USER = "anna"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(place)
    master = "passdb {\n  driver = static\n  master = yes\n  args = password=admin-secret user=root\n}\n"
    with PrivateDovecot(place / "d", tls=(certificate, key), compress=True, settings=master) as started:
        reference.append(started.port, USER, "INBOX", messages.many(20))
        yield started


def certificate(server: PrivateDovecot) -> str:
    assert server.tls
    return str(server.tls[0])


def test_tls_with_a_trusted_certificate_and_not_without(server) -> None:
    location = parse_location(server.url(USER, tls=True))
    credentials = Credentials(USER, lambda: "secret")

    async def use() -> None:
        client = await connect(location, credentials, Security(ca_file=certificate(server)))
        assert isinstance(client.connection.transport.get_extra_info("ssl_object"), ssl.SSLObject)
        await client.logout()
        with pytest.raises(ConnectError, match="self-signed certificate"):
            await connect(location, credentials)

    asyncio.run(use())


def test_starttls_is_used_where_it_is_offered(server) -> None:
    async def use() -> bool:
        client = await connect(parse_location(server.url(USER)), Credentials(USER, lambda: "secret"))
        secure = client.connection.transport.get_extra_info("ssl_object") is not None
        await client.logout()
        return secure

    assert asyncio.run(use())


def test_everything_comes_through_compressed(server, tmp_path: Path) -> None:
    async def use() -> tuple[int, int]:
        client = await connect(parse_location(server.url(USER)), Credentials(USER, lambda: "secret"), compress=True)
        await client.select(b"INBOX", read_only=True)
        sizes: list[int] = []
        await (await client.fetch(ALL_MESSAGES, BODY, lambda r: sizes.append(len(r.data.body)))).ok()
        received = client.connection.octets_received
        await client.logout()
        return sum(sizes), received

    octets, received = asyncio.run(use())
    assert received < octets * 0.8
    words = ["--compress", "--ca-file", certificate(server), "--quiet"]
    bascule(tmp_path, "copy", server.url(USER, tls=True), server.url("copied", tls=True), *words)
    assert reference.read_mailbox(server.port, "copied") == reference.read_mailbox(server.port, USER)


def test_an_independent_client_sees_what_we_see(server) -> None:
    witness = imapclient.IMAPClient("127.0.0.1", server.port, ssl=False)
    witness.login(USER, "secret")
    witness.select_folder("INBOX", readonly=True)
    theirs = {uid: data[b"RFC822.SIZE"] for uid, data in witness.fetch(witness.search("ALL"), ["RFC822.SIZE"]).items()}
    witness.logout()

    async def use() -> dict[int, int]:
        client = await connect(parse_location(server.url(USER)), Credentials(USER, lambda: "secret"))
        await client.select(b"INBOX", read_only=True)
        ours: dict[int, int] = {}
        await (await client.fetch(ALL_MESSAGES, DETAILS, lambda r: ours.update({r.data.uid: r.data.octets}))).ok()
        assert await client.search_uids() == sorted(ours)
        assert (await client.identify())["name"] == "Dovecot"
        await client.logout()
        return ours

    assert asyncio.run(use()) == theirs


def test_an_administrator_opens_another_persons_mailbox(server, tmp_path: Path) -> None:
    async def use() -> int:
        location = parse_location(server.url(USER))
        client = await connect(location, Credentials(USER, lambda: "admin-secret", admin="root"))
        state = await client.select(b"INBOX", read_only=True)
        await client.logout()
        return state.exists

    assert asyncio.run(use()) == 20
