"""Indexes: `indexes: {open_idx: {columns: [user_id, {column: created_at, order: desc}], where: "open"}}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    column_addresses,
    in_new_table,
    only_new_columns,
    table_address,
    table_name,
    table_path,
)
from reconciler.engines.postgres.index_parts import PART, Keys, Part
from reconciler.engines.postgres.index_parts import lift as lift_part
from reconciler.engines.postgres.index_parts import lower as lower_part
from reconciler.engines.postgres.index_parts import read as read_parts
from reconciler.engines.postgres.index_parts import render as render_part
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import SHARE, lock, share_update_exclusive
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.quoting import columns, fitting, ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Probe


@dataclass(frozen=True, slots=True)
class Index(Resource):
    """Path: (schema, table, name). `valid` False is what an interrupted concurrent build leaves."""

    method: str = attr(Role.REPLACE)
    parts: tuple[Part, ...] = attr(Role.REPLACE)
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    unique: bool = attr(Role.REPLACE, default=False)
    nulls_not_distinct: bool = attr(Role.REPLACE, default=False)
    where: Expr | None = attr(Role.REPLACE, default=None)
    options: tuple[tuple[str, str], ...] = ()
    valid: bool = True
    uses: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="columns; follows from the definition", default=())


SPEC = {
    "type": ["array", "object"],
    "description": "a list of columns, or a mapping with 'columns' and more",
    "items": PART,
    "minItems": 1,
    "required": ["columns"],
    "properties": {
        "columns": {"type": "array", "items": PART, "minItems": 1},
        "method": {"type": "string", "minLength": 1},
        "unique": {"type": "boolean"},
        "nulls_not_distinct": {"type": "boolean"},
        "include": COLUMNS,
        "where": {"type": "string", "minLength": 1},
        "with": {"type": "object", "additionalProperties": {"type": ["string", "integer", "number", "boolean"]}},
    },
}


def lower(name: str, node: Any, place: Place) -> Index:
    """A list of columns; a mapping says more."""
    if isinstance(node, list):
        node = {"columns": node}
    for position, part in enumerate(node["columns"]):
        if isinstance(part, dict) and ("column" in part) == ("expression" in part):
            raise place.fail("a key of an index is a column or an expression", "name one of them", "columns", position)
    parts = tuple(map(lower_part, node["columns"]))
    include = tuple(node.get("include", ()))
    options = node.get("with", {})
    return Index(
        place.address("index", name),
        node.get("method", "btree"),
        parts,
        include,
        bool(node.get("unique", False)),
        bool(node.get("nulls_not_distinct", False)),
        Expr(node["where"]) if "where" in node else None,
        tuple(sorted((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in options.items())),
        uses=(*(p.column for p in parts if p.column), *include),
    )


def lift(index: Index, _catalog: Catalog) -> Any:
    """The list of columns where that says all."""
    node: dict[str, Any] = {"columns": [lift_part(p) for p in index.parts]}
    if index.method != "btree":
        node["method"] = index.method
    if index.unique:
        node["unique"] = True
    if index.nulls_not_distinct:
        node["nulls_not_distinct"] = True
    if index.include:
        node["include"] = list(index.include)
    if index.where is not None:
        node["where"] = index.where.source
    if index.options:
        node["with"] = dict(index.options)
    return node["columns"] if len(node) == 1 else node


def query(version: int) -> str:
    """Indexes of the tables in scope that belong to no constraint."""
    distinct = "i.indnullsnotdistinct" if version >= 15 else "false"
    return f"""
        SELECT i.indexrelid, i.indrelid, c.relname, m.amname, i.indkey::int2[], i.indnkeyatts,
               x.types, x.schemas, x.collations, i.indclass::oid[], i.indoption::int2[], x.options,
               CASE WHEN i.indexprs IS NOT NULL THEN ARRAY(
                   SELECT pg_get_indexdef(i.indexrelid, g, false) FROM generate_series(1, i.indnkeyatts) g
                   WHERE i.indkey[g - 1] = 0 ORDER BY g) END,
               pg_get_expr(i.indpred, i.indrelid), i.indisunique, {distinct}, i.indisvalid, c.reloptions
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_am m ON m.oid = c.relam
        JOIN (
            SELECT a.attrelid, array_agg(CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END ORDER BY a.attnum),
                   array_agg(array_to_string(a.attoptions, ', ') ORDER BY a.attnum),
                   array_agg(o.collname ORDER BY a.attnum), array_agg(s.nspname ORDER BY a.attnum)
            FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_index j ON j.indexrelid = r.oid
            LEFT JOIN pg_attribute b ON b.attrelid = j.indrelid AND b.attnum = j.indkey[a.attnum - 1] AND b.attnum > 0
            JOIN pg_type d ON d.oid = coalesce(b.atttypid, a.atttypid)
            LEFT JOIN pg_collation o ON o.oid = j.indcollation[a.attnum - 1]
                 AND o.oid <> coalesce(b.attcollation, 100) AND a.attnum <= j.indnkeyatts
            LEFT JOIN pg_namespace s ON s.oid = o.collnamespace
            WHERE r.relkind = 'i' AND r.relnamespace = ANY (%(namespaces)s)
            GROUP BY a.attrelid
        ) x (oid, types, options, collations, schemas) ON x.oid = c.oid
        WHERE c.relkind = 'i' AND t.relkind = 'r' AND t.relnamespace = ANY (%(namespaces)s)
          AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
        ORDER BY i.indrelid, c.relname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Index]:
    """Rows of `query` → Index."""
    for row in rows:
        oid, table, name, method, numbers, count, types, schemas, collations, classes, options, said, *rest = row
        path = reader.tables.get(table)
        if path is None:
            continue
        expressions, where, unique, distinct, valid, reloptions = rest
        keys = Keys(table, method, numbers[:count], types, schemas, collations, classes, options, said, expressions)
        parts = tuple(read_parts(keys, reader))
        include = reader.names(table, numbers[count:])
        yield Index(
            reader.known("pg_class", oid, reader.address("index", *path, name)),
            method,
            parts,
            include,
            unique,
            distinct,
            Expr.live(where) if where is not None else None,
            tuple(sorted((o.partition("=")[0], o.partition("=")[2]) for o in reloptions or ())),
            valid,
            uses=(*(p.column for p in parts if p.column), *include),
        )


