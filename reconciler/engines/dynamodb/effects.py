"""Whether a call's effect is there already, or on its way: what makes a step safe to run again.

Pure: compares the members of a request with the descriptions of the live table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.engines.dynamodb import keys, policies, projection, replicas, requests, scaling, throughput, warm
from reconciler.engines.dynamodb.operations import Call
from reconciler.engines.dynamodb.row import ScalingKey, TableRow
from reconciler.errors import StoreError

Json = Mapping[str, Any]


def holds(call: Call, row: TableRow | None) -> bool:
    """Whether nothing has to be sent any more; `row` is None where there is no such table.

    Raises StoreError for a table to be created that exists with another definition.
    """
    parameters = call.parameters
    if call.call in ("CreateTable", "ImportTable"):
        return row is not None and _same_table(parameters.get("TableCreationParameters", parameters), row)
    if call.call == "DeleteTable":
        return row is None or row.table.get("TableStatus") == "DELETING"
    return row is not None and _EFFECTS[call.call](call, row)


def _table_holds(call: Call, row: TableRow) -> bool:
    types = _types(call.parameters)
    indexes = call.parameters.get("GlobalSecondaryIndexUpdates", ())
    rest = {name: value for name, value in call.parameters.items() if name in _MEMBERS}
    return (
        all(_MEMBERS[name](value, row) for name, value in rest.items())
        and all(_index_holds(update, row, types) for update in indexes)
        and all(_vectors_hold(update, row, types) for update in call.parameters.get("VectorIndexUpdates", ()))
    )


def _ttl_holds(call: Call, row: TableRow) -> bool:
    wanted, live = call.parameters["TimeToLiveSpecification"], row.ttl or {}
    status = live.get("TimeToLiveStatus")
    if not wanted["Enabled"]:
        return status in (None, "DISABLED", "DISABLING")
    return status in ("ENABLED", "ENABLING") and live.get("AttributeName") == wanted["AttributeName"]


def _backups_hold(call: Call, row: TableRow) -> bool:
    wanted, live = call.parameters["PointInTimeRecoverySpecification"], row.backups or {}
    on = live.get("PointInTimeRecoveryStatus") == "ENABLED"
    if not wanted["PointInTimeRecoveryEnabled"]:
        return not on
    days = wanted.get("RecoveryPeriodInDays")
    return on and days in (None, live.get("RecoveryPeriodInDays", days))


def _tagged(call: Call, row: TableRow) -> bool:
    tags = row.tags or {}
    return all(tags.get(t["Key"]) == t["Value"] for t in call.parameters["Tags"])


def _untagged(call: Call, row: TableRow) -> bool:
    return not set(call.parameters["TagKeys"]) & set(row.tags or {})


def _policy_holds(call: Call, row: TableRow) -> bool:
    wanted = call.parameters.get("Policy")
    return policies.of_live(row) == (policies.canonical(policies.loaded(wanted)) if wanted else "")


def _insights_hold(call: Call, row: TableRow) -> bool:
    wanted = call.parameters
    mode = (row.insights or {}).get(wanted.get("IndexName", ""))
    if wanted["ContributorInsightsAction"] == "DISABLE":
        return mode is None
    return bool(mode == wanted["ContributorInsightsMode"].lower())


def destination(row: TableRow | None, stream: str) -> Json | None:
    """The Kinesis destination of a table for a stream (name or ARN) that is on, or being turned on."""
    if row is None:
        return None
    arn = requests.stream_arn(stream, row.arn)
    on = (d for d in row.kinesis or () if d.get("DestinationStatus") in ("ENABLING", "ACTIVE", "UPDATING"))
    return next((d for d in on if d["StreamArn"] == arn), None)


def _destination_holds(call: Call, row: TableRow) -> bool:
    found = destination(row, call.parameters["StreamArn"])
    if call.call.startswith("Disable"):
        return found is None
    said = call.parameters.get("EnableKinesisStreamingConfiguration") or call.parameters.get(
        "UpdateKinesisStreamingConfiguration", {}
    )
    precision = said.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
    return found is not None and found.get("ApproximateCreationDateTimePrecision", "MILLISECOND") == precision


def _scaling_holds(call: Call, row: TableRow) -> bool:
    wanted = call.parameters
    target = (row.scaling or {}).get(ScalingKey(*requests.scaling_key(wanted)))
    if call.call == "DeregisterScalableTarget":
        return target is None
    if target is None:
        return False
    if call.call == "RegisterScalableTarget":
        return (target["MinCapacity"], target["MaxCapacity"]) == (wanted["MinCapacity"], wanted["MaxCapacity"])
    policy = next((p for p in target["Policies"] if p["PolicyName"] == wanted["PolicyName"]), None)
    said, there = (scaling.tracking(p) for p in (wanted, policy or {}))
    return policy is not None and said == there


def _same_table(wanted: Json, row: TableRow) -> bool:
    """True; or StoreError: a table of that name that is another one is never taken for the one to be created."""
    live = row.table
    types = _types(wanted)
    same = keys.read(wanted["KeySchema"], types) == keys.read(live["KeySchema"], row.types)
    for member in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        here = {i["IndexName"]: _shape(i, types) for i in wanted.get(member, ())}
        there = {i["IndexName"]: _shape(i, row.types) for i in live.get(member) or ()}
        same = same and bool(here == there)
    vectors = ((wanted, types), (live, row.types))
    here, there = ({i["IndexName"]: _vectors(i, ts) for i in t.get("VectorIndexes") or ()} for t, ts in vectors)
    same = same and bool(here == there)
    if not same:
        raise StoreError(
            f"there is a table {wanted['TableName']} already, with another key or other indexes",
            hint="plan again: it was created since this plan was made",
        )
    return True


def _types(parameters: Json) -> dict[str, str]:
    return {d["AttributeName"]: d["AttributeType"] for d in parameters.get("AttributeDefinitions", ())}


def _shape(index: Json, types: Mapping[str, str]) -> Any:
    return keys.read(index["KeySchema"], types), projection.read(index.get("Projection", {}))


def _units(reply: Json) -> dict[str, int]:
    return throughput.units(throughput.read(reply, True))


def _maximum(reply: Json) -> dict[str, int]:
    return throughput.maximum(throughput.read(reply, False))


def _key_holds(wanted: Json, row: TableRow) -> bool:
    """A key of one's own is compared by its ARN or id, which planning has made of an alias."""
    live = row.key_arn
    if not wanted["Enabled"]:
        return not live
    name = wanted.get("KMSMasterKeyId")
    return bool(live) and (row.managed_key is not False if name is None else live == name or live.endswith(f"/{name}"))


