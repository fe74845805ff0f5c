"""Composite types: `composites: {address: {street: text, zip: "character varying(10)"}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres import composite_changes as changes
from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.composite_changes import Attribute, definition, statements
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.names_within import Pairs, pending, renamed
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.type_names import MAKERS, lift_collation, lower_collation, type_references
from reconciler.engines.postgres.types import canonical
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Place, rule
from reconciler.model.resource import Resource, Role, attr


@dataclass(frozen=True, slots=True)
class Composite(Resource):
    """Path: (schema, name). The order of the attributes counts: rows are written without their names.

    `renamed`: (old, new) of attributes that had another name.
    """

    attributes: tuple[Attribute, ...]
    renamed: Pairs = attr(Role.INFORMATIONAL, reason="how to get there, no property of the type", default=())


NAME = {"type": "string", "minLength": 1}
ATTRIBUTE = {
    "type": ["string", "object"],
    "description": "a type, or a mapping with 'type' and 'collation'",
    "required": ["type"],
    "properties": {"type": {"type": "string", "minLength": 1}, "collation": {"type": "string"}, "renamed_from": NAME},
    "additionalProperties": False,
}
SPEC = {
    "type": ["object", "null"],
    "description": "a mapping with 'attributes', in their order",
    "properties": {"attributes": {"type": "object", "additionalProperties": ATTRIBUTE}},
}


def lower(name: str, node: Any, place: Place) -> Composite:
    """Attributes in their order; a string is a type."""
    said = {k: v if isinstance(v, dict) else {"type": v} for k, v in (node or {}).get("attributes", {}).items()}
    return Composite(
        place.address("composite", name),
        tuple(Attribute(k, canonical(v["type"]), lower_collation(v.get("collation"))) for k, v in said.items()),
        tuple((v["renamed_from"], k) for k, v in said.items() if "renamed_from" in v),
    )


def lift(composite: Composite, _catalog: Catalog) -> Any:
    """The attributes, a bare type where that says all."""
    return {
        "attributes": {
            a.name: {"type": a.type, "collation": lift_collation(a.collation)} if a.collation else a.type
            for a in composite.attributes
        }
    }


def query(_version: int) -> str:
    """Standalone composite types in scope, with names, types and collations of their attributes."""
    return f"""
        SELECT c.oid, n.nspname, c.relname,
               ARRAY(SELECT ARRAY[a.attname, format_type(a.atttypid, a.atttypmod), s.nspname, o.collname]::text[]
                     FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
                     LEFT JOIN pg_collation o ON o.oid = a.attcollation AND a.attcollation <> b.typcollation
                     LEFT JOIN pg_namespace s ON s.oid = o.collnamespace
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'c' AND c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "c.reltype")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Composite]:
    """Rows of `query` → Composite."""
    for oid, schema, name, attributes in rows:
        yield Composite(
            reader.known("pg_class", oid, reader.address("composite", schema, name)),
            tuple(
                Attribute(column, kind, (place, collation) if collation else None)
                for column, kind, place, collation in attributes
            ),
        )


def temporary(composite: Composite) -> str:
    """The type in pg_temp."""
    return statements(composite, f"pg_temp.{ident(composite.address.name)}")[0]


def references(composite: Composite, catalog: Catalog) -> Iterable[Address]:
    """The declared types of its attributes, row types of tables among them."""
    for attribute in composite.attributes:
        yield from type_references(composite.address, attribute.type, catalog)


def _with_names(live: Composite, pairs: Pairs) -> Composite:
    names = renamed((a.name for a in live.attributes), pairs)
    return replace(live, attributes=tuple(a._replace(name=n) for a, n in zip(live.attributes, names, strict=True)))


__all__ = ["KIND", "Composite", "definition", "statements"]

KIND = PgKind(
    name="composite",
    resource=Composite,
    section="composites",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=type_conversion.absorbed,
    follows=MAKERS,
    create=changes.create,
    drop=changes.drop,
    disturbs=changes.disturbs,
    within=lambda composite, live: pending(composite.renamed, [a.name for a in live.attributes]),
    with_within=_with_names,
    rules=(
        rule("attributes", emit=changes.alter, when=changes.in_place),
        rule("attributes", emit=changes.convert),
    ),
    temporary=temporary,
    anonymous=True,
    prepares=definition,
    parent="schema",
    order=23,
    top=True,
)
