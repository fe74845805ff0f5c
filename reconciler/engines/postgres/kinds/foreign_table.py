"""Foreign tables: `foreign_tables: {films: {server: remote, columns: {id: integer}, options: {table_name: f}}}`.

One may be a partition, `old_films: {partition_of: films, in: [old], server: remote}`, with the columns of its parent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import generic_options
from reconciler.engines.postgres.attaching import default_partition, path_of
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.foreign_columns import (
    COLUMN,
    ForeignColumn,
    actions,
    beyond,
    clause,
    lift_column,
    lower_column,
    of_partition,
    read_column,
    tuned,
)
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.foreign_data_wrapper import refuse_secrets
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.partitioning import Bound, read_bound
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.table_parts import PARTITION_SPEC, Path, lift_partition, lower_partition
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Lock, Phase

Checks = tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class ForeignTable(Resource):
    """Path: (schema, name). Columns and checks sorted by name; `order` is that of the columns. Those of a partition are
    what it says beyond its parent, (schema, name).
    """

    server: str = attr(Role.REPLACE)
    partition_of: Path | None = attr(Role.REPLACE, default=None)
    bound: Bound | None = attr(Role.REPLACE, default=None)
    columns: tuple[ForeignColumn, ...] = ()
    checks: Checks = ()
    options: generic_options.Options = ()
    order: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="a different order is no reason to rebuild", default=())


SPEC = {
    "type": "object",
    "required": ["server"],
    "properties": {
        "server": {"type": "string", "minLength": 1},
        **PARTITION_SPEC,
        "columns": {"type": ["object", "null"], "additionalProperties": COLUMN},
        "checks": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
        "options": generic_options.SPEC,
    },
}


def lower(name: str, node: Any, place: Place) -> ForeignTable:
    """Columns as a table's, with options of their own."""
    refuse_secrets(node, place)
    parent, bound = lower_partition(node, place)
    columns = [lower_column(n, c) for n, c in (node.get("columns") or {}).items()]
    for column in columns:
        if (column.type == "") != (parent is not None):
            hint = "a partition has the columns of its parent" if parent is not None else "say it"
            raise place.fail(
                f"column {column.name} has {'a' if column.type else 'no'} type", hint, "columns", column.name
            )
    return ForeignTable(
        place.address("foreign_table", name),
        node["server"],
        parent,
        bound,
        tuple(sorted(columns, key=lambda c: c.name)),
        tuple(sorted((n, Expr(c)) for n, c in node.get("checks", {}).items())),
        generic_options.lower(node.get("options")),
        tuple(c.name for c in columns),
    )


def lift(table: ForeignTable, _catalog: Catalog) -> Any:
    """Columns in their order."""
    by_name = {c.name: c for c in table.columns}
    node: dict[str, Any] = {**lift_partition(table), "server": table.server}
    if table.columns:
        node["columns"] = {n: lift_column(by_name[n]) for n in table.order or by_name}
    if table.checks:
        node["checks"] = {n: e.source for n, e in table.checks}
    return node | ({"options": generic_options.lift(table.options)} if table.options else {})


