"""Foreign data wrappers: `foreign_data_wrappers: {files: {handler: file_fdw_handler, options: {debug: "true"}}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import generic_options
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class ForeignDataWrapper(Resource):
    """Path: (name,). Functions by name, "" for none. Secret options are left out."""

    handler: str = ""
    validator: str = ""
    options: generic_options.Options = ()


FUNCTION = {"type": "string", "minLength": 1}
SPEC = {
    "type": ["object", "null"],
    "properties": {"handler": FUNCTION, "validator": FUNCTION, "options": generic_options.SPEC},
}


def lower(name: str, node: Any, place: Place) -> ForeignDataWrapper:
    """The words of CREATE FOREIGN DATA WRAPPER."""
    node = node or {}
    refuse_secrets(node, place)
    return ForeignDataWrapper(
        Address(place.service, place.engine, "foreign_data_wrapper", (name,)),
        node.get("handler", ""),
        node.get("validator", ""),
        generic_options.lower(node.get("options")),
    )


def refuse_secrets(node: Any, place: Place) -> None:
    """Raises the error for an option that holds a secret: those are set by hand, beside the declaration."""
    for name in node.get("options", {}):
        if generic_options.is_secret(name):
            raise place.fail(f"the option {name!r} may hold a secret", "set it on the server by hand", "options", name)


def lift(wrapper: ForeignDataWrapper, _catalog: Catalog) -> Any:
    """What is said."""
    node: dict[str, Any] = {"handler": wrapper.handler} if wrapper.handler else {}
    if wrapper.validator:
        node["validator"] = wrapper.validator
    if wrapper.options:
        node["options"] = generic_options.lift(wrapper.options)
    return node


def query(_version: int) -> str:
    """Foreign data wrappers of the database."""
    return f"""
        SELECT f.oid, f.fdwname, CASE WHEN f.fdwhandler <> 0 THEN f.fdwhandler::regproc::text ELSE '' END,
               CASE WHEN f.fdwvalidator <> 0 THEN f.fdwvalidator::regproc::text ELSE '' END, f.fdwoptions
        FROM pg_foreign_data_wrapper f WHERE {not_member("pg_foreign_data_wrapper", "f.oid")} ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ForeignDataWrapper]:
    """Rows of `query` → ForeignDataWrapper."""
    for oid, name, handler, validator, options in rows:
        address = Address(reader.service, "postgres", "foreign_data_wrapper", (name,))
        known = reader.known("pg_foreign_data_wrapper", oid, address)
        yield ForeignDataWrapper(known, handler, validator, generic_options.read(options))


def mentions(wrapper: ForeignDataWrapper, catalog: Catalog) -> Iterable[Address]:
    """Its functions, where they are declared."""
    return mentioned(f"{wrapper.handler} {wrapper.validator}", catalog, kinds=("function", "extension"))


def _functions(wrapper: ForeignDataWrapper) -> str:
    handler = f" HANDLER {wrapper.handler}" if wrapper.handler else ""
    return handler + (f" VALIDATOR {wrapper.validator}" if wrapper.validator else "")


def definition(wrapper: ForeignDataWrapper) -> str:
    """CREATE FOREIGN DATA WRAPPER."""
    name = ident(wrapper.address.name)
    return f"CREATE FOREIGN DATA WRAPPER {name}{_functions(wrapper)}{generic_options.clause(wrapper.options)}"


def create(change: Change[ForeignDataWrapper], _context: Context) -> list[Draft]:
    """Needs a superuser; no lock."""
    name = change.address.name
    return [
        created(
            change,
            f"foreign data wrapper {name}",
            definition(change.desired),
            drop=f"DROP FOREIGN DATA WRAPPER {ident(name)}",
        )
    ]


def drop(change: Change[ForeignDataWrapper], _context: Context) -> list[Draft]:
    """RESTRICT: a server that uses it makes the step fail."""
    name = change.address.name
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop foreign data wrapper {name}",
            sql(f"DROP FOREIGN DATA WRAPPER {ident(name)}"),
            hazards=(hazard(Code.OLD_READERS, f"nothing is read through {name} any more"),),
            done=(Check(change.address, present=False),),
        )
    ]


def alter(change: Change[ForeignDataWrapper], _context: Context) -> list[Draft]:
    """ALTER FOREIGN DATA WRAPPER; secret options stay as they are."""

    def action(before: ForeignDataWrapper, after: ForeignDataWrapper) -> str:
        parts = []
        for word in ("handler", "validator"):
            old, new = getattr(before, word), getattr(after, word)
            if old != new:
                parts.append(f"{word.upper()} {new}" if new else f"NO {word.upper()}")
        if before.options != after.options:
            parts.append(generic_options.actions(before.options, after.options))
        return f"ALTER FOREIGN DATA WRAPPER {ident(after.address.name)} {' '.join(parts)}"

    attributes = tuple((a.name, a.after) for a in change.attributes)
    return [
        Draft(
            "alter",
            Phase.EXPAND,
            f"change foreign data wrapper {change.address.name}",
            sql(action(change.live, change.desired)),
            done=(Check(change.address, attributes=attributes),),
            undo=(sql(action(change.desired, change.live)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="foreign_data_wrapper",
    resource=ForeignDataWrapper,
    section="foreign_data_wrappers",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    mentions=mentions,
    create=create,
    drop=drop,
    rules=(rule("handler", "validator", "options", emit=alter),),
    order=31,
    shared=True,
)
