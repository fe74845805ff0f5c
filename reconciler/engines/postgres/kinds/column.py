"""Columns: `columns: {id: uuid, amount: {type: "numeric(12,2)", not_null: true, default: "0"}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres import (
    column_added,
    column_anew,
    column_defaults,
    column_identity,
    column_settings,
    column_types,
    inheritance,
    not_null_families,
    not_nulls,
    parents_changed,
)
from reconciler.engines.postgres import column_changes as changes
from reconciler.engines.postgres import inheritance_changes as inheriting
from reconciler.engines.postgres.column_parts import (
    Facts,
    Generated,
    Identity,
    generation,
    lift_identity,
    lower_identity,
    render_identity,
)
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.mentions import RELATIONS, mentioned, of_expression, words
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.storage_options import Options
from reconciler.engines.postgres.type_names import MAKERS, lift_collation, lower_collation, type_references
from reconciler.engines.postgres.types import SERIAL, is_builtin, lower_type
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.expr import Expr
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Ref


@dataclass(frozen=True, slots=True)
class Column(Resource):
    """Path: (schema, table, column). `collation` None: the type's own; otherwise (schema, name).

    `not_null_name` is that of the constraint (18 and later), "" for the one that the server gives it.
    `storage` and `compression` "" and `statistics` -1 are the server's defaults. `local`: the table has it by itself,
    not only from its parents. `said`: the words of its declaration, where a parent says the others.
    """

    type: str
    not_null: bool = False
    default: Expr | None = None
    identity: Identity | None = None
    generated: Generated | None = None
    collation: tuple[str, str] | None = None
    not_null_valid: bool = True
    not_null_no_inherit: bool = False
    not_null_name: str = ""
    storage: str = ""
    compression: str = ""
    statistics: int = -1
    options: Options = ()
    local: bool = True
    not_null_local: bool = attr(
        Role.INFORMATIONAL, reason="cannot change in place; only servers from 18 on keep it", default=False
    )
    said: tuple[str, ...] = attr(Role.INFORMATIONAL, reason="how it is declared, not what", default=())
    position: int = attr(Role.INFORMATIONAL, reason="a different order is reported, never a rewrite", default=0)
    using: Expr | None = attr(Role.INFORMATIONAL, reason="how values get to a new type", default=None)
    facts: Facts | None = attr(Role.INFORMATIONAL, reason="what the server says of getting here", default=None)

    @property
    def table(self) -> tuple[str, str]:
        """(schema, table)."""
        return self.address.path[0], self.address.path[1]


LOOSE_WORDS = frozenset("and or not is in like ilike similar between at collate isnull notnull overlaps".split())
EXPRESSION = {"type": "string", "minLength": 1}
SPEC = {
    "type": ["string", "object"],
    "description": "a type, or a mapping with 'type' and more",
    "properties": {
        "type": {"type": "string", "minLength": 1},
        "not_null": {
            "type": ["boolean", "object"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "no_inherit": {"type": "boolean"},
                "validated": {"type": "boolean"},
            },
            "minProperties": 1,
            "additionalProperties": False,
        },
        "default": {
            "type": ["string", "integer", "number", "boolean", "null"],
            "description": "an SQL expression; text in SQL quotes: \"'pending'\"",
        },
        "identity": {
            "type": ["string", "object"],
            "description": "always, by_default, or a mapping with 'generated' and sequence options",
            "properties": {
                "generated": {"enum": ["always", "by_default"]},
                **{k: {"type": "integer"} for k in ("start", "increment", "min", "max", "cache")},
                "cycle": {"type": "boolean"},
                "sequence_name": {"type": "string", "minLength": 1},
            },
            "additionalProperties": False,
        },
        "generated": {
            "type": ["string", "object"],
            "description": "an expression, or a mapping with 'as' and 'virtual'",
            "properties": {"as": EXPRESSION, "virtual": {"type": "boolean"}},
            "required": ["as"],
            "additionalProperties": False,
        },
        "collation": {"type": "string"},
        "using": {
            **EXPRESSION,
            "description": "the value in the new type, when the type changes",
        },
        **column_settings.SPEC,
    },
}


def lower(name: str, node: Any, place: Place) -> Column:
    """A string is a type; a mapping says more."""
    if isinstance(node, str):
        node = {"type": node}
    written = node.get("type", "")
    if written.lower() in SERIAL:
        hint = f"type: {SERIAL[written.lower()]} with identity: by_default"
        raise place.fail(f"{written} is a shorthand that no column keeps", hint, "type")
    if sum(k in node for k in ("default", "identity", "generated")) > 1:
        raise place.fail("a column has one of default, identity and generated", "keep one of them")
    if "generated" in node and "using" in node:
        raise place.fail("the values of a generated column are made by its expression", "leave it out", "using")
    default = node.get("default")
    kind = lower_type(written, place) if written else ""
    known = frozenset(WORDS)
    required = node.get("not_null", False)
    return Column(
        place.address("column", name),
        kind,
        bool(required) or "identity" in node,
        None if default is None else Expr(str(default).lower() if isinstance(default, bool) else str(default)),
        lower_identity(node.get("identity"), kind, place, name),
        _generated(node.get("generated")),
        lower_collation(node.get("collation")),
        **not_nulls.lower(required, (*place.parent, name)),
        **column_settings.lower(node),
        said=tuple(w for w in node if w in known) + (("not_null",) if "identity" in node else ()),
        using=Expr(node["using"]) if "using" in node else None,
    )


WORDS = ("type", "not_null", "default", "identity", "generated", "collation", *column_settings.NAMES)


def _generated(node: Any) -> Generated | None:
    if node is None:
        return None
    said = {"as": node} if isinstance(node, str) else node
    return Generated(Expr(said["as"]), bool(said.get("virtual", False)))


def lift(column: Column, catalog: Catalog) -> Any:
    """The bare type where it says all; what it has from a parent, its type or its primary key goes without saying."""
    passed = inheritance.base(column, catalog)
    old = passed or Column(column.address, "")
    node: dict[str, Any] = {} if passed is not None and passed.local >= column.local else {"type": column.type}
    required = column.identity is not None or _in_key(column, catalog)
    own = passed is None or column.not_null_local
    again = column.not_null and own and passed is not None and column.identity is None
    if column.not_null != (old.not_null or required) or (own and not_nulls.said(column)) or again:
        node["not_null"] = not_nulls.lift(column)
    node |= not_nulls.lift_unlike(column, passed)
    if column.default != old.default and (column.default is not None or column.generated == old.generated):
        node["default"] = column.default.source if column.default is not None else None
    if column.identity is not None:
        node["identity"] = lift_identity(column.identity, column.type)
    if column.generated is not None and column.generated != old.generated:
        source = column.generated.expression.source
        node["generated"] = {"as": source, "virtual": True} if column.generated.virtual else source
    if column.collation is not None and column.collation != old.collation:
        node["collation"] = lift_collation(column.collation)
    node |= column_settings.lift(column, old) | ({"using": column.using.source} if column.using else {})
    return node["type"] if node.keys() == {"type"} else node


def _in_key(column: Column, catalog: Catalog) -> bool:
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey

    key = catalog.get(column.address.sibling("primary_key", column.table), PrimaryKey)
    return key is not None and column.address.name in key.columns


def query(_version: int) -> str:
    """Columns of the tables in scope in their order; defaults and identities are looked up."""
    return """
        SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid, a.attcollation,
               a.attnotnull, a.attgenerated::text, a.attidentity::text, a.attislocal
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY a.attrelid, a.attnum"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Column]:
    """Rows of `query` → Column, those of tables that are not in scope left out."""
    states, settings = reader.lookups.not_nulls, reader.lookups.column_settings
    tables, names, types, service = reader.tables, reader.columns, reader.column_types, reader.service
    new = tuple.__new__  # as Address(…), without a call in Python for each of 50,000
    defaults, identities, collated = reader.lookups.defaults, reader.lookups.identities, reader.lookups.collation
    for oid, number, name, kind, type_oid, collation, not_null, generated, identity, local in rows:
        spot = oid, number
        names[spot] = name
        types[spot] = type_oid, collation
        path = tables.get(oid)
        if path is None:
            continue
        expression = defaults.get(spot)
        state, constraint = states.get(spot, (0, None))
        own = identities.get(spot)
        column = Column(
            new(Address, (service, "postgres", "column", (*path, name))),
            kind,
            not_null,
            None if generated else expression,
            column_identity.found(identity, own, path[1], name) if own is not None else None,
            Generated(expression, generated == "v") if generated and expression else None,
            collated(type_oid, collation) if collation else None,
            not state & 2,
            bool(state & 1),
            not_nulls.chosen(constraint, (*path, name)) if constraint else "",
            local=local,
            not_null_local=bool(state & 4),
            position=number,
        )
        yield replace(column, **column_settings.read(settings[spot])) if spot in settings else column


