"""A table that has replicas in other regions (global tables, version 2019.11.21): how they agree, and a witness.

Under eventual consistency regions come and go one at a time (`replica`). Under strong consistency they come and go all
in one call, into an empty table, and the mode is fixed from then on (the service model in botocore).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import replicas
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.kinds import replica as replica_kind
from reconciler.engines.dynamodb.kinds.replica import REGION, Replica
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class GlobalTable(Resource):
    """That a table has replicas; `witness` is a region that keeps no copy of it."""

    consistency: str = attr(Role.REPLACE, default="eventual")
    witness: str = attr(Role.REPLACE, default="")

    @property
    def strong(self) -> bool:
        """Whether a read sees the last write of any region."""
        return self.consistency == "strong"


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "type": "object",
    "description": "{replicas: {eu-west-1: {}}}; consistency: strong and a witness for a new table",
    "properties": {
        "consistency": {"enum": ["eventual", "strong"]},
        "witness": {"type": "string", "pattern": REGION},
    },
    "required": ["replicas"],
}


def lower(_name: str, node: Mapping[str, Any], place: Place) -> GlobalTable:
    """`global_table:` of a table."""
    return GlobalTable(place.address("global_table"), node.get("consistency", "eventual"), node.get("witness", ""))


def lift(table: GlobalTable, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to it."""
    node = {"consistency": table.consistency} if table.strong else {}
    return {**node, "witness": table.witness} if table.witness else node


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[GlobalTable]:
    """What the other regions have in common, if there are any."""
    if replicas.described(row):
        consistency = row.table.get("MultiRegionConsistency", "EVENTUAL").lower()
        yield GlobalTable(table.sibling("global_table", table.path), consistency, replicas.witness(row))


# -- steps ------------------------------------------------------------------------------------------------------------


def _replicas(table: GlobalTable, catalog: Catalog) -> list[Replica]:
    return sorted(catalog.children(table.address, "replica", Replica), key=lambda r: r.address)


def _together(table: str, resource: GlobalTable, regions: list[Replica], action: str, context: Context) -> Call:
    """All regions in one call, as strong consistency wants it."""
    updates = [
        {action: replica_kind.request(r, context) if action == "Create" else {"RegionName": r.region}} for r in regions
    ]
    more: dict[str, Any] = {"MultiRegionConsistency": "STRONG"} if action == "Create" else {}
    if resource.witness:
        more["GlobalTableWitnessUpdates"] = [{action: {"RegionName": resource.witness}}]
    return Call("UpdateTable", {"TableName": table, "ReplicaUpdates": updates, **more}, TABLE_ACTIVE)


def create(change: Change[GlobalTable], context: Context) -> list[Draft]:
    """Nothing beyond its replicas; under strong consistency they come all at once, which takes an empty table."""
    table, resource = physical(change.address, context), change.desired
    if not resource.strong:
        return []
    regions = _replicas(resource, context.desired)
    rows = context.size(table_address(change.address)).rows
    fails = hazard(Code.MAY_FAIL, f"the table has to be empty for strong consistency, and holds {rows} items")
    where = [r.region for r in regions] + ([f"witness {resource.witness}"] if resource.witness else [])
    cost = hazard(Code.COST, f"storage and every write again in {', '.join(where)}")
    return [
        Draft(
            "regions",
            Phase.EXPAND,
            f"make {table} a global table with strong consistency: {', '.join(where)}",
            _together(table, resource, regions, "Create", context),
            hazards=(cost, fails) if rows > 0 else (cost,),
            done=tuple(_there(resource, regions)),
            undo=(_together(table, resource, regions, "Delete", context),),
            requires=tuple(replica_kind.ready(change.address, context)),
            provides=True,
        )
    ]


def _there(resource: GlobalTable, regions: list[Replica]) -> Iterator[Check]:
    yield Check(resource.address, attributes=(("witness", resource.witness),))
    yield from (Check(r.address, attributes=(("built", True),)) for r in regions)


def drop(change: Change[GlobalTable], context: Context) -> list[Draft]:
    """No replicas any more, also before the table goes: the service asks for that."""
    table, resource = physical(change.address, context), change.live
    if not resource.strong:
        return []
    message = "the copies in all other regions are deleted, and code that uses them fails"
    regions = _replicas(resource, context.live)
    delete = _together(table, resource, regions, "Delete", context)
    operation = replica_kind.after_protection(table, regions, delete)
    return [
        Draft(
            "regions",
            Phase.CONTRACT,
            f"replicate table {table} to no other region",
            operation,
            hazards=(hazard(Code.DELETES_DATA, message),),
            done=(Check(change.address, present=False),),
            undo=None,
        )
    ]


KIND = DynamoKind(
    name="global_table",
    resource=GlobalTable,
    section="global_table",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    create=create,
    drop=drop,
    replace=None,
    order=60,
)
