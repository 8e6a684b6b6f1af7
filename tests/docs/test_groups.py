"""Tests that share what their module starts run in one process, one after the other: those of a group are told apart by their id."""

import pytest


@pytest.fixture(scope="module")
def shared() -> list[str]:
    return []


@pytest.mark.parametrize("which", ["[first]", "second@once"])
def test_those_that_share_something_of_their_module_are_a_group(
    which: str, shared: list[str], request: pytest.FixtureRequest
) -> None:
    shared.append(which)
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("]@docs-test_groups")


@pytest.mark.xdist_group("named")
def test_a_group_has_the_name_that_it_was_given(request: pytest.FixtureRequest) -> None:
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("_given@named")
