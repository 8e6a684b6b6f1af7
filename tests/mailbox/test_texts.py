"""What SEARCH compares of each body: made in steps, by whoever comes first, and forgotten with the body."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.mailbox import texts
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
