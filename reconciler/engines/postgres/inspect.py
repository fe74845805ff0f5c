"""Introspection: a fixed number of set-based queries in one pipeline, whatever the number of tables."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import conninfo, dependencies, generic_options, lookups
from reconciler.engines.postgres.kind import PgKind, Reader, not_member
from reconciler.engines.postgres.quoting import literal
from reconciler.engines.postgres.table_parts import BELOW_FOREIGN
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Scope
from reconciler.model.later import Later
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    import psycopg

JOURNAL_SCHEMA = "reconcile"

# What a database may hold that no kind models yet: (kind, schema, name). `k` words are those of the documentation.
UNMANAGED = f"""
    SELECT 'table under a foreign one', n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_class", "c.oid")} AND c.relkind IN ('r', 'p')
      AND c.oid IN ({BELOW_FOREIGN})
    UNION ALL
    SELECT 'unfinished key', n.nspname, k.conname
    FROM pg_constraint k JOIN pg_index i ON i.indexrelid = k.conindid AND i.indrelid = k.conrelid AND NOT i.indisvalid
    JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE k.contype IN ('p', 'u', 'x') AND k.connamespace = ANY (%(namespaces)s)
    UNION ALL
    SELECT 'security label', l.provider, pg_describe_object(l.classoid, l.objoid, l.objsubid) FROM pg_seclabel l
    UNION ALL
    SELECT 'security label', l.provider, pg_describe_object(l.classoid, l.objoid, 0) FROM pg_shseclabel l
    WHERE l.classoid = 'pg_database'::regclass AND l.objoid = (SELECT d.oid FROM pg_database d
                                                               WHERE d.datname = current_database())
    UNION ALL
    SELECT 'large objects', '', 'of this database' WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
    UNION ALL
    SELECT 'secret option', x.name, split_part(o, '=', 1)
    FROM (SELECT f.fdwname::text, f.fdwoptions FROM pg_foreign_data_wrapper f
          UNION ALL SELECT s.srvname, s.srvoptions FROM pg_foreign_server s
          UNION ALL SELECT m.srvname || '.' || m.usename, m.umoptions FROM pg_user_mappings m
          UNION ALL SELECT c.relname, t.ftoptions FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid
          UNION ALL SELECT coalesce(r.rolname, 'all'), g.setconfig
          FROM pg_db_role_setting g LEFT JOIN pg_roles r ON r.oid = g.setrole
          WHERE g.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
         ) x (name, options), unnest(x.options) o
    WHERE split_part(o, '=', 1) ~* {literal(generic_options.SECRET.pattern)}"""

_SUBSCRIPTIONS = """pg_subscription s
    WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"""
# whether subscriptions are read → what of them is not managed
BESIDE = {
    True: f"""
    UNION ALL
    SELECT 'secret option', s.subname, o FROM (SELECT s.subname, s.subconninfo FROM {_SUBSCRIPTIONS}) s,
        LATERAL ({conninfo.SECRETS.format("s.subconninfo")}) x (o)""",
    False: f"""
    UNION ALL
    SELECT 'subscription', '', s.subname FROM {_SUBSCRIPTIONS}""",
}
PARAMETERS = """
    UNION ALL
    SELECT 'parameter grants', '', p.parname FROM pg_parameter_acl p"""
"""From 15 on."""
OF_19 = f"""
    UNION ALL
    SELECT 'subscription through a server', '', s.subname FROM {_SUBSCRIPTIONS} AND s.subserver <> 0
    UNION ALL
    SELECT 'subscription option', s.subname, x.name
    FROM (SELECT * FROM {_SUBSCRIPTIONS}) s, LATERAL (VALUES
        ('retain_dead_tuples', s.subretaindeadtuples), ('max_retention_duration', s.submaxretention <> 0),
        ('wal_receiver_timeout', s.subwalrcvtimeout <> '-1')) x (name, said) WHERE x.said
    UNION ALL
    SELECT 'connection function', f.fdwname, f.fdwconnection::regproc::text FROM pg_foreign_data_wrapper f
    WHERE f.fdwconnection <> 0 AND {not_member("pg_foreign_data_wrapper", "f.oid")}"""
"""From 19 on."""
NOTHING = "SELECT WHERE false"

REASONS = {
    "table under a foreign one": "its columns follow those of a foreign table; let it inherit from a table instead",
    "large objects": "they are rows, and come and go with those; so do their owners, grants and comments",
    "parameter grants": "they hold for the whole server, in every database; no declaration of one can say them",
    "security label": "only the module that provides the labels could say what one means, and take it",
    "unfinished key": "not on every partition, it counts as one that is: add it there and attach its index, or drop it",
    "subscription through a server": "its connection is the server's and a user mapping's; not managed yet",
    "subscription": "only a member of pg_read_all_data may read its connection",
    "secret option": "secrets have no place in a declaration; set it on the server by hand",
}


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
    """All resources of the schemas with these oids, in the order of the kinds; `renamed` schemas get another name.

    The rows are all read at once, under a digest; resources are made of them when somebody looks.
    """
    return rows_of(connection, kinds, service, version, wanted, renamed).catalog()


def rows_of(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    service: str,
    version: int,
    wanted: list[int],
    renamed: Mapping[str, str] | None = None,
) -> Rows:
    """What `inspect` makes its catalog of."""
    readable = _readable(connection, kinds)
    newer = (PARAMETERS if version >= 15 else "") + (OF_19 if version >= 19 else "")
    queries = [
        *lookups.QUERIES,
        *(kind.query(version) if name in readable else NOTHING for name, kind in kinds.items()),
        UNMANAGED + BESIDE["subscription" in readable] + newer,
        dependencies.query(version),
    ]
    results = _pipelined(connection, queries, {"namespaces": wanted})
    return Rows(kinds, service, version, renamed or {}, results)


@dataclass
class Rows:
    """What one look at the catalogs brought."""

    kinds: Mapping[str, PgKind[Any]]
    service: str
    version: int
    renamed: Mapping[str, str]
    results: list[list[Any]]

    @cached_property
    def reader(self) -> Reader:
        """What the kinds read, with the oids of it."""
        _ = self.digest  # made as long as the rows are there
        first = len(lookups.QUERIES)
        reader = Reader(self.service, self.version, lookups.read(self.results[:first]), self.renamed)
        for number, kind in enumerate(self.kinds.values(), first):
            for resource in kind.read(self.results[number], reader):
                reader.found[resource.address] = resource
            self.results[number] = []  # their room is what the next kind's resources are made in
        return reader

    def catalog(self) -> Catalog:
        """The catalog, made when somebody looks."""
        unmanaged = tuple(_unmanaged(self.results[-2], self.service))
        return Catalog(
            self.service, "postgres", Later(self.resources), unmanaged, uses=Later(self.uses), digest=self.digest
        )

    def resources(self) -> Mapping[Address, Resource]:
        """All that was read."""
        return self.reader.found

    def uses(self) -> Mapping[Address, tuple[Address, ...]]:
        """Who uses what of it."""
        return dependencies.uses(self.results[-1], self.reader)

    @cached_property
    def digest(self) -> str:
        """Of the rows as they came. Written without back references, so that equal rows are
        equal bytes.
        """
        digest = sha256(str(self.version).encode())
        for rows in self.results:
            written = io.BytesIO()
            pickler = pickle.Pickler(written, protocol=5)
            pickler.fast = True
            pickler.dump(rows)
            digest.update(written.getbuffer())
        return digest.hexdigest()


def _readable(connection: psycopg.Connection[Any], kinds: Mapping[str, PgKind[Any]]) -> frozenset[str]:
    """Kinds whose rows the role may read. A query names a column that is not for everybody only where it may."""
    rights = {name: kind.right for name, kind in kinds.items() if kind.right}
    row = connection.execute(f"SELECT {', '.join(rights.values())}").fetchone() or ()
    held = dict(zip(rights, row, strict=True))
    return frozenset(name for name in kinds if held.get(name, True))


def _pipelined(
    connection: psycopg.Connection[Any], queries: list[str], parameters: Mapping[str, Any]
) -> list[list[Any]]:
    """The rows of every query: all sent before the first answer is read, results in binary."""
    cursors = [connection.cursor(binary=True) for _ in queries]
    with connection.pipeline():
        for cursor, query in zip(cursors, queries, strict=True):
            cursor.execute(query, parameters)
    return [cursor.fetchall() for cursor in cursors]


def _unmanaged(rows: Iterable[Any], service: str) -> Iterable[Unmanaged]:
    for kind, schema, name in sorted(rows):
        path = (schema, name) if schema else (name,)
        yield Unmanaged(Address(service, "postgres", kind, path), REASONS.get(kind, f"{kind}s are not managed yet"))
