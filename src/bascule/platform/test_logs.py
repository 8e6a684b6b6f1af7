"""A bug is found by its log line, and nobody's words stand in it."""

import json
import subprocess
import sys
from typing import Any

from bascule.platform.logs import PLACES, with_traceback

SECRET = "tr3s-secret"


def fails(depth: int) -> None:
    if depth:
        fails(depth - 1)
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(SECRET) from error


def told(depth: int) -> dict[str, Any]:
    try:
        fails(depth)
    except ValueError as error:
        return dict(with_traceback(None, "warning", {"event": "bug", "exc_info": error}))
    raise AssertionError


def test_an_error_is_told_by_its_places_and_those_of_what_it_came_of() -> None:
    event = told(0)
    places = [place.split(" ")[-1] for place in event["traceback"]]
    assert places == ["fails", "KeyError", "told", "fails", "ValueError"]
    assert event["traceback"][0].startswith(f"{__name__}:")
    assert SECRET not in json.dumps(event)
    assert "exc_info" not in event


def test_a_recursion_is_told_by_its_innermost_places() -> None:
    assert len(told(500)["traceback"]) == PLACES


def test_what_is_no_error_has_no_places() -> None:
    assert with_traceback(None, "info", {"event": "x", "exc_info": False}) == {"event": "x"}


def test_the_log_is_still_one_json_line_an_event() -> None:
    program = (
        "from bascule.platform.logs import set_up_logs; import structlog; set_up_logs()\n"
        "try: int('x')\n"
        "except ValueError as error: structlog.get_logger().warning('bug', error=repr(error), exc_info=error)\n"
        "try: int('x')\n"
        "except ValueError: structlog.get_logger().warning('bug', exc_info=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    told = [json.loads(line)["traceback"] for line in done.stderr.decode().splitlines()]
    assert told == [["__main__:2 <module>", "ValueError"], ["__main__:4 <module>", "ValueError"]]