def definition(index: Index, name: str, concurrently: bool) -> str:
    """CREATE INDEX."""
    unique = "UNIQUE " if index.unique else ""
    how = "CONCURRENTLY " if concurrently else ""
    using = f" USING {ident(index.method)}" if index.method != "btree" else ""
    text = f"CREATE {unique}INDEX {how}{ident(name)} ON {table_name(index.address)}{using}"
    text += f" ({', '.join(map(render_part, index.parts))})"
    text += f" INCLUDE {columns(index.include)}" if index.include else ""
    text += " NULLS NOT DISTINCT" if index.nulls_not_distinct else ""
    text += f" WITH ({', '.join(f'{k} = {v}' for k, v in index.options)})" if index.options else ""
    return text + (f" WHERE {index.where.source}" if index.where else "")


def temporary(index: Index) -> str:
    """The index on the temporary twin of its table."""
    text = definition(index, index.address.name, concurrently=False)
    return text.replace(f" ON {table_name(index.address)}", f" ON pg_temp.{ident(index.address.path[1])}", 1)


def references(index: Index, _catalog: Catalog) -> Iterable[Address]:
    """The columns it names."""
    return column_addresses(index.address, dict.fromkeys(index.uses))


def absorbed(change: Change[Index], context: Context) -> bool:
    """Gone with its table. With a dropped column it goes first, concurrently (row 26)."""
    return change.action is Action.DELETE and context.deletes(table_address(change.address))


def _tightening(
    index: Index, change: Change[Index], context: Context
) -> tuple[Phase, tuple[Hazard, ...], tuple[Probe, ...]]:
    names = [p.column for p in index.parts]
    if not index.unique or (all(names) and only_new_columns(change, names, context)):
        return Phase.EXPAND, (), ()
    keys = ", ".join(map(_key, index.parts))
    table = table_name(index.address)
    filters = [f"{_key(p)} IS NOT NULL" for p in index.parts] + ([f"({index.where})"] if index.where else [])
    probe = Probe(
        f"values of ({keys}) in {table} that occur more than once",
        f"SELECT concat_ws(', ', {keys}) FROM {table}\n"
        f"WHERE {' AND '.join(filters)} GROUP BY {keys} HAVING count(*) > 1",
    )
    return Phase.CONTRACT, (hazard(Code.OLD_WRITERS, f"a second row with the same ({keys}) is refused"),), (probe,)


def _key(part: Part) -> str:
    return ident(part.column) if part.column else f"({part.expression})"


def create(change: Change[Index], context: Context) -> list[Draft]:
    """CONCURRENTLY on a table that is there (row 32); plainly on one that this plan makes."""
    index = change.desired
    schema, table, name = change.address.path
    if in_new_table(change, context):
        return [
            Draft(
                "create",
                Phase.EXPAND,
                f"create index {name} on {table}",
                sql(definition(index, name, concurrently=False)),
                locks=(lock(SHARE, schema, table),),
                done=(Check(change.address),),
                undo=(sql(f"DROP INDEX {qualified(schema, name)}"),),
            )
        ]
    return [_built(change, name, *_tightening(index, change, context))]


