"""Changes of data, a few thousand elements a transaction, that can be stopped and begun again at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.render import shortened
from reconciler.errors import StalePlan
from reconciler.model.engine import Progress

ROWS = 5000
"""Elements of one transaction."""
FIRST, MOST = 20 * ROWS, 100 * ROWS
"""Elements of one statement: the server holds that many in memory, and tells how far it is after them."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is written to the journal when a change of data is done: that it was. `values` None takes the record away;
    `forgets` names records of the same kind that are not true any more."""

    kind: str
    name: str
    values: tuple[tuple[str, Any], ...] | None
    forgets: tuple[str, ...] = ()

    def entries(self) -> dict[str, Any]:
        """Journal entries."""
        said = None if self.values is None else {k: listed(v) for k, v in self.values}
        return {record_key(self.kind, self.name): said} | {record_key(self.kind, n): None for n in self.forgets}


PREFIX = "change/"


def record_key(kind: str, name: str) -> str:
    """The key of a record in the journal."""
    return f"{PREFIX}{kind}/{name}"


def listed(value: Any) -> Any:
    """Plain data as YAML and JSON have it."""
    return [listed(v) for v in value] if isinstance(value, tuple) else value


def frozen(value: Any) -> Any:
    """The inverse of `listed`."""
    return tuple(frozen(v) for v in value) if isinstance(value, list) else value


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
    record: Record | None = None

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: statements run one by one, and batches one after the other."""
        return True

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        said = {"find": self.find, "change": self.change, "carries": list(self.carries), "rows": self.rows}
        return {"batches": {**said, **({"record": encoded(self.record)} if self.record else {})}}

    def statement(self, limit: str = "$limit") -> str:
        """One round, without the dialect's prefix."""
        names = ", ".join(self.carries)
        return (
            f"{self.find}\nWITH {names} LIMIT {limit}\nCALL ({names}) {{\n  {self.change}\n}} IN TRANSACTIONS OF "
            f"{self.rows} ROWS\nRETURN count(*) AS done"
        )

    def lines(self) -> list[str]:
        """For people: the statement of a round, and how it is repeated."""
        last = ""
        if self.record:
            done = "recorded as" if self.record.values is not None else "no longer recorded as"
            last = f", then {done} {self.record.kind} {self.record.name}"
        return [*f"{self.statement(str(FIRST))};".split("\n"), f"// repeated until nothing is found{shortened(last)}"]


def encoded(record: Record) -> dict[str, Any]:
    """A record as plan-file fields."""
    values = None if record.values is None else {k: listed(v) for k, v in record.values}
    return {"kind": record.kind, "name": record.name, "values": values, "forgets": list(record.forgets)}


def decoded(said: Mapping[str, Any]) -> Record:
    """The inverse of `encoded`. Raises KeyError or TypeError."""
    values = None if said["values"] is None else tuple((k, frozen(v)) for k, v in said["values"].items())
    return Record(said["kind"], said["name"], values, tuple(said["forgets"]))


def decode(fields: Mapping[str, Any]) -> Batches:
    """The inverse of `Batches.encode`. Raises StalePlan where the fields are not readable."""
    try:
        said = fields["batches"]
        record = decoded(said["record"]) if "record" in said else None
        return Batches(said["find"], said["change"], tuple(map(str, said["carries"])), int(said["rows"]), record)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
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