def operand(source: str) -> str:
    """The grammar of DEFAULT takes these words in parentheses only (gram.y, b_expr)."""
    words = source.lower().replace("(", " ").replace(")", " ").split()
    return f"({source})" if LOOSE_WORDS.intersection(words) else source


def clause(column: Column) -> str:
    """The column as CREATE TABLE and ADD COLUMN write it."""
    parts = [ident(column.address.name), column.type]
    if column.collation is not None:
        parts.append(f"COLLATE {qualified(*column.collation)}")
    if column.default is not None:
        parts.append(f"DEFAULT {operand(column.default.source)}")
    if column.identity is not None:
        parts.append(render_identity(column.identity, column.type))
    if column.generated is not None:
        parts.append(generation(column.generated))
    if column.not_null and column.not_null_valid:
        parts.append(not_nulls.clause(column))
    return " ".join(parts)


def references(column: Column, catalog: Catalog) -> Iterable[Address]:
    """The declared type it is of. Of a row type it is told in `mentions`: tables may hold each other's rows."""
    return (a for a in type_references(column.address, column.type, catalog) if a.kind not in RELATIONS)


def mentions(column: Column, catalog: Catalog) -> Iterable[Address]:
    """Sequences, functions and types in its expressions; its own type, a row type included."""
    if not is_builtin(column.type):
        yield from mentioned(column.type, catalog, kinds=RELATIONS)
        yield from of_expression(column.type, catalog)
    for said in (column.default, column.using, column.generated.expression if column.generated else None):
        if said is not None:
            yield from of_expression(said.source, catalog)
    if column.generated is not None:
        named = words(column.generated.expression.source) - {column.address.name}
        siblings = (column.address.sibling("column", (*column.table, name)) for name in sorted(named))
        yield from (a for a in siblings if a in catalog.resources)