def _built(
    change: Change[Index], name: str, phase: Phase, hazards: tuple[Hazard, ...], probes: tuple[Probe, ...]
) -> Draft:
    schema, table, _ = change.address.path
    return Draft(
        "build",
        phase,
        f"build index {name} on {table} while it is in use",
        alone(definition(change.desired, name, concurrently=True), repairs=(schema, name)),
        locks=share_update_exclusive((schema, table)),
        hazards=hazards,
        probes=probes,
        done=(Check(change.address.sibling("index", (schema, table, name)), attributes=(("valid", True),)),),
        undo=(alone(f"DROP INDEX CONCURRENTLY {qualified(schema, name)}"),),
        reads=table_address(change.address),
        provides=True,
    )


def _dropped(index: Index, name: str, phase: Phase) -> Draft:
    schema, table, _ = index.address.path
    return Draft(
        "drop",
        phase,
        f"drop index {name} of {table}",
        alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),
        locks=share_update_exclusive((schema, table)),
        done=(Check(index.address.sibling("index", (schema, table, name)), present=False),),
        undo=(alone(definition(index, index.address.name, concurrently=True)),),
    )


def drop(change: Change[Index], _context: Context) -> list[Draft]:
    """CONCURRENTLY: a plain DROP INDEX locks readers of the table out (row 33)."""
    return [_dropped(change.live, change.address.name, Phase.CONTRACT)]


def replace(change: Change[Index], context: Context) -> list[Draft]:
    """Build the new one beside the old one, swap the names, drop the old one: never a gap (row 36)."""
    schema, _, name = change.address.path
    new, old = fitting(name, suffix="_new"), fitting(name, suffix="_old")
    phase, hazards, probes = _tightening(change.desired, change, context)
    swap = Draft(
        "swap",
        Phase.CONTRACT,
        f"put the new index {name} in the place of the old one",
        sql(
            f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(old)}",
            f"ALTER INDEX {qualified(schema, new)} RENAME TO {ident(name)}",
        ),
        locks=share_update_exclusive((schema, name), (schema, new)),
        done=(Check(change.address, attributes=(("parts", change.desired.parts), ("where", change.desired.where))),),
        undo=(
            sql(
                f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(new)}",
                f"ALTER INDEX {qualified(schema, old)} RENAME TO {ident(name)}",
            ),
        ),
        provides=True,
    )
    built = _built(change, new, phase, hazards, probes)
    return [dataclasses.replace(built, provides=False), swap, _dropped(change.live, old, Phase.CONTRACT)]


def repair(change: Change[Index], context: Context) -> list[Draft]:
    """An invalid index serves no query: drop it and build it again (row 32)."""
    index = change.desired
    schema, _, name = change.address.path
    drop_it = Draft(
        "drop invalid",
        Phase.EXPAND,
        f"drop the invalid index {name}",
        alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),
        locks=share_update_exclusive(table_path(change.address)),
        done=(Check(change.address, present=False),),
        undo=(),
    )
    _phase, _hazards, probes = _tightening(index, change, context)
    return [drop_it, _built(change, name, Phase.EXPAND, (), probes)]


def set_options(change: Change[Index], _context: Context) -> list[Draft]:
    """Storage parameters: no rebuild (row 65)."""

    def action(new: Index, old: Index) -> tuple[str, ...]:
        name = qualified(new.address.path[0], new.address.name)
        gone = sorted({k for k, _ in old.options} - {k for k, _ in new.options})
        said = [f"ALTER INDEX {name} SET ({', '.join(f'{k} = {v}' for k, v in new.options)})"] if new.options else []
        return (*said, *([f"ALTER INDEX {name} RESET ({', '.join(gone)})"] if gone else []))

    index = change.desired
    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the storage parameters of index {change.address.name}",
            sql(*action(index, change.live)),
            locks=share_update_exclusive((change.address.path[0], change.address.name)),
            done=(Check(change.address, attributes=(("options", index.options),)),),
            undo=(sql(*action(change.live, index)),),
        )
    ]


KIND = PgKind(
    name="index",
    resource=Index,
    section="indexes",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=create,
    drop=drop,
    replace=replace,
    rules=(rule("valid", emit=repair), rule("options", emit=set_options)),
    temporary=temporary,
    piece=True,
    parent="table",
    order=65,
)
