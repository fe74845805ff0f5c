"""User mappings of a server, without secrets: `user_mappings: {app: {options: {user: remote_app}}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres import generic_options
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.foreign_data_wrapper import refuse_secrets
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.roles import role
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class UserMapping(Resource):
    """Path: (server, role); `public` is everybody. Secret options are left out."""

    options: generic_options.Options = ()


SPEC = {"type": ["object", "null"], "properties": {"options": generic_options.SPEC}}


def lower(name: str, node: Any, place: Place) -> UserMapping:
    """The options."""
    refuse_secrets(node or {}, place)
    return UserMapping(place.address("user_mapping", name), generic_options.lower((node or {}).get("options")))


def lift(mapping: UserMapping, _catalog: Catalog) -> Any:
    """The options that are no secrets."""
    return {"options": generic_options.lift(mapping.options)} if mapping.options else {}


def query(_version: int) -> str:
    """User mappings; options are hidden from those who may not see them."""
    return """
        SELECT m.srvname, CASE m.umuser WHEN 0 THEN 'public' ELSE m.usename END, m.umoptions
        FROM pg_user_mappings m ORDER BY 1, 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[UserMapping]:
    """(server, role, options) → UserMapping, of the servers that were read."""
    for server, name, options in rows:
        address = Address(reader.service, "postgres", "user_mapping", (server, name))
        if address.sibling("server", (server,)) in reader.found:
            yield UserMapping(address, generic_options.read(options))


def _which(mapping: UserMapping) -> str:
    return f"FOR {role(mapping.address.name)} SERVER {ident(mapping.address.path[0])}"


def definition(mapping: UserMapping) -> str:
    """CREATE USER MAPPING."""
    return f"CREATE USER MAPPING {_which(mapping)}{generic_options.clause(mapping.options)}"


def create(change: Change[UserMapping], _context: Context) -> list[Draft]:
    """No lock. A password is for somebody to add by hand."""
    mapping = change.desired
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"map {mapping.address.name} to a user of {mapping.address.path[0]}",
            sql(definition(mapping)),
            done=(Check(change.address),),
            undo=(sql(f"DROP USER MAPPING {_which(mapping)}"),),
            provides=True,
        )
    ]


def drop(change: Change[UserMapping], _context: Context) -> list[Draft]:
    """Its secret options are lost."""
    mapping = change.live
    name, server = mapping.address.name, mapping.address.path[0]
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"no longer map {name} to a user of {server}",
            sql(f"DROP USER MAPPING {_which(mapping)}"),
            hazards=(hazard(Code.SECURITY, f"{name} cannot use {server} any more; the password is lost"),),
            done=(Check(change.address, present=False),),
            removes=True,
        )
    ]


def rebuild(change: Change[UserMapping], context: Context) -> list[Draft]:
    """It goes and comes again with its server, but for its secrets."""
    return [*drop(change, context), *(replace(d, phase=Phase.CONTRACT) for d in create(change, context))]


def alter(change: Change[UserMapping], _context: Context) -> list[Draft]:
    """ALTER USER MAPPING; secret options stay as they are."""
    live, desired = change.live, change.desired
    statement = f"ALTER USER MAPPING {_which(desired)} "
    return [
        Draft(
            "alter",
            Phase.EXPAND,
            f"change how {desired.address.name} is mapped to {desired.address.path[0]}",
            sql(statement + generic_options.actions(live.options, desired.options)),
            done=(Check(change.address, attributes=(("options", desired.options),)),),
            undo=(sql(statement + generic_options.actions(desired.options, live.options)),),
        )
    ]


KIND = PgKind(
    name="user_mapping",
    resource=UserMapping,
    section="user_mappings",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=create,
    drop=drop,
    rebuild=rebuild,
    rules=(rule("options", emit=alter),),
    parent="server",
    order=33,
)