def absorbed(change: Change[Column], context: Context) -> bool:
    """Part of CREATE TABLE and DROP TABLE, or of what happens to the same column of a parent."""
    table = change.address.sibling("table", change.address.path[:2])
    gone = change.action is Action.DELETE and context.deletes(table)
    from reconciler.engines.postgres.composite_changes import handed_down

    whole = gone or context.creates(table)
    return whole or inheriting.handed_down(change, context) or handed_down(change, context)


def disturbs(change: Change[Column]) -> Disturbance:
    """Views and other texts that the server has bound to the old type stand in the way of another one (row 63)."""
    if change.action is Action.REPLACE:
        return Disturbance.DROPS
    return Disturbance.ALTERS if change.changed("type", "collation") else Disturbance.NONE


def binds(before: Column, after: Column | None, _source: Address, _change: Change[Any] | None) -> bool:
    """What is generated from a column holds on to its type, unless that ends now."""
    return before.generated is not None and after is not None and after.generated is not None


def create(change: Change[Column], context: Context) -> list[Draft]:
    """ADD COLUMN; where the parent's step adds it to the child, what the child has otherwise."""
    found = inheriting.above(change, context, Action.CREATE)
    if found is None:
        return column_added.add(change, context)
    before = replace(found.desired, address=change.address)
    update = Change(change.address, Action.UPDATE, before, change.desired, inheriting.differences(change, found))
    rules = (r for r in RULES if update.changed(*r.attributes) and (r.when is None or r.when(update, context)))
    drafts = [d for r in rules for d in r.emit(update, context)]
    return [replace(d, requires=(*d.requires, Ref(found.address)), provides=d is drafts[-1]) for d in drafts]


def implied(column: Column, catalog: Catalog) -> bool:
    """It is as its parents have it, and they alone say so."""
    return inheritance.implied(column, catalog) and not (column.not_null and column.not_null_local)


def adopts(declared: Column, live: Column) -> Column:
    """Names that the server gave to a sequence or a NOT NULL under another name of the table or column stay where none
    is declared.
    """
    return not_nulls.adopts(column_identity.adopts(declared, live), live)


RULES = (
    rule("generated", emit=changes.set_generated, when=changes.ends_generation),
    rule("type", "collation", "default", emit=column_types.retype, when=column_types.differs),
    rule("generated", emit=changes.set_generated),
    rule("not_null_name", emit=not_nulls.rename, when=not_nulls.renamed),
    rule(*not_nulls.ATTRIBUTES, emit=changes.require, when=changes.tightens),
    rule("identity", "default", emit=column_identity.set_identity, when=column_identity.differs),
    rule("default", emit=column_defaults.set_default),
    rule(*not_nulls.ATTRIBUTES, emit=changes.allow_null),
    rule(*column_settings.NAMES, emit=column_settings.change),
    rule("local", emit=parents_changed.own),
)
KIND = PgKind(
    name="column",
    resource=Column,
    section="columns",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=lambda node: {"type": node},
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    disturbs=disturbs,
    follows=MAKERS,
    following=Disturbance.ALTERS,
    rebuild=column_anew.rebuild,
    spreads=column_anew.spreads,
    replace=column_anew.replace,
    replaces=column_anew.anew,
    binds=binds,
    absorbed=absorbed,
    carried=inheritance.inherited_from,
    implied=implied,
    adopts=adopts,
    spells=frozenset({"type", "default", "identity", "generated", "collation"}),
    create=inheriting.spread(create),
    drop=inheriting.spread(changes.drop),
    rules=(
        rule(*not_nulls.ATTRIBUTES, emit=not_null_families.change_apart, when=not_null_families.apart),
        *map(inheriting.inherited, RULES),
    ),
    ordered=True,
    parent="table",
    order=45,
)
