"""Replicas of a table in other regions (global tables, version 2019.11.21).

Regions come and go one at a time, each in an UpdateTable of its own; under strong consistency they come all in one
call, into an empty table, and the mode is fixed from then on (the service model in botocore).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import replicas
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call
from reconciler.engines.dynamodb.replicas import Replica
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class GlobalTable(Resource):
    """`replicas` are those in other regions, sorted by region; `witness` is a region that keeps no copy."""

    replicas: tuple[Replica, ...] = attr(default=())
    consistency: str = attr(Role.REPLACE, default="eventual")
    witness: str = attr(Role.REPLACE, default="")

    @property
    def strong(self) -> bool:
        """Whether a read sees the last write of any region."""
        return self.consistency == "strong"

    @property
    def regions(self) -> str:
        """The replicas in words, as `done` checks compare them."""
        return _words(self.replicas)


def _words(found: Iterable[Replica]) -> str:
    return "; ".join(str(r) for r in sorted(found))


# -- declaration ------------------------------------------------------------------------------------------------------

REGION = "^[a-z]{2}(-[a-z]+)+-[0-9]+$"
SPEC: dict[str, Any] = {
    "type": "object",
    "description": "{replicas: {eu-west-1: {}}}; consistency: strong and a witness for a new table",
    "properties": {
        "replicas": {
            "type": "object",
            "propertyNames": {"pattern": REGION},
            "additionalProperties": replicas.SPEC,
            "minProperties": 1,
        },
        "consistency": {"enum": ["eventual", "strong"]},
        "witness": {"type": "string", "pattern": REGION},
    },
    "required": ["replicas"],
}


def lower(_name: str, node: Mapping[str, Any], place: Place) -> GlobalTable:
    """`global_table:` of a table."""
    return GlobalTable(
        place.address("global_table"),
        tuple(sorted(replicas.lowered(region, said) for region, said in node["replicas"].items())),
        node.get("consistency", "eventual"),
        node.get("witness", ""),
    )


def lift(table: GlobalTable, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to it."""
    node: dict[str, Any] = {"replicas": {r.region: replicas.lifted(r) for r in table.replicas}}
    if table.strong:
        node["consistency"] = table.consistency
    return {**node, "witness": table.witness} if table.witness else node


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[GlobalTable]:
    """The other regions, if there are any."""
    found = replicas.read(row)
    if found:
        consistency = row.table.get("MultiRegionConsistency", "EVENTUAL").lower()
        yield GlobalTable(table.sibling("global_table", table.path), found, consistency, replicas.witness(row))


# -- steps ------------------------------------------------------------------------------------------------------------


def _call(table: str, updates: list[dict[str, Any]], **more: Any) -> Call:
    return Call("UpdateTable", {"TableName": table, "ReplicaUpdates": updates, **more}, TABLE_ACTIVE)


def _add(table: str, replica: Replica) -> Call:
    return _call(table, [{"Create": replicas.request(replica)}])


def _remove(table: str, replica: Replica) -> Call:
    return _call(table, [{"Delete": {"RegionName": replica.region}}])


def _set(table: str, replica: Replica) -> Call:
    return _call(table, [{"Update": replicas.request(replica)}])


def _together(table: str, resource: GlobalTable, action: str) -> Call:
    """All regions in one call, as strong consistency wants it."""
    updates = [
        {action: replicas.request(r) if action == "Create" else {"RegionName": r.region}} for r in resource.replicas
    ]
    more: dict[str, Any] = {"MultiRegionConsistency": "STRONG"} if action == "Create" else {}
    if resource.witness:
        more["GlobalTableWitnessUpdates"] = [{action: {"RegionName": resource.witness}}]
    return _call(table, updates, **more)


def _here(address: Address, found: Iterable[Replica]) -> Check:
    words = _words(found)
    return Check(address, attributes=(("regions", words),)) if words else Check(address, present=False)


def _ready(change: Change[GlobalTable], context: Context) -> Iterator[Ref]:
    """What a replica needs of its table: a stream of both images, units that follow the writes, and indexes that are
    not on their way."""
    table = table_address(change.address)
    for address, other in sorted(context.changes.items(), key=lambda item: item[0]):
        if table_address(address) != table or other.action not in (Action.CREATE, Action.UPDATE):
            continue
        scales = address.kind in ("autoscaling", "index_autoscaling")
        if scales or (address.kind == "stream" and not context.creates(table)):
            yield Ref(address)
        elif address == table and other.action is Action.UPDATE and other.changed("billing"):
            yield Ref(address, "billing")


