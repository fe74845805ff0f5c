"""Whether a call's effect is there already, or on its way: what makes a step safe to run again.

Pure: compares the members of a request with the descriptions of the live table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb import keys, projection, throughput
from reconciler.engines.dynamodb.operations import Call
from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StoreError

Json = Mapping[str, Any]


def holds(call: Call, row: TableRow | None) -> bool:
    """Whether nothing has to be sent any more; `row` is None where there is no such table.

    Raises StoreError for a table to be created that exists with another definition.
    """
    parameters = call.parameters
    match call.call:
        case "CreateTable":
            return row is not None and _same_table(parameters, row)
        case "DeleteTable":
            return row is None or row.table.get("TableStatus") == "DELETING"
        case _ if row is None:
            return False
        case "UpdateTable":
            types = _types(parameters)
            return all(_member_holds(name, value, row, types) for name, value in parameters.items())
        case "UpdateTimeToLive":
            return _ttl_holds(parameters["TimeToLiveSpecification"], row.ttl or {})
        case "UpdateContinuousBackups":
            return _backups_hold(parameters["PointInTimeRecoverySpecification"], row.backups or {})
        case "TagResource":
            tags = row.tags or {}
            return all(tags.get(t["Key"]) == t["Value"] for t in parameters["Tags"])
        case "UntagResource":
            return not set(parameters["TagKeys"]) & set(row.tags or {})
    return False


def _same_table(wanted: Json, row: TableRow) -> bool:
    """True; or StoreError: a table of that name that is another one is never taken for the one to be created."""
    live = row.table
    types = _types(wanted)
    same = keys.read(wanted["KeySchema"], types) == keys.read(live["KeySchema"], row.types)
    for member in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        here = {i["IndexName"]: _shape(i, types) for i in wanted.get(member, ())}
        there = {i["IndexName"]: _shape(i, row.types) for i in live.get(member) or ()}
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


def _member_holds(name: str, value: Any, row: TableRow, types: Mapping[str, str]) -> bool:
    live = row.table
    match name:
        case "TableName" | "AttributeDefinitions":
            return True  # definitions come with the index that needs them
        case "BillingMode":
            return row.provisioned == bool(value == "PROVISIONED")
        case "ProvisionedThroughput":
            return row.provisioned and _units(live) == dict(value)
        case "OnDemandThroughput":
            return not row.provisioned and _maximum(live) == dict(value)
        case "DeletionProtectionEnabled":
            return bool(live.get("DeletionProtectionEnabled")) == bool(value)
        case "TableClass":
            return bool(live.get("TableClassSummary", {}).get("TableClass", "STANDARD") == value)
        case "StreamSpecification":
            return _stream_holds(value, live.get("StreamSpecification") or {})
        case "GlobalSecondaryIndexUpdates":
            return all(_index_holds(update, row, types) for update in value)
    return False


def _units(reply: Json) -> dict[str, int]:
    return throughput.units(throughput.read(reply, True))


def _maximum(reply: Json) -> dict[str, int]:
    return throughput.maximum(throughput.read(reply, False))


def _stream_holds(wanted: Json, live: Json) -> bool:
    if not wanted["StreamEnabled"]:
        return not live.get("StreamEnabled")
    return bool(live.get("StreamEnabled")) and live.get("StreamViewType") == wanted["StreamViewType"]


def index_of(row: TableRow | None, name: str) -> Json | None:
    """The description of a global index, whatever its state."""
    indexes = (row.table.get("GlobalSecondaryIndexes") or ()) if row else ()
    return next((i for i in indexes if i["IndexName"] == name), None)


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
    if "ProvisionedThroughput" in wanted:
        return _units(live) == dict(wanted["ProvisionedThroughput"])
    return _maximum(live) == dict(wanted["OnDemandThroughput"])


def _ttl_holds(wanted: Json, live: Json) -> bool:
    status = live.get("TimeToLiveStatus")
    if not wanted["Enabled"]:
        return status in (None, "DISABLED", "DISABLING")
    return status in ("ENABLED", "ENABLING") and live.get("AttributeName") == wanted["AttributeName"]


def _backups_hold(wanted: Json, live: Json) -> bool:
    on = live.get("PointInTimeRecoveryStatus") == "ENABLED"
    if not wanted["PointInTimeRecoveryEnabled"]:
        return not on
    days = wanted.get("RecoveryPeriodInDays")
    return on and days in (None, live.get("RecoveryPeriodInDays", days))
