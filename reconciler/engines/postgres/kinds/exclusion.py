"""Exclusion constraints: `exclusions: {no_overlap: {method: gist, elements: [{column: room, with: "="}, …]}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.engines.postgres import index_parts, storage_options
from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    DEFERRABLE,
    column_addresses,
    dropped_with_column,
    gone_with_table,
    in_new_table,
    lift_deferrable,
    lower_deferrable,
    table_address,
    table_name,
    table_path,
    timing,
)
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.index_marks import keeping
from reconciler.engines.postgres.index_parts import KEYS, KEYS_FROM, PART, Keys, Part
from reconciler.engines.postgres.index_settings import key_tail, set_options, set_tablespace
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds import operator_class
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import columns, ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


class Element(NamedTuple):
    """One key of the constraint, and the operator under which no two rows may compare true.

    `operator` is as one writes it after WITH: `&&`, or `OPERATOR(schema.&&)` outside pg_catalog and public.
    """

    part: Part
    operator: str

    def __str__(self) -> str:
        return f"{self.part} WITH {self.operator}"


@dataclass(frozen=True, slots=True)
class Exclusion(Resource):
    """Path: (schema, table, name)."""

    method: str = attr(Role.REPLACE)
    elements: tuple[Element, ...] = attr(Role.REPLACE)
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    where: Expr | None = attr(Role.REPLACE, default=None)
    deferrable: bool = attr(Role.REPLACE, default=False)
    deferred: bool = attr(Role.REPLACE, default=False)
    options: storage_options.Options = ()
    tablespace: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names."""
        return (*(e.part.column for e in self.elements if e.part.column), *self.include)


ELEMENT = {
    **PART,
    "type": "object",
    "description": "a mapping with 'column' or 'expression', and the operator: 'with'",
    "properties": {**PART["properties"], "with": {"type": "string", "minLength": 1}},  # type: ignore[dict-item]
    "required": ["with"],
}
SPEC = {
    "type": "object",
    "required": ["elements"],
    "properties": {
        "method": {"type": "string", "minLength": 1},
        "elements": {"type": "array", "items": ELEMENT, "minItems": 1},
        "include": COLUMNS,
        "where": {"type": "string", "minLength": 1},
        "deferrable": DEFERRABLE,
        "with": storage_options.SPEC,
        "tablespace": {"type": "string", "minLength": 1},
    },
}


def lower(name: str, node: Any, place: Place) -> Exclusion:
    """Elements in their order; the method is btree where nothing is said, as in EXCLUDE."""
    for position, element in enumerate(node["elements"]):
        if ("column" in element) == ("expression" in element):
            message = "an element of an exclusion constraint is a column or an expression"
            raise place.fail(message, "name one of them", "elements", position)
    deferrable, deferred = lower_deferrable(node)
    return Exclusion(
        place.address("exclusion", name),
        node.get("method", "btree"),
        tuple(Element(index_parts.lower(e), e["with"]) for e in node["elements"]),
        tuple(node.get("include", ())),
        Expr(node["where"]) if "where" in node else None,
        deferrable,
        deferred,
        storage_options.lower(node.get("with")),
        node.get("tablespace", ""),
    )


