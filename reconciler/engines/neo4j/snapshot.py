"""What a step takes away, kept beforehand in a file, and brought back from it: two operations of a plan.

A `Snapshot` is some queries; their rows are what is kept. A `Restore` gives the rows of each query back to a statement,
some thousand in a transaction. Its statements find out themselves what is there already, so it may be killed and
repeated. What the file is called only the journal knows, by the snapshot's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.batches import ROWS, Record, decoded, encoded
from reconciler.engines.neo4j.render import shortened
from reconciler.errors import StalePlan

KEY = "snapshot/"
"""Journal entries that say where a snapshot is begin with it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Keep the rows of the queries under a name."""

    name: str
    queries: tuple[str, ...]

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: it changes nothing."""
        return True

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        return {"snapshot": {"name": self.name, "queries": list(self.queries)}}

    def lines(self) -> list[str]:
        """For people: the queries."""
        said = [line for query in self.queries for line in f"{query};".split("\n")]
        return [*said, f"// written to the snapshot '{shortened(self.name)}'"]


@dataclass(frozen=True, slots=True)
class Restore:
    """Give the rows of each query of a snapshot, as `row`, to the statement in its place; "" for none."""

    name: str
    changes: tuple[str, ...]
    rows: int = ROWS
    record: tuple[Record, ...] = ()

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: it is repeated from where it was."""
        return True

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        said: dict[str, Any] = {"name": self.name, "changes": list(self.changes), "rows": self.rows}
        return {"restore": {**said, **({"records": [encoded(r) for r in self.record]} if self.record else {})}}

    def statements(self) -> tuple[str, ...]:
        """What is run for some rows, `$rows`; empty where nothing is."""
        return tuple(f"UNWIND $rows AS row\n{change}" if change else "" for change in self.changes)

    def lines(self) -> list[str]:
        """For people: the statements, and where the rows are from."""
        said = [line for text in self.statements() if text for line in f"{text};".split("\n")]
        return [*said, f"// rows are those of the snapshot '{shortened(self.name)}', {self.rows} in a transaction"]


def decode(fields: Mapping[str, Any]) -> Snapshot | Restore:
    """The inverse of `encode`. Raises StalePlan where the fields are not readable."""
    try:
        if "snapshot" in fields:
            said = fields["snapshot"]
            return Snapshot(str(said["name"]), tuple(map(str, said["queries"])))
        said = fields["restore"]
        records = tuple(decoded(r) for r in said.get("records", ()))
        return Restore(str(said["name"]), tuple(map(str, said["changes"])), int(said["rows"]), records)
    except (KeyError, TypeError, ValueError) as error:
        raise StalePlan(f"a snapshot of the plan is not readable: {error}", hint="make the plan again") from error
