"""Runs of `bascule` between two quirk servers, night after night, with one state folder."""

from pathlib import Path

from support.hurry import Done, bascule_in_a_hurry
from support.quirks import QuirkServer


class Nights:
    """Each run is the only client of both servers."""

    def __init__(self, tmp: Path, source: QuirkServer, target: QuirkServer) -> None:
        self._tmp, self._servers = tmp, (source, target)

    def _run(self, command: str, *words: object) -> Done:
        source, target = self._servers
        done = bascule_in_a_hurry(self._tmp, command, source.url, target.url, "--state", self._tmp / "state", *words)
        source.hang_up()
        target.hang_up()
        return done

    def copy(self, *words: object) -> Done:
        return self._run("copy", "--quiet", "--settle", "0.5", *words)

    def verify(self) -> Done:
        return self._run("verify")