def _stream_holds(wanted: Json, live: Json) -> bool:
    if not wanted["StreamEnabled"]:
        return not live.get("StreamEnabled")
    return bool(live.get("StreamEnabled")) and live.get("StreamViewType") == wanted["StreamViewType"]


def index_of(row: TableRow | None, name: str) -> Json | None:
    """The description of a global or a vector index, whatever its state: they share their names."""
    lists = ("GlobalSecondaryIndexes", "VectorIndexes") if row else ()
    indexes = (index for member in lists for index in (row.table.get(member) or () if row else ()))
    return next((i for i in indexes if i["IndexName"] == name), None)


def _vectors_hold(update: Json, row: TableRow, types: Mapping[str, str]) -> bool:
    ((action, wanted),) = update.items()
    live = index_of(row, wanted["IndexName"])
    if live is None or live.get("IndexStatus") == "DELETING":
        return bool(action == "Delete")
    return bool(action == "Create") and _vectors(live, row.types) == _vectors(wanted, types)


def _vectors(index: Json, types: Mapping[str, str]) -> Any:
    """What a vector index is, in a request or a reply."""
    said = (index.get("VectorAttribute") or {}).get("AttributeName"), index.get("Dimensions")
    schema = keys.search_schema(index.get("SearchSchema") or (), types)
    return said, index.get("DistanceFunction"), schema, projection.read(index.get("Projection", {}))


def _index_holds(update: Json, row: TableRow, types: Mapping[str, str]) -> bool:
    ((action, wanted),) = update.items()
    live = index_of(row, wanted["IndexName"])
    leaving = live is not None and live.get("IndexStatus") == "DELETING"
    if action == "Delete":
        return live is None or leaving
    if live is None or leaving:
        return False
    if action == "Create":
        return bool(_shape(live, row.types) == _shape(wanted, types))
    if "WarmThroughput" in wanted:
        return warm.read(live).covers(warm.of_request(wanted["WarmThroughput"]))
    if "ProvisionedThroughput" in wanted:
        return _units(live) == dict(wanted["ProvisionedThroughput"])
    return _maximum(live) == dict(wanted["OnDemandThroughput"])


def _flag(member: str) -> Callable[[Any, TableRow], bool]:
    return lambda value, row: bool(row.table.get(member)) == bool(value)


_MEMBERS: Mapping[str, Callable[[Any, TableRow], bool]] = {
    "BillingMode": lambda value, row: row.provisioned == (value == "PROVISIONED"),
    "ProvisionedThroughput": lambda value, row: row.provisioned and _units(row.table) == dict(value),
    "OnDemandThroughput": lambda value, row: not row.provisioned and _maximum(row.table) == dict(value),
    "DeletionProtectionEnabled": _flag("DeletionProtectionEnabled"),
    "TableClass": lambda value, row: row.table.get("TableClassSummary", {}).get("TableClass", "STANDARD") == value,
    "StreamSpecification": lambda value, row: _stream_holds(value, row.table.get("StreamSpecification") or {}),
    "SSESpecification": _key_holds,
    "WarmThroughput": lambda value, row: warm.read(row.table).covers(warm.of_request(value)),
    "MultiRegionConsistency": lambda value, row: row.table.get("MultiRegionConsistency", "EVENTUAL") == value,
    "ReplicaUpdates": lambda value, row: all(replicas.update_holds(u, row, "ReplicaUpdates") for u in value),
    "GlobalTableWitnessUpdates": lambda value, row: all(
        replicas.update_holds(u, row, "GlobalTableWitnessUpdates") for u in value
    ),
}
"""Members of UpdateTable, each with what it is compared with. Definitions of attributes come with the index that needs
them, and updates of indexes need those: see `_table_holds`."""

_EFFECTS: Mapping[str, Callable[[Call, TableRow], bool]] = {
    "UpdateTable": _table_holds,
    "UpdateTimeToLive": _ttl_holds,
    "UpdateContinuousBackups": _backups_hold,
    "TagResource": _tagged,
    "UntagResource": _untagged,
    "PutResourcePolicy": _policy_holds,
    "DeleteResourcePolicy": _policy_holds,
    "EnableKinesisStreamingDestination": _destination_holds,
    "UpdateKinesisStreamingDestination": _destination_holds,
    "DisableKinesisStreamingDestination": _destination_holds,
    "UpdateContributorInsights": _insights_hold,
    "RegisterScalableTarget": _scaling_holds,
    "DeregisterScalableTarget": _scaling_holds,
    "PutScalingPolicy": _scaling_holds,
}
