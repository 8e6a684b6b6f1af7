"""Who is let in, and who goes for it."""

import random
from dataclasses import dataclass, field

import pytest

from bascule.platform.admission import Admission, network_of


@dataclass(eq=False)
class Guest:
    address: str
    heard: float = 0.0
    is_at_work: bool = False
    turned_away: int = field(default=0)

    def turn_away(self) -> None:
        self.turned_away += 1


def test_who_opens_most_and_says_nothing_makes_room_for_others() -> None:
    admission = Admission(10, 4, 2)
    flood = [Guest("192.0.2.1", heard=float(number)) for number in range(3)]
    honest = Guest("192.0.2.2", heard=-1.0)
    for guest in (honest, *flood):
        assert admission.enter(guest)
    late = [Guest("192.0.2.3", heard=9.0), Guest("192.0.2.1", heard=10.0)]
    assert all(map(admission.enter, late))
    assert [guest.turned_away for guest in (honest, *flood, *late)] == [0, 1, 1, 0, 0, 0]


def test_who_waits_for_an_answer_is_not_sent_away_and_where_all_do_the_next_is_refused() -> None:
    admission = Admission(10, 2, 2)
    waiting = [Guest("192.0.2.1", is_at_work=True), Guest("192.0.2.1", is_at_work=True)]
    assert all(map(admission.enter, waiting))
    assert not admission.enter(Guest("192.0.2.2"))
    waiting[0].is_at_work = False
    assert admission.enter(Guest("192.0.2.2"))
    assert [guest.turned_away for guest in waiting] == [1, 0]


def test_who_signed_in_keeps_the_place_and_no_account_takes_all() -> None:
    admission = Admission(4, 4, 2)
    guests = [Guest("192.0.2.1") for _ in range(4)]
    assert all(map(admission.enter, guests))
    assert [admission.recognise(guest, "anna") for guest in guests] == [True, True, False, False]
    assert [admission.recognise(guest, "bert") for guest in guests[2:]] == [True, True]
    assert not admission.enter(Guest("192.0.2.2"))
    admission.leave(guests[0])
    assert admission.enter(Guest("192.0.2.2"))
    assert [guest.turned_away for guest in guests] == [0] * 4
    admission.leave(guests[1])
    again = Guest("192.0.2.1")
    assert admission.enter(again)
    assert admission.recognise(again, "anna")


def test_leaving_twice_or_after_being_turned_away_frees_one_place() -> None:
    admission = Admission(9, 1, 2)
    first, second = Guest("192.0.2.1"), Guest("192.0.2.2")
    assert admission.enter(first)
    assert admission.enter(second)
    assert first.turned_away == 1
    for _ in range(2):
        admission.leave(first)
    assert admission.enter(Guest("192.0.2.3"))
    assert second.turned_away == 1
    assert admission.recognise(second, "anna"), "it was sent away while it signed in: the answer is on its way"
    admission.leave(second)


def test_ipv6_is_counted_by_the_network_that_one_customer_has() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth0")
    assert network_of("") == ""


@pytest.mark.parametrize("seed", range(5))
def test_the_one_that_goes_is_of_the_largest_network_and_the_least_heard_whatever_happened_before(seed: int) -> None:
    chance = random.Random(seed)
    admission = Admission(10_000, 30, 2)
    inside: list[Guest] = []
    for now in range(3000):
        for guest in chance.sample(inside, min(len(inside), 3)):
            guest.heard, guest.is_at_work = now - 0.5, chance.random() < 0.2
        if inside and chance.random() < 0.1:
            admission.leave(inside.pop(chance.randrange(len(inside))))
        late = Guest(f"192.0.2.{chance.randrange(4)}", heard=float(now))
        is_full = len(inside) >= 30
        before = list(inside)
        assert admission.enter(late)
        gone = [guest for guest in inside if guest.turned_away]
        inside = [guest for guest in inside if not guest.turned_away] + [late]
        assert len(gone) == is_full
        for guest in gone:
            networks = {
                network: [each for each in before if each.address == network]
                for network in {each.address for each in before}
            }
            largest = max(len(each) for network, each in networks.items() if any(not one.is_at_work for one in each))
            assert len(networks[guest.address]) == largest
            assert guest.heard == min(each.heard for each in networks[guest.address] if not each.is_at_work)
            assert not guest.is_at_work
