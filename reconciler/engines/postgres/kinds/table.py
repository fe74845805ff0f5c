"""Tables: what is in them are kinds of their own, absorbed when the table is created or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import partition_changes, storage_options, table_parts
from reconciler.engines.postgres import table_changes as changes
from reconciler.engines.postgres import table_settings as settings
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds import access_method, operator_class
from reconciler.engines.postgres.partitioning import Bound, PartitionKey
from reconciler.engines.postgres.table_parts import Path, Twin
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action
from reconciler.model.kind import Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr


@dataclass(frozen=True, slots=True)
class Table(Resource):
    """Path: (schema, table). `partition_of`, `inherits` and `of_type` are (schema, name); `replica_identity` is (),
    ("full",), ("nothing",) or ("index", name); `options` of its TOAST table are named `toast.…`. `detach_pending` is
    what an interrupted DETACH CONCURRENTLY leaves. `toasted`: it has a TOAST table, None where nobody asked the server.
    `within` is what the server makes of its bound, as a condition, where it was asked.
    """

    unlogged: bool = False
    partition_by: PartitionKey | None = attr(Role.REPLACE, default=None)
    partition_of: Path | None = None
    bound: Bound | None = None
    inherits: tuple[Path, ...] = ()
    of_type: Path | None = None
    access_method: str = ""
    tablespace: str = ""
    options: storage_options.Options = ()
    replica_identity: tuple[str, ...] = ()
    clustered_on: str = ""
    detach_pending: bool = False
    twins: tuple[Twin, ...] = attr(Role.INFORMATIONAL, reason="follows from the parent", default=())
    within: str | None = attr(Role.INFORMATIONAL, reason="follows from the bound", default=None)
    toasted: bool | None = attr(Role.INFORMATIONAL, reason="follows from the columns, at first", default=None)


SPEC = {"type": ["object", "null"], "properties": table_parts.SPEC}


def lower(name: str, node: Any, place: Place) -> Table:
    """A mapping with the sections of the table, and what it is."""
    return Table(place.address("table", name), **table_parts.lower(node or {}, place))


def lift(table: Table, _catalog: Catalog) -> Any:
    """What differs from a plain table; the sections follow."""
    return table_parts.lift(table)


def query(_version: int) -> str:
    """Tables in scope, partitioned ones, partitions and children included; foreign tables are not."""
    return table_parts.QUERY


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Table]:
    """Rows of `query` → Table."""
    for row in rows:
        oid, schema, name, *rest = row
        yield Table(reader.table(oid, schema, name), **table_parts.read(rest, reader))


def references(table: Table, catalog: Catalog) -> Iterable[Address]:
    """What it is a partition of or inherits from, the type it is of, and the columns that it is partitioned by."""
    yield from partition_changes.key_columns(table, catalog)
    for path in (table.partition_of,) if table.partition_of else table.inherits:
        yield table.address.sibling("table", path)
    if table.of_type:
        yield table.address.sibling("composite", table.of_type)
    yield from access_method.used(table.address, table.access_method, catalog)
    if table.partition_by is not None:
        method = "hash" if table.partition_by.strategy == "hash" else "btree"
        keys = ((p.opclass, p.column) for p in table.partition_by.parts)
        yield from operator_class.used(table.address, method, keys, catalog)


def adopts(declared: Table, live: Table) -> Table:
    """The order of the values of a list is none of the partition's."""
    from dataclasses import replace

    if declared.bound is not None and live.bound is not None and declared.bound.alike(live.bound):
        return replace(declared, bound=live.bound)
    return declared


KIND = PgKind(
    name="table",
    resource=Table,
    section="tables",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=changes.mentions,
    adopts=adopts,
    create=changes.create,
    drop=changes.drop,
    replace=changes.replace,
    rebuild=partition_changes.rebuild,
    spreads=lambda change: Disturbance.NONE if partition_changes.steps_aside(change) else Disturbance.DROPS,
    binds=partition_changes.binds,
    disturbs=lambda change: Disturbance.DROPS if change.action is Action.REPLACE else Disturbance.NONE,
    rules=(
        rule("partition_of", "bound", "inherits", "detach_pending", emit=partition_changes.reparent),
        rule("of_type", emit=settings.set_type),
        rule("unlogged", emit=settings.set_logged),
        rule("access_method", emit=settings.set_access_method),
        rule("tablespace", emit=settings.set_tablespace),
        rule("options", emit=settings.set_options),
        rule("replica_identity", emit=settings.set_replica_identity),
        rule("clustered_on", emit=settings.set_cluster),
    ),
    parent="schema",
    order=40,
    top=True,
)