def _added(change: Change[GlobalTable], context: Context, replica: Replica, after: Iterable[Replica]) -> Draft:
    table = physical(change.address, context)
    return Draft(
        replica.region,
        Phase.EXPAND,
        f"replicate table {table} to {replica}",
        _add(table, replica),
        hazards=(hazard(Code.COST, f"storage in {replica.region}, and every write again there"),),
        done=(_here(change.address, after),),
        undo=(_remove(table, replica),),
        reads=table_address(change.address),
        requires=tuple(_ready(change, context)),
    )


def _removed(change: Change[GlobalTable], context: Context, replica: Replica, after: Iterable[Replica]) -> Draft:
    table = physical(change.address, context)
    message = f"the copy in {replica.region} is deleted, and code that uses it fails; the items stay in this region"
    return Draft(
        replica.region,
        Phase.CONTRACT,
        f"replicate table {table} no longer to {replica.region}",
        _remove(table, replica),
        hazards=(hazard(Code.DELETES_DATA, message),),
        done=(_here(change.address, after),),
        undo=(_add(table, replica),),
    )


def create(change: Change[GlobalTable], context: Context) -> list[Draft]:
    """Region by region; under strong consistency all at once, which takes an empty table."""
    table, resource = physical(change.address, context), change.desired
    if not resource.strong:
        return list(_moves(change, context, (), resource.replicas))
    rows = context.size(table_address(change.address)).rows
    fails = hazard(Code.MAY_FAIL, f"the table has to be empty for strong consistency, and holds {rows} items")
    where = [r.region for r in resource.replicas] + ([f"witness {resource.witness}"] if resource.witness else [])
    cost = hazard(Code.COST, f"storage and every write again in {', '.join(where)}")
    return [
        Draft(
            "regions",
            Phase.EXPAND,
            f"make {table} a global table with strong consistency: {', '.join(where)}",
            _together(table, resource, "Create"),
            hazards=(cost, fails) if rows > 0 else (cost,),
            done=(_here(change.address, resource.replicas),),
            undo=(_together(table, resource, "Delete"),),
            requires=tuple(_ready(change, context)),
        )
    ]


def drop(change: Change[GlobalTable], context: Context) -> list[Draft]:
    """No replicas any more, also before the table goes: the service asks for that."""
    table, resource = physical(change.address, context), change.live
    if not resource.strong:
        return list(_moves(change, context, resource.replicas, ()))
    message = "the copies in all other regions are deleted, and code that uses them fails"
    return [
        Draft(
            "regions",
            Phase.CONTRACT,
            f"replicate table {table} to no other region",
            _together(table, resource, "Delete"),
            hazards=(hazard(Code.DELETES_DATA, message),),
            done=(Check(change.address, present=False),),
            undo=None,
        )
    ]


def change_replicas(change: Change[GlobalTable], context: Context) -> list[Draft]:
    """Regions that come, then settings of those that stay, then regions that go.

    Raises UnsupportedChange for regions that come or go under strong consistency.
    """
    before, after = change.live, change.desired
    if after.strong and [r.region for r in before.replicas] != [r.region for r in after.replicas]:
        raise UnsupportedChange(
            f"{change.address}: the regions of a table with strong consistency are fixed",
            hint="take `global_table` out and apply, then declare it anew; the table has to be empty for that",
            where=context.desired.origin(change.address),
        )
    return list(_moves(change, context, before.replicas, after.replicas))


def _moves(
    change: Change[GlobalTable], context: Context, before: Iterable[Replica], after: Iterable[Replica]
) -> Iterator[Draft]:
    """One draft a region, each with what the whole looks like after it."""
    old, new = {r.region: r for r in before}, {r.region: r for r in after}
    state = dict(old)
    for region in [r for r in new if r not in old]:
        state[region] = new[region]
        yield _added(change, context, new[region], state.values())
    for region in [r for r in new if r in old and old[r] != new[r]]:
        state[region] = new[region]
        yield _changed(change, context, old[region], new[region], state.values())
    for region in [r for r in old if r not in new]:
        del state[region]
        yield _removed(change, context, old[region], state.values())


def _changed(
    change: Change[GlobalTable], context: Context, old: Replica, new: Replica, after: Iterable[Replica]
) -> Draft:
    table = physical(change.address, context)
    return Draft(
        new.region,
        Phase.EXPAND,
        f"set the replica of {table} in {new.region}: {new}",
        _set(table, new),
        hazards=(hazard(Code.COST, f"{old} → {new}"),),
        done=(_here(change.address, after),),
        undo=(_set(table, old),),
    )


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
    rules=(rule("replicas", emit=change_replicas),),
    order=60,
)
