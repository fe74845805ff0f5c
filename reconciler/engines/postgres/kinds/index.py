"""Indexes: `indexes: {open_idx: {columns: [user_id, {column: created_at, order: desc}], where: "open"}}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import index_settings, storage_options
from reconciler.engines.postgres import partitioned_indexes as parted
from reconciler.engines.postgres.column_types import follows
from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    column_addresses,
    gone_with_table,
    rivals,
    table_name,
)
from reconciler.engines.postgres.detached import becomes_twin, survives
from reconciler.engines.postgres.index_changes import create, disturbs, drop, rebuild, repair, replace, set_options
from reconciler.engines.postgres.index_marks import keeping
from reconciler.engines.postgres.index_parts import KEYS, KEYS_FROM, PART, Keys, Part
from reconciler.engines.postgres.index_parts import lift as lift_part
from reconciler.engines.postgres.index_parts import lower as lower_part
from reconciler.engines.postgres.index_parts import read as read_parts
from reconciler.engines.postgres.index_parts import render as render_part
from reconciler.engines.postgres.index_statements import definition
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds import access_method, operator_class
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.table_parts import path_of, short_of
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr


@dataclass(frozen=True, slots=True)
class Index(Resource):
    """Path: (schema, table, name). `valid` False is what an interrupted concurrent build leaves; and of a partitioned
    table an index made ON ONLY that is not on all partitions yet, but on `partitions` (schema, name).

    `statistics` are the targets of keys that are expressions, by number.
    """

    method: str = attr(Role.REPLACE)
    parts: tuple[Part, ...] = attr(Role.REPLACE)
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    unique: bool = attr(Role.REPLACE, default=False)
    nulls_not_distinct: bool = attr(Role.REPLACE, default=False)
    where: Expr | None = attr(Role.REPLACE, default=None)
    options: storage_options.Options = ()
    statistics: index_settings.Targets = ()
    valid: bool = True
    partitions: tuple[tuple[str, str], ...] | None = None
    tablespace: str = ""
    uses: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="columns; follows from the definition", default=())


"""Storage parameters that are set under ShareUpdateExclusive (reloptions.c)."""

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
        "partitions": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "the only ones that have it: it is made ON ONLY the table, and not valid",
        },
        "with": storage_options.SPEC,
        "tablespace": {"type": "string", "minLength": 1},
    },
}


def lower(name: str, node: Any, place: Place) -> Index:
    """A list of columns; a mapping says more."""
    if isinstance(node, list):
        node = {"columns": node}
    for position, part in enumerate(node["columns"]):
        if isinstance(part, dict) and ("column" in part) == ("expression" in part):
            raise place.fail("a key of an index is a column or an expression", "name one of them", "columns", position)
        if isinstance(part, dict) and "column" in part and "statistics" in part:
            hint = "write statistics with the column of the table"
            raise place.fail("only an expression has a statistics target of its own", hint, "columns", position)
    parts = tuple(map(lower_part, node["columns"]))
    include = tuple(node.get("include", ()))
    return Index(
        place.address("index", name),
        node.get("method", "btree"),
        parts,
        include,
        bool(node.get("unique", False)),
        bool(node.get("nulls_not_distinct", False)),
        Expr(node["where"]) if "where" in node else None,
        storage_options.lower(node.get("with")),
        index_settings.lower_targets(node["columns"]),
        "partitions" not in node,
        tuple(sorted(path_of(n, place.parent[0]) for n in node["partitions"])) if "partitions" in node else None,
        tablespace=node.get("tablespace", ""),
        uses=(*(p.column for p in parts if p.column), *include),
    )


def lift(index: Index, _catalog: Catalog) -> Any:
    """The list of columns where that says all."""
    node: dict[str, Any] = {"columns": [lift_part(p) for p in index.parts]}
    for number, target in index.statistics:
        node["columns"][number - 1]["statistics"] = target
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
    if index.partitions is not None:
        node["partitions"] = [short_of(p, index.address.path[0]) for p in index.partitions]
    if index.options:
        node["with"] = storage_options.lift(index.options)
    if index.tablespace:
        node["tablespace"] = index.tablespace
    return node["columns"] if len(node) == 1 else node


def query(version: int, relkind: str = "'r', 'p'") -> str:
    """Indexes of the tables in scope that belong to no constraint and are no parts of an index of a partitioned table;
    `relkind` m: of the materialized views.
    """
    distinct = "i.indnullsnotdistinct" if version >= 15 else "false"
    return f"""
        SELECT c.relname, {KEYS},
               pg_get_expr(i.indpred, i.indrelid), i.indisunique, {distinct}, i.indisvalid, c.reloptions,
               CASE WHEN c.relkind = 'I' AND NOT i.indisvalid THEN {parted.HAVING_IT} END
        FROM {KEYS_FROM}
        WHERE c.relkind IN ('i', 'I') AND NOT c.relispartition AND t.relkind IN ({relkind})
          AND t.relnamespace = ANY (%(namespaces)s)
          AND NOT i.indisprimary AND NOT i.indisexclusion
          AND NOT (i.indisunique AND c.oid IN (SELECT k.conindid FROM pg_constraint k WHERE k.contype = 'u'))
        ORDER BY i.indrelid, c.relname"""


def read(rows: Iterable[Row], reader: Reader, kind: str = "index") -> Iterable[Index]:
    """Rows of `query` → Index."""
    for name, *vectors, where, unique, distinct, valid, options, partitions in rows:
        keys = Keys._make(vectors)
        path = reader.relation(keys.table)
        if path is None:
            continue
        parts, include = tuple(read_parts(keys, reader)), keys.included(reader)
        yield Index(
            reader.known("pg_class", keys.oid, reader.address(kind, *path, name)),
            keys.method,
            parts,
            include,
            unique,
            distinct,
            Expr.live(where) if where is not None else None,
            storage_options.read(options),
            reader.lookups.index_targets.get(keys.oid, ()),
            valid,
            tuple((schema, table) for schema, table in partitions) if partitions is not None else None,
            tablespace=reader.lookups.index_tablespaces.get(keys.oid, ""),
            uses=(*[p.column for p in parts if p.column], *include),
        )


def temporary(index: Index) -> str:
    """The index on the temporary twin of its table."""
    text = definition(dataclasses.replace(index, tablespace=""), index.address.name, concurrently=False)
    made = text.replace(f" ON {table_name(index.address)}", f" ON pg_temp.{ident(index.address.path[1])}", 1)
    return "; ".join([made, *index_settings.targets(index, schema="pg_temp")])


def references(index: Index, catalog: Catalog) -> Iterable[Address]:
    """The columns it names, and the operator classes of its keys."""
    yield from column_addresses(index.address, dict.fromkeys(index.uses))
    yield from access_method.used(index.address, index.method, catalog)
    yield from operator_class.used(index.address, index.method, ((p.opclass, p.column) for p in index.parts), catalog)


def mentions(index: Index, catalog: Catalog) -> Iterable[Address]:
    """Functions, types and operator classes that its keys and its condition name."""
    texts = [render_part(p) for p in index.parts if p.expression or p.opclass]
    return of_expression("\n".join([*texts, index.where.source if index.where else ""]), catalog)


def absorbed(change: Change[Index], context: Context) -> bool:
    """Gone with its table, or changed along with a column's type. With a dropped column it goes first (row 26)."""
    if (survives(change, context) or becomes_twin(change, context)) or parted.taken_in(change, context):
        return True
    return gone_with_table(change, context) or follows(change, context)


KIND = PgKind(
    name="index",
    resource=Index,
    section="indexes",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=lambda node: {"columns": node},
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    absorbed=absorbed,
    create=create,
    drop=drop,
    replace=keeping(replace),
    rebuild=keeping(rebuild),
    namesakes=rivals,
    disturbs=disturbs,
    rules=(
        rule("valid", "partitions", emit=keeping(repair)),
        rule("options", emit=set_options),
        rule("tablespace", emit=index_settings.set_tablespace),
        rule("statistics", emit=index_settings.set_targets),
    ),
    temporary=temporary,
    spells=frozenset({"method", "parts", "include", "where", "options", "statistics", "uses"}),
    piece=True,
    parent="table",
    order=65,
)
