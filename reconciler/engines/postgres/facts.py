"""What changing a column costs, asked of the server on throw-away tables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.kinds.column import Column, clause
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.retyping import bare
from reconciler.model.engine import Server

TABLE = "reconcile_facts"
INDEX = "reconcile_facts_index"


def learn(
    connection: psycopg.Connection[Any],
    column: Column,
    live: Column | None,
    server: Server,
    beside: Iterable[Column] = (),
) -> Facts:
    """The facts about adding the column (`live` None) or changing it from `live`, in a table with those `beside` it.

    Raises psycopg.Error for a `using` that the server refuses. Runs inside a transaction that its caller rolls back;
    leaves the throw-away table to that.
    """
    with connection.transaction():
        connection.execute(f"CREATE TEMP TABLE {TABLE} ()")
        try:
            if live is None:
                return _added(connection, column)
            name = _not_null_name(connection, live) if server.version >= (18,) else None
            if (live.type, live.collation) == (column.type, column.collation):
                facts = Facts(rewrites=False, reindexes=False)
            else:
                facts = _retyped(connection, column, live, beside if column.using else ())
            return facts._replace(not_null_name=name, sets_expression=_sets_expression(connection, live, server))
        finally:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                connection.execute(f"DROP TABLE pg_temp.{TABLE}")


def _one(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = connection.execute(query, parameters or None).fetchone()
    return row[0] if row else None


def _filenode(connection: psycopg.Connection[Any], name: str = TABLE) -> Any:
    return _one(connection, f"SELECT pg_relation_filenode(to_regclass('pg_temp.{name}'))")


def _added(connection: psycopg.Connection[Any], column: Column) -> Facts:
    at_once, lets_null = _added_at_once(connection, column), _lets_null(connection, column)
    if at_once or column.default is None or not lets_null:
        return Facts(fast_default=at_once, lets_null=lets_null)
    connection.execute(f"ALTER TABLE pg_temp.{TABLE} DROP COLUMN {ident(column.address.name)}")
    without = _added_at_once(connection, replace(column, default=None, not_null=False))
    return Facts(fast_default=False, fast_null=without, lets_null=True)


def _added_at_once(connection: psycopg.Connection[Any], column: Column) -> bool:
    """Whether ADD COLUMN left the stored rows alone."""
    before = _filenode(connection)
    if column.identity is not None:  # a sequence of that name may stand beside the twin of the table already
        column = replace(column, identity=column.identity._replace(sequence=""))
    connection.execute(f"ALTER TABLE pg_temp.{TABLE} ADD COLUMN {clause(column)}")
    return bool(_filenode(connection) == before)


def _lets_null(connection: psycopg.Connection[Any], column: Column) -> bool:
    """Whether ADD COLUMN needs no value to put into the rows that are there."""
    try:
        with connection.transaction():
            connection.execute(f"SELECT NULL::{column.type}")
    except errors.IntegrityError:
        offered = "SELECT typdefault IS NOT NULL FROM pg_type WHERE oid = %s::regtype"
        return bool(_one(connection, offered, column.type))
    return True


def _retyped(connection: psycopg.Connection[Any], column: Column, live: Column, beside: Iterable[Column]) -> Facts:
    """What ALTER COLUMN TYPE does. A type that nothing converts to rewrites and needs USING."""
    name = ident(column.address.name)
    for other in beside:
        connection.execute(f"ALTER TABLE pg_temp.{TABLE} ADD COLUMN {bare(replace(other, not_null=False))}")
    collate = f" COLLATE {qualified(*live.collation)}" if live.collation else ""
    connection.execute(f"ALTER TABLE pg_temp.{TABLE} ADD COLUMN {name} {live.type}{collate}")
    action = f"ALTER TABLE pg_temp.{TABLE} ALTER COLUMN {name} TYPE {column.type}"
    if column.collation:
        action += f" COLLATE {qualified(*column.collation)}"
    said = f"({column.using.source})" if column.using else ""
    action += f" USING {said}" if said else ""
    with contextlib.suppress(psycopg.Error), connection.transaction():  # not every type has an order
        connection.execute(f"CREATE INDEX {INDEX} ON pg_temp.{TABLE} ({name})")
    before, index = _filenode(connection), _filenode(connection, INDEX)
    try:
        with connection.transaction():
            connection.execute(action)
    except errors.DatatypeMismatch:
        if said:
            raise
        cast = f"{name}::{column.type}"
        return Facts(rewrites=True, using=cast, castable=_castable(connection, f"{action} USING {cast}"))
    return Facts(rewrites=_filenode(connection) != before, reindexes=_filenode(connection, INDEX) != index, using=said)


def _castable(connection: psycopg.Connection[Any], action: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(action)
    except (errors.CannotCoerce, errors.UndefinedFunction):
        return False
    return True


def _sets_expression(connection: psycopg.Connection[Any], live: Column, server: Server) -> bool:
    """From 17 on; not of a virtual column in a table that is published or has check constraints (ATExecSetExpression in
    tablecmds.c).
    """
    if server.version < (17,) or live.generated is None or not live.generated.virtual:
        return server.version >= (17,)
    query = """
        SELECT NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c')
           AND NOT EXISTS (SELECT FROM pg_publication_rel r WHERE r.prrelid = c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"""
    return bool(_one(connection, query, *live.table))


def _not_null_name(connection: psycopg.Connection[Any], live: Column) -> str | None:
    found = _one(
        connection,
        """SELECT k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
           WHERE k.contype = 'n' AND n.nspname = %s AND c.relname = %s AND a.attname = %s""",
        *live.address.path,
    )
    return str(found) if found is not None else None
