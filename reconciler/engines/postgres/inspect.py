"""Introspection: a fixed number of set-based queries in one pipeline, whatever the number of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import dependencies
from reconciler.engines.postgres.kind import PgKind, Reader, not_member
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Scope
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    import psycopg

JOURNAL_SCHEMA = "reconcile"

OPCLASSES = """
    SELECT c.oid, CASE WHEN n.nspname IN ('pg_catalog', 'public') THEN quote_ident(c.opcname)
                  ELSE quote_ident(n.nspname) || '.' || quote_ident(c.opcname) END,
           c.opcdefault, c.opcintype, m.amname
    FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod"""

# What a database may hold that no kind models yet: (kind, schema, name). `k` words are those of the documentation.
UNMANAGED = f"""
    SELECT CASE WHEN c.relkind = 'r' AND c.relispartition THEN 'partition'
                WHEN c.relkind = 'r' THEN 'inherited or typed table'
                ELSE (ARRAY['view', 'materialized view', 'partitioned table', 'foreign table', 'composite type'])
                     [position(c.relkind::text IN 'vmpfc')] END, n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_class", "c.oid")}
      AND (c.relkind IN ('v', 'm', 'p', 'f', 'c') OR c.relkind = 'r' AND (c.relispartition OR c.reloftype <> 0
           OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))))
    UNION ALL
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END,
           n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.pronamespace = ANY (%(namespaces)s) AND {not_member("pg_proc", "p.oid")}
    UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'range type' END, n.nspname, t.typname
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'r') AND t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
    UNION ALL
    SELECT 'trigger', n.nspname, c.relname || '.' || g.tgname
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND c.relnamespace = ANY (%(namespaces)s)
    UNION ALL
    SELECT 'policy', n.nspname, c.relname || '.' || p.polname
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relnamespace = ANY (%(namespaces)s)
    UNION ALL
    SELECT 'exclusion constraint', n.nspname, c.relname || '.' || k.conname
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype = 'x' AND c.relkind = 'r' AND c.relnamespace = ANY (%(namespaces)s)"""


def namespaces(connection: psycopg.Connection[Any], scope: Scope) -> list[int]:
    """Oids of the schemas in scope; never the system's, an extension's, or the journal's own."""
    import fnmatch

    rows = connection.execute(
        f"""SELECT n.oid, n.nspname FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', %s)
              AND {not_member("pg_namespace", "n.oid")}""",
        (JOURNAL_SCHEMA,),
    ).fetchall()
    return [
        oid
        for oid, name in rows
        if (scope.everything or name in scope.roots) and not any(fnmatch.fnmatchcase(name, p) for p in scope.ignore)
    ]


def inspect(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    service: str,
    version: int,
    wanted: list[int],
    renamed: Mapping[str, str] | None = None,
) -> Catalog:
    """All resources of the schemas with these oids, in the order of the kinds; `renamed` schemas get another name."""
    queries = [OPCLASSES, *(kind.query(version) for kind in kinds.values()), UNMANAGED, dependencies.QUERY]
    results = _pipelined(connection, queries, {"namespaces": wanted})
    reader = Reader(service, version, renamed or {})
    for oid, name, default, kind_oid, method in results[0]:
        reader.opclasses[oid] = (name, default, kind_oid, method)
        if default:
            reader.default_opclasses.add((method, kind_oid))
    resources: dict[Address, Resource] = {}
    for kind, rows in zip(kinds.values(), results[1:-2], strict=True):
        for resource in kind.read(rows, reader):
            resources[resource.address] = resource
    unmanaged = tuple(_unmanaged(results[-2], reader))
    return Catalog(service, "postgres", resources, unmanaged, uses=dependencies.uses(results[-1], reader))


def _pipelined(
    connection: psycopg.Connection[Any], queries: list[str], parameters: Mapping[str, Any]
) -> list[list[Any]]:
    """The rows of every query: all sent before the first answer is read, results in binary."""
    cursors = [connection.cursor(binary=True) for _ in queries]
    with connection.pipeline():
        for cursor, query in zip(cursors, queries, strict=True):
            cursor.execute(query, parameters)
    return [cursor.fetchall() for cursor in cursors]


def _unmanaged(rows: Iterable[Any], reader: Reader) -> Iterable[Unmanaged]:
    for kind, schema, name in sorted(rows):
        yield Unmanaged(reader.address(kind, schema, name), f"{kind}s are not managed yet")
