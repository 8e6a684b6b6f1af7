"""Who may sign in, when; and that no stranger keeps a member out."""

import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from bascule.platform.accounts import EmbeddedAccounts, SignInRefused, Why, limits, passwords
from bascule.platform.accounts.attempts import _COUNTS
from bascule.platform.accounts.passwords import generate_password, hash_chosen, hash_generated, is_password
from bascule.terms.errors import BasculeError
from bascule.terms.phases import Side
from support.calendars import calendar_at

ANNA = "anna@example.org"
HOME, STRANGER = "192.0.2.1", "203.0.113.9"


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock):
    made = EmbeddedAccounts(tmp_path / "accounts.sqlite", clock=clock)
    made._database.execute("PRAGMA synchronous = OFF")  # no power is cut here
    made.add(ANNA, "secret", name="Anna", aliases=("a.b@example.org",), generated=True)
    yield made
    made.close()


def why(accounts: EmbeddedAccounts, password: str, peer: str = HOME, login: str = ANNA) -> Why | None:
    """None: signed in."""
    try:
        accounts.sign_in(login, password, peer)
    except SignInRefused as refused:
        return refused.why
    return None


def test_passwords_as_they_are_kept() -> None:
    for kept in (hash_generated("é secret"), hash_chosen("é secret")):
        assert "secret" not in kept
        assert is_password("é secret", kept)
        assert not is_password("e secret", kept)
    assert hash_generated("x") != hash_generated("x")
    assert hash_chosen("x").startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$")
    with pytest.raises(ValueError, match="form"):
        is_password("x", "{PLAIN}x")
    generated = {generate_password() for _ in range(100)}
    assert len(generated) == 100
    assert all(len(password) == 19 for password in generated)


def test_right_and_wrong(accounts: EmbeddedAccounts) -> None:
    assert accounts.sign_in("ANNA@example.org ", "secret", HOME).login == ANNA
    assert why(accounts, "wrong") is Why.WRONG
    assert why(accounts, "secret", login="nobody@example.org") is Why.WRONG
    assert why(accounts, "secret", login="a.b@example.org") is Why.WRONG  # the login is the primary address


def test_another_password_takes_the_place_of_the_first_at_once(accounts: EmbeddedAccounts) -> None:
    assert why(accounts, "secret") is None
    accounts.set_password(ANNA, "other")
    assert why(accounts, "secret") is Why.WRONG
    assert why(accounts, "other") is None