def query(_version: int) -> str:
    """Foreign tables in scope with columns and checks, of partitions those of their own."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, s.srvname, f.ftoptions,
               CASE WHEN c.relispartition THEN ARRAY[pn.nspname, pc.relname]::text[] END,
               pg_get_expr(c.relpartbound, c.oid),
               ARRAY(SELECT ARRAY[a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
                                  pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text,
                                  CASE WHEN a.attcollation <> t.typcollation THEN cn.nspname END, co.collname,
                                  array_to_string(a.attfdwoptions, chr(1)),
                                  CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
                                  array_to_string(a.attoptions, chr(1)), a.attstattarget::text,
                                  pg_get_expr(pd.adbin, pd.adrelid), pa.attnotnull::text]::text[]
                     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                     LEFT JOIN pg_attribute pa ON pa.attrelid = pc.oid AND pa.attname = a.attname
                     LEFT JOIN pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum
                     LEFT JOIN pg_collation co ON co.oid = a.attcollation
                     LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
               ARRAY(SELECT ARRAY[k.conname, pg_get_expr(k.conbin, k.conrelid)]::text[] FROM pg_constraint k
                     WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conislocal ORDER BY k.conname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_foreign_table f ON f.ftrelid = c.oid
        JOIN pg_foreign_server s ON s.oid = f.ftserver
        LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition LEFT JOIN pg_class pc ON pc.oid = i.inhparent
        LEFT JOIN pg_namespace pn ON pn.oid = pc.relnamespace
        WHERE c.relkind = 'f' AND c.relnamespace = ANY (%(namespaces)s)
          AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ForeignTable]:
    """Rows of `query` → ForeignTable."""
    for oid, schema, name, server, options, parent, bound, columns, checks in rows:
        found = [c for row in columns if (c := of_partition(row) if parent else read_column(row)) is not None]
        yield ForeignTable(
            reader.known("pg_class", oid, reader.address("foreign_table", schema, name)),
            server,
            (parent[0], parent[1]) if parent else None,
            read_bound(bound),
            tuple(sorted(found, key=lambda c: c.name)),
            tuple(sorted((n, Expr.live(e)) for n, e in checks)),
            generic_options.read(options),
            tuple(c.name for c in found),
        )


def _name(address: Address) -> str:
    return qualified(address.path[0], address.path[1])


def _check(name: str, expression: Expr) -> str:
    return f"CONSTRAINT {ident(name)} CHECK ({expression.source})"


def definition(table: ForeignTable, name: str) -> str:
    """CREATE FOREIGN TABLE."""
    by_name = {c.name: c for c in table.columns}
    lines = [] if table.partition_of else [clause(by_name[n]) for n in table.order or by_name]
    lines += [_check(n, e) for n, e in table.checks]
    body = ",\n".join(f"    {line}" for line in lines)
    inside = f" (\n{body}\n)" if body else "" if table.partition_of else " ()"
    if table.partition_of:
        inside = f" PARTITION OF {qualified(*table.partition_of)}{inside} {table.bound}"
    options = generic_options.clause(table.options)
    return f"CREATE FOREIGN TABLE {name}{inside} SERVER {ident(table.server)}{options}"


def _whole(table: ForeignTable, name: str) -> list[str]:
    rest = list(beyond({}, {c.name: c for c in table.columns})) if table.partition_of else tuned(table.columns)
    return [definition(table, name), *([f"ALTER FOREIGN TABLE {name} {', '.join(rest)}"] if rest else [])]


def temporary(table: ForeignTable) -> str:
    """The same in pg_temp; nothing for a partition, since no temporary one can be of a table that stays."""
    if table.partition_of:
        return "SELECT"
    return "; ".join(_whole(table, f"pg_temp.{ident(table.address.name)}"))


def references(table: ForeignTable, catalog: Catalog) -> Iterable[Address]:
    """Its server, its parent, and declared types."""
    if table.partition_of:
        parent = table.address.sibling("table", table.partition_of)
        yield parent
        yield from (c.address for c in catalog.children(parent, "column", Resource))
    server = table.address.sibling("server", (table.server,))
    if server in catalog.resources:
        yield server
    for column in table.columns:
        yield from type_references(table.address, column.type, catalog)


def mentions(table: ForeignTable, catalog: Catalog) -> Iterable[Address]:
    """What defaults, generation expressions and checks use."""
    texts = [e.source for c in table.columns for e in (c.default, c.generated) if e is not None]
    return of_expression("\n".join([*texts, *(e.source for _, e in table.checks)]), catalog)


def create(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """No lock on anything that exists, but on the parent of a partition, and on a DEFAULT partition beside it, which is
    read (row 3).
    """
    locks, hazards = _beside(change.desired, context)
    return [
        created(
            change,
            f"foreign table {'.'.join(change.address.path)}",
            *_whole(change.desired, _name(change.address)),
            drop=f"DROP FOREIGN TABLE {_name(change.address)}",
            locks=locks,
            hazards=hazards,
        )
    ]


def _beside(table: ForeignTable, context: Context) -> tuple[tuple[Lock, ...], tuple[Hazard, ...]]:
    """The locks that making or dropping a partition takes around it, and what is read under them."""
    if table.partition_of is None:
        return (), ()
    parent = (table.partition_of[0], table.partition_of[1])
    other = default_partition(parent, context.live, table.address)
    if other is None:
        return access_exclusive(parent), ()
    scanned = hazard(Code.SCAN_UNDER_LOCK, f"{qualified(*path_of(other))} is read from end to end under a lock")
    return access_exclusive(parent, path_of(other)), (scanned,) if context.size(other.address).rows != 0 else ()


def drop(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """The rows stay where they are, on the other side."""
    return [
        dropped(
            change,
            f"foreign table {'.'.join(change.address.path)}",
            f"DROP FOREIGN TABLE {_name(change.address)}",
            *_whole(change.live, _name(change.address)),
            locks=(
                *access_exclusive((change.address.path[0], change.address.path[1])),
                *_beside(change.live, context)[0],
            ),
            hazards=(hazard(Code.OLD_READERS, "code that uses it breaks"),),
        )
    ]


def replace(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """Another server, parent or bound: it holds no rows of its own, so it goes and comes again."""
    made = create(change, context)[0]
    changed = ((a.name, a.after) for a in change.attributes if a.name != "server")
    done = shows(change.address, ("server", change.desired.server), *changed)
    again = dataclasses.replace(made, phase=Phase.CONTRACT, done=done)
    return [*drop(change, context), again]


def _actions(before: ForeignTable, after: ForeignTable) -> Iterator[str]:
    had, wanted = dict(before.checks), dict(after.checks)
    yield from (f"DROP CONSTRAINT {ident(n)}" for n in had if wanted.get(n) != had[n])
    old, new = ({c.name: c for c in table.columns} for table in (before, after))
    yield from beyond(old, new) if after.partition_of else actions(old, new, after.order)
    yield from (f"ADD {_check(n, e)}" for n, e in after.checks if had.get(n) != e)
    if before.options != after.options:
        yield generic_options.actions(before.options, after.options)


def alter(change: Change[ForeignTable], _context: Context) -> list[Draft]:
    """ALTER FOREIGN TABLE, all at once: there is nothing to scan or rewrite here."""
    live, desired = change.live, change.desired
    names = {d.name for d in desired.columns}
    gone = [c.name for c in live.columns if c.name not in names and not desired.partition_of]
    name = _name(change.address)
    widens = live.options == desired.options and live.checks == desired.checks
    widens = widens and all(c in desired.columns for c in live.columns)
    hazards = (hazard(Code.OLD_READERS, f"code that names {', '.join(gone)} breaks"),) if gone else ()
    if not widens and not gone:
        hazards = (hazard(Code.OLD_READERS, "what is on the other side is read or written in another way"),)
    return [
        Draft(
            "alter",
            Phase.EXPAND if widens else Phase.CONTRACT,
            f"change foreign table {'.'.join(change.address.path)}",
            sql(f"ALTER FOREIGN TABLE {name} {', '.join(_actions(live, desired))}"),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=hazards,
            done=(Check(change.address, attributes=tuple((a.name, a.after) for a in change.attributes)),),
            undo=(sql(f"ALTER FOREIGN TABLE {name} {', '.join(_actions(desired, live))}"),),
            provides=True,
        )
    ]


def binds(before: ForeignTable, after: ForeignTable | None, source: Address, change: Change[Any] | None) -> bool:
    """A new type of the parent's column would have the rows of all partitions rewritten, which a foreign one refuses
    (measured, 14 to 18)."""
    if before.partition_of is None or after is None or source.kind != "column":
        return False
    return change is None or change.changed("type")


def disturbs(change: Change[ForeignTable]) -> Disturbance:
    """Views hold on to the types of its columns."""
    if change.action is Action.REPLACE:
        return Disturbance.DROPS
    had = {c.name: c.type for c in change.live.columns}
    retyped = any(had.get(c.name, c.type) != c.type for c in change.desired.columns)
    return Disturbance.ALTERS if retyped else Disturbance.NONE


KIND = PgKind(
    name="foreign_table",
    resource=ForeignTable,
    section="foreign_tables",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=replace,
    rebuild=replace,
    disturbs=disturbs,
    binds=binds,
    rules=(rule("columns", "checks", "options", emit=alter),),
    temporary=temporary,
    parent="schema",
    order=42,
    top=True,
)
