"""What a global index has of its own in the region of a replica: how much it may read there.

Nothing of it is a resource where it says nothing: `engine.complete` takes such out, since an index in a region shows no
trace of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import replicas
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call
from reconciler.engines.dynamodb.regional import replica_of
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class ReplicaIndex(Resource):
    """Path: (table, region, index). 0 is as in the table's own region."""

    read: int = attr(default=0)
    max_read: int = attr(default=0)

    def __str__(self) -> str:
        return ", ".join(reads_of(self.read, self.max_read)) or "as the table"


def reads_of(read: int, most: int) -> list[str]:
    """How much may be read, in words."""
    return [*([f"{read} read units"] if read else []), *([f"at most {most} reads"] if most else [])]


# -- declaration ------------------------------------------------------------------------------------------------------

_UNITS = {"type": "integer", "minimum": 1}
SPEC: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "what an index has of its own there: {read: 5} or {max_read: 100}, and contributor_insights",
    "properties": {"read": _UNITS, "max_read": _UNITS},
}


def lower(name: str, node: Mapping[str, Any] | None, place: Place) -> ReplicaIndex:
    """A node of `indexes:` of a replica."""
    said = node or {}
    return ReplicaIndex(place.address("replica_index", name), said.get("read", 0), said.get("max_read", 0))


def lift(index: ReplicaIndex, _catalog: Catalog) -> dict[str, int]:
    """The shortest node that lowers to it."""
    return {key: value for key, value in (("read", index.read), ("max_read", index.max_read)) if value}


def references(index: ReplicaIndex, _catalog: Catalog) -> Iterable[Address]:
    """The index of the table that it is about."""
    yield index_of(index.address)


def index_of(address: Address) -> Address:
    """The table's own index."""
    return address.sibling("gsi", (address.path[0], address.path[2]))


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[ReplicaIndex]:
    """Those that read otherwise than in the table's own region; units set to those of the table are as if unset."""
    own = {i["IndexName"]: i for i in row.table.get("GlobalSecondaryIndexes") or () if i["IndexName"] in row.indexes}
    for reply in replicas.described(row):
        for index in reply.get("GlobalSecondaryIndexes") or ():
            read, most = replicas.overrides(index)
            name = index["IndexName"]
            if name in own and read == (own[name].get("ProvisionedThroughput") or {}).get("ReadCapacityUnits", 0):
                read = 0
            if name in own and (read or most):
                path = (*table.path, reply["RegionName"], name)
                yield ReplicaIndex(table.sibling("replica_index", path), read, most)


# -- steps ------------------------------------------------------------------------------------------------------------


def call(table: str, index: ReplicaIndex) -> Call:
    """UpdateTable of the replica, about the index alone."""
    own = {"IndexName": index.address.name, **replicas.reads(index.read, index.max_read)}
    update = {"RegionName": index.address.path[1], "GlobalSecondaryIndexes": [own]}
    return Call("UpdateTable", {"TableName": table, "ReplicaUpdates": [{"Update": update}]}, TABLE_ACTIVE)


def _plain(index: ReplicaIndex, context: Context) -> ReplicaIndex:
    """The index without a say of its own, in words that take effect: the table's units, or no maximum."""
    whole: Any = context.desired.resources.get(index_of(index.address)) or context.live.resources.get(
        index_of(index.address)
    )
    units = whole.throughput.read if whole is not None and whole.throughput.provisioned else 0
    most = replicas.NO_MAXIMUM if index.max_read else 0
    return ReplicaIndex(index.address, units if index.read else 0, most)


def _draft(change: Change[ReplicaIndex], context: Context, before: ReplicaIndex, after: ReplicaIndex) -> Draft:
    table, (_, region, name) = physical(change.address, context), change.address.path
    fewer = 0 < after.read < before.read or (after.max_read > 0 and not 0 < before.max_read <= after.max_read)
    goes = change.action is Action.DELETE
    there = Check(change.address, attributes=(("read", after.read), ("max_read", after.max_read)))
    return Draft(
        "reads",
        Phase.CONTRACT if fewer or goes else Phase.EXPAND,
        f"serve index {name} of {table} in {region}: {'as the table' if goes else after}",
        call(table, after),
        hazards=(hazard(Code.COST, f"{before} → {after}; reads beyond that are throttled"),),
        done=(Check(change.address, present=False) if goes else there,),
        undo=(call(table, before),),
        requires=tuple(_after_units(change, context)),
        provides=not goes,
    )


def _after_units(change: Change[ReplicaIndex], context: Context) -> Iterator[Ref]:
    """The index's own units first: its replicas are compared with them."""
    own = context.changes.get(index_of(change.address))
    if own is not None and own.action is Action.UPDATE and own.changed("throughput"):
        yield Ref(own.address)


def create(change: Change[ReplicaIndex], context: Context) -> list[Draft]:
    """A say of its own."""
    return [_draft(change, context, _plain(change.desired, context), change.desired)]


def drop(change: Change[ReplicaIndex], context: Context) -> list[Draft]:
    """As in the table's own region again, which has to be said."""
    return [_draft(change, context, change.live, _plain(change.live, context))]


def change_reads(change: Change[ReplicaIndex], context: Context) -> list[Draft]:
    """More or fewer."""
    return [_draft(change, context, change.live, change.desired)]


def absorbed(change: Change[ReplicaIndex], context: Context) -> bool:
    """What comes with its replica, or goes with it or with the table's index."""
    replica = replica_of(change.address)
    if change.action is Action.CREATE:
        return context.creates(replica)
    return (
        context.deletes(replica)
        or context.deletes(index_of(change.address))
        or context.deletes(table_address(change.address))
    )


KIND = DynamoKind(
    name="replica_index",
    resource=ReplicaIndex,
    section="indexes",
    parent="replica",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    references=references,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rules=(rule("read", "max_read", emit=change_reads),),
    order=62,
)
