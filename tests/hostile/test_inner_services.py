"""A member, or whoever owns a domain, chooses which server the queue connects to: never one within the institution that nobody named."""

import email
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from bascule.platform.smtp.outward import Outward
from support.dns import PrivateDns
from support.far_server import FarServer
from support.inbox import Inbox
from support.queue_rig import QueueRig, queue_rig
from support.server import ANNA, PrivateBascule
from support.smtp import SmtpDialogue, message

INNER = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "224.0.1.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:0a00:0001::1",
    "2130706433", "127.1", "0x7f.1", "localhost", "", "db",
]  # fmt: skip
OF_THE_WORLD = ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", INNER)
def test_an_address_within_is_not_reached(address: str) -> None:
    assert not Outward().allows(address)
    assert not Outward((ip_network("10.9.0.0/16"),)).allows(address)
    for written in (f"[{address}]", f"[IPv6:{address}]", f"[ipv6:{address}]"):
        assert not Outward().allows_domain(written)


@pytest.mark.parametrize("address", OF_THE_WORLD)
def test_the_world_is_reached(address: str) -> None:
    assert Outward().allows(address)


def test_what_the_institution_named_is_reached_and_nothing_beside_it() -> None:
    outward = Outward((ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")))
    assert [
        each for each in ("10.1.2.3", "10.2.0.1", "fd00:1::5", "fd00:2::5", "127.0.0.1") if outward.allows(each)
    ] == ["10.1.2.3", "fd00:1::5"]
    assert outward.allows_domain("example.org")


@pytest.fixture
def within() -> Iterator[FarServer]:
    with FarServer() as server:
        yield server


def test_what_waits_for_an_address_within_comes_back_and_nothing_connects(tmp_path: Path, within: FarServer) -> None:
    with queue_rig(tmp_path, within.port, inner=()) as rig:
        rig.put("a", "zoe@[127.0.0.1]", "zoe@[localhost]", "zoe@[IPv6:::ffff:127.0.0.1]")
        rig.run(lambda: rig.messages() != [] and not rig.store.all())
        assert isinstance(rig, QueueRig)
        assert [row.event for row in rig.rows() if row.message == "a"] == ["bounced"] * 3
        assert within.connections == 0


@pytest.mark.needs("dnsmasq")
def test_mail_for_a_domain_whose_servers_are_within_waits_and_then_the_sender_is_told(
    tmp_path: Path, within: FarServer
) -> None:
    records = [
        "mx-host=sly.example,mx.sly.example,10",
        "host-record=mx.sly.example,127.0.0.1",
        "host-record=plain.example,127.0.0.1",
    ]
    with PrivateDns(tmp_path / "dns", *records) as dns:
        queue = f'mx_port = {within.port}\nnameservers = ["127.0.0.1:{dns.port}"]\nfirst_retry = "1 s"\ngive_up_after = "3 s"'
        with PrivateBascule(tmp_path / "near", settings={"queue": queue}) as near:
            with SmtpDialogue(near.ports["submission"]) as submission:
                submission.login(ANNA)
                submission.ok(f"MAIL FROM:<{ANNA}>")
                for literal in ("[127.0.0.1]", "[10.0.0.1]", "[IPv6:::1]"):
                    assert (submission.say(f"RCPT TO:<x@{literal}>").code, submission.ok("NOOP").code) == (550, 250)
                submission.ok("RSET")
                assert submission.deliver(message("x", ANNA), ANNA, "a@sly.example", "b@plain.example").code == 250
            notices = Inbox(near, ANNA).wait(2, seconds=120)
    told = sorted(
        email.message_from_bytes(each).get_payload(1).as_string().split("Final-Recipient: ")[1].split()[1]
        for each in notices
    )  # type: ignore[union-attr]
    assert told == ["a@sly.example", "b@plain.example"]
    assert all(b"Status: 4.4." in each for each in notices), "it waited, in case the operator names the network"
    assert within.connections == 0
