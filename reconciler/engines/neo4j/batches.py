"""Changes of data, a few thousand elements a transaction, that can be stopped and begun again at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.connection import Connection
from reconciler.errors import StalePlan
from reconciler.model.engine import Progress

ROWS = 5000
"""Elements of one transaction."""
FIRST, MOST = 20 * ROWS, 100 * ROWS
"""Elements of one statement: the server holds that many in memory, and tells how far it is after them."""


@dataclass(frozen=True, slots=True)
class Batches:
    """`find` gives rows, `change` does something to each so that it is not found again; repeated until none is found.

    What was done is known by the data itself: so it can be killed at any moment, and what somebody writes meanwhile is
    found in the next round. `carries` names the variables that `find` hands to `change`.
    """

    find: str
    change: str
    carries: tuple[str, ...] = ("n",)
    rows: int = ROWS

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        said = {"find": self.find, "change": self.change, "carries": list(self.carries), "rows": self.rows}
        return {"batches": said}

    def statement(self, limit: str = "$limit") -> str:
        """One round, without the dialect's prefix."""
        names = ", ".join(self.carries)
        return (
            f"{self.find}\nWITH {names} LIMIT {limit}\nCALL ({names}) {{\n  {self.change}\n}} IN TRANSACTIONS OF "
            f"{self.rows} ROWS\nRETURN count(*) AS done"
        )

    def lines(self) -> list[str]:
        """For people: the statement of a round, and how it is repeated."""
        return [*f"{self.statement(str(FIRST))};".split("\n"), "// repeated until nothing is found"]


def decode(fields: Mapping[str, Any]) -> Batches:
    """The inverse of `Batches.encode`. Raises StalePlan where the fields are not readable."""
    try:
        said = fields["batches"]
        return Batches(said["find"], said["change"], tuple(map(str, said["carries"])), int(said["rows"]))
    except (KeyError, ValueError, TypeError) as error:
        raise StalePlan(
            f"a step of the plan in batches is not readable: {error}", hint="make the plan again"
        ) from error


def run(connection: Connection, operation: Batches, progress: Progress, still_locked: Any) -> None:
    """Rounds until nothing is found. `still_locked` is called before each. Raises StoreError; what was done stays."""
    limit, done, found = FIRST, 0, 1
    while found:
        still_locked()
        found = connection.rows(operation.statement(), "changing data in batches", limit=limit)[0]["done"]
        done += found
        limit = min(limit * 2, MOST)
        if found:
            progress(f"changed {done:,}")
