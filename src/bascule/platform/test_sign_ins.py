"""What the log says of sign-ins, and how much of it at most."""

from collections import Counter
from typing import Any

from bascule.platform.accounts import Account
from bascule.platform.limits import REFUSED_LINES, REFUSED_LINES_OF_ONE_NETWORK, SIGN_IN_LINES, SIGN_IN_MINUTE_SECONDS
from bascule.platform.sign_ins import OTHERS, SignIns

ANNA = Account("1", "anna@example.org")
STRANGER = "203.0.113.9"


class Known:
    """Accounts of one domain."""

    def serves(self, domain: str) -> bool:
        return domain == "example.org"


class Log:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.now = 0.0
        self.sign_ins = SignIns(self, Known(), lambda: self.now)  # type: ignore[arg-type]

    def __call__(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    def counts(self) -> Counter[str]:
        return Counter(line["event"] for line in self.lines)


def test_who_signs_in_and_who_does_not() -> None:
    log = Log()
    log.sign_ins.made(ANNA, "192.0.2.1", "imap")
    log.sign_ins.refused("Anna@Example.org ", STRANGER, "submission", "wrong")
    assert log.lines == [
        {"event": "sign-in", "account": "anna@example.org", "peer": "192.0.2.1", "service": "imap"},
        {"event": "sign-in-refused", "account": "anna@example.org", "peer": STRANGER, "service": "submission", "why": "wrong"},
    ]  # fmt: skip


def test_a_password_that_was_typed_for_a_name_is_not_told() -> None:
    log = Log()
    for typed in ("hunter2", "s3cret@home", "x" * 300 + "@example.org", ""):
        log.sign_ins.refused(typed, STRANGER, "imap", "wrong")
    assert {line["account"] for line in log.lines} == {""}


def test_a_guesser_fills_no_disk_and_hides_nobody() -> None:
    log = Log()
    for number in range(10_000):
        log.sign_ins.refused("anna@example.org", STRANGER, "imap", "wrong")
        log.sign_ins.refused("anna@example.org", f"2001:db8:{number:x}::1", "imap", "wrong")
    log.sign_ins.made(ANNA, STRANGER, "imap")
    assert log.counts() == {"sign-in-refused": REFUSED_LINES, "sign-in": 1}
    assert sum(line.get("peer") == STRANGER for line in log.lines) == REFUSED_LINES_OF_ONE_NETWORK + 1
    log.now += SIGN_IN_MINUTE_SECONDS
    log.sign_ins.look()
    told = {line["of"]: line["count"] for line in log.lines if line["event"] == "sign-ins-not-logged"}
    assert sum(told.values()) == 20_000 - REFUSED_LINES
    assert set(told) == {STRANGER, OTHERS}
    log.sign_ins.refused("anna@example.org", STRANGER, "imap", "wrong")
    assert log.lines[-1]["event"] == "sign-in-refused"


def test_a_program_that_signs_in_again_and_again_takes_no_lines_from_others() -> None:
    log = Log()
    for _ in range(1_000):
        log.sign_ins.made(ANNA, STRANGER, "imap")
    log.sign_ins.made(Account("2", "bob@example.org"), STRANGER, "imap")
    assert Counter(line["account"] for line in log.lines) == {"anna@example.org": SIGN_IN_LINES, "bob@example.org": 1}
