"""A local secondary index: another sort key under the table's partition key.

It is made with its table and lives as long; nothing about it changes later (the service model in botocore). So a change
of it is a change of its table: another one takes its place (`migration`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.dynamodb import keys, local_indexes, projection
from reconciler.engines.dynamodb.enclosing import within_table
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.errors import InternalError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft


@dataclass(frozen=True, slots=True)
class Lsi(Resource):
    """One index. `partition` is the table's, which a declaration does not repeat."""

    partition: Key = attr(Role.REPLACE)
    sort: Key = attr(Role.REPLACE)
    projection: str = attr(Role.REPLACE, default="all")
    include: tuple[str, ...] = attr(Role.REPLACE, default=())


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {"sort": {"type": "string", "minLength": 1}, "projection": projection.SPEC},
    "required": ["sort"],
}


def lower(name: str, node: Any, place: Place) -> Lsi:
    """A node of `local_indexes:`. The partition key and the types come from the table (`complete`)."""
    kind, include = projection.lowered(node.get("projection"))
    return Lsi(place.address("lsi", name), (), keys.named(node["sort"]), kind, include)


def completed(index: Lsi, table: Table) -> Lsi:
    """The index with its table's partition key and types."""
    types = {a.name: a.type for a in table.attributes}
    return Lsi(index.address, table.key[:1], keys.typed(index.sort, types), index.projection, index.include)


def with_local_indexes(resources: dict[Address, Resource]) -> None:
    """Tell each table of its local indexes, in place: with them it is the same table or another one."""
    found: dict[Address, list[str]] = {}
    for index in resources.values():
        if isinstance(index, Lsi):
            text = local_indexes.said(index.address.name, index.sort, index.projection, index.include)
            found.setdefault(table_address(index.address), []).append(text)
    for address, table in [(a, r) for a, r in resources.items() if isinstance(r, Table)]:
        resources[address] = replace(table, local=tuple(sorted(found.get(address, ()))))


def lift(index: Lsi, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to the index."""
    return {"sort": keys.lifted(index.sort), **projection.lifted(index.projection, index.include)}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Lsi]:
    """The local indexes of a description."""
    for reply in row.table.get("LocalSecondaryIndexes") or ():
        partition, sort = keys.read(reply["KeySchema"], row.types)
        address = table.sibling("lsi", (*table.path, reply["IndexName"]))
        yield Lsi(address, partition, sort, *projection.read(reply.get("Projection", {})))


# -- steps ------------------------------------------------------------------------------------------------------------


def part(index: Lsi) -> Mapping[str, Any]:
    """Its share in CreateTable."""
    definition = {
        "IndexName": index.address.name,
        "KeySchema": keys.schema(index.partition, index.sort),
        "Projection": projection.request(index.projection, index.include),
    }
    return {"LocalSecondaryIndexes": [definition]}


def change(change: Change[Lsi], _context: Context) -> list[Draft]:
    """None of its own: the table says what local indexes it has, and goes and comes with them. Raises InternalError."""
    raise InternalError(f"{change.address}: a local index is made with its table")


KIND = DynamoKind(
    name="lsi",
    resource=Lsi,
    section="local_indexes",
    parent="table",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_table,
    create=change,
    drop=change,
    replace=change,
    order=25,
)
