"""Threads: RFC 5256 §3, of any depth and in any order."""

import random
import time
from collections.abc import Callable

import pytest

from bascule.protocols.imap.threading import Threaded, by_references

MANY = 50_000


def chain(count: int) -> list[Threaded]:
    """Each answers the one before."""
    return [Threaded(n, n, "deep", f"<{n}@x>", f"<{n - 1}@x>" if n > 1 else "", "") for n in range(1, count + 1)]


def wide_and_wrong() -> list[Threaded]:
    """Half of them put the others below one message, and each of those says later that it is below another."""
    half = MANY // 2
    return [
        *(Threaded(n, n, "", f"<a{n}@x>", f"<hub@x> <b{n}@x>", "") for n in range(half)),
        *(Threaded(half + n, n, "", f"<b{n}@x>", "<other@x>", "") for n in range(half)),
    ]


def missing_above_many() -> list[Threaded]:
    """A line of messages that are not there, and many answers below its end."""
    gone = [f"<{n}@gone>" for n in range(100_000)]
    line = [Threaded(n, n, "", f"<l{n}@x>", " ".join(gone[n * 99 : n * 99 + 100]), "") for n in range(1000)]
    return line + [Threaded(1000 + n, n, "", f"<m{n}@x>", gone[98_999], "") for n in range(20_000)]


HOSTILE: dict[str, Callable[[], list[Threaded]]] = {
    "in order": lambda: chain(MANY),
    "the last first": lambda: chain(MANY)[::-1],
    "in no order": lambda: random.Random(7).sample(chain(MANY), MANY),
    "many below one, and then below another": wide_and_wrong,
    "many below messages that are not there": missing_above_many,
    "of one subject": lambda: [Threaded(n, n, "Re: same", f"<{n}@x>", "", "") for n in range(MANY)],
    "two of each subject": lambda: [Threaded(n, n, f"subject {n // 2}", f"<{n}@x>", "", "") for n in range(MANY)],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_fifty_thousand_messages_are_threaded_in_seconds(name: str) -> None:
    messages = HOSTILE[name]()
    began = time.process_time()
    threads = by_references(messages)
    assert time.process_time() - began < 15  # with squares in it, minutes
    numbers = threads.replace(b"(", b" ").replace(b")", b" ").split()
    assert sorted(map(int, numbers)) == sorted(message.number for message in messages)


@pytest.mark.parametrize("order", [lambda m: m, lambda m: m[::-1], lambda m: random.Random(3).sample(m, len(m))])
def test_a_line_of_answers_is_one_thread_in_whatever_order_it_came(
    order: Callable[[list[Threaded]], list[Threaded]],
) -> None:
    assert by_references(order(chain(300))) == b"(" + b" ".join(b"%d" % n for n in range(1, 301)) + b")"


def test_who_names_a_message_that_is_not_there_is_beside_the_others_that_do() -> None:
    messages = [Threaded(n, n, "s", f"<{n}@x>", "<gone@x> <lost@x>", "") for n in (1, 2)]
    assert by_references(messages) == b"((1)(2))"
    assert by_references(messages[:1]) == b"(1)"
    root = Threaded(3, 0, "s", "<gone@x>", "", "")
    assert by_references([*messages, root]) == b"(3 (1)(2))"
