"""Enumerated types: `enums: {payment_status: [pending, settled, failed]}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.names_within import Pairs, pending, renamed
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.plain_objects import created
from reconciler.engines.postgres.quoting import MAX_BYTES, ident, literal, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Probe


@dataclass(frozen=True, slots=True)
class Enum(Resource):
    """Path: (schema, name). `renamed`: (old, new) of values that had another name."""

    values: tuple[str, ...]
    renamed: Pairs = attr(Role.INFORMATIONAL, reason="how to get there, no property of the type", default=())


VALUE = {
    "type": ["string", "object"],
    "required": ["value"],
    "properties": {"value": {"type": "string"}, "renamed_from": {"type": "string"}},
    "additionalProperties": False,
}
VALUES = {"type": "array", "items": VALUE, "uniqueItems": True}
SPEC = {
    "type": ["array", "object"],
    "description": "a list of values, or a mapping with 'values' and more",
    "items": VALUE,
    "uniqueItems": True,
    "required": ["values"],
    "properties": {"values": VALUES},
}


def lower(name: str, node: Any, place: Place) -> Enum:
    """A list of values in their order; a mapping says more."""
    nodes = node["values"] if isinstance(node, dict) else node
    values = tuple(n["value"] if isinstance(n, dict) else n for n in nodes)
    for position, value in enumerate(values):
        below = ("values", position) if isinstance(node, dict) else (position,)
        if len(value.encode()) > MAX_BYTES:
            raise place.fail(f"the value {value!r} is longer than {MAX_BYTES} bytes", "shorten it", *below)
        if value in values[:position]:
            raise place.fail(f"the value {value!r} stands twice", "keep one of them", *below)
    renamed = tuple((n["renamed_from"], n["value"]) for n in nodes if isinstance(n, dict) and "renamed_from" in n)
    return Enum(place.address("enum", name), values, renamed)


def lift(enum: Enum, _catalog: Catalog) -> Any:
    """The values."""
    return list(enum.values)


def query(_version: int) -> str:
    """Enumerated types in scope with their values in order."""
    return f"""
        SELECT t.oid, n.nspname, t.typname, array_agg(v.enumlabel::text ORDER BY v.enumsortorder)
               FILTER (WHERE v.oid IS NOT NULL)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_enum v ON v.enumtypid = t.oid
        WHERE t.typtype = 'e' AND t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
        GROUP BY 1, 2, 3 ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Enum]:
    """(oid, schema, name, values) → Enum."""
    for oid, schema, name, values in rows:
        yield Enum(reader.known("pg_type", oid, reader.address("enum", schema, name)), tuple(values or ()))


def _name(address: Address) -> str:
    return qualified(address.path[0], address.path[1])


def definition(enum: Enum) -> str:
    """CREATE TYPE … AS ENUM."""
    return f"CREATE TYPE {_name(enum.address)} AS ENUM ({', '.join(map(literal, enum.values))})"


def statements(enum: Enum) -> list[str]:
    """The same as a list."""
    return [definition(enum)]


def create(change: Change[Enum], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        created(
            change,
            f"enum {'.'.join(change.address.path)}",
            definition(change.desired),
            drop=f"DROP TYPE {_name(change.address)}",
            requires=freed(change, context),
        )
    ]


def drop(change: Change[Enum], _context: Context) -> list[Draft]:
    """RESTRICT: a column that still uses it makes the step fail."""
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop enum {'.'.join(change.address.path)}",
            sql(f"DROP TYPE {_name(change.address)}"),
            hazards=(hazard(Code.OLD_READERS, "code that names the type breaks"),),
            done=(Check(change.address, present=False),),
            undo=(sql(definition(change.live)),),
        )
    ]


def add_values(change: Change[Enum], _context: Context) -> list[Draft]:
    """ALTER TYPE … ADD VALUE, each alone: a value cannot be used before its transaction commits (measured, row 80)."""
    live, desired = list(change.live.values), change.desired.values
    drafts: list[Draft] = []
    for position, value in enumerate(desired):
        if value in live:
            continue
        before = next((v for v in desired[position + 1 :] if v in live), None)
        where = f" BEFORE {literal(before)}" if before is not None else ""
        live.insert(live.index(before) if before is not None else len(live), value)
        statement = f"ALTER TYPE {_name(change.address)} ADD VALUE IF NOT EXISTS {literal(value)}{where}"
        drafts.append(_added(change, value, statement, tuple(live)))
    return drafts


def only_adds(change: Change[Enum], _context: Context | None = None) -> bool:
    """Whether every old value stays, in the old order."""
    live = change.live.values
    return tuple(v for v in change.desired.values if v in live) == live


def convert(change: Change[Enum], context: Context) -> list[Draft]:
    """Values removed or in another order: a new type, and every column moved to it by the text (row 82)."""
    gone = [v for v in change.live.values if v not in change.desired.values]
    listed = ", ".join(map(literal, gone))
    probes = [_holding(c, listed) for c in type_conversion.columns([change.address], context)] if gone else []
    named = ", ".join(gone)
    breaks = hazard(Code.OLD_READERS, f"code that says {named} is refused" if gone else "values sort in another order")
    return type_conversion.converted(change, context, statements, hazards=(breaks,), probes=tuple(probes))


def _holding(column: Column, values: str) -> Probe:
    name, table = ident(column.address.name), qualified(*column.table)
    held = f"{name}::text[] && ARRAY[{values}]" if column.type.endswith("[]") else f"{name}::text IN ({values})"
    return Probe(
        f"rows of {table} hold one of {values} in {column.address.name}",
        f"SELECT ctid::text FROM ONLY {table} WHERE {held}",
    )


def disturbs(change: Change[Enum]) -> Disturbance:
    """New values leave everything in place."""
    return Disturbance.NONE if only_adds(change) else Disturbance.DROPS


def _added(change: Change[Enum], value: str, statement: str, values: tuple[str, ...]) -> Draft:
    return Draft(
        f"add {value}",
        Phase.EXPAND,
        f"add value {value!r} to enum {'.'.join(change.address.path)}",
        Sql((statement,), transaction=False),
        done=(Check(change.address, attributes=(("values", values),)),),
        provides=True,
    )


KIND = PgKind(
    name="enum",
    resource=Enum,
    section="enums",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=lambda values: {"values": values},
    query=query,
    read=read,
    create=create,
    drop=drop,
    disturbs=disturbs,
    within=lambda enum, live: pending(enum.renamed, live.values),
    with_within=lambda live, pairs: replace(live, values=tuple(renamed(live.values, pairs))),
    rules=(rule("values", emit=add_values, when=only_adds), rule("values", emit=convert)),
    parent="schema",
    order=20,
    top=True,
)
