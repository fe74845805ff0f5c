"""What shows in the live store: that a step is done, that a table is as empty as its plan takes it to be."""

from __future__ import annotations

from typing import Any

from reconciler.engines.postgres.quoting import literal, qualified
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.step import Check, Probe


def shows(address: Address, *attributes: tuple[str, Any]) -> tuple[Check, ...]:
    """The resource has these values. Nothing shows it while the server could not say how it spells one of them: then a
    resumed step runs again, which its statements have to allow.
    """
    return () if any(_unspelled(value) for _, value in attributes) else (Check(address, attributes=attributes),)


def still_empty(table: tuple[str, str]) -> Probe:
    """Refuses a step that was planned for an empty table, (schema, name), once that or one that inherits has a row.

    When the plan is made a table without a single page is surely empty; when it is applied that has to be asked again,
    of the pages too: row level security may hide rows, and no step says that there are any.
    """
    name = qualified(*table)
    return Probe(
        f"{name} has rows by now and had none when this was planned: plan again",
        f"""WITH RECURSIVE tree (oid) AS (
    SELECT {literal(name)}::regclass::oid
    UNION SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
)
SELECT oid::regclass::text FROM tree WHERE pg_relation_size(oid) > 0""",
    )


def became(change: Change[Any], *without: str) -> tuple[Check, ...]:
    """Every attribute that differs, but those, is as declared."""
    return shows(change.address, *((a.name, a.after) for a in change.attributes if a.name not in without))


def _unspelled(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_unspelled, value))
    return isinstance(value, Expr) and value.canonical is None
