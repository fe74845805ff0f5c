"""The journal: one node an entry, `(:_ReconcileJournal {service, environment, key, value})`, the value as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.engines.neo4j.connection import Connection

_READ = """
MATCH (entry:_ReconcileJournal {service: $service, environment: $environment})
RETURN entry.key AS key, entry.value AS value
"""
_WRITE = """
UNWIND $entries AS row
MERGE (entry:_ReconcileJournal {service: $service, environment: $environment, key: row.key})
SET entry.value = row.value
RETURN entry.key AS key, elementId(entry) AS id
"""
# A schema change makes the server forget all its query plans; this is the cheapest one to make again.
_UPDATE = "MATCH (entry) WHERE elementId(entry) = $id SET entry.value = $value RETURN entry.key AS key"
_BOTH = f"""
CALL () {{
  MATCH (entry:_ReconcileJournal {{service: $service, environment: $environment}}) WHERE entry.key IN $gone
  DELETE entry
}}
{_WRITE.strip()}
"""


class Journal:
    """The entries of one service in one environment. Written under the applier's lock, so MERGE is alone."""

    def __init__(self, connection: Connection, service: str, environment: str) -> None:
        self._connection = connection
        self._whose = {"service": service, "environment": environment}
        self._ids: dict[str, str] = {}

    def read(self) -> dict[str, Any]:
        """All entries; empty where nothing was ever written, and then nothing is created."""
        found = self._connection.rows(_READ, "reading the journal", **self._whose)
        return {row["key"]: json.loads(row["value"]) for row in sorted(found, key=lambda r: r["key"])}

    def write(self, entries: Mapping[str, Any]) -> None:
        """Write entries, all of them or none; None deletes one. Raises StoreError."""
        kept = _rows(entries)
        gone = sorted(key for key, value in entries.items() if value is None)
        if gone or (kept and not self._updated(kept)):
            more = {"gone": gone} if gone else {}
            text = _BOTH if gone else _WRITE
            rows = self._connection.rows(text, "writing the journal", entries=kept, **more, **self._whose)
            self._ids |= {row["key"]: row["id"] for row in rows}

    def writing(self, entries: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The statement that writes entries, and its parameters, for a transaction of somebody else's."""
        return _WRITE, {"entries": _rows(entries), **self._whose}

    def _updated(self, entries: list[dict[str, str]]) -> bool:
        """Whether this was one entry that this journal wrote before, and it is written now: the progress of steps."""
        if len(entries) != 1 or entries[0]["key"] not in self._ids:
            return False
        entry = entries[0]
        found = self._connection.rows(_UPDATE, "writing the journal", id=self._ids[entry["key"]], value=entry["value"])
        return [row["key"] for row in found] == [entry["key"]]


def _rows(entries: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"key": key, "value": json.dumps(value, ensure_ascii=False, sort_keys=True)}
        for key, value in sorted(entries.items())
        if value is not None
    ]
