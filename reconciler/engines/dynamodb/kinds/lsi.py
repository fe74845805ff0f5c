"""A local secondary index: another sort key under the table's partition key.

It is made with its table and lives as long; nothing about it changes later (the service model in botocore).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import keys, projection
from reconciler.engines.dynamodb.enclosing import within_table
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.errors import UnsupportedChange
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


def create(change: Change[Lsi], context: Context) -> list[Draft]:
    """Not possible on a table that is there. Raises UnsupportedChange."""
    raise _only_with_its_table(change, context, "added to")


def drop(change: Change[Lsi], context: Context) -> list[Draft]:
    """Not possible while the table stays. Raises UnsupportedChange."""
    raise _only_with_its_table(change, context, "removed from")


def _only_with_its_table(change: Change[Lsi], context: Context, how: str) -> UnsupportedChange:
    return UnsupportedChange(
        f"{change.address}: a local index cannot be {how} a table that is there",
        hint="declare a global index (`indexes:`), or a new table and move the items",
        where=context.desired.origin(change.address),
    )


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
    create=create,
    drop=drop,
    replace=None,
    order=25,
)
