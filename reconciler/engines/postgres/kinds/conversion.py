"""Conversions between encodings: `conversions: {latin: {from: UTF8, to: LATIN1, function: utf8_to_iso8859_1}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import literal, qualified
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft

TAKES = "(integer, integer, cstring, internal, integer, boolean)"
"""What its function takes (documentation, CREATE CONVERSION)."""


@dataclass(frozen=True, slots=True)
class Conversion(Resource):
    """Path: (schema, conversion). `source` and `target` are encodings; the function is bare in `public`."""

    source: str = attr(Role.REPLACE)
    target: str = attr(Role.REPLACE)
    function: str = attr(Role.REPLACE)
    default: bool = attr(Role.REPLACE, default=False)


_NAME = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {**dict.fromkeys(("from", "to", "function"), _NAME), "default": {"type": "boolean"}},
    "required": ["from", "to", "function"],
}


def lower(name: str, node: Any, place: Place) -> Conversion:
    """The words of CREATE CONVERSION."""
    address, function = place.address("conversion", name), node["function"].removeprefix("public.")
    return Conversion(address, node["from"].upper(), node["to"].upper(), function, bool(node.get("default", False)))


def lift(conversion: Conversion, _catalog: Catalog) -> Any:
    """What is said of it."""
    node: dict[str, Any] = {"from": conversion.source, "to": conversion.target, "function": conversion.function}
    return {**node, "default": True} if conversion.default else node


def query(_version: int) -> str:
    """Conversions in scope."""
    return f"""
        SELECT c.oid, n.nspname, c.conname, pg_encoding_to_char(c.conforencoding)::text,
               pg_encoding_to_char(c.contoencoding)::text,
               CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
               || quote_ident(p.proname), c.condefault
        FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
        JOIN pg_proc p ON p.oid = c.conproc JOIN pg_namespace s ON s.oid = p.pronamespace
        WHERE c.connamespace = ANY (%(namespaces)s) AND {not_member("pg_conversion", "c.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Conversion]:
    """Rows of `query` → Conversion."""
    for oid, schema, name, *fields in rows:
        address = reader.known("pg_conversion", oid, reader.address("conversion", schema, name))
        yield Conversion(address, *fields)


def references(conversion: Conversion, catalog: Catalog) -> Iterable[Address]:
    """Its function, where that is declared."""
    schema, name = named(conversion.function)
    function = conversion.address.sibling("function", (schema, f"{name}{TAKES}"))
    return (function,) if function in catalog.resources else ()


def definition(conversion: Conversion) -> str:
    """CREATE CONVERSION."""
    default = "DEFAULT " if conversion.default else ""
    return (
        f"CREATE {default}CONVERSION {qualified(*conversion.address.path)} FOR {literal(conversion.source)} "
        f"TO {literal(conversion.target)} FROM {conversion.function}"
    )


def create(change: Change[Conversion], _context: Context) -> list[Draft]:
    """A default one is what clients of that encoding are served by."""
    return [
        created(
            change,
            f"conversion {'.'.join(change.address.path)}",
            definition(change.desired),
            drop=f"DROP CONVERSION {qualified(*change.address.path)}",
        )
    ]


def drop(change: Change[Conversion], _context: Context) -> list[Draft]:
    """Nothing but convert() by that pair of encodings uses it."""
    return [
        dropped(
            change,
            f"conversion {'.'.join(change.address.path)}",
            f"DROP CONVERSION {qualified(*change.address.path)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "clients that need it get an error"),),
        )
    ]


rebuild = made_anew(create, drop)
"""ALTER CONVERSION changes names, owners and schemas only."""


KIND = PgKind(
    name="conversion",
    resource=Conversion,
    section="conversions",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    parent="schema",
    order=39,
    top=True,
)
