"""Who may sign in, when; and that no stranger keeps a member out."""

from pathlib import Path

import pytest

from bascule.platform.accounts import EmbeddedAccounts, SignInRefused, Why, embedded
from bascule.platform.accounts.attempts import OF_ACCOUNT, OF_ACCOUNT_AND_ADDRESS, OF_ADDRESS, WINDOW_SECONDS
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
    monkeypatch.setattr(embedded, "LOOKED_AT_SECONDS", -1.0)
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
    for _ in range(OF_ADDRESS * 2):
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


def test_who_tries_again_and_again_waits_and_nobody_else(accounts: EmbeddedAccounts, clock: Clock) -> None:
    for _ in range(OF_ACCOUNT_AND_ADDRESS):
        assert why(accounts, "guess", STRANGER) is Why.WRONG
    assert why(accounts, "secret", STRANGER) is Why.TOO_MANY
    assert why(accounts, "secret", HOME) is None
    clock.now += WINDOW_SECONDS + 1
    assert why(accounts, "secret", STRANGER) is None


def test_from_many_places_a_member_still_comes_in_from_home(accounts: EmbeddedAccounts) -> None:
    assert why(accounts, "secret", HOME) is None
    for number in range(OF_ACCOUNT):
        assert why(accounts, "guess", f"203.0.113.{number}") is Why.WRONG
    assert why(accounts, "guess", "198.51.100.1") is Why.TOO_MANY
    assert why(accounts, "secret", HOME) is None


def test_one_place_that_tries_many_accounts_waits(accounts: EmbeddedAccounts) -> None:
    for number in range(OF_ADDRESS):
        assert why(accounts, "guess", STRANGER, f"person{number}@example.org") is Why.WRONG
    assert why(accounts, "secret", STRANGER) is Why.TOO_MANY
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
