"""What a foreign key refers to: a table by its primary key, or columns by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.kinds.unique import Unique
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.quoting import dotted, undotted
from reconciler.engines.postgres.routine_arguments import plain_type
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey


def lower_target(said: Any, schema: str) -> tuple[tuple[str, str], tuple[str, ...]]:
    """((schema, table), columns) of `references`."""
    if isinstance(said, str):
        *first, table = undotted(said)
        return (first[0] if first else schema, table), ()
    return (said.get("schema", schema), said["table"]), tuple(said.get("columns", ()))


def lift_target(key: ForeignKey, catalog: Catalog) -> Any:
    """The table alone where its primary key says the rest."""
    schema, table = key.table
    here = schema == key.address.path[0]
    primary = catalog.get(key.address.sibling("primary_key", key.table), PrimaryKey)
    if primary is not None and primary.columns == key.referenced:
        return dotted(table) if here else dotted(schema, table)
    node = {"table": table, "columns": list(key.referenced)}
    return node if here else {"schema": schema, **node}


def complete(resources: dict[Address, Resource]) -> None:
    """Fill in, in place, the columns that keys refer to without naming them: those of the primary key there."""
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    for address, key in resources.items():
        if isinstance(key, ForeignKey) and not key.referenced:
            primary = resources.get(address.sibling("primary_key", key.table))
            if isinstance(primary, PrimaryKey):
                resources[address] = dataclasses.replace(key, referenced=primary.columns)


def check(catalog: Catalog) -> Iterator[tuple[Address, str, str]]:
    """Keys whose other side is not known, or is not as wide: (address, message, hint)."""
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    for key in catalog.of_kind(ForeignKey):
        if not key.referenced:
            yield (
                key.address,
                f"{key.address} refers to the primary key of {dotted(*key.table)}, which is not declared",
                f"declare it, or name the columns: references: {{table: {key.table[1]}, columns: [...]}}",
            )
        elif len(key.referenced) != len(key.columns):
            message = f"{key.address}: {len(key.columns)} columns refer to {len(key.referenced)}"
            yield key.address, message, f"the primary key of {dotted(*key.table)} is {', '.join(key.referenced)}"
        elif not _is_key(key, catalog):
            columns = ", ".join(key.referenced)
            yield (
                key.address,
                f"{key.address} refers to ({columns}) of {dotted(*key.table)}, which is no key there",
                f"declare it there: primary_key: [{columns}], or one of uniques",
            )


def _is_key(key: ForeignKey, catalog: Catalog) -> bool:
    """Whether a key of the other side is over these columns. Partitions and children may have keys nobody declares."""
    there = catalog.get(key.address.sibling("table", key.table), Table)
    if there is None or there.partition_of or there.inherits:
        return True
    return any(set(columns) == {*key.referenced} for _, columns in _keys(key, catalog))


def _keys(key: ForeignKey, catalog: Catalog) -> Iterator[tuple[Address, tuple[str, ...]]]:
    """What the foreign key can refer to on its other side, and over which columns: keys and unique indexes."""
    table = key.address.sibling("table", key.table)
    yield from ((k.address, k.columns) for k in catalog.children(table, "primary_key", PrimaryKey))
    yield from ((u.address, u.columns) for u in catalog.children(table, "unique", Unique))
    yield from ((i.address, i.uses) for i in catalog.children(table, "index", Index) if i.unique and i.where is None)


def outlives(key: ForeignKey, gone: Address) -> bool:
    """A partition of its table is detached before it goes, and with that is out of the key."""
    return gone.kind == "table" and gone.path != key.table


def before(change: Change[ForeignKey], context: Context) -> tuple[Ref, ...]:
    """What goes before a key is added: what has its names, what its tables as they are would forbid, and keys that it
    would take up although they go: the server takes the first that fits.
    """
    from reconciler.engines.postgres.persistence import before_key

    above = _above(change.desired, context)
    return (*freed(change, context), *before_key(change, context), *_leaving(change.desired, context), *above)


def _above(key: ForeignKey, context: Context) -> Iterator[Ref]:
    """New keys of the partitioned tables above, which would take up one that is there already as their part."""
    table = table_at(context.desired, key.address)
    while table is not None and table.partition_of is not None:
        parent = key.address.sibling("table", table.partition_of)
        others = context.desired.children(parent, "foreign_key", type(key))
        yield from (Ref(k.address) for k in others if context.creates(k.address))
        table = table_at(context.desired, parent)


def _leaving(key: ForeignKey, context: Context) -> Iterator[Ref]:
    """The keys and unique indexes over the columns that a foreign key refers to which go in this plan."""
    for address, columns in _keys(key, context.live):
        if set(columns) == {*key.referenced} and address in context.changes and context.deletes(address):
            yield Ref(address)


KIN = (
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"real", "double precision"}),
    frozenset({"text", "character varying", "name"}),
    frozenset({"date", "timestamp without time zone", "timestamp with time zone"}),
)
"""Types that one operator family compares with each other, so that a key between them stands (pg_amop, 14 to 18)."""


def binds(_before: ForeignKey, after: ForeignKey | None, source: Address, change: Change[Any] | None) -> bool:
    """The server looks for an equality across the key whenever one of its columns changes its type."""
    if source.kind != "column" or after is None:
        return False
    if change is None or not change.changed("type"):
        return change is None
    kinds = {plain_type(change.live.type), plain_type(change.desired.type)}
    return len(kinds) > 1 and not any(kinds <= kin for kin in KIN)
