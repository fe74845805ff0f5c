"""The sequence under an identity column, for what hangs on it: `sequence: {grants: {app: [usage]}}` of the column.

What it counts is said with `identity`; it has its table's owner, and comes and goes with the identity of its column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.column import Column
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource
from reconciler.model.step import Draft


@dataclass(frozen=True, slots=True)
class IdentitySequence(Resource):
    """Path: (schema, table, column)."""


SPEC = {"type": ["object", "null"], "description": "what is said of the sequence of an identity column"}


def lower(_name: str, _node: Any, place: Place) -> IdentitySequence:
    """There is nothing to say but what is attached to it."""
    return IdentitySequence(place.address("identity_sequence"))


def lift(_sequence: IdentitySequence, _catalog: Catalog) -> Any:
    """The inverse."""
    return {}


def complete(resources: dict[Address, Resource]) -> None:
    """Add to the declared identity columns, in place, their sequences."""
    for column in [r for r in resources.values() if isinstance(r, Column) and r.identity is not None]:
        address = column.address.sibling("identity_sequence", column.address.path)
        resources.setdefault(address, IdentitySequence(address))


def astray(catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
    """Sequences of columns that are no identity: (address, message, hint)."""
    for sequence in catalog.of_kind(IdentitySequence):
        column = catalog.get(sequence.address.sibling("column", sequence.address.path), Column)
        if column is None or column.identity is None:
            hint = "say identity, or declare it among the sequences"
            yield sequence.address, f"{'.'.join(sequence.address.path)} has no sequence of its own", hint


def query(_version: int) -> str:
    """Sequences that belong to a column internally (pg_depend, deptype i)."""
    return """
        SELECT c.oid, d.refobjid, d.refobjsubid
        FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
        WHERE c.relkind = 'S' AND c.relnamespace = ANY (%(namespaces)s)"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[IdentitySequence]:
    """(sequence, table, column number) → IdentitySequence."""
    for oid, table, number in rows:
        column = reader.object("pg_class", table, number)
        if column is not None and column.kind == "column":
            yield IdentitySequence(reader.known("pg_class", oid, column.sibling("identity_sequence", column.path)))


def nothing(_change: Change[IdentitySequence], _context: Context) -> list[Draft]:
    """The column's own steps do it."""
    return []


KIND = PgKind(
    name="identity_sequence",
    resource=IdentitySequence,
    section="sequence",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=nothing,
    drop=nothing,
    rebuild=nothing,
    absorbed=lambda _change, _context: True,
    implied=lambda _sequence, _catalog: True,
    parent="column",
    singleton=True,
    order=46,
)