def lift(exclusion: Exclusion, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {} if exclusion.method == "btree" else {"method": exclusion.method}
    node["elements"] = [_lift_element(e) for e in exclusion.elements]
    if exclusion.include:
        node["include"] = list(exclusion.include)
    if exclusion.where is not None:
        node["where"] = exclusion.where.source
    node |= lift_deferrable(exclusion.deferrable, exclusion.deferred)
    if exclusion.options:
        node["with"] = storage_options.lift(exclusion.options)
    if exclusion.tablespace:
        node["tablespace"] = exclusion.tablespace
    return node


def _lift_element(element: Element) -> dict[str, Any]:
    part = index_parts.lift(element.part)
    return {**(part if isinstance(part, dict) else {"column": part}), "with": element.operator}


def query(_version: int) -> str:
    """Exclusion constraints of the tables in scope; those that a partition has from its parent are the parent's."""
    return f"""
        SELECT k.conname, {KEYS},
               ARRAY(SELECT CASE WHEN n.nspname IN ('pg_catalog', 'public') THEN o.oprname
                                 ELSE 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' END
                     FROM unnest(k.conexclop) WITH ORDINALITY e (oid, position) JOIN pg_operator o ON o.oid = e.oid
                     JOIN pg_namespace n ON n.oid = o.oprnamespace ORDER BY e.position),
               pg_get_expr(i.indpred, i.indrelid), k.condeferrable, k.condeferred, c.reloptions
        FROM {KEYS_FROM} JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = t.oid
        WHERE k.contype = 'x' AND k.conparentid = 0 AND t.relnamespace = ANY (%(namespaces)s)
        ORDER BY k.conrelid, k.conname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Exclusion]:
    """Rows of `query` → Exclusion."""
    for name, *row in rows:
        keys = Keys(*row[:10])
        path = reader.tables.get(keys.table)
        if path is None:
            continue
        operators, where, deferrable, deferred, options = row[10:]
        yield Exclusion(
            reader.known("pg_class", keys.oid, reader.address("exclusion", *path, name)),
            keys.method,
            tuple(map(Element, index_parts.read(keys, reader), operators)),
            keys.included(reader),
            Expr.live(where) if where is not None else None,
            deferrable,
            deferred,
            storage_options.read(options),
            reader.lookups.index_tablespaces.get(keys.oid, ""),
        )


def clause(exclusion: Exclusion) -> str:
    """The table constraint, with its name."""
    using = f" USING {ident(exclusion.method)}" if exclusion.method != "btree" else ""
    elements = ", ".join(map(str, exclusion.elements))
    text = f"CONSTRAINT {ident(exclusion.address.name)} EXCLUDE{using} ({elements})"
    text += f" INCLUDE {columns(exclusion.include)}" if exclusion.include else ""
    text += key_tail(exclusion)
    text += f" WHERE ({exclusion.where.source})" if exclusion.where else ""
    return text + timing(exclusion.deferrable, exclusion.deferred)


def temporary(exclusion: Exclusion) -> str:
    """The constraint on the temporary twin of its table."""
    return f"ALTER TABLE pg_temp.{ident(exclusion.address.path[1])} ADD {clause(exclusion)}"


def references(exclusion: Exclusion, catalog: Catalog) -> Iterable[Address]:
    """The columns it names, and the operator classes of its keys."""
    yield from column_addresses(exclusion.address, dict.fromkeys(exclusion.columns))
    keys = ((e.part.opclass, e.part.column) for e in exclusion.elements)
    yield from operator_class.used(exclusion.address, exclusion.method, keys, catalog)


def mentions(exclusion: Exclusion, catalog: Catalog) -> Iterable[Address]:
    """Functions, types, operators and operator classes that its elements and its condition name."""
    where = exclusion.where.source if exclusion.where else ""
    return of_expression("\n".join([*map(str, exclusion.elements), where]), catalog)


def absorbed(change: Change[Exclusion], context: Context) -> bool:
    """Gone with its table or a column; never part of CREATE TABLE, since it may use functions that use the table."""
    names = change.before.columns if change.before else ()
    return gone_with_table(change, context) or dropped_with_column(change, names, context)


def create(change: Change[Exclusion], context: Context) -> list[Draft]:
    """No concurrent form exists: the index is built while everybody waits, unless the table is new (row 52)."""
    name, table = change.address.name, table_name(change.address)
    added = f"ALTER TABLE {table} ADD {clause(change.desired)}"
    back = f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"
    if in_new_table(change, context):
        return [_built(change, Phase.EXPAND, added, back, easy=True, context=context)]
    easy = context.size(table_address(change.address)).rows == 0
    return [_built(change, Phase.CONTRACT, added, back, easy=easy, context=context)]


def replace(change: Change[Exclusion], context: Context) -> list[Draft]:
    """Old out and new in by one ALTER: writers are never unchecked."""
    name, table = ident(change.address.name), table_name(change.address)

    def swap(exclusion: Exclusion) -> str:
        return f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD {clause(exclusion)}"

    easy = in_new_table(change, context) or context.size(table_address(change.address)).rows == 0
    return [_built(change, Phase.CONTRACT, swap(change.desired), swap(change.live), easy=easy, context=context)]


def _built(
    change: Change[Exclusion], phase: Phase, statement: str, back: str, *, easy: bool, context: Context
) -> Draft:
    name, table = change.address.name, table_name(change.address)
    elements = ", ".join(map(str, change.desired.elements))
    hazards = (
        hazard(Code.SCAN_UNDER_LOCK, f"the index of {name} is built while nobody reads or writes {table}"),
        hazard(Code.MAY_FAIL, f"rows of {table} that exclude each other make the step fail"),
    )
    refused = hazard(Code.OLD_WRITERS, f"a second row with ({elements}) is refused from here on")
    return Draft(
        "add",
        phase,
        f"add exclusion constraint {name} to {change.address.path[1]}",
        sql(statement),
        locks=access_exclusive(table_path(change.address)),
        hazards=(*(() if easy else hazards), *((refused,) if phase is Phase.CONTRACT else ())),
        done=became(change) if change.before else (Check(change.address),),
        undo=(sql(back),),
        reads=None if easy else table_address(change.address),
        requires=freed(change, context),
        provides=True,
    )


def drop(change: Change[Exclusion], _context: Context) -> list[Draft]:
    """Instant; rows that exclude each other are let in from then on (row 51)."""
    name, table = change.address.name, table_name(change.address)
    elements = ", ".join(map(str, change.live.elements))
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop exclusion constraint {name} of {change.address.path[1]}",
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),
            locks=access_exclusive(table_path(change.address)),
            hazards=(hazard(Code.LOOSENS, f"two rows of {table} may have ({elements})"),),
            done=(Check(change.address, present=False),),
            undo=(sql(f"ALTER TABLE {table} ADD {clause(change.live)}"),),
        )
    ]


def rebuild(change: Change[Exclusion], context: Context) -> list[Draft]:
    """Because its table or something it uses goes and comes again."""
    table = table_name(change.address)
    out = [] if context.creates(table_address(change.address)) else drop(change, context)
    back = f"ALTER TABLE {table} DROP CONSTRAINT {ident(change.address.name)}"
    added = _built(
        change, Phase.CONTRACT, f"ALTER TABLE {table} ADD {clause(change.desired)}", back, easy=not out, context=context
    )
    import dataclasses

    return [*(dataclasses.replace(d, removes=True) for d in out), added]


KIND = PgKind(
    name="exclusion",
    resource=Exclusion,
    section="exclusions",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    absorbed=absorbed,
    create=create,
    drop=drop,
    replace=keeping(replace),
    rebuild=keeping(rebuild),
    rules=(
        rule("options", emit=set_options),
        rule("tablespace", emit=set_tablespace),
    ),
    temporary=temporary,
    piece=True,
    parent="table",
    order=62,
)
