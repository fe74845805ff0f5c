"""What a partition keeps of its parent's indexes, keys and foreign keys once it is detached (DETACH PARTITION)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.table_parts import Twin
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table


BUILT = ("index", "unique", "primary_key", "exclusion")


def leftovers(change: Change[Table], context: Context) -> list[str]:
    """Statements that drop what neither the table's declaration nor that of its new parent has; what the parent loses
    in the same plan may be gone by then.
    """
    schema, table = change.address.path
    return [
        f"DROP INDEX IF EXISTS {qualified(schema, left.address.name)}"
        if left.address.kind == "index"
        else f"ALTER TABLE {qualified(schema, table)} DROP CONSTRAINT IF EXISTS {ident(name)}"
        for name, left in _left(change, context)
    ]


def loosened(change: Change[Table], context: Context) -> list[tuple[str, str]]:
    """The tables that foreign keys among the leftovers refer to: these are locked while such a key goes."""
    return sorted({left.table for _, left in _left(change, context) if left.address.kind == "foreign_key"})


def _left(change: Change[Table], context: Context) -> list[tuple[str, Any]]:
    """(name, index, key or foreign key) of each."""
    found = [(t.name, kept(t, change.live, context.live)) for t in change.live.twins]
    return [(name, left) for name, left in found if left is not None and not _wanted(left, change, context)]


def kept(twin: Twin, table: Table, live: Catalog) -> Any:
    """What the twin is once it stands alone, after the parent's; None where that was not read."""
    parent = table_at(live, table.address.sibling("table", table.partition_of or ("", "")))
    if parent is None:
        return None
    above = live.resources.get(_address(twin.kind, parent.address, twin.of))
    if above is None:
        again = next((t for t in parent.twins if t.name == twin.of), None)
        above = kept(again, parent, live) if again is not None else None
    if above is None:
        return None
    alone = replace(above, address=_address(twin.kind, table.address, twin.name))
    return replace(alone, name=twin.name) if twin.kind == "primary_key" else alone  # type: ignore[call-arg]


def origin(twin: Twin, table: Table, live: Catalog) -> Address | None:
    """The declared index, of the parent or of what that is a partition of, of which an index or a key is a part."""
    parent = table_at(live, table.address.sibling("table", table.partition_of or ("", "")))
    if parent is None:
        return None
    above = _address("index", parent.address, twin.of)
    if above in live.resources:
        return above
    again = next((t for t in parent.twins if t.name == twin.of), None)
    return origin(again, parent, live) if again is not None else None


def _address(kind: str, table: Address, name: str) -> Address:
    return table.sibling(kind, table.path if kind == "primary_key" else (*table.path, name))


def _wanted(left: Resource, change: Change[Table], context: Context) -> bool:
    if context.desired.resources.get(left.address) == left:
        return True
    return change.desired.partition_of is not None and needed(left, change.desired, context)


def becomes_twin(change: Change[Any], context: Context) -> bool:
    """Whether what is no longer declared for a table is just what the table's new parent needs there: ATTACH PARTITION
    takes it in.
    """
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if change.action is not Action.DELETE or before is None or after is None:
        return False
    return after.partition_of not in (None, before.partition_of) and needed(change.live, after, context)


def needed(there: Any, table: Table, context: Context) -> bool:
    """Whether the parent of a partition has the same index, key or foreign key."""
    parent = table.address.sibling("table", table.partition_of or ("", ""))
    if there.address.kind == "primary_key":
        above = context.desired.resources.get(parent.sibling("primary_key", parent.path))
        return above is not None and replace(above, address=there.address, name=there.name) == there  # type: ignore[call-arg]
    others = context.desired.children(parent, there.address.kind, type(there))
    return any(replace(o, address=there.address) == there for o in others)


def missing(table: Table, context: Context, kinds: Iterable[str] = BUILT) -> bool:
    """Whether the parent has an index or key that ATTACH PARTITION would have to build."""
    parent = table.address.sibling("table", table.partition_of or ("", ""))
    for kind in kinds:
        here = context.live.children(table.address, kind, Resource)
        for above in context.desired.children(parent, kind, Resource):
            if not any(needed(h, table, context) for h in here if _same(h, above)):
                return True
    return False


def gains(table: Table, context: Context) -> bool:
    """Whether ATTACH PARTITION gives it anything that it would keep after DETACH."""
    return missing(table, context, (*BUILT, "foreign_key"))


def _same(here: Any, above: Any) -> bool:
    named = {"name": here.name} if here.address.kind == "primary_key" else {}
    return bool(replace(above, address=here.address, **named) == here)


def survives(change: Change[Any], context: Context) -> bool:
    """Whether a declared index, key or foreign key of a table is there as soon as the table is detached."""
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if change.action is not Action.CREATE or before is None or after is None:
        return False
    if not before.partition_of or before.partition_of == after.partition_of:
        return False
    twins = (kept(t, before, context.live) for t in before.twins if t.kind == change.address.kind)
    return any(twin == change.after for twin in twins)
