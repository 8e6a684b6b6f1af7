"""Parts that tests need, seeds, and the closing lists: what long trials measured, and what was skipped for a missing part."""

import os
from collections import Counter
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId

from support import parts

_MISSING = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(part, …): programs or folders that the test starts or reads")
    config.addinivalue_line("markers", "soak: a long trial, run in full by `make soak`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("needs"):
            for part in marker.args:
                if not parts.is_there(part):
                    _refuse(item, part)
        if item.get_closest_marker("xdist_group") is None and _shares_what_its_module_starts(item):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}-{item.path.stem}"))
        if getattr(config.option, "loadgroup", False):
            _tell_the_group(item)


def _tell_the_group(item: pytest.Item) -> None:
    """In its id, where xdist's `LoadGroupScheduling` looks for it. pytest-xdist 3.8 writes it to an attribute that pytest 9.2 has no more: no test was in a
    group then, and each process started the servers of every module."""
    groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
    if groups:
        item._id = NodeId.parse(f"{item.nodeid}@{'_'.join(groups)}")


def _shares_what_its_module_starts(item: pytest.Item) -> bool:
    """Such tests run one after the other in one of the processes: spread over all of them, each would start the module's servers."""
    if not isinstance(item, pytest.Function):
        return False
    return any(each[-1].scope == "module" for each in item._fixtureinfo.name2fixturedefs.values())


def _refuse(item: pytest.Item, part: str) -> None:
    reason = f"missing part: {part}"
    if parts.is_required(part):
        item.add_marker(pytest.mark.usefixtures("_fail_for_missing_part"))
        item.user_properties.append(("missing_part", part))
    else:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def _fail_for_missing_part(request: pytest.FixtureRequest) -> None:
    missing = [part for name, part in request.node.user_properties if name == "missing_part"]
    pytest.fail(
        f"BASCULE_REQUIRE_PARTS is set, and these parts are missing: {', '.join(missing)}. Run: make test-setup"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])):
        for name, value in report.user_properties:
            if name == "told":  # what a long trial measured, to be noted down
                terminalreporter.write_line(f"{report.nodeid}: {value}")
    missing: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if "missing part: " in reason:
            missing[reason.rpartition("missing part: ")[2]] += 1
    if not missing:
        return
    terminalreporter.section("skipped for a missing part")
    for part, number in sorted(missing.items()):
        terminalreporter.write_line(f"{part}: {number} tests. {parts.how_to_get(part)}")


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's own key, state or passwords."""
    monkeypatch.setenv("BASCULE_KEY", str(tmp_path / "signing-key.pem"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    for name in ("BASCULE_SOURCE_PASSWORD", "BASCULE_TARGET_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def seed() -> int:
    """``BASCULE_SEED`` or 20261124; printed by the tests that draw from it."""
    return int(os.environ.get("BASCULE_SEED", "20261124"))


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether the long trials run in full."""
    return os.environ.get("BASCULE_SOAK") == "1"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A long trial that fails says so when it does, not after the others' hours."""
    if report.failed and os.environ.get("BASCULE_SOAK") == "1" and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid} failed\n{report.longreprtext}", flush=True)
