"""Owners: `owner: app_owner` on anything that has one; where nothing is said, the owner stays who it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.object_names import carrier, phrase, relation
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.owners import ME, OWN_SEQUENCE, SOURCES, STANDARD, owner_in
from reconciler.engines.postgres.roles import role
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Kind, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref

OWNERLESS = frozenset(
    """extension cast text_search_parser text_search_template access_method transform default_privileges
    user_mapping settings shell_type""".split()
)

BUT = {
    "pg_class": f"(o.relkind = 'S' AND {OWN_SEQUENCE})",
    "pg_type": "o.typtype = 'c'",
}
"""Whose owner says nothing: that of a sequence with a column, of a row's type."""


USUAL_OF_PUBLIC = {True: f"'{STANDARD}'::regrole::oid", False: "10"}
"""Who owns `public` in a new database, from 15 on or before (release notes of 15): a role, or who made the cluster."""


@dataclass(frozen=True, slots=True)
class Owner(Resource):
    """Path: (kind, *path) of what is owned. Not there where the connecting role is the owner.

    `usual`: the owner of the database. `me`: the connecting role, declared by its name.
    """

    role: str
    usual: bool = attr(Role.INFORMATIONAL, reason="where the database belongs to the same role", default=False)
    me: bool = attr(Role.INFORMATIONAL, reason="such an owner shows as none", default=False)


SPEC = {"type": "string", "minLength": 1, "description": "the name of a role"}


def lower(_name: str, node: Any, place: Place) -> Owner:
    """The name of a role."""
    return Owner(place.address("owner"), node)


def lift(owner: Owner, _catalog: Catalog) -> Any:
    """The name."""
    return owner.role


def query(version: int) -> str:
    """Owners but the usual one: the connecting role, of `public` that of every new database. A sequence that a column
    owns goes with its table.
    """
    public = f"CASE WHEN o.nspname = 'public' THEN {USUAL_OF_PUBLIC[version >= 15]} ELSE {ME} END"
    parts = (
        f"SELECT '{s.catalog}', o.oid, o.{s.owner} FROM {s.catalog} o"
        f" WHERE {s.where} AND o.{s.owner} <> {public if s.catalog == 'pg_namespace' else ME}"
        f" AND NOT {BUT.get(s.catalog, 'false')}"
        for s in SOURCES
    )
    return f"""
        SELECT x.catalog, x.oid, pg_get_userbyid(x.owner),
               x.owner = d.datdba AND (x.catalog, x.oid) <> ('pg_namespace', to_regnamespace('public'))
        FROM ({" UNION ALL ".join(parts)}) x (catalog, oid, owner), pg_database d
        WHERE d.datname = current_database()"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Owner]:
    """(catalog, oid, role, owns the database) → Owner, of what was read alone."""
    found: dict[Address, Owner] = {}
    for catalog, oid, name, usual in rows:
        holder = reader.object(catalog, oid, 0)
        if holder is not None and holder in reader.found:
            address = holder.sibling("owner", (holder.kind, *holder.path))
            found[address] = Owner(address, name, usual)
    return (found[a] for a in sorted(found))


def attaches_to(kind: Kind[Any]) -> bool:
    """Schemas, what stands in them, and what stands in the database itself."""
    return kind.parent in (None, "schema") and kind.name not in OWNERLESS and not kind.singleton


def _draft(change: Change[Owner], context: Context, phase: Phase) -> Draft:
    holder = carrier(change.address)
    after = change.after
    new = role(after.role) if after is not None else role(owner_in(holder, context.desired))
    old = role(change.before.role) if change.before is not None else role(owner_in(holder, context.live))
    words = phrase(holder, context.desired if holder in context.desired.resources else context.live)
    there = after is not None and not after.me
    message = f"{new} may do anything with {holder}, {old} only what is granted"
    found = relation(holder)
    return Draft(
        "owner",
        phase,
        f"let {new} own {holder}",
        sql(f"ALTER {words} OWNER TO {new}"),
        locks=access_exclusive(found) if found else (),
        hazards=() if context.creates(holder) else (hazard(Code.SECURITY, message),),
        done=(Check(change.address, present=there, attributes=(("role", after.role),) if there and after else ()),),
        undo=(sql(f"ALTER {words} OWNER TO {old}"),),
        requires=_revocation(change, context),
        provides=after is not None,
    )


def _revocation(change: Change[Owner], context: Context) -> tuple[Ref, ...]:
    """What was granted to the new owner is taken back first: a change of owner merges the two."""
    from reconciler.engines.postgres.kinds.grants import revokes

    address = change.address.sibling("grants", change.address.path)
    grants = context.changes.get(address)
    return (Ref(address, "revoke"),) if grants is not None and revokes(grants, context) else ()


def create(change: Change[Owner], context: Context) -> list[Draft]:
    """AccessExclusive for a moment (row 70)."""
    new = context.creates(carrier(change.address))
    return [_draft(change, context, Phase.EXPAND if new else Phase.CONTRACT)]


def set_owner(change: Change[Owner], context: Context) -> list[Draft]:
    """The old owner may lose access: contract."""
    return [_draft(change, context, Phase.CONTRACT)]


def rebuild(change: Change[Owner], context: Context) -> list[Draft]:
    """What is built again belongs to the connecting role at first."""
    return [_draft(change, context, Phase.EXPAND)]


def absorbed(change: Change[Owner], context: Context) -> bool:
    """Gone with what is owned; or a sequence that a column owns by now, which goes with the table."""
    holder = carrier(change.address)
    owned = getattr(context.desired.resources.get(holder), "owned_by", None) is not None
    return change.action is Action.DELETE and (owned or context.deletes(holder))


def implicit(owner: Owner) -> bool:
    """The database and what is in it belong to the same role; `public` has an owner of its own."""
    return owner.usual


KIND = PgKind(
    name="owner",
    resource=Owner,
    section="owner",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    absorbed=absorbed,
    create=create,
    drop=set_owner,
    rebuild=rebuild,
    rules=(rule("role", emit=set_owner),),
    attaches_to=attaches_to,
    implicit=implicit,
    optional=True,
    singleton=True,
    order=90,
)
