"""Enumerated types: `enums: {payment_status: [pending, settled, failed]}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import MAX_BYTES, literal, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Enum(Resource):
    """Path: (schema, name)."""

    values: tuple[str, ...]


SPEC = {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "description": "a list of values"}


def lower(name: str, node: Any, place: Place) -> Enum:
    """A list of values in their order."""
    for value in node:
        if len(value.encode()) > MAX_BYTES:
            raise place.fail(f"the value {value!r} is longer than {MAX_BYTES} bytes", "shorten it", node.index(value))
    return Enum(place.address("enum", name), tuple(node))


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


def create(change: Change[Enum], _context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create enum {'.'.join(change.address.path)}",
            sql(definition(change.desired)),
            done=(Check(change.address),),
            undo=(sql(f"DROP TYPE {_name(change.address)}"),),
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
    if [v for v in desired if v in live] != live:
        gone = [v for v in live if v not in desired]
        raise UnsupportedChange(
            f"{change.address}: values cannot be removed or reordered" + (f" ({', '.join(gone)})" if gone else ""),
            hint="keep the old values, or declare a new type and move the columns to it",
        )
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
    query=query,
    read=read,
    create=create,
    drop=drop,
    rules=(rule("values", emit=add_values),),
    parent="schema",
    order=20,
    top=True,
)
