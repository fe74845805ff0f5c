"""One table that takes another's place: live only, for as long as a move is under way (see `migration`).

Nobody declares it: a table that needs a new key brings it about. What is left of one that is no longer wanted is taken
away: the copy, before it has the name; the old table, after that.
"""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb.migration import steps
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.engines.dynamodb.succession import Succession
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place
from reconciler.model.step import Draft

SPEC: dict[str, Any] = {
    "type": "object",
    "description": "{old: NAME, new: NAME}, as import finds a move that is under way; nobody writes this",
    "properties": {"old": {"type": "string"}, "new": {"type": "string"}},
    "required": ["old", "new"],
}


def lower(_name: str, node: Any, place: Place) -> Succession:
    """A node of `succession`."""
    return Succession(place.address("succession"), node["old"], node["new"])


def lift(succession: Succession, _catalog: Catalog) -> dict[str, Any]:
    """The node that lowers to it."""
    return {"old": succession.old, "new": succession.new}


def read(_row: TableRow, _table: Address) -> tuple[Succession, ...]:
    """Nothing: no description tells it; the session reads it from the state table."""
    return ()


def create(change: Change[Succession], context: Context) -> list[Draft]:
    """Not possible by itself. Raises UnsupportedChange."""
    raise UnsupportedChange(
        f"{change.address}: a move begins when a table needs another key, and is not declared",
        hint="take `succession` out",
        where=context.desired.origin(change.address),
    )


KIND = DynamoKind(
    name="succession",
    resource=Succession,
    section="succession",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    create=create,
    drop=steps.end,
    replace=None,
    order=90,
)
