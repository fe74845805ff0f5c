"""Indexes: `indexes: {open_idx: {columns: [user_id, {column: created_at, order: desc}], where: "open"}}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.column_types import OUT, follows, hinders
from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    column_addresses,
    duplicates,
    in_new_table,
    only_new_columns,
    table_address,
    table_name,
    table_path,
)
from reconciler.engines.postgres.index_changes import carries, disturbs, set_options
from reconciler.engines.postgres.index_parts import KEYS, KEYS_FROM, PART, Keys, Part, key_text
from reconciler.engines.postgres.index_parts import lift as lift_part
from reconciler.engines.postgres.index_parts import lower as lower_part
from reconciler.engines.postgres.index_parts import read as read_parts
from reconciler.engines.postgres.index_parts import render as render_part
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import SHARE, access_exclusive, lock, share_update_exclusive
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.names import freed
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
    options: storage_options.Options = ()
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
        "with": storage_options.SPEC,
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
    return Index(
        place.address("index", name),
        node.get("method", "btree"),
        parts,
        include,
        bool(node.get("unique", False)),
        bool(node.get("nulls_not_distinct", False)),
        Expr(node["where"]) if "where" in node else None,
        storage_options.lower(node.get("with")),
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
        node["with"] = storage_options.lift(index.options)
    return node["columns"] if len(node) == 1 else node


def query(version: int, relkind: str = "r") -> str:
    """Indexes of the tables in scope that belong to no constraint; `relkind` m: of the materialized views."""
    distinct = "i.indnullsnotdistinct" if version >= 15 else "false"
    return f"""
        SELECT c.relname, {KEYS},
               pg_get_expr(i.indpred, i.indrelid), i.indisunique, {distinct}, i.indisvalid, c.reloptions
        FROM {KEYS_FROM}
        WHERE c.relkind = 'i' AND t.relkind = '{relkind}' AND t.relnamespace = ANY (%(namespaces)s)
          AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
        ORDER BY i.indrelid, c.relname"""


def read(rows: Iterable[Row], reader: Reader, kind: str = "index") -> Iterable[Index]:
    """Rows of `query` → Index."""
    for name, *row in rows:
        keys = Keys(*row[:10])
        path = reader.relation(keys.table)
        if path is None:
            continue
        where, unique, distinct, valid, options = row[10:]
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
    text += storage_options.clause(index.options)
    return text + (f" WHERE {index.where.source}" if index.where else "")


def temporary(index: Index) -> str:
    """The index on the temporary twin of its table."""
    text = definition(index, index.address.name, concurrently=False)
    return text.replace(f" ON {table_name(index.address)}", f" ON pg_temp.{ident(index.address.path[1])}", 1)


def references(index: Index, _catalog: Catalog) -> Iterable[Address]:
    """The columns it names."""
    return column_addresses(index.address, dict.fromkeys(index.uses))


def mentions(index: Index, catalog: Catalog) -> Iterable[Address]:
    """Functions, types and operator classes that its keys and its condition name."""
    texts = [render_part(p) for p in index.parts if p.expression or p.opclass]
    return of_expression("\n".join([*texts, index.where.source if index.where else ""]), catalog)


def absorbed(change: Change[Index], context: Context) -> bool:
    """Gone with its table, or changed along with a column's type. With a dropped column it goes first (row 26)."""
    gone = change.action is Action.DELETE and context.deletes(table_address(change.address))
    return gone or follows(change, context)


def _tightening(
    index: Index, change: Change[Index], context: Context
) -> tuple[Phase, tuple[Hazard, ...], tuple[Probe, ...]]:
    names = [p.column for p in index.parts]
    new = all(names) and only_new_columns(change, names, context) and not index.nulls_not_distinct
    if not index.unique or new:
        return Phase.EXPAND, (), ()
    keys = list(map(key_text, index.parts))
    refused = hazard(Code.OLD_WRITERS, f"a second row with the same ({', '.join(keys)}) is refused")
    probe = duplicates(index.address, keys, index.where.source if index.where else "", index.nulls_not_distinct)
    return Phase.CONTRACT, (refused,), (probe,)


def _named(address: Address, name: str) -> Address:
    """An index of the same table under another name."""
    return address.sibling(address.kind, (*address.path[:-1], name))


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
                requires=freed(change, context),
            )
        ]
    built = _built(change, name, *_tightening(index, change, context))
    return [dataclasses.replace(built, requires=freed(change, context))]


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
        done=(
            Check(change.address.sibling(change.address.kind, (schema, table, name)), attributes=(("valid", True),)),
        ),
        undo=(alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),),
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
        done=(Check(_named(index.address, name), present=False),),
        undo=(alone(definition(index, name, concurrently=True)),),
    )


def drop(change: Change[Index], _context: Context) -> list[Draft]:
    """CONCURRENTLY: a plain DROP INDEX locks readers of the table out (row 33)."""
    return [_dropped(change.live, change.address.name, Phase.CONTRACT)]


def replace(change: Change[Index], context: Context) -> list[Draft]:
    """Build the new one beside the old one, swap the names, drop the old one: never a gap (row 36).

    A gap there is where a column of it changes to a type that the old one cannot follow to.
    """
    schema, _, name = change.address.path
    if hinders(change, context):
        gap = hazard(Code.INDEX_GAP, f"there is no {name} until the column has its new type and the index is built")
        out = dataclasses.replace(_dropped(change.live, name, Phase.CONTRACT), slot=OUT, removes=True, hazards=(gap,))
        _, hazards, probes = _tightening(change.desired, change, context)
        return [out, _built(change, name, Phase.CONTRACT, hazards, probes)]
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
        done=(
            Check(_named(change.address, old)),
            Check(_named(change.address, new), present=False),
        ),
        undo=(
            sql(
                f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(new)}",
                f"ALTER INDEX {qualified(schema, old)} RENAME TO {ident(name)}",
            ),
        ),
        provides=True,
    )
    built = dataclasses.replace(_built(change, new, phase, hazards, probes), provides=False)
    last = _dropped(change.live, old, Phase.CONTRACT)
    if not carries(change.live, context):
        return [built, swap, last]
    held = dataclasses.replace(  # in one transaction with the foreign keys that let go of it
        last,
        operation=sql(f"DROP INDEX {qualified(schema, old)}"),
        locks=access_exclusive(table_path(change.address)),
        undo=None,
        removes=True,
        provides=True,
    )
    return [built, dataclasses.replace(swap, provides=False), held]


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


def rebuild(change: Change[Index], _context: Context) -> list[Draft]:
    """Plainly, in the transaction of what forces it."""
    index, live = change.desired, change.live
    schema, table, name = change.address.path
    gone = Draft(
        "remove",
        Phase.EXPAND,
        f"take index {name} of {table} away",
        sql(f"DROP INDEX {qualified(schema, name)}"),
        undo=(sql(definition(live, name, concurrently=False)),),
        removes=True,
    )
    back = Draft(
        "create",
        Phase.EXPAND,
        f"build index {name} of {table} again",
        sql(definition(index, name, concurrently=False)),
        locks=(lock(SHARE, schema, table),),
        hazards=(hazard(Code.SCAN_UNDER_LOCK, f"{qualified(schema, table)} is read from end to end, for {name}"),),
        done=(Check(change.address),),
        undo=(sql(f"DROP INDEX {qualified(schema, name)}"),),
        provides=True,
    )
    return [gone, back]


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
    replace=replace,
    rebuild=rebuild,
    disturbs=disturbs,
    rules=(rule("valid", emit=repair), rule("options", emit=set_options)),
    temporary=temporary,
    piece=True,
    parent="table",
    order=65,
)
