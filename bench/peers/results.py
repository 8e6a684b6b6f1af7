"""Outcomes between pieces of a measurement: one JSON file, outside of the tree, written whole after every case."""

import json
import os
from pathlib import Path
from typing import Any


class Results:
    """``rows[peer][case]``. A piece that is cut leaves what the cases before it left."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.rows: dict[str, dict[str, dict[str, Any]]] = json.loads(file.read_text()) if file.exists() else {}

    def has(self, peer: str, case: str) -> bool:
        return case in self.rows.get(peer, {})

    def put(self, peer: str, case: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(peer, {})[case] = row
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(self.rows))
        os.replace(draft, self._file)
