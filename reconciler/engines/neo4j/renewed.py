"""Element ids of what came back from a snapshot: an earlier one of the same plan knows it by the id it had before.

The pairs are in a small database beside the snapshots, as many as they may be. A snapshot notes how many there were
when it was taken: only later ones are about what it knows, since an id may be used again for something else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

FILE = "ids.sqlite"
COLUMNS = ("id", "a", "b", "twin", "others", "own")
"""Columns of snapshots that hold element ids, or lists of them."""


class Renewed:
    """The pairs of the snapshots in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @property
    def count(self) -> int:
        """How many pairs there are."""
        if not self._path.exists():
            return 0
        with closing(self._opened()) as ids:
            return int(ids.execute("SELECT count(*) FROM ids").fetchone()[0])

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (id before, id now). One that is noted twice says the same."""
        with closing(self._opened()) as ids, ids:
            ids.executemany("INSERT INTO ids (old, new) VALUES (?, ?)", [p for p in pairs if p[0] != p[1]])

    def translated(self, rows: list[dict[str, Any]], after: int) -> list[dict[str, Any]]:
        """Rows with the ids of today; those in the snapshot, made when there were `after` pairs, are under `was`."""
        there = self.count > after
        with closing(self._opened() if there else sqlite3.connect(":memory:")) as ids:

            def now(value: Any) -> Any:
                if isinstance(value, list):
                    return [now(v) for v in value]
                return _followed(ids, value, after) if there and isinstance(value, str) else value

            return [_row(row, {c: now(row[c]) for c in COLUMNS if c in row}) for row in rows]

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT, 0o600))
        ids = sqlite3.connect(self._path)
        ids.execute("CREATE TABLE IF NOT EXISTS ids (number INTEGER PRIMARY KEY, old TEXT, new TEXT)")
        ids.execute("CREATE INDEX IF NOT EXISTS ids_old ON ids (old, number)")
        return ids


def _row(row: Mapping[str, Any], today: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **today, "was": {column: row[column] for column in today}}


def _followed(ids: sqlite3.Connection, value: str, after: int) -> str:
    """The id of today: what came back may have gone and come back again."""
    query = "SELECT new, number FROM ids WHERE old = ? AND number > ? ORDER BY number LIMIT 1"
    while (found := ids.execute(query, (value, after)).fetchone()) is not None:
        value, after = found
    return value
