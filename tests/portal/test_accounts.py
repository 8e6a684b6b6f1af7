"""What the servers ask is answered alike by whoever keeps the accounts; and from the portal also while its database is away."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.platform.accounts import Account, Accounts, AccountsUnavailable, EmbeddedAccounts, SignInRefused, Why
from bascule.platform.accounts.judging import stamp_of
from bascule.portal.accounts import PortalAccounts, open_accounts
from bascule.portal.accounts.database import DatabaseAway, Reading, SqliteDatabase
from bascule.terms.phases import DOORS, MemberCalendar, Phase, doors_at
from support.portal import DOMAIN, EVE, Portal, T

ANNA, PAUL = f"anna@{DOMAIN}", f"paul@{DOMAIN}"


class Kept:
    """The same two accounts, in either store, with their passwords; and what an administrator does to them."""

    def __init__(self, accounts: Accounts, passwords: dict[str, str], lock: Callable[[str, bool], None], renew: Callable[[str], None], let_send: Callable[[], None], at: Callable[[Any], None]) -> None:  # fmt: skip
        self.accounts, self.passwords, self.lock, self.renew, self.let_send, self.at = (
            accounts,
            passwords,
            lock,
            renew,
            let_send,
            at,
        )

    def why(self, login: str, password: str | None = None) -> Why | None:
        try:
            self.accounts.sign_in(login, self.passwords[login] if password is None else password, "192.0.2.1")
        except SignInRefused as refused:
            return refused.why
        return None

    def get(self, login: str) -> Account:
        found = self.accounts.find(login)
        assert found is not None
        return found


@pytest.fixture(params=["embedded", "portal"])
def kept(request: pytest.FixtureRequest, portal: Portal, tmp_path: Path) -> Iterator[Kept]:
    from bascule.platform.clock import Clock

    portal.move_to(T)
    clock = Clock(portal.config.parent / "clock")
    wave = portal.wave()
    if request.param == "embedded":
        store = EmbeddedAccounts(tmp_path / "accounts.sqlite", clock=clock)
        for login, aliases in ((ANNA, (f"a.b@{DOMAIN}",)), (PAUL, ())):
            store.add(login, "secret", aliases=aliases, generated=True, calendar=wave.calendar())
        embedded_accounts = pytest.MonkeyPatch()
        embedded_accounts.setattr("bascule.platform.accounts.limits.LOOKED_AT_SECONDS", -1.0)
        yield Kept(
            store, {ANNA: "secret", PAUL: "secret"}, store.set_locked, lambda login: store.set_password(login, "another", generated=True),
            lambda: store.let_send(store.find(PAUL), store.find(ANNA), True), portal.move_to,
        )  # fmt: skip
        embedded_accounts.undo()
        store.close()
        return
    from bascule.portal.directory import provisioning
    from bascule.portal.directory.models import Mailbox, publish
    from bascule.portal.shell.doors import keys, now

    anna, paul = portal.member("anna", wave, aliases=(f"a.b@{DOMAIN}",)), portal.member("paul", wave)
    accounts = open_accounts(portal.config)

    def changed(change: Callable[[Any], None]) -> Callable[..., None]:
        def carry_out(login: str, *told: Any) -> None:
            change(Mailbox.objects.get(login=login), *told)
            accounts.refresh()

        return carry_out

    def let_send() -> None:
        anna.mailbox.may_send_as.add(paul.mailbox)
        publish([paul.mailbox_id])
        accounts.refresh()

    yield Kept(
        accounts, {ANNA: portal.mail_password(anna), PAUL: portal.mail_password(paul)},
        changed(lambda box, locked: provisioning.lock(box, locked=locked)), changed(lambda box: provisioning.renew(box, keys(), now())),
        let_send, portal.move_to,
    )  # fmt: skip
    accounts.close()


def test_who_signs_in(kept: Kept) -> None:
    assert kept.accounts.sign_in(f"{ANNA.upper()} ", kept.passwords[ANNA], "192.0.2.1").login == ANNA
    assert kept.why(ANNA, "wrong") is Why.WRONG
    assert kept.why(ANNA, "") is Why.WRONG
    with pytest.raises(SignInRefused):
        kept.accounts.sign_in(
            f"a.b@{DOMAIN}", kept.passwords[ANNA], "192.0.2.1"
        )  # one signs in with the primary address


def test_where_mail_goes(kept: Kept) -> None:
    anna = kept.get(ANNA)
    for address in (f"A.B@{DOMAIN}", f"anna+lists@{DOMAIN}", f"a.b+x@{DOMAIN.upper()}"):
        assert kept.accounts.find(address) == anna
    assert set(anna.addresses) == {ANNA, f"a.b@{DOMAIN}"}
    for address in (f"nobody@{DOMAIN}", "anna@elsewhere.example", "", "@", DOMAIN):
        assert kept.accounts.find(address) is None
    assert kept.accounts.serves(DOMAIN.upper())
    assert not kept.accounts.serves("elsewhere.example")


def test_who_writes_as_whom(kept: Kept) -> None:
    anna = kept.get(ANNA)
    assert kept.accounts.may_send_as(anna, f"a.b+x@{DOMAIN}")
    assert not kept.accounts.may_send_as(anna, PAUL)
    kept.let_send()
    assert kept.accounts.may_send_as(anna, PAUL)
    assert not kept.accounts.may_send_as(kept.get(PAUL), ANNA)


def test_a_lock_ends_sessions_and_takes_mail(kept: Kept) -> None:
    session = kept.accounts.sign_in(ANNA, kept.passwords[ANNA], "192.0.2.1")
    kept.lock(ANNA, True)
    assert kept.why(ANNA) is Why.LOCKED
    assert not kept.accounts.may_go_on(session)
    assert kept.accounts.find(ANNA) is not None
    kept.lock(ANNA, False)
    assert kept.why(ANNA) is None


def test_another_password_ends_sessions(kept: Kept) -> None:
    session = kept.accounts.sign_in(ANNA, kept.passwords[ANNA], "192.0.2.1")
    assert kept.accounts.may_go_on(session)
    kept.renew(ANNA)
    assert kept.why(ANNA) is Why.WRONG
    assert not kept.accounts.may_go_on(session)


def test_not_a_second_before(kept: Kept) -> None:
    kept.at(T - timedelta(seconds=1))
    for _ in range(60):
        assert kept.why(ANNA) is Why.NOT_YET
    kept.at(T)
    assert kept.why(ANNA) is None


def test_what_is_shared_with_whom(kept: Kept) -> None:
    anna, paul = kept.get(ANNA), kept.get(PAUL)
    kept.accounts.share(paul, f"a.b@{DOMAIN}")
    assert kept.accounts.shared_with(anna) == [paul]
    assert kept.accounts.shared_with(paul) == []
    kept.accounts.unshare(paul, f"a.b@{DOMAIN}")
    assert kept.accounts.shared_with(anna) == []


def refused_why(accounts: Accounts, password: str) -> Why | None:
    """None: ANNA signed in."""
    try:
        accounts.sign_in(ANNA, password, "192.0.2.1")
    except SignInRefused as refused:
        return refused.why
    return None


# -- the portal's own ------------------------------------------------------------------------------------------------


@given(
    gaps=st.lists(st.integers(1, 400 * 86400), min_size=4, max_size=4),
    assistance=st.integers(1, 30 * 86400),
    offset=st.integers(-900 * 86400, 900 * 86400),
)
@settings(
    max_examples=200 if os.environ.get("BASCULE_SOAK") == "1" else 20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_door_disagrees_with_the_phase_table(portal: Portal, gaps: list[int], assistance: int, offset: int) -> None:
    """Sign-in (as IMAP, submission and the web ask it), open sessions, and the credentials page, over random calendars and instants."""
    from bascule.portal.shell import doors

    portal.empty()
    portal.move_to(T)
    wave = portal.wave(
        switch=T, credentials_open=T - timedelta(seconds=gaps[0])
    )  # fmt: skip
    wave.all_assistance = T + timedelta(seconds=assistance)
    wave.archive_closes = T + timedelta(seconds=gaps[1])
    wave.backup_destroyed = wave.archive_closes + timedelta(seconds=gaps[2])
    wave.save()
    anna = portal.member("anna", wave)
    password = portal.mail_password(anna)
    accounts = doors.accounts()
    session = accounts.sign_in(ANNA, password, "192.0.2.1")
    browser = portal.client(anna)
    for instant in (
        T + timedelta(seconds=offset),
        T,
        T - timedelta(seconds=1),
        wave.credentials_open,
        wave.archive_closes,
        wave.backup_destroyed,
    ):
        portal.move_to(instant + timedelta(milliseconds=200))
        expected = doors_at(wave.calendar(), instant + timedelta(milliseconds=200))
        assert accounts.may_go_on(session) is expected.sign_in_new
        assert refused_why(accounts, password) is (None if expected.sign_in_new else Why.NOT_YET)
        web = portal.client().post("/sign-on", {"username": ANNA, "password": password})
        assert web.status_code == (302 if expected.sign_in_new else 503)
        assert (browser.post("/credentials/password").status_code == 200) is expected.credentials_shown


def test_the_table_is_whole() -> None:
    assert set(DOORS) == set(Phase)


class Flaky:
    """A database that can be taken away. ``leaves_at``: a word of the query at which it goes. ``answers``: not set while it is silent; ``is_asked``: since then."""

    def __init__(self, path: Path) -> None:
        self._real = SqliteDatabase(path)
        self.is_away = False
        self.leaves_at = ""
        self.answers, self.is_asked = threading.Event(), threading.Event()
        self.answers.set()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reading]:
        if self.is_away:
            raise DatabaseAway("restarting")
        if not self.answers.is_set():
            self.is_asked.set()
            assert self.answers.wait(60)
        with self._real.reading() as reading:
            yield Leaving(reading, self.leaves_at) if self.leaves_at else reading

    def close(self) -> None:
        self._real.close()


class Leaving:
    def __init__(self, reading: Reading, at: str) -> None:
        self._reading, self._at = reading, at

    def rows(self, query: str, values: Sequence[Any] = ()) -> Any:
        if self._at in query:
            raise DatabaseAway("restarting")
        return self._reading.rows(query, values)


def test_where_the_database_is_away_in_the_middle_what_was_known_stays_as_it_was(
    portal: Portal, tmp_path: Path
) -> None:
    from bascule.portal.directory import provisioning

    portal.move_to(EVE)
    former = portal.wave("former")
    anna = portal.member("anna", former)
    password, now = portal.mail_password(anna), T.timestamp()
    database = Flaky(portal.config.parent / "data/portal.sqlite")
    accounts = PortalAccounts(database, tmp_path / "notes.sqlite", lambda: now, "Europe/Paris", anna.mailbox.node)
    database.leaves_at = "directory_wave"
    anna.mailbox.wave = portal.wave("another")
    anna.mailbox.save()
    provisioning.lock(anna.mailbox, locked=False)
    former.delete()
    for database.leaves_at in ("directory_wave", "directory_mailbox", "directory_address", "may_send_as"):
        accounts.refresh()
        assert accounts.sign_in(ANNA, password, "192.0.2.1").login == ANNA
    database.leaves_at = ""
    accounts.refresh()
    assert accounts.sign_in(ANNA, password, "192.0.2.1").login == ANNA
    accounts.close()


def test_while_the_database_is_away_everybody_is_answered_from_what_was_known(portal: Portal, tmp_path: Path) -> None:
    from bascule.portal.directory import provisioning

    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    now = EVE.timestamp()
    database = Flaky(portal.config.parent / "data/portal.sqlite")
    accounts = PortalAccounts(database, tmp_path / "notes.sqlite", lambda: now, "Europe/Paris", anna.mailbox.node)
    database.is_away = True
    password = portal.mail_password(anna)
    with pytest.raises(SignInRefused):
        accounts.sign_in(ANNA, password, "192.0.2.1")
    now = T.timestamp()
    assert accounts.sign_in(ANNA, password, "192.0.2.1").login == ANNA, "T comes also while it is away"
    assert accounts.serves(DOMAIN)
    provisioning.lock(anna.mailbox, locked=True)
    accounts.refresh()
    assert accounts.sign_in(ANNA, password, "192.0.2.1").login == ANNA
    database.is_away = False
    accounts.refresh()
    with pytest.raises(SignInRefused) as refused:
        accounts.sign_in(ANNA, password, "192.0.2.1")
    assert refused.value.why is Why.LOCKED
    accounts.close()


def test_while_the_database_is_away_without_a_word_nobody_waits_for_it(portal: Portal, tmp_path: Path) -> None:
    """A machine that hangs, a network that drops what is sent."""
    portal.move_to(EVE)
    anna = portal.member("anna", portal.wave())
    password, now = portal.mail_password(anna), T.timestamp()
    database = Flaky(portal.config.parent / "data/portal.sqlite")
    accounts = PortalAccounts(database, tmp_path / "notes.sqlite", lambda: now, "Europe/Paris", anna.mailbox.node)
    database.answers.clear()
    assert database.is_asked.wait(60)
    answered = threading.Event()

    def ask() -> None:
        session = accounts.sign_in(ANNA, password, "192.0.2.1")
        assert accounts.may_go_on(session)
        assert accounts.find(ANNA) == session
        assert accounts.serves(DOMAIN)
        answered.set()

    thread = threading.Thread(target=ask)
    thread.start()
    is_answered = answered.wait(30)
    database.answers.set()
    thread.join()
    accounts.close()
    assert is_answered


class AsItWas:
    """One mailbox, as of change ``number``."""

    def __init__(self, number: int, password: str) -> None:
        self.number, self.password = number, password

    def rows(self, query: str, values: Sequence[Any] = ()) -> Any:
        if "directory_revision" in query:
            return [(self.number,)]
        if "directory_wave" in query:
            return [(self.number, *(T + timedelta(days=days) for days in range(5)))]
        if "FROM directory_mailbox WHERE" in query and self.number > values[0]:
            return [("anna", ANNA, "Anna", None, self.password, False, False, self.number, "")]
        return [("anna", ANNA)] if "directory_address" in query else []


def test_a_database_that_is_as_it_was_before_is_followed_from_there(tmp_path: Path) -> None:
    """A standby that took over lacks the last changes, and gives their numbers to others."""
    said = [AsItWas(10, "as of 10")]
    is_away: list[bool] = []

    class Standby:
        @contextlib.contextmanager
        def reading(self) -> Iterator[Any]:
            if is_away:
                raise DatabaseAway("restarting")
            yield said[-1]

        def close(self) -> None:
            pass

    accounts = PortalAccounts(Standby(), tmp_path / "notes.sqlite", lambda: 0.0, "Europe/Paris", "")
    stamps = []
    for number, was_away in ((10, False), (8, False), (9, False), (9, True)):
        is_away[:] = [True] if was_away else []
        accounts.refresh()
        said.append(AsItWas(number, f"as of {number}{' again' if was_away else ''}"))
        is_away.clear()
        accounts.refresh()
        found = accounts.find(ANNA)
        assert found is not None
        assert accounts.calendar_of("anna") is not None
        stamps.append(found.stamp)
    accounts.close()
    assert stamps == [stamp_of(f"as of {each}") for each in ("10", "8", "9", "9 again")]


def test_a_row_that_can_not_be_understood_is_named_and_followed_once_it_is_mended(tmp_path: Path) -> None:
    """A calendar that somebody wrote into the database by hand: its instants are in no order."""

    class Odd(AsItWas):
        def rows(self, query: str, values: Sequence[Any] = ()) -> Any:
            return [(1, *([T] * 5))] if "directory_wave" in query else super().rows(query, values)

    said: list[AsItWas] = [AsItWas(1, "one")]

    class Database:
        @contextlib.contextmanager
        def reading(self) -> Iterator[Any]:
            yield said[-1]

        def close(self) -> None:
            pass

    accounts = PortalAccounts(Database(), tmp_path / "notes.sqlite", lambda: 0.0, "Europe/Paris", "")
    with structlog.testing.capture_logs() as logged:
        said.append(Odd(2, "two"))
        accounts.refresh()
        accounts.refresh()
    assert [each["event"] for each in logged] == ["portal-database-away"]
    stamps = [getattr(accounts.find(ANNA), "stamp", "")]
    said.append(AsItWas(3, "three"))
    accounts.refresh()
    stamps.append(getattr(accounts.find(ANNA), "stamp", ""))
    assert accounts._thread.is_alive()
    accounts.close()
    assert stamps == [stamp_of("one"), stamp_of("three")]


def test_who_never_knew_anything_says_so(tmp_path: Path) -> None:
    accounts = PortalAccounts(
        SqliteDatabase(tmp_path / "none.sqlite"), tmp_path / "notes.sqlite", lambda: 0.0, "Europe/Paris", "here"
    )
    for ask in (
        lambda: accounts.find(ANNA),
        lambda: accounts.serves(DOMAIN),
        lambda: accounts.sign_in(ANNA, "x", "192.0.2.1"),
    ):
        with pytest.raises(AccountsUnavailable):
            ask()
    accounts.close()


def test_writers_of_many_threads_are_all_followed(portal: Portal) -> None:
    """Numbers of changes are seen in their order: nothing is passed over."""
    from django.db import connection

    from bascule.portal.directory import provisioning
    from bascule.portal.shell.doors import accounts

    wave = portal.wave()
    members = [portal.member(f"m{number}", wave) for number in range(8)]
    accounts()

    def lock_some(mine: list[Any]) -> None:
        for member in mine:
            provisioning.lock(member.mailbox, locked=True)
        connection.close()

    threads = [threading.Thread(target=lock_some, args=(members[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accounts().refresh()
    session = [accounts().find(f"m{number}@{DOMAIN}") for number in range(8)]
    assert not any(accounts().may_go_on(account) for account in session if account)


def test_a_contradictory_calendar_is_refused_with_the_reason(portal: Portal) -> None:
    from bascule.terms.phases import CalendarError

    wave = portal.wave()
    wave.switch = wave.credentials_open
    with pytest.raises(CalendarError, match=r"The switch .* does not come after the opening of the credentials"):
        wave.save()
    wave.refresh_from_db()
    assert isinstance(wave.calendar(), MemberCalendar)


def test_a_wave_that_is_removed_in_the_middle_of_a_question_closes_nothing(portal: Portal) -> None:
    """The snapshot is brought up to date between any two holdings of its guard."""
    from bascule.portal.directory.models import publish

    portal.move_to(T)
    first, second = portal.wave("first"), portal.wave("second")
    anna = portal.member("anna", first)
    password = portal.mail_password(anna)
    accounts = open_accounts(portal.config)
    accounts._ending.set()
    accounts._thread.join()

    def meanwhile() -> None:
        anna.mailbox.wave = second
        anna.mailbox.save()
        publish([anna.mailbox.pk])
        first.delete()
        accounts.refresh()

    questions: tuple[Callable[[], object], ...] = (
        lambda: accounts.sign_in(ANNA, password, "192.0.2.1"),
        lambda: accounts.may_go_on(account),
        lambda: accounts.calendar_of(account.id),
    )
    account = accounts.sign_in(ANNA, password, "192.0.2.1")
    for question in questions:
        first.save(force_insert=first.pk is None)
        anna.mailbox.wave = first
        anna.mailbox.save()
        publish([anna.mailbox.pk])
        accounts.refresh()
        accounts._guard = Once(accounts._guard, meanwhile)  # type: ignore[assignment]
        assert question()
    accounts.close()


class Once:
    """A lock that lets something happen right after it was first released."""

    def __init__(self, lock: threading.Lock, then: Callable[[], None]) -> None:
        self._lock, self._then, self._is_over = lock, then, False

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *told: Any) -> None:
        self._lock.__exit__(*told)
        if not self._is_over:
            self._is_over = True
            self._then()
