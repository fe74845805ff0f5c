"""How the server spells what a table is partitioned by, and the bound of a partition, asked on throw-away tables."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import psycopg

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.partitioning import Bound, PartitionKey, read_bound
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr

PARENT, CHILD = "reconcile_parent", "reconcile_child"


def spelled(
    connection: psycopg.Connection[Any], table: Table, answer: Table | None, live: Table | None, desired: Catalog
) -> Table:
    """The declared table with its key as `answer`, its temporary twin, has it, and its bound as the server writes it.

    Raises psycopg.Error for a bound that the server refuses. Runs inside a transaction that its caller rolls back.
    """
    if answer is not None:
        table = replace(table, toasted=answer.toasted)
    if table.partition_by is not None and answer is not None and answer.partition_by is not None:
        table = replace(table, partition_by=_key(table.partition_by, answer.partition_by))
    bound = table.bound
    if bound is None or not (bound.values or bound.upper):
        return table
    parent = table_at(desired, table.address.sibling("table", table.partition_of or ("", "")))
    if parent is None or parent.partition_by is None or (live is not None and live.bound == bound):
        return table
    found = _asked(connection, table, parent, desired)
    if found is None or len(found.values) != len(bound.values) or len(found.upper) != len(bound.upper):
        return table
    spelling = bound._replace(values=_said(bound.values, found.values), upper=_said(bound.upper, found.upper))
    if live is not None and live.bound is not None and spelling.alike(live.bound):
        spelling = live.bound
    return replace(table, bound=spelling)


def _said(declared: tuple[Expr, ...], found: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(Expr(d.source, f.text) for d, f in zip(declared, found, strict=True))


def _key(declared: PartitionKey, found: PartitionKey) -> PartitionKey:
    parts = tuple(
        f._replace(expression=Expr(d.expression.source, f.expression.text)) if d.expression and f.expression else f
        for d, f in zip(declared.parts, found.parts, strict=True)
    )
    return PartitionKey(declared.strategy, parts)


def _asked(connection: psycopg.Connection[Any], table: Table, parent: Table, desired: Catalog) -> Bound | None:
    columns = desired.children(parent.address, "column", Column)
    listed = ", ".join(f"{ident(c.address.name)} {c.type}{_collate(c)}" for c in columns)
    with connection.transaction():
        connection.execute(f"CREATE TEMP TABLE {PARENT} ({listed}) PARTITION BY {parent.partition_by}")
        connection.execute(f"CREATE TEMP TABLE {CHILD} PARTITION OF pg_temp.{PARENT} {table.bound}")
    row = connection.execute(
        f"SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class c WHERE c.oid = 'pg_temp.{CHILD}'::regclass"
    ).fetchone()
    with contextlib.suppress(psycopg.Error), connection.transaction():
        connection.execute(f"DROP TABLE pg_temp.{PARENT}")
    return read_bound(row[0]) if row else None


def _collate(column: Column) -> str:
    return f" COLLATE {qualified(*column.collation)}" if column.collation else ""
