"""Foreign tables: `foreign_tables: {films: {server: remote, columns: {id: integer}, options: {table_name: f}}}`.

One may be a partition, `old_films: {partition_of: films, in: [old], server: remote}`, with the columns of its parent,
or inherit from tables and foreign tables, `{inherits: [films], columns: {own: text}, server: remote}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import check_words, foreign_checks, generic_options
from reconciler.engines.postgres.attaching import default_partition, path_of
from reconciler.engines.postgres.bounds import vacated
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.foreign_columns import (
    COLUMN,
    ForeignColumn,
    actions,
    beside,
    beyond,
    clause,
    lift_column,
    lower_column,
    read_column,
    tuned,
)
from reconciler.engines.postgres.inheritance import foreign_descendants, parents_of
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds import check
from reconciler.engines.postgres.kinds.foreign_data_wrapper import refuse_secrets
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.partitioning import Bound, read_bound
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.table_parts import PARTITION_SPEC, Path, lift_partition, lower_partition, short_of
from reconciler.engines.postgres.table_parts import path_of as path_of_name
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Lock, Phase


@dataclass(frozen=True, slots=True)
class ForeignTable(Resource):
    """Path: (schema, name). Columns and checks sorted by name; `order` is that of the columns. Those without a type are
    what it says of columns of its parents, (schema, name), beyond them.
    """

    server: str = attr(Role.REPLACE)
    partition_of: Path | None = attr(Role.REPLACE, default=None)
    bound: Bound | None = attr(Role.REPLACE, default=None)
    inherits: tuple[Path, ...] = attr(Role.REPLACE, default=())
    columns: tuple[ForeignColumn, ...] = ()
    checks: foreign_checks.Checks = ()
    options: generic_options.Options = ()
    order: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="a different order is no reason to rebuild", default=())


SPEC = {
    "type": "object",
    "required": ["server"],
    "properties": {
        "server": {"type": "string", "minLength": 1},
        **PARTITION_SPEC,
        "inherits": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        "columns": {"type": ["object", "null"], "additionalProperties": COLUMN},
        "checks": {"type": "object", "additionalProperties": {**check.SPEC, "required": ["check"]}},
        "options": generic_options.SPEC,
    },
}


def lower(name: str, node: Any, place: Place) -> ForeignTable:
    """Columns as a table's, with options of their own."""
    refuse_secrets(node, place)
    parent, bound = lower_partition(node, place)
    inherits = tuple(path_of_name(n, place.parent[0]) for n in node.get("inherits", ()))
    if parent is not None and inherits:
        raise place.fail("a partition inherits from its parent alone", "leave one of them out", "inherits")
    columns = [lower_column(n, c) for n, c in (node.get("columns") or {}).items()]
    for column in columns:
        if parent is not None if column.type else not (parent or inherits):
            hint = "a partition has the columns of its parent" if parent is not None else "say it"
            raise place.fail(
                f"column {column.name} has {'a' if column.type else 'no'} type", hint, "columns", column.name
            )
    return ForeignTable(
        place.address("foreign_table", name),
        node["server"],
        parent,
        bound,
        inherits,
        tuple(sorted(columns, key=lambda c: c.name)),
        tuple(foreign_checks.lower(n, c) for n, c in sorted(node.get("checks", {}).items())),
        generic_options.lower(node.get("options")),
        tuple(c.name for c in columns),
    )


def lift(table: ForeignTable, _catalog: Catalog) -> Any:
    """Columns in their order."""
    by_name = {c.name: c for c in table.columns}
    node: dict[str, Any] = {**lift_partition(table), "server": table.server}
    if table.inherits:
        node["inherits"] = [short_of(p, table.address.path[0]) for p in table.inherits]
    if table.columns:
        node["columns"] = {n: lift_column(by_name[n]) for n in table.order or by_name}
    if table.checks:
        node["checks"] = {c.name: check_words.lift(c) for c in table.checks}
    return node | ({"options": generic_options.lift(table.options)} if table.options else {})


