"""The sequence under an identity column, for what hangs on it: `sequence: {grants: {app: [usage]}}` of the column.

What it counts is said with `identity`; it has its table's owner, is logged as that is unless it says otherwise, and
comes and goes with the identity of its column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.object_names import phrase, sequence
from reconciler.engines.postgres.operations import sql
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class IdentitySequence(Resource):
    """Path: (schema, table, column). `unlogged` None: as its table is."""

    unlogged: bool | None = None


SPEC = {
    "type": ["object", "null"],
    "description": "what is said of the sequence of an identity column",
    "properties": {"unlogged": {"type": "boolean", "description": "unlike its table (15 and later)"}},
}


def lower(_name: str, node: Any, place: Place) -> IdentitySequence:
    """There is little to say but what is attached to it."""
    return IdentitySequence(place.address("identity_sequence"), (node or {}).get("unlogged"))


def lift(own: IdentitySequence, _catalog: Catalog) -> Any:
    """The inverse."""
    return {} if own.unlogged is None else {"unlogged": own.unlogged}


def complete(resources: dict[Address, Resource]) -> None:
    """Add to the declared identity columns, in place, their sequences."""
    for column in [r for r in resources.values() if isinstance(r, Column) and r.identity is not None]:
        address = column.address.sibling("identity_sequence", column.address.path)
        said = resources.setdefault(address, IdentitySequence(address))
        table = resources.get(column.address.sibling("table", column.table))
        if isinstance(table, Table) and getattr(said, "unlogged", None) is table.unlogged:
            resources[address] = IdentitySequence(address)


def astray(catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
    """Sequences of columns that are no identity: (address, message, hint)."""
    for own in catalog.of_kind(IdentitySequence):
        column = catalog.get(own.address.sibling("column", own.address.path), Column)
        if column is None or column.identity is None:
            hint = "say identity, or declare it among the sequences"
            yield own.address, f"{'.'.join(own.address.path)} has no sequence of its own", hint


def query(version: int) -> str:
    """Sequences that belong to a column internally (pg_depend, deptype i)."""
    unlike = "c.relpersistence <> t.relpersistence" if version >= 15 else "false"  # all are logged before
    return f"""
        SELECT c.oid, d.refobjid, d.refobjsubid, CASE WHEN {unlike} THEN c.relpersistence = 'u' END
        FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
        JOIN pg_class t ON t.oid = d.refobjid
        WHERE c.relkind = 'S' AND c.relnamespace = ANY (%(namespaces)s)"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[IdentitySequence]:
    """(sequence, table, column number, unlogged where its table is not the same) → IdentitySequence."""
    for oid, table, number, unlogged in rows:
        column = reader.object("pg_class", table, number)
        if column is not None and column.kind == "column":
            address = reader.known("pg_class", oid, column.sibling("identity_sequence", column.path))
            yield IdentitySequence(address, unlogged)


def nothing(_change: Change[IdentitySequence], _context: Context) -> list[Draft]:
    """The column's own steps do it."""
    return []


def set_persistence(change: Change[IdentitySequence], context: Context) -> list[Draft]:
    """SET LOGGED or UNLOGGED once its table, which takes it along, is as it is to be."""
    table, column = (change.address.sibling(kind, change.address.path[:n]) for kind, n in (("table", 2), ("column", 3)))
    unlogged = change.desired.unlogged
    if unlogged is None:
        unlogged = getattr(context.desired.resources[table], "unlogged", False)
    name = phrase(change.address, context.desired)
    forgets = hazard(Code.DELETES_DATA, "after a crash of the server it starts again")
    word, back = ("UNLOGGED", "LOGGED") if unlogged else ("LOGGED", "UNLOGGED")
    new, taken = context.creates(column), context.changes.get(table)
    lasts = taken is None or context.creates(table) or not taken.changed("unlogged")
    return [
        Draft(
            "persistence",
            Phase.CONTRACT if unlogged and not new else Phase.EXPAND,
            f"make the sequence of {'.'.join(change.address.path[1:])} {word.lower()}",
            sql(f"ALTER {name} SET {word}"),
            locks=access_exclusive(sequence(change.address, context.desired)),
            hazards=(forgets,) if unlogged and not new else (),
            done=(Check(change.address, attributes=(("unlogged", change.desired.unlogged),)),),
            undo=(sql(f"ALTER {name} SET {back}"),) if lasts else None,
            requires=tuple(Ref(a) for a in (table, column) if a in context.changes),
        )
    ]


def _follows(change: Change[IdentitySequence], context: Context) -> bool:
    """It comes and goes with its column, and is logged as its table is."""
    if change.after is None or change.desired.unlogged is None:
        table = context.changes.get(change.address.sibling("table", change.address.path[:2]))
        return change.before is None or change.after is None or (table is not None and table.changed("unlogged"))
    return False


KIND = PgKind(
    name="identity_sequence",
    resource=IdentitySequence,
    section="sequence",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=set_persistence,
    drop=nothing,
    rebuild=nothing,
    rules=(rule("unlogged", emit=set_persistence),),
    absorbed=_follows,
    implied=lambda own, _catalog: own.unlogged is None,
    parent="column",
    singleton=True,
    order=46,
)
