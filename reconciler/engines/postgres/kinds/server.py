"""Foreign servers: `servers: {films: {wrapper: postgres_fdw, options: {host: films.example}}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import generic_options
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.foreign_data_wrapper import refuse_secrets
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Server(Resource):
    """Path: (name,). Secret options are left out."""

    wrapper: str = attr(Role.REPLACE)
    type: str = attr(Role.REPLACE, default="")
    version: str = ""
    options: generic_options.Options = ()


TEXT = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "required": ["wrapper"],
    "properties": {"wrapper": TEXT, "type": TEXT, "version": TEXT, "options": generic_options.SPEC},
}


def lower(name: str, node: Any, place: Place) -> Server:
    """The words of CREATE SERVER."""
    refuse_secrets(node, place)
    return Server(
        Address(place.service, place.engine, "server", (name,)),
        node["wrapper"],
        node.get("type", ""),
        node.get("version", ""),
        generic_options.lower(node.get("options")),
    )


def lift(server: Server, _catalog: Catalog) -> Any:
    """What is said."""
    node: dict[str, Any] = {"wrapper": server.wrapper}
    node |= {k: v for k, v in (("type", server.type), ("version", server.version)) if v}
    return node | ({"options": generic_options.lift(server.options)} if server.options else {})


def query(_version: int) -> str:
    """Foreign servers of the database."""
    return f"""
        SELECT s.oid, s.srvname, f.fdwname, coalesce(s.srvtype, ''), coalesce(s.srvversion, ''), s.srvoptions
        FROM pg_foreign_server s JOIN pg_foreign_data_wrapper f ON f.oid = s.srvfdw
        WHERE {not_member("pg_foreign_server", "s.oid")} ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Server]:
    """Rows of `query` → Server."""
    for oid, name, wrapper, kind, version, options in rows:
        address = Address(reader.service, "postgres", "server", (name,))
        known = reader.known("pg_foreign_server", oid, address)
        yield Server(known, wrapper, kind, version, generic_options.read(options))


def references(server: Server, catalog: Catalog) -> Iterable[Address]:
    """Its wrapper, or the extension of the same name that brings it."""
    for kind in ("foreign_data_wrapper", "extension"):
        wanted = server.address.sibling(kind, (server.wrapper,))
        if wanted in catalog.resources:
            yield wanted


def mentions(_server: Server, catalog: Catalog) -> Iterable[Address]:
    """Any extension may bring the wrapper."""
    return [a for a in catalog.resources if a.kind == "extension"]


def definition(server: Server) -> str:
    """CREATE SERVER."""
    kind = f" TYPE {literal(server.type)}" if server.type else ""
    version = f" VERSION {literal(server.version)}" if server.version else ""
    wrapper = f" FOREIGN DATA WRAPPER {ident(server.wrapper)}"
    return f"CREATE SERVER {ident(server.address.name)}{kind}{version}{wrapper}{generic_options.clause(server.options)}"


def create(change: Change[Server], _context: Context) -> list[Draft]:
    """No lock."""
    name = change.address.name
    return [created(change, f"server {name}", definition(change.desired), drop=f"DROP SERVER {ident(name)}")]


def drop(change: Change[Server], _context: Context) -> list[Draft]:
    """RESTRICT: what still uses it makes the step fail."""
    name = change.address.name
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop server {name}",
            sql(f"DROP SERVER {ident(name)}"),
            hazards=(hazard(Code.OLD_READERS, f"nothing is read from {name} any more; its secret options are lost"),),
            done=(Check(change.address, present=False),),
            removes=True,
        )
    ]


def replace(change: Change[Server], context: Context) -> list[Draft]:
    """Wrapper and type are for life: what stands on the server goes and comes again."""
    import dataclasses

    made = create(change, context)[0]
    attributes = tuple((a.name, a.after) for a in change.attributes)
    again = dataclasses.replace(made, phase=Phase.CONTRACT, done=(Check(change.address, attributes=attributes),))
    return [*drop(change, context), again]


def alter(change: Change[Server], _context: Context) -> list[Draft]:
    """ALTER SERVER; secret options stay as they are."""

    def action(before: Server, after: Server) -> str:
        parts = [] if before.version == after.version else [f"VERSION {literal(after.version)}"]
        if before.options != after.options:
            parts.append(generic_options.actions(before.options, after.options))
        return f"ALTER SERVER {ident(after.address.name)} {' '.join(parts)}"

    attributes = tuple((a.name, a.after) for a in change.attributes)
    return [
        Draft(
            "alter",
            Phase.EXPAND,
            f"change server {change.address.name}",
            sql(action(change.live, change.desired)),
            done=(Check(change.address, attributes=attributes),),
            undo=(sql(action(change.desired, change.live)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="server",
    resource=Server,
    section="servers",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=replace,
    rebuild=replace,
    disturbs=lambda change: Disturbance.DROPS if change.action is Action.REPLACE else Disturbance.NONE,
    rules=(rule("version", "options", emit=alter),),
    order=32,
    shared=True,
)
