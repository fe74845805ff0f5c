"""Building things under their own names, beside the real ones, in a transaction that is rolled back.

The schemas they stand in are renamed for that, and empty ones take their names. Nobody else sees it, and it takes no
lock on anything in them: ALTER SCHEMA … RENAME touches a row of pg_namespace and nothing else (row 107). What it does
keep waiting meanwhile is another ALTER of the same schema.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg

from reconciler.engines.postgres.dependencies import inside
from reconciler.engines.postgres.inspect import Rows, rows_of
from reconciler.engines.postgres.kind import PgKind, Reader
from reconciler.engines.postgres.kinds.materialized_view import MaterializedView
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Rehearsal, Rehearsed
from reconciler.model.resource import Resource

ASIDE = "reconcile_aside_"
LOCK_TIMEOUT = "3s"


@contextlib.contextmanager
def rehearsed(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    service: str,
    version: int,
    rehearsal: Rehearsal,
) -> Iterator[Rehearsed]:
    """What was built, before and after the renames. The renamed things are there until the block ends.

    Raises psycopg.Error where the role may not: it has to own the schemas and may create others.
    """
    built = _buildable(rehearsal.needed, kinds)
    roots = sorted({a.path[0] for a in built.resources})
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        schemas = aside(connection, sorted({*roots, *rehearsal.roots}))
        present = {a: r for a, r in built.resources.items() if isinstance(r, Schema)}
        for operation in rehearsal.build(built, built.with_resources(present)):
            _run(connection, operation)
        before, named = rows_of(connection, kinds, service, version, schemas), _constraints(connection, schemas)
        for operation in rehearsal.renames:
            _run(connection, operation)
        after = rows_of(connection, kinds, service, version, schemas)
        follows = _follows(before.reader, after.reader)
        for oid, row in _constraints(connection, schemas).items():
            old = _constraint(named[oid], before.reader) if oid in named else None
            new = _constraint(row, after.reader)
            if old is not None and new is not None:
                follows[old] = new
        yield Rehearsed(_told(before), _told(after), follows)


def _buildable(needed: Catalog, kinds: Mapping[str, PgKind[Any]]) -> Catalog:
    """What stands in a schema, and its schema; no rows are looked up for a materialized view."""

    def rooted(address: Address) -> bool:
        parent = kinds[address.kind].parent
        return address.kind == "schema" or (parent is not None and rooted(address.sibling(parent, address.path)))

    resources: dict[Address, Resource] = {
        a: replace(r, with_data=False) if isinstance(r, MaterializedView) else r
        for a, r in needed.resources.items()
        if rooted(a)
    }
    return needed.with_resources(resources)


def aside(connection: psycopg.Connection[Any], schemas: list[str]) -> list[int]:
    """Oids of empty schemas of these names, each of the real ones called by its place in the list meanwhile; of what is
    in these, that of public alone is still found unsaid.
    """
    path = ["public"]
    for number, name in enumerate(schemas):
        there = connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (name,)).fetchone()
        if there is not None:
            connection.execute(f"ALTER SCHEMA {ident(name)} RENAME TO {ASIDE}{number}".encode())
            path += [f"{ASIDE}{number}"] if name == "public" else []
        connection.execute(f"CREATE SCHEMA {ident(name)}".encode())
    connection.execute(f"SET LOCAL search_path = {', '.join(path)}".encode())
    return [oid for (oid,) in connection.execute("SELECT oid FROM pg_namespace WHERE nspname = ANY (%s)", (schemas,))]


def _run(connection: psycopg.Connection[Any], operation: Any) -> None:
    """One operation; what cannot be built (it uses something that is not ours) is left out."""
    with contextlib.suppress(psycopg.Error), connection.transaction():
        for statement in operation.statements if isinstance(operation, Sql) else ():
            connection.execute(statement.encode())


def _follows(before: Reader, after: Reader) -> dict[Address, Address]:
    """Where the same objects are, and the same columns: those of a partition follow its parent's."""
    found = {a: after.objects[oid] for oid, a in before.objects.items() if oid in after.objects}
    for table, number in before.columns:
        old, new = (r.object("pg_class", table, number) if table in r.tables else None for r in (before, after))
        if old is not None and new is not None:
            found[old] = new
    return found


def _constraints(connection: psycopg.Connection[Any], schemas: list[int]) -> dict[int, tuple[int, str, str]]:
    """oid → (table, name, type): those of a partition follow their parent's."""
    query = (
        "SELECT oid, conrelid, conname, contype::text FROM pg_constraint WHERE connamespace = ANY (%s) AND conrelid > 0"
    )
    return {oid: (table, name, kind) for oid, table, name, kind in connection.execute(query, (schemas,))}


def _constraint(row: tuple[int, str, str], reader: Reader) -> Address | None:
    table, name, kind = row
    return inside("pg_constraint", table, name, 0, kind, reader)


def _told(rows: Rows) -> Catalog:
    """What names something that was left out is not told."""
    found = rows.catalog()
    return found.with_resources({a: r for a, r in found.resources.items() if ASIDE not in repr(r)})