def query(version: int) -> str:
    """Foreign tables in scope with their columns, what those of the first parent say beside them, and own checks."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, s.srvname, f.ftoptions,
               c.relispartition,
               ARRAY(SELECT ARRAY[pn.nspname, pc.relname]::text[]
                     FROM pg_inherits i JOIN pg_class pc ON pc.oid = i.inhparent
                     JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
               pg_get_expr(c.relpartbound, c.oid),
               ARRAY(SELECT ARRAY[a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
                                  pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text,
                                  CASE WHEN a.attcollation <> t.typcollation THEN cn.nspname END, co.collname,
                                  array_to_string(a.attfdwoptions, chr(1)),
                                  CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
                                  array_to_string(a.attoptions, chr(1)), a.attstattarget::text,
                                  a.attislocal::text, p.expression, p.required]::text[]
                     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                     LEFT JOIN LATERAL (
                         SELECT pg_get_expr(pd.adbin, pd.adrelid), pa.attnotnull::text FROM pg_inherits i
                         JOIN pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attname = a.attname
                         LEFT JOIN pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum
                         WHERE i.inhrelid = c.oid ORDER BY i.inhseqno LIMIT 1) p (expression, required) ON true
                     LEFT JOIN pg_collation co ON co.oid = a.attcollation
                     LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
               {foreign_checks.query(version)},
               ARRAY(WITH RECURSIVE below (oid) AS (
                         SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.oid
                         UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
                     SELECT b.oid FROM below b JOIN pg_class t ON t.oid = b.oid AND t.relkind IN ('r', 'p'))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_foreign_table f ON f.ftrelid = c.oid
        JOIN pg_foreign_server s ON s.oid = f.ftserver
        WHERE c.relkind = 'f' AND c.relnamespace = ANY (%(namespaces)s)
          AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ForeignTable]:
    """Rows of `query` → ForeignTable."""
    for oid, schema, name, server, options, partition, above, bound, columns, checks, below in rows:
        found = [c for row in columns if (c := beside(row) if above else read_column(row)) is not None]
        parents = tuple((p[0], p[1]) for p in above)
        address = reader.known("pg_class", oid, reader.address("foreign_table", schema, name))
        reader.stand_ins |= dict.fromkeys(below, address)
        yield ForeignTable(
            address,
            server,
            parents[0] if partition else None,
            read_bound(bound),
            () if partition else parents,
            tuple(sorted(found, key=lambda c: c.name)),
            foreign_checks.read(checks),
            generic_options.read(options),
            tuple(c.name for c in found),
        )


def _name(address: Address) -> str:
    return qualified(address.path[0], address.path[1])


def definition(table: ForeignTable, name: str) -> str:
    """CREATE FOREIGN TABLE."""
    by_name = {c.name: c for c in table.columns}
    lines = [clause(by_name[n]) for n in table.order or by_name if by_name[n].type]
    lines += map(foreign_checks.clause, table.checks)
    body = ",\n".join(f"    {line}" for line in lines)
    inside = f" (\n{body}\n)" if body else "" if table.partition_of else " ()"
    if table.partition_of:
        inside = f" PARTITION OF {qualified(*table.partition_of)}{inside} {table.bound}"
    if table.inherits:
        inside += f" INHERITS ({', '.join(qualified(*p) for p in table.inherits)})"
    options = generic_options.clause(table.options)
    return f"CREATE FOREIGN TABLE {name}{inside} SERVER {ident(table.server)}{options}"


def _whole(table: ForeignTable, name: str) -> list[str]:
    rest = [*tuned(c for c in table.columns if c.type), *beyond({}, {c.name: c for c in table.columns if not c.type})]
    return [definition(table, name), *([f"ALTER FOREIGN TABLE {name} {', '.join(rest)}"] if rest else [])]


def temporary(table: ForeignTable) -> str:
    """The same in pg_temp; nothing for what has parents, whose columns it would not have there."""
    if table.partition_of or table.inherits:
        return "SELECT"
    return "; ".join(_whole(table, f"pg_temp.{ident(table.address.name)}"))


def references(table: ForeignTable, catalog: Catalog) -> Iterable[Address]:
    """Its server, its parent, and declared types."""
    for path in parents_of(table):
        foreign = table.address.sibling("foreign_table", path)
        parent = foreign if foreign in catalog.resources else table.address.sibling("table", path)
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
    return of_expression("\n".join([*texts, *(c.expression.source for c in table.checks)]), catalog)


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
            requires=vacated(change.desired, context),
        )
    ]


def _beside(table: ForeignTable, context: Context) -> tuple[tuple[Lock, ...], tuple[Hazard, ...]]:
    """The locks that making or dropping a partition takes around it, and what is read under them."""
    if table.partition_of is None:
        return share_update_exclusive(*table.inherits), ()
    parent = (table.partition_of[0], table.partition_of[1])
    other = default_partition(parent, context.live, table.address)
    if other is None:
        return access_exclusive(parent), ()
    scanned = hazard(Code.SCAN_UNDER_LOCK, f"{qualified(*path_of(other))} is read from end to end under a lock")
    return access_exclusive(parent, path_of(other)), (scanned,) if context.size(other.address).rows != 0 else ()


def drop(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """The rows stay where they are, on the other side."""
    again = _whole(change.live, _name(change.address))
    gone = dropped(
        change,
        f"foreign table {'.'.join(change.address.path)}",
        f"DROP FOREIGN TABLE {_name(change.address)}",
        *again,
        locks=(
            *access_exclusive((change.address.path[0], change.address.path[1])),
            *_beside(change.live, context)[0],
        ),
        hazards=(hazard(Code.OLD_READERS, "code that uses it breaks"),),
    )
    return [dataclasses.replace(gone, undo=_again(change, context, sql(*again)))]


def replace(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """Another server, parent or bound: it holds no rows of its own, so it goes and comes again."""
    made = create(change, context)[0]
    changed = ((a.name, a.after) for a in change.attributes if a.name != "server")
    done = shows(change.address, ("server", change.desired.server), *changed)
    again = dataclasses.replace(made, phase=Phase.CONTRACT, done=done)
    return [*drop(change, context), again]


def _actions(before: ForeignTable, after: ForeignTable) -> Iterator[str]:
    yield from foreign_checks.dropped(before.checks, after.checks)
    old, new = ({c.name: c for c in table.columns} for table in (before, after))
    yield from actions(_typed(old), _typed(new), [n for n in after.order if new[n].type])
    yield from beyond(*({n: c for n, c in columns.items() if not c.type} for columns in (old, new)))
    yield from foreign_checks.added(before.checks, after.checks)
    if before.options != after.options:
        yield generic_options.actions(before.options, after.options)


def _again(change: Change[ForeignTable], context: Context, undo: Sql) -> tuple[Sql, ...] | None:
    """The undo; None where a sequence goes with its column, and nothing says where it stood."""
    here = {c.name for c in change.after.columns} if change.after is not None else set()
    owned = (s for s in context.live.of_kind(Sequence) if s.address.path[0] == change.address.path[0])
    gone = (s.owned_by[1] not in here for s in owned if s.owned_by and s.owned_by[0] == change.address.name)
    return None if any(gone) else (undo,)


def _typed(columns: Mapping[str, ForeignColumn]) -> dict[str, ForeignColumn]:
    return {n: c for n, c in columns.items() if c.type}


def replaces(change: Change[ForeignTable]) -> bool:
    """A column that it has from a parent cannot become its own in place, nor the other way round."""
    own = {c.name: bool(c.type) for c in change.live.columns}
    return any(own.get(c.name, bool(c.type)) != bool(c.type) for c in change.desired.columns)


def alter(change: Change[ForeignTable], context: Context) -> list[Draft]:
    """ALTER FOREIGN TABLE, all at once: there is nothing to scan or rewrite here."""
    live, desired = change.live, change.desired
    names = {d.name for d in desired.columns}
    gone = [c.name for c in live.columns if c.type and c.name not in names]
    name, below = _name(change.address), foreign_descendants(change.address.path, context.live)
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
            locks=access_exclusive(*((p[0], p[1]) for p in (change.address.path, *below))),
            hazards=hazards,
            done=(Check(change.address, attributes=tuple((a.name, a.after) for a in change.attributes)),),
            undo=_again(change, context, sql(f"ALTER FOREIGN TABLE {name} {', '.join(_actions(desired, live))}")),
            provides=True,
        )
    ]


def binds(before: ForeignTable, after: ForeignTable | None, source: Address, change: Change[Any] | None) -> bool:
    """A new type of the parent's column would have the rows of all partitions rewritten, which a foreign one refuses
    (measured, 14 to 18)."""
    if not parents_of(before) or after is None or source.kind != "column":
        return False
    return change is None or change.changed("type")


def disturbs(change: Change[ForeignTable]) -> Disturbance:
    """Views hold on to its columns and their types."""
    if change.action is Action.REPLACE:
        return Disturbance.DROPS
    has = {c.name: c.type for c in change.desired.columns}
    held = any(has.get(c.name) != c.type for c in change.live.columns)
    return Disturbance.ALTERS if held else Disturbance.NONE


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
    replaces=replaces,
    rules=(rule("columns", "checks", "options", emit=alter),),
    temporary=temporary,
    parent="schema",
    order=42,
    top=True,
)
