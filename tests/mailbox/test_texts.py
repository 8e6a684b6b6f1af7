"""What SEARCH compares of each body: made in steps, by whoever comes first, and forgotten with the body."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import texts
from bascule.mailbox.database import transaction
from bascule.mailbox.live import Arriving, LiveMailbox
from bascule.mailbox.live.purging import purge
from bascule.terms.body import HeldBody
from bascule.terms.folder import INBOX
from bascule.terms.instant import InternalDate


def add(box: LiveMailbox, *words: str) -> None:
    folder = box.folders.find(INBOX)
    assert folder is not None
    mails = [HeldBody(f"Subject: {word}\r\n\r\ntext of {word}\r\n".encode()) for word in words]
    box.messages.append(folder.id, [Arriving(mail, frozenset(), InternalDate(1)) for mail in mails])


def found(box: LiveMailbox, text: str) -> list[str]:
    """Subjects of those that hold ``text``."""
    bodies = texts.narrowed(box.mailbox, text)
    assert bodies is not None
    told = [texts.fields_and_addresses(header)[0] for _, header, rest in texts.wholes(box.mailbox, bodies)]
    return sorted(fields.removeprefix("subject: ") for fields in told if text in fields)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[LiveMailbox]:
    with LiveMailbox.create(tmp_path / "m", 1) as made:
        yield made


def test_two_that_do_the_same_step_keep_it_once(box: LiveMailbox) -> None:
    add(box, "alpha", "beta")
    with LiveMailbox.open(box.root) as other:
        one, two = texts.pending(box.mailbox), texts.pending(other.mailbox)
        assert len(one) == len(two) == 2
        texts.keep(box.mailbox, texts.compare(one))
        add(box, "gamma")
        texts.keep(other.mailbox, texts.compare(two))
        assert [each.body for each in texts.pending(other.mailbox)] == [3]
        assert texts.update(other.mailbox) == 1
    assert texts.update(box.mailbox) == 0
    assert found(box, "beta") == ["beta"]


def test_a_text_that_the_index_does_not_know_yet_may_hold_anything(box: LiveMailbox) -> None:
    add(box, "alpha")
    texts.update(box.mailbox)
    add(box, "alphabet")
    texts.keep(box.mailbox, texts.compare(texts.pending(box.mailbox)))
    assert found(box, "alpha") == ["alpha", "alphabet"]
    assert texts.narrowed(box.mailbox, "nowhere") == {2}
    texts.update(box.mailbox)
    assert texts.narrowed(box.mailbox, "nowhere") == set()
    assert texts.narrowed(box.mailbox, "al") is None


@pytest.mark.parametrize("is_indexed", [True, False])
def test_what_was_purged_is_forgotten(box: LiveMailbox, is_indexed: bool) -> None:
    add(box, "alpha", "beta", "gamma", "last")
    if is_indexed:
        texts.update(box.mailbox)
    else:
        texts.keep(box.mailbox, texts.compare(texts.pending(box.mailbox)))
    folder = box.folders.find(INBOX)
    assert folder is not None
    box.messages.expunge(folder.id, [1, 3], 1)
    purge(box, 2)
    assert texts.forget_purged(box.mailbox) == 2
    assert found(box, "alpha") == []
    add(box, "delta")
    assert texts.update(box.mailbox) == 1
    assert found(box, "delta") == ["delta"]
    assert found(box, "gamma") == []
    assert len(texts.narrowed(box.mailbox, "text of") or ()) == 3


def test_a_body_that_can_not_be_read_is_passed_over(box: LiveMailbox) -> None:
    add(box, "alpha", "beta")
    box.mailbox.database.execute("UPDATE bodies SET place = 999 WHERE id = 1")
    assert texts.update(box.mailbox) == 2
    assert found(box, "beta") == ["beta"]
    assert found(box, "alpha") == []


def test_another_writes_between_the_groups_that_are_indexed_or_forgotten(
    box: LiveMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group is of so many characters, not of so many bodies."""
    words = [f"word{number}" for number in range(1, 7)]
    add(box, *words, "last")
    texts.keep(box.mailbox, texts.compare(texts.pending(box.mailbox)))
    folder = box.folders.find(INBOX)
    assert folder is not None
    kept: list[bool] = []

    def write(seconds: float) -> None:
        add(other, f"meanwhile{len(kept)}")
        kept.append(texts.keep(other.mailbox, texts.compare(texts.pending(other.mailbox))))

    monkeypatch.setattr("bascule.mailbox.texts.time.sleep", write)
    monkeypatch.setattr(texts, "INDEXED_CHARACTERS", 50)
    with LiveMailbox.open(box.root) as other:
        texts.update(box.mailbox)
        assert kept == [True] * len(kept)
        assert len(kept) >= 3
        assert texts.narrowed(box.mailbox, "nowhere") == set()
        before = len(kept)
        box.messages.expunge(folder.id, [1, 2, 3, 4, 5, 6], 1)
        purge(box, 2)
        assert texts.forget_purged(box.mailbox) == 6
        assert kept == [True] * len(kept)
        assert len(kept) >= before + 2
        texts.update(box.mailbox)
    assert found(box, "word") == []
    assert found(box, "last") == ["last"]
    assert "meanwhile0" in found(box, "meanwhile")


def test_what_was_forgotten_while_it_was_prepared_is_not_indexed(
    box: LiveMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(box, "alpha", "beta")
    texts.keep(box.mailbox, texts.compare(texts.pending(box.mailbox)))
    real = transaction

    def forgotten_before(database: sqlite3.Connection) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        monkeypatch.setattr(texts, "transaction", real)
        with LiveMailbox.open(box.root) as other:
            other.mailbox.database.execute("DELETE FROM bodies WHERE id = 1")
            assert texts.forget_purged(other.mailbox) == 1
        return real(database)

    monkeypatch.setattr(texts, "transaction", forgotten_before)
    texts.update(box.mailbox)
    assert texts.narrowed(box.mailbox, "text of") == {2}


def test_who_holds_the_lock_of_a_mailbox_does_not_wait_for_who_writes_its_texts(box: LiveMailbox) -> None:
    add(box, "alpha")
    known = texts.compare(texts.pending(box.mailbox))
    with contextlib.closing(sqlite3.connect(box.root / "texts.sqlite", isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not texts.keep(box.mailbox, known)
        assert time.monotonic() - began < 10
        file.execute("ROLLBACK")
    assert texts.keep(box.mailbox, known)
    assert found(box, "alpha") == ["alpha"]


def test_a_message_that_comes_while_texts_are_forgotten_is_found(box: LiveMailbox) -> None:
    """Its text is kept between the look at one file and the look at the other."""
    add(box, "alpha")
    texts.update(box.mailbox)
    assert box.mailbox.texts is not None
    looked: list[str] = []

    def look(statement: str) -> None:
        if statement in ("SELECT id FROM bodies", "SELECT body FROM texts"):
            looked.append(statement)
            if len(looked) == 2:
                with LiveMailbox.open(box.root) as other:
                    add(other, "beta")
                    texts.update(other.mailbox)

    for database in (box.mailbox.database, box.mailbox.texts):
        database.set_trace_callback(look)
    assert texts.forget_purged(box.mailbox) == 0
    assert len(looked) == 2
    assert texts.update(box.mailbox) == 0
    assert found(box, "beta") == ["beta"]
