"""How the server spells what a table is partitioned by, and the bound of a partition, asked on throw-away tables."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import psycopg

from reconciler.engines.postgres.foreign_columns import shape
from reconciler.engines.postgres.inheritance import parents_of, table_at
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
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
        if not answer.toasted and not (live is not None and live.toasted):  # the server forgets these without a word
            table = replace(table, options=tuple(o for o in table.options if not o[0].startswith("toast.")))
    if table.partition_by is not None and answer is not None and answer.partition_by is not None:
        table = replace(table, partition_by=_key(table.partition_by, answer.partition_by))
    if table.bound is None:
        return table
    bound, within = spelled_bound(connection, table, live, desired)
    return replace(table, bound=bound, within=within)


def spelled_bound(
    connection: psycopg.Connection[Any],
    table: Table | ForeignTable,
    live: Table | ForeignTable | None,
    desired: Catalog,
) -> tuple[Bound | None, str | None]:
    """The bound of a declared partition as the server writes it, and what it says as a condition; None where it was not
    asked. Raises psycopg.Error for a bound that it refuses.
    """
    bound = table.bound
    same = live is not None and (live.bound, live.partition_of) == (bound, table.partition_of)
    if bound is None or not (bound.values or bound.upper) or same:
        return bound, None
    parent = table_at(desired, table.address.sibling("table", table.partition_of or ("", "")))
    if parent is None or parent.partition_by is None:
        return bound, None
    found, within = _asked(connection, bound, parent, desired)
    if found is None or len(found.values) != len(bound.values) or len(found.upper) != len(bound.upper):
        return bound, None
    spelling = bound._replace(values=_said(bound.values, found.values), upper=_said(bound.upper, found.upper))
    kept = live.bound if live is not None and live.bound is not None and spelling.alike(live.bound) else None
    return kept or spelling, within


def spelled_child(
    connection: psycopg.Connection[Any], table: ForeignTable, live: ForeignTable | None, desired: Catalog
) -> ForeignTable:
    """The declared foreign table of other tables with its bound, expressions and checks as the server writes them,
    asked on a temporary table with all its columns. Raises psycopg.Error for what it refuses.
    """
    bound, _ = spelled_bound(connection, table, live, desired)
    lines = ", ".join(f"{ident(n)} {text}" for n, text in _with_inherited(table, desired).items())
    checks = "".join(f", CONSTRAINT {ident(c.name)} CHECK ({c.expression.source})" for c in table.checks)
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TEMP TABLE {PARENT} ({(lines + checks).removeprefix(', ')})")
        for column in table.columns:
            if column.default is not None and not column.type:
                action = f"ALTER COLUMN {ident(column.name)} SET DEFAULT {column.default.source}"
                connection.execute(f"ALTER TABLE pg_temp.{PARENT} {action}")
        rows = connection.execute(_EXPRESSIONS.format(PARENT)).fetchall()
    found = {(sort, name): text for sort, name, text in rows}

    def told(sort: str, name: str, said: Expr) -> Expr:
        return Expr(said.source, found.get((sort, name), said.text))

    columns = (
        c._replace(
            default=told("default", c.name, c.default) if c.default is not None else None,
            generated=told("default", c.name, c.generated) if c.generated is not None else None,
        )
        for c in table.columns
    )
    said = tuple(c._replace(expression=told("check", c.name, c.expression)) for c in table.checks)
    return replace(table, bound=bound, columns=tuple(columns), checks=said)


def _with_inherited(table: Table | ForeignTable, desired: Catalog) -> dict[str, str]:
    """Name → type, and more for its own, of all columns of a table, those of its parents first."""
    found: dict[str, str] = {}
    for path in parents_of(table):
        foreign = desired.get(table.address.sibling("foreign_table", path), ForeignTable)
        parent = foreign or table_at(desired, table.address.sibling("table", path))
        found |= _with_inherited(parent, desired) if parent is not None else {}
    if isinstance(table, ForeignTable):
        return found | {c.name: shape(c._replace(options=())) for c in table.columns if c.type}
    columns = desired.children(table.address, "column", Column)
    return found | {c.address.name: f"{c.type}{_collate(c)}" for c in columns}


_EXPRESSIONS = """
    SELECT 'check', k.conname::text, pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k
    WHERE k.conrelid = 'pg_temp.{0}'::regclass AND k.contype = 'c'
    UNION ALL
    SELECT 'default', a.attname::text, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = 'pg_temp.{0}'::regclass"""


def _columns(table: Table, desired: Catalog) -> str:
    columns = desired.children(table.address, "column", Column)
    return ", ".join(f"{ident(c.address.name)} {c.type}{_collate(c)}" for c in columns)


def _said(declared: tuple[Expr, ...], found: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(Expr(d.source, f.text) for d, f in zip(declared, found, strict=True))


def _key(declared: PartitionKey, found: PartitionKey) -> PartitionKey:
    parts = tuple(
        f._replace(expression=Expr(d.expression.source, f.expression.text)) if d.expression and f.expression else f
        for d, f in zip(declared.parts, found.parts, strict=True)
    )
    return PartitionKey(declared.strategy, parts)


def _asked(
    connection: psycopg.Connection[Any], bound: Bound, parent: Table, desired: Catalog
) -> tuple[Bound | None, str | None]:
    with connection.transaction():
        connection.execute(
            f"CREATE TEMP TABLE {PARENT} ({_columns(parent, desired)}) PARTITION BY {parent.partition_by}"
        )
        connection.execute(f"CREATE TEMP TABLE {CHILD} PARTITION OF pg_temp.{PARENT} {bound}")
    row = connection.execute(
        "SELECT pg_get_expr(c.relpartbound, c.oid), pg_get_partition_constraintdef(c.oid) FROM pg_class c"
        f" WHERE c.oid = 'pg_temp.{CHILD}'::regclass"
    ).fetchone()
    with contextlib.suppress(psycopg.Error), connection.transaction():
        connection.execute(f"DROP TABLE pg_temp.{PARENT}")
    return (read_bound(row[0]), row[1]) if row else (None, None)


def _collate(column: Column) -> str:
    return f" COLLATE {qualified(*column.collation)}" if column.collation else ""