def test_another_password_ends_the_sessions_of_the_first(
    accounts: EmbeddedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOOKED_AT_SECONDS", -1.0)
    account = accounts.sign_in(ANNA, "secret", HOME)
    assert accounts.may_go_on(account)
    accounts.set_password(ANNA, "other")
    assert not accounts.may_go_on(account)
    assert accounts.may_go_on(accounts.sign_in(ANNA, "other", HOME))


def test_an_open_session_ends_at_the_instant_itself(accounts: EmbeddedAccounts, tmp_path: Path, clock: Clock) -> None:
    old = EmbeddedAccounts(tmp_path / "old.sqlite", clock=clock, side=Side.OLD)
    old.add(ANNA, "secret", generated=True, calendar=calendar_at(clock.now + 3600))
    account = old.sign_in(ANNA, "secret", HOME)
    clock.now += 3599.9
    assert old.may_go_on(account)
    clock.now += 0.1
    assert not old.may_go_on(account)
    old.close()


def test_a_locked_account_still_takes_mail(accounts: EmbeddedAccounts) -> None:
    account = accounts.sign_in(ANNA, "secret", HOME)
    accounts.set_locked(ANNA, True)
    assert why(accounts, "secret") is Why.LOCKED
    assert why(accounts, "wrong") is Why.WRONG
    assert accounts.find(ANNA) == account
    assert not accounts.may_go_on(account)


def test_not_yet_is_not_a_wrong_password(accounts: EmbeddedAccounts, clock: Clock) -> None:
    accounts.add("early@example.org", "secret", generated=True, calendar=calendar_at(clock.now + 3600))
    with pytest.raises(SignInRefused, match=r"opens on \w+ \d+ \w+ \d{4} at \d\d:\d\d") as refused:
        accounts.sign_in("early@example.org", "secret", HOME)
    assert refused.value.why is Why.NOT_YET
    for _ in range(limits.OF_ADDRESS * 2):
        assert why(accounts, "secret", login="early@example.org") is Why.NOT_YET
    clock.now += 3600
    assert why(accounts, "secret", login="early@example.org") is None


def test_the_old_platform_closes_as_the_new_one_opens(tmp_path: Path, clock: Clock) -> None:
    old = EmbeddedAccounts(tmp_path / "old.sqlite", clock=clock, side=Side.OLD)
    old.add(ANNA, "secret", generated=True, calendar=calendar_at(clock.now + 3600))
    account = old.sign_in(ANNA, "secret", HOME)
    assert old.may_go_on(account)
    clock.now += 3600
    assert why(old, "wrong") is Why.WRONG
    with pytest.raises(SignInRefused, match=r"moved to the new platform on \w+ \d+ \w+ \d{4}") as refused:
        old.sign_in(ANNA, "secret", HOME)
    assert refused.value.why is Why.MOVED
    old.set_calendar(ANNA, None)
    assert why(old, "secret") is None
    old.close()


CAMPUS = "192.0.2.200"
CHOSEN = "paul@example.org"
"""Has a password that he chose: one that can be guessed."""
SENTENCE = "four quiet blue chairs"


@pytest.fixture
def paul(accounts: EmbeddedAccounts) -> str:
    accounts.add(CHOSEN, SENTENCE)
    return CHOSEN


def guess(accounts: EmbeddedAccounts, times: int, peer: str = STRANGER, login: str = CHOSEN) -> None:
    """Different wrong passwords, as if each had been compared: a hash for each would take minutes."""
    for number in range(times):
        accounts.attempts.was_wrong(login, f"guess {number}", peer)


def test_who_guesses_again_and_again_waits_and_nobody_else(accounts: EmbeddedAccounts, clock: Clock, paul: str) -> None:
    for number in range(limits.OF_ACCOUNT_AND_ADDRESS + 2):
        last = why(accounts, f"guess {number}", STRANGER, paul)
    assert last is Why.TOO_MANY
    assert why(accounts, SENTENCE, STRANGER, paul) is Why.TOO_MANY
    assert why(accounts, SENTENCE, HOME, paul) is None
    clock.now += limits.WINDOW_SECONDS + 1
    assert why(accounts, SENTENCE, STRANGER, paul) is None


def test_a_program_that_repeats_one_old_password_counts_once(accounts: EmbeddedAccounts, paul: str) -> None:
    assert {why(accounts, "the old one", CAMPUS, paul) for _ in range(100)} == {Why.WRONG}
    assert why(accounts, SENTENCE, CAMPUS, paul) is None


def test_a_generated_password_passes_however_many_were_wrong(accounts: EmbeddedAccounts) -> None:
    guess(accounts, limits.OF_KNOWN, STRANGER, ANNA)
    for number in range(limits.OF_ACCOUNT_AT_MOST + 1):
        guess(accounts, 1, f"203.0.{number % 250}.{number // 250}", ANNA)
    assert why(accounts, "wrong", STRANGER) is Why.TOO_MANY
    assert why(accounts, "secret", STRANGER) is None


def test_a_campus_behind_one_address_is_not_closed_to_its_members(accounts: EmbeddedAccounts, paul: str) -> None:
    """Neither to who signed in there before, nor to who comes for the first time."""
    accounts.add("chloe@example.org", SENTENCE)
    assert why(accounts, SENTENCE, CAMPUS, paul) is None
    for number in range(limits.OF_ADDRESS + 1):
        guess(accounts, 1, CAMPUS, f"nobody{number}@example.org")
    guess(accounts, limits.OF_ACCOUNT_AND_ADDRESS * 5, CAMPUS, paul)
    assert why(accounts, "guess", CAMPUS, "nobody1@example.org") is Why.TOO_MANY
    assert why(accounts, SENTENCE, CAMPUS, paul) is None
    assert why(accounts, SENTENCE, CAMPUS, "chloe@example.org") is None


def test_from_such_a_place_an_account_that_is_not_known_there_has_one_guess(
    accounts: EmbeddedAccounts, paul: str
) -> None:
    for number in range(limits.OF_ADDRESS + 1):
        guess(accounts, 1, CAMPUS, f"nobody{number}@example.org")
    assert why(accounts, "guess", CAMPUS, paul) is Why.WRONG
    assert why(accounts, SENTENCE, CAMPUS, paul) is Why.TOO_MANY


def test_a_place_that_does_not_stop_is_asked_nothing_any_more_but_of_who_is_known_there(
    accounts: EmbeddedAccounts, monkeypatch: pytest.MonkeyPatch, paul: str
) -> None:
    monkeypatch.setattr(limits, "OF_ADDRESS_AT_MOST", 300)
    accounts.add("chloe@example.org", SENTENCE)
    assert why(accounts, SENTENCE, CAMPUS, paul) is None
    for number in range(310):
        guess(accounts, 1, CAMPUS, f"nobody{number}@example.org")
    assert why(accounts, SENTENCE, CAMPUS, "chloe@example.org") is Why.TOO_MANY
    assert why(accounts, SENTENCE, CAMPUS, paul) is None


def test_guesses_behind_a_known_address_come_to_an_end_too(accounts: EmbeddedAccounts, paul: str) -> None:
    assert why(accounts, SENTENCE, CAMPUS, paul) is None
    guess(accounts, limits.OF_KNOWN + 50, CAMPUS)
    assert why(accounts, SENTENCE, CAMPUS, paul) is Why.TOO_MANY
    assert why(accounts, SENTENCE, HOME, paul) is None


def test_strangers_in_sixty_places_keep_nobody_out(accounts: EmbeddedAccounts, paul: str) -> None:
    """Neither at home, nor in a place where the member never was."""
    assert why(accounts, SENTENCE, HOME, paul) is None
    for number in range(60):
        guess(accounts, 1, f"203.0.113.{number}")
    assert why(accounts, SENTENCE, HOME, paul) is None
    assert why(accounts, SENTENCE, "198.51.100.1", paul) is None


def test_a_botnet_has_so_many_guesses_and_no_more(accounts: EmbeddedAccounts, paul: str) -> None:
    assert why(accounts, SENTENCE, HOME, paul) is None
    for number in range(limits.OF_ACCOUNT_AT_MOST):
        guess(accounts, 1, f"203.0.{number % 250}.{number // 250}")
    assert why(accounts, SENTENCE, "198.51.100.1", paul) is Why.TOO_MANY
    assert why(accounts, SENTENCE, HOME, paul) is None


def test_an_address_is_known_once_the_password_was_right_there_also_before_the_door_opens(
    accounts: EmbeddedAccounts, clock: Clock
) -> None:
    early = "early@example.org"
    accounts.add(early, SENTENCE, calendar=calendar_at(clock.now + 3600))
    assert why(accounts, SENTENCE, HOME, early) is Why.NOT_YET
    guess(accounts, limits.OF_ACCOUNT_AND_ADDRESS * 2, HOME, early)
    for number in range(limits.OF_ACCOUNT_AT_MOST):
        guess(accounts, 1, f"203.0.{number % 250}.{number // 250}", early)
    assert why(accounts, SENTENCE, HOME, early) is Why.NOT_YET


def test_all_ways_to_type_a_name_and_all_addresses_of_a_customer_are_one(accounts: EmbeddedAccounts) -> None:
    ways = ("chloé", "CHLOÉ", "chloe\u0301", " chloé ", "ＣＨＬＯÉ")
    customer = [f"2001:db8:1:2::{number:x}" for number in range(1, 6)]
    for number in range(limits.OF_ACCOUNT_AND_ADDRESS + 2):
        accounts.attempts.was_wrong(ways[number % 5], f"guess {number}", customer[number % 4])
    assert all(accounts.attempts.must_wait(way, peer) for way in ways for peer in customer)
    assert not accounts.attempts.must_wait("chloé", "2001:db8:1:3::1")
    accounts.attempts.know("chloé", "::ffff:192.0.2.1")
    guess(accounts, limits.OF_ACCOUNT_AND_ADDRESS * 2, HOME, "chloé")
    assert not accounts.attempts.must_wait("chloé", HOME)


def test_of_the_institutions_own_networks_more_is_borne_with(tmp_path: Path, clock: Clock) -> None:
    trusting = EmbeddedAccounts(tmp_path / "b.sqlite", clock=clock, trusted=(ip_network("192.0.2.0/24"),))
    for number in range(limits.OF_ADDRESS * 2):
        for place in (CAMPUS, STRANGER):
            guess(trusting, 1, place, f"nobody{number}@example.org")
    for peer, waits in ((CAMPUS, False), (STRANGER, True)):
        guess(trusting, 1, peer, ANNA)
        assert trusting.attempts.must_wait(ANNA, peer) is waits
    trusting.close()


def test_who_waits_is_seen_and_let_go(accounts: EmbeddedAccounts, clock: Clock, paul: str) -> None:
    assert accounts.attempts.waiting() == []
    guess(accounts, 12)
    [found] = accounts.attempts.waiting()
    assert (found.account, found.peer, found.wrong) == (paul, STRANGER, 12)
    assert found.until_utc == int(clock.now) + limits.WINDOW_SECONDS
    for number in range(limits.OF_ADDRESS):
        guess(accounts, 1, CAMPUS, f"nobody{number}@example.org")
    assert [(each.account, each.peer) for each in accounts.attempts.waiting()] == [("", CAMPUS), (paul, STRANGER)]
    assert accounts.attempts.lift(account=paul) == 12
    assert why(accounts, SENTENCE, STRANGER, paul) is None
    accounts.attempts.lift(peer=CAMPUS)
    assert accounts.attempts.waiting() == []
    assert accounts.attempts.lift() == 0


_COUNTED_ONE_BY_ONE = """
SELECT sum(peer = :peer), sum(account = :account) FROM wrong_guesses AS guess WHERE at_utc > :since AND NOT EXISTS (
    SELECT 1 FROM known_peers AS known WHERE known.account = guess.account AND known.peer = guess.peer AND known.at_utc > :known
)
"""


def test_what_is_summed_up_is_what_was_guessed(accounts: EmbeddedAccounts, clock: Clock, seed: int) -> None:
    """Whatever is guessed, known and lifted, in any order, and however much time passes."""
    attempts, chance = accounts.attempts, random.Random(seed)
    names, peers = ["", "a", "b", "c"], ["192.0.2.1", "192.0.2.2", "2001:db8::/64"]
    for _ in range(600):
        name, peer = chance.choice(names), chance.choice(peers)
        what = chance.randrange(40)
        if what == 0:
            attempts.know(name, peer)
        elif what == 1:
            attempts.lift(account=name, peer=chance.choice(["", peer]))
        elif what == 2:
            clock.now += chance.choice([1.0, limits.WINDOW_SECONDS / 3, limits.WINDOW_SECONDS])
        else:
            attempts.was_wrong(name, f"guess {chance.randrange(50)}", peer)
        told = {"account": name, "peer": peer, "since": attempts._since(), "known": attempts._known_since()}
        one_by_one = attempts._database.execute(_COUNTED_ONE_BY_ONE, told).fetchone()
        _, *summed = attempts._database.execute(_COUNTS, told).fetchone()
        assert summed == [(one_by_one[0] or 0), (one_by_one[1] or 0)]


def test_the_sums_of_a_version_that_kept_none_are_made(tmp_path: Path, clock: Clock) -> None:
    for is_old in (True, False):
        accounts = EmbeddedAccounts(tmp_path / "b.sqlite", clock=clock)
        for number in range(limits.OF_ADDRESS if is_old else 0):
            guess(accounts, 1, STRANGER, f"nobody{number}@example.org")
        guess(accounts, 1, STRANGER, ANNA)
        assert accounts.attempts.must_wait(ANNA, STRANGER)
        if is_old:
            accounts._database.execute("DROP TABLE strange_guesses")
        accounts.close()


def test_a_look_at_the_counts_costs_the_same_however_much_was_guessed(accounts: EmbeddedAccounts, clock: Clock) -> None:
    """By the steps that SQLite takes: from one address, at many accounts; and at one account, from many addresses."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def looked() -> int:
        nonlocal steps
        steps = 0
        database.set_progress_handler(count, 10)
        accounts.attempts.at_once(ANNA, STRANGER)
        database.set_progress_handler(None, 10)
        return steps

    database = accounts.attempts._database
    guess(accounts, 1, STRANGER, "nobody@example.org")
    few = looked()
    for number in range(2000):
        guess(accounts, 1, STRANGER, f"nobody{number}@example.org")
        guess(accounts, 1, f"198.51.100.{number % 250}", ANNA)
    assert looked() < 2 * few + 10


def test_a_wrong_password_takes_as_long_whether_somebody_is_there_or_not(accounts: EmbeddedAccounts, paul: str) -> None:
    """By hashes, not by the clock: each guess costs one, whatever is kept; the same one again costs none."""
    costs = {}
    for login in ("nobody@example.org", ANNA, paul):
        for password in ("guess", "guess", "another"):
            with counting_hashes() as counted:
                assert why(accounts, password, STRANGER, login) is Why.WRONG
            costs.setdefault(login, []).append(len(counted))
    assert all(cost == [1, 0, 1] for cost in costs.values()), costs


def test_a_flood_of_guesses_leaves_threads_for_others(accounts: EmbeddedAccounts, paul: str) -> None:
    """Four threads, as a server has; 300 guesses at names that nobody has are there first. Counted in hashes, not by the clock."""
    assert why(accounts, SENTENCE, HOME, paul) is None
    accounts.add("chloe@example.org", SENTENCE)
    for number in range(limits.OF_CALM):
        guess(accounts, 1, STRANGER, f"nobody{number}@example.org")
    with counting_hashes(seconds=0.05) as counted, ThreadPoolExecutor(4) as threads:
        flood = [threads.submit(why, accounts, f"guess {n}", STRANGER, f"n{n}@example.org") for n in range(300)]
        honest = threads.submit(why, accounts, SENTENCE, "198.51.100.1", "chloe@example.org")
        assert honest.result(60) is None
        before = len(counted)
    assert before < 100, "of the flood, at most two at a time were looked at; without that limit it would be all"
    assert {each.result() for each in flood} == {Why.WRONG, Why.TOO_MANY}


@contextmanager
def counting_hashes(seconds: float = 0.0) -> Iterator[list[int]]:
    """How often a place to hash was taken: `AT_ONCE` is what every slow hash holds. Each takes so many seconds more."""
    taken: list[int] = []

    class Counted:
        def __enter__(self) -> None:
            taken.append(1)
            time.sleep(seconds)

        def __exit__(self, *_: object) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "AT_ONCE", Counted())
        yield taken


def test_while_the_disk_is_full_who_knows_the_password_comes_in(accounts: EmbeddedAccounts, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "accounts.sqlite") as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    accounts._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(2000):
        accounts.attempts.was_wrong(f"nobody{number:0200}@example.org", "x", STRANGER)
    assert why(accounts, "secret", HOME) is None


def test_addresses_find_their_account(accounts: EmbeddedAccounts) -> None:
    anna = accounts.find(ANNA)
    assert anna is not None
    assert anna.addresses == ("a.b@example.org", ANNA)
    for address in ("A.B@example.org", "anna+lists@example.org", "a.b+x+y@EXAMPLE.org"):
        assert accounts.find(address) == anna
    for address in ("ann@example.org", "anna", "+anna@example.org", ""):
        assert accounts.find(address) is None


def test_what_is_taken_or_wrong_is_refused(accounts: EmbeddedAccounts) -> None:
    for login, aliases in ((ANNA, ()), ("new@example.org", (ANNA,)), ("no-address", ()), ("a b@c.d", ())):
        with pytest.raises(BasculeError):
            accounts.add(login, "x", aliases=aliases, generated=True)
    assert [record.account.login for record in accounts.all()] == [ANNA]
    with pytest.raises(BasculeError, match="no account"):
        accounts.set_locked("nobody@example.org", True)


def test_a_lock_by_another_process_is_known_and_its_undoing_too(
    accounts: EmbeddedAccounts, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOOKED_AT_SECONDS", -1.0)
    other = EmbeddedAccounts(tmp_path / "accounts.sqlite", clock=clock)
    account = accounts.sign_in(ANNA, "secret", HOME)
    assert accounts.may_go_on(account)
    other.set_locked(ANNA, True)
    assert not accounts.may_go_on(account)
    other.set_locked(ANNA, False)
    assert accounts.may_go_on(accounts.sign_in(ANNA, "secret", HOME))
    other.close()


def test_who_just_signed_in_goes_by_what_is_so_now(
    accounts: EmbeddedAccounts, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long ago the process looked at other accounts."""
    account = accounts.sign_in(ANNA, "secret", HOME)
    other = EmbeddedAccounts(tmp_path / "accounts.sqlite", clock=clock)
    other.set_locked(ANNA, True)
    monkeypatch.setattr(limits, "LOOKED_AT_SECONDS", -1.0)
    assert not accounts.may_go_on(account)
    monkeypatch.setattr(limits, "LOOKED_AT_SECONDS", 3600.0)
    other.set_locked(ANNA, False)
    assert accounts.may_go_on(accounts.sign_in(ANNA, "secret", HOME))
    other.close()


def test_an_unchanged_account_is_not_read_again_for_each_command(
    accounts: EmbeddedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = accounts.sign_in(ANNA, "secret", HOME)
    accounts.may_go_on(account)
    monkeypatch.setattr(limits, "LOOKED_AT_SECONDS", 3600.0)
    asked: list[str] = []
    accounts._database.set_trace_callback(asked.append)
    assert all(accounts.may_go_on(account) for _ in range(100))
    assert asked == []


def test_a_name_and_aliases_are_changed_all_or_none(accounts: EmbeddedAccounts) -> None:
    accounts.add("bob@example.org", "secret", aliases=("b@example.org",), generated=True)
    changed = accounts.change(ANNA, name="Anne", aliases=("C@example.org",), without_aliases=("a.b@example.org",))
    assert (changed.name, changed.addresses) == ("Anne", (ANNA, "c@example.org"))
    assert accounts.find("a.b@example.org") is None
    refusals: dict[str, dict[str, Any]] = {
        "b@example.org is taken: it is an alias of bob@example.org.": {"aliases": ("d@example.org", "b@example.org")},
        "bob@example.org is taken: it is an account.": {"aliases": ("bob@example.org",)},
        "“x” is not a mail address.": {"aliases": ("x",)},
        "b@example.org is no alias of anna@example.org.": {"without_aliases": ("b@example.org",)},
        f"{ANNA} is the account's own address": {"without_aliases": (ANNA,)},
    }
    for sentence, words in refusals.items():
        with pytest.raises(BasculeError, match=sentence):
            accounts.change(ANNA, name="Other", **words)
    assert accounts.find(ANNA) == changed
    with pytest.raises(BasculeError, match=r"is an alias of bob@example.org"):
        accounts.add("eve@example.org", "secret", aliases=("b@example.org",), generated=True)
