"""Access methods that no extension brings: `access_methods: {heap2: {type: table, handler: heap_tableam_handler}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, function_name, not_member
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft

TYPES = {"t": "table", "i": "index"}


@dataclass(frozen=True, slots=True)
class AccessMethod(Resource):
    """Path: (name,). It belongs to the database. The handler is bare in `public` and `pg_catalog`."""

    type: str = attr(Role.REPLACE)
    handler: str = attr(Role.REPLACE)


SPEC = {
    "type": "object",
    "properties": {"type": {"enum": list(TYPES.values())}, "handler": {"type": "string", "minLength": 1}},
    "required": ["type", "handler"],
}


def lower(name: str, node: Any, place: Place) -> AccessMethod:
    """The words of CREATE ACCESS METHOD."""
    return AccessMethod(place.address("access_method", name), node["type"], node["handler"].removeprefix("public."))


def lift(method: AccessMethod, _catalog: Catalog) -> Any:
    """All of it."""
    return {"type": method.type, "handler": method.handler}


def query(_version: int) -> str:
    """Access methods that people made."""
    return f"""
        SELECT a.oid, a.amname, a.amtype::text, {function_name("a.amhandler")}
        FROM pg_am a WHERE a.oid >= 16384 AND {not_member("pg_am", "a.oid")} ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[AccessMethod]:
    """Rows of `query` → AccessMethod."""
    for oid, name, kind, handler in rows:
        address = reader.known("pg_am", oid, Address(reader.service, "postgres", "access_method", (name,)))
        yield AccessMethod(address, TYPES[kind], handler)


def references(method: AccessMethod, catalog: Catalog) -> Iterable[Address]:
    """Its handler, if that is declared."""
    schema, name = named(method.handler)
    function = method.address.sibling("function", (schema, f"{name}(internal)"))
    return (function,) if function in catalog.resources else ()


def used(holder: Address, method: str, catalog: Catalog) -> Iterable[Address]:
    """The declared access method of this name that a table, an index or an operator class needs."""
    found = holder.sibling("access_method", (method,))
    return (found,) if found in catalog.resources else ()


def definition(method: AccessMethod) -> str:
    """CREATE ACCESS METHOD."""
    return f"CREATE ACCESS METHOD {ident(method.address.name)} TYPE {method.type.upper()} HANDLER {method.handler}"


def create(change: Change[AccessMethod], _context: Context) -> list[Draft]:
    """No lock on anything that exists. Superusers only (CREATE ACCESS METHOD documentation)."""
    return [
        created(
            change,
            f"access method {change.address.name}",
            definition(change.desired),
            drop=f"DROP ACCESS METHOD {ident(change.address.name)}",
        )
    ]


def drop(change: Change[AccessMethod], _context: Context) -> list[Draft]:
    """RESTRICT: what is stored by it makes the step fail."""
    return [
        dropped(
            change,
            f"access method {change.address.name}",
            f"DROP ACCESS METHOD {ident(change.address.name)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that names it breaks"),),
        )
    ]


rebuild = made_anew(create, drop)
"""There is no ALTER ACCESS METHOD."""


def disturbs(_change: Change[AccessMethod]) -> Disturbance:
    """What is stored by it has to go first."""
    return Disturbance.DROPS


KIND = PgKind(
    name="access_method",
    resource=AccessMethod,
    section="access_methods",
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
    disturbs=disturbs,
    prepares=definition,
    order=17,
)
