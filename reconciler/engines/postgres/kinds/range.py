"""Range types: `ranges: {float_range: {subtype: double precision, subtype_diff: float8mi}}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import MAKERS, lift_collation, lower_collation, type_name, type_references
from reconciler.engines.postgres.types import canonical
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft


@dataclass(frozen=True, slots=True)
class Range(Resource):
    """Path: (schema, name). "" and None stand for what the server takes when nothing is said.

    `opclass`, `canonical` and `subtype_diff` are as one writes them; `multirange` is a name in the same schema.
    """

    subtype: str = attr(Role.REPLACE)
    opclass: str = attr(Role.REPLACE, default="")
    collation: tuple[str, str] | None = attr(Role.REPLACE, default=None)
    canonical: str = attr(Role.REPLACE, default="")
    subtype_diff: str = attr(Role.REPLACE, default="")
    multirange: str = attr(Role.REPLACE, default="")


TEXT = {"type": "string", "minLength": 1}
SPEC = {
    "type": ["string", "object"],
    "description": "a subtype, or a mapping with 'subtype' and more",
    "required": ["subtype"],
    "properties": {
        "subtype": TEXT,
        "opclass": TEXT,
        "collation": TEXT,
        "canonical": TEXT,
        "subtype_diff": TEXT,
        "multirange": {**TEXT, "description": "the name of the multirange type, in the same schema"},
    },
}


def _multirange(name: str) -> str:
    """What the server calls the multirange type (makeMultirangeTypeName in pg_type.c), short names only."""
    head, found, tail = name.rpartition("range")
    made = f"{head}multirange{tail}" if found else f"{name}_multirange"
    return made.encode()[:63].decode(errors="ignore")


def lower(name: str, node: Any, place: Place) -> Range:
    """A subtype; a mapping says more."""
    said = node if isinstance(node, dict) else {"subtype": node}
    return Range(
        place.address("range", name),
        canonical(said["subtype"]),
        said.get("opclass", ""),
        lower_collation(said.get("collation")),
        said.get("canonical", ""),
        said.get("subtype_diff", ""),
        said.get("multirange", _multirange(name)),
    )


def lift(found: Range, _catalog: Catalog) -> Any:
    """The subtype alone where that says all."""
    node: dict[str, Any] = {"subtype": found.subtype}
    if found.opclass:
        node["opclass"] = found.opclass
    if found.collation is not None:
        node["collation"] = lift_collation(found.collation)
    if found.canonical:
        node["canonical"] = found.canonical
    if found.subtype_diff:
        node["subtype_diff"] = found.subtype_diff
    if found.multirange != _multirange(found.address.name):
        node["multirange"] = found.multirange
    return node if len(node) > 1 else node["subtype"]


def long(node: Any) -> dict[str, Any]:
    """A subtype as a mapping."""
    return {"subtype": node}


def query(_version: int) -> str:
    """Range types in scope; the collation only where it is not the subtype's own."""
    return f"""
        SELECT t.oid, n.nspname, t.typname, format_type(r.rngsubtype, NULL), r.rngsubopc,
               CASE WHEN o.oid IS NOT NULL THEN ARRAY[s.nspname, o.collname]::text[] END,
               CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::regproc::text ELSE '' END,
               CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::regproc::text ELSE '' END, m.typname
        FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid JOIN pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_type b ON b.oid = r.rngsubtype LEFT JOIN pg_type m ON m.oid = r.rngmultitypid
        LEFT JOIN pg_collation o ON o.oid = r.rngcollation AND r.rngcollation <> b.typcollation
        LEFT JOIN pg_namespace s ON s.oid = o.collnamespace
        WHERE t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Range]:
    """Rows of `query` → Range."""
    for oid, schema, name, subtype, opclass, collation, canonical_of, diff, multirange in rows:
        said, is_default, _, _ = reader.lookups.opclasses[opclass]
        yield Range(
            reader.known("pg_type", oid, reader.address("range", schema, name)),
            subtype,
            "" if is_default else said,
            (collation[0], collation[1]) if collation else None,
            canonical_of,
            diff,
            multirange or "",
        )


def statements(found: Range, name: str = "") -> list[str]:
    """CREATE TYPE … AS RANGE, with what is said."""
    schema = found.address.path[0]
    said = [
        ("subtype", found.subtype),
        ("subtype_opclass", found.opclass),
        ("collation", qualified(*found.collation) if found.collation else ""),
        ("canonical", found.canonical),
        ("subtype_diff", found.subtype_diff),
    ]
    if found.multirange and not name and found.multirange != _multirange(found.address.name):
        said.append(("multirange_type_name", qualified(schema, found.multirange)))
    options = ", ".join(f"{k} = {v}" for k, v in said if v)
    return [f"CREATE TYPE {name or type_name(found.address)} AS RANGE ({options})"]


def definition(found: Range) -> str:
    """The same as one text."""
    return statements(found)[0]


def temporary(found: Range) -> str:
    """The type in pg_temp."""
    return statements(found, f"pg_temp.{ident(found.address.name)}")[0]


def references(found: Range, catalog: Catalog) -> Iterable[Address]:
    """The declared type it is made of."""
    return type_references(found.address, found.subtype, catalog)


def mentions(found: Range, catalog: Catalog) -> Iterable[Address]:
    """Its functions, operator class and collation."""
    collation = qualified(*found.collation) if found.collation else ""
    return of_expression(" ".join([found.opclass, collation, found.canonical, found.subtype_diff]), catalog)


def create(change: Change[Range], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        created(
            change,
            f"range {'.'.join(change.address.path)}",
            *statements(change.desired),
            drop=f"DROP TYPE {type_name(change.address)}",
            requires=freed(change, context),
        )
    ]


def drop(change: Change[Range], _context: Context) -> list[Draft]:
    """RESTRICT: a column that still uses it makes the step fail."""
    return [
        dropped(
            change,
            f"range {'.'.join(change.address.path)}",
            f"DROP TYPE {type_name(change.address)}",
            *statements(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that names the type breaks"),),
        )
    ]


def replace(change: Change[Range], context: Context) -> list[Draft]:
    """Nothing of a range type can be altered: a new one, and every column moved to it."""
    return type_conversion.converted(change, context, statements)


def disturbs(_change: Change[Range]) -> Disturbance:
    """Any change makes it anew."""
    return Disturbance.DROPS


def _within(wanted: Range, live: Range) -> tuple[tuple[str, str], ...]:
    """The multirange takes a new name along with its range."""
    return ((live.multirange, wanted.multirange),) if live.multirange != wanted.multirange else ()


KIND = PgKind(
    name="range",
    resource=Range,
    section="ranges",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=long,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    absorbed=type_conversion.absorbed,
    follows=MAKERS,
    create=create,
    drop=drop,
    replace=replace,
    disturbs=disturbs,
    within=_within,
    with_within=lambda live, pairs: dataclasses.replace(live, multirange=pairs[0][1]),
    temporary=temporary,
    spells=frozenset({"subtype", "opclass", "collation", "canonical", "subtype_diff"}),
    anonymous=True,
    prepares=definition,
    parent="schema",
    order=24,
    top=True,
)
