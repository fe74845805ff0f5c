"""Operator families: what several operator classes share, and members across types.

    operator_families:
      number_ops using btree:
        operators: {1: "<(integer, app.money)"}
        functions: {1: "cmp(integer, app.money)"}

A family that is nothing but the home of the class of its name need not be declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import operator_members as members
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds import access_method
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.operator_members import Members, name_of
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Phase


@dataclass(frozen=True, slots=True)
class OperatorFamily(Resource):
    """Path: (schema, name using method). `members` are those that are no class's."""

    members: Members = ()


SPEC = {"type": ["object", "null"], "properties": members.SPEC}


def lower(name: str, node: Any, place: Place) -> OperatorFamily:
    """The members across types."""
    members.named_with_method(name, place)
    return OperatorFamily(place.address("operator_family", name), members.lower(node or {}, place, None))


def lift(family: OperatorFamily, _catalog: Catalog) -> Any:
    """The members across types."""
    return members.lift(family.members, None)


def implied(family: OperatorFamily, catalog: Catalog) -> bool:
    """The home of the class of its name, and nothing else that would have to be said."""
    return not family.members and family.address.sibling("operator_class", family.address.path) in catalog.resources


def query(_version: int) -> str:
    """Families in scope, with the members that no class has."""
    return f"""
        WITH {members.MEMBERS}
        SELECT f.oid, n.nspname, f.opfname || ' using ' || a.amname,
               {members.rows("m.family = f.oid AND m.class IS NULL")}
        FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod
        WHERE f.opfnamespace = ANY (%(namespaces)s) AND {not_member("pg_opfamily", "f.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[OperatorFamily]:
    """Rows of `query` → OperatorFamily."""
    for oid, schema, name, found in rows:
        address = reader.address("operator_family", schema, name)
        yield OperatorFamily(reader.known("pg_opfamily", oid, address), members.read(found))


def references(family: OperatorFamily, catalog: Catalog) -> Iterable[Address]:
    """The operators and functions of its own members."""
    yield from members.references(family.address, family.members, catalog)
    yield from access_method.used(family.address, members.parts(family.address)[1], catalog)


def statements(family: OperatorFamily) -> list[str]:
    """CREATE OPERATOR FAMILY, and what it holds of its own."""
    name = name_of(family.address)
    return [f"CREATE OPERATOR FAMILY {name}", *members.alterations(name, (), family.members)]


def create(change: Change[OperatorFamily], _context: Context) -> list[Draft]:
    """No lock on anything that exists. Superusers only (CREATE OPERATOR FAMILY documentation)."""
    return [
        created(
            change,
            f"operator family {'.'.join(change.address.path)}",
            *statements(change.desired),
            drop=f"DROP OPERATOR FAMILY {name_of(change.address)}",
        )
    ]


def drop(change: Change[OperatorFamily], _context: Context) -> list[Draft]:
    """Its classes go first, or they would go with it."""
    return [
        dropped(
            change,
            f"operator family {'.'.join(change.address.path)}",
            f"DROP OPERATOR FAMILY {name_of(change.address)}",
            *statements(change.live),
            hazards=_without(change.live.members),
        )
    ]


def _without(gone: Members) -> tuple[Any, ...]:
    names = ", ".join(f"{m.name}({m.left}, {m.right})" if m.sort == "operator" else m.name for m in gone)
    return (hazard(Code.OLD_READERS, f"no index serves queries across types by {names} any more"),) if gone else ()


def rebuild(change: Change[OperatorFamily], context: Context) -> list[Draft]:
    """What its own members are made of goes and comes again: so do they, and the family stays."""
    name, before, after = name_of(change.address), change.live.members, change.desired.members
    gone = Draft(
        "let go",
        Phase.CONTRACT,
        f"take the members across types out of operator family {'.'.join(change.address.path)}",
        sql(*members.alterations(name, before, ())),
        hazards=_without(before),
        undo=(sql(*members.alterations(name, (), before)),),
        removes=True,
    )
    back = Draft(
        "take in",
        Phase.CONTRACT,
        f"put them back into operator family {'.'.join(change.address.path)}",
        sql(*members.alterations(name, (), after)),
        done=became(change),
        undo=(sql(*members.alterations(name, after, ())),),
        provides=True,
    )
    return [gone, *([back] if after else [])] if before else set_members(change, context)


def set_members(change: Change[OperatorFamily], _context: Context) -> list[Draft]:
    """ALTER OPERATOR FAMILY … DROP and ADD: no index knows the members that are not of its class."""
    name, before, after = name_of(change.address), change.live.members, change.desired.members
    gone = tuple(m for m in before if m not in after)
    return [
        Draft(
            "members",
            Phase.CONTRACT if gone else Phase.EXPAND,
            f"change the members of operator family {'.'.join(change.address.path)}",
            sql(*members.alterations(name, before, after)),
            hazards=_without(gone),
            done=became(change),
            undo=(sql(*members.alterations(name, after, before)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="operator_family",
    resource=OperatorFamily,
    section="operator_families",
    spec=SPEC,
    lower=lower,
    lift=lift,
    implied=implied,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    rebuild=rebuild,
    rules=(rule("members", emit=set_members),),
    prepares=lambda family: "; ".join(statements(family)),
    parent="schema",
    order=38,
    top=True,
)
