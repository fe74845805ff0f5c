"""Terraform: a state file, or what `terraform show -json` says of a state or a plan.

Attributes are those of the AWS provider's resources (versions 4 to 6). A plan leaves out what only its apply will know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.engines.dynamodb.foreign.found import Found, FoundTable, scaled

Json = Mapping[str, Any]
OURS = ("aws_dynamodb_", "aws_appautoscaling_scheduled")
"""Types of resources that are about tables, if they are not of `_READERS` either."""


def read(document: Json) -> Found:
    """What the document holds of DynamoDB."""
    resources = list(_resources(document))
    found = _place(resources)
    for kind, reader in _READERS.items():
        for address, values in ((a, v) for a, k, v in resources if k == kind):
            try:
                reader(found, values)
            except (KeyError, TypeError, ValueError) as error:
                found.left_out[address] = f"not understood: it says nothing of {error}"
    for address, kind, _ in resources:
        if kind.startswith(OURS) and kind not in _READERS:
            found.left_out[address] = f"{kind} is not taken over"
    return found


def _place(resources: list[tuple[str, str, Json]]) -> Found:
    """The account and region of the tables, from their ARNs; only whether others are in the same matters."""
    for _, kind, values in resources:
        arn = str(values.get("arn") or "")
        if kind == "aws_dynamodb_table" and arn.count(":") >= 5:
            region, account = arn.split(":")[3:5]
            return Found(region, account)
    return Found()


def _resources(document: Json) -> Iterator[tuple[str, str, Json]]:
    """(address, type, attributes) of a raw state, of a shown one, or of what a plan will make of it."""
    for resource in document.get("resources") or () if "values" not in document else ():
        if resource.get("mode") == "managed":
            for instance in (i for i in resource.get("instances") or () if not i.get("deposed")):
                key = instance.get("index_key")
                module = f"{resource['module']}." if resource.get("module") else ""
                name = f"{module}{resource['type']}.{resource['name']}" + (
                    "" if key is None else f"[{json.dumps(key)}]"
                )
                yield name, resource["type"], instance.get("attributes") or {}
    values = document.get("planned_values") or document.get("values") or {}
    yield from _module(values.get("root_module") or {})


def _module(module: Json) -> Iterator[tuple[str, str, Json]]:
    for resource in module.get("resources") or ():
        if resource.get("mode", "managed") == "managed":
            yield resource["address"], resource["type"], resource.get("values") or {}
    for child in module.get("child_modules") or ():
        yield from _module(child)


def _first(value: Any) -> Json:
    """A block that may stand once is a list of one, of none, or nothing."""
    if isinstance(value, list):
        return value[0] if value else {}
    return value or {}


def _table(found: Found, said: Json) -> None:
    mode = said.get("billing_mode") or "PROVISIONED"
    reply: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": a["name"], "AttributeType": a["type"]} for a in said["attribute"]],
        "KeySchema": _keys(said),
        "BillingModeSummary": {"BillingMode": mode},
        "GlobalSecondaryIndexes": [_index(i, mode) for i in said.get("global_secondary_index") or ()],
        "LocalSecondaryIndexes": [
            {
                "IndexName": i["name"],
                "KeySchema": _keys({"hash_key": said["hash_key"], "range_key": i["range_key"]}),
                "Projection": _projection(i),
            }
            for i in said.get("local_secondary_index") or ()
        ],
        "TableClassSummary": {"TableClass": said.get("table_class") or "STANDARD"},
        "DeletionProtectionEnabled": bool(said.get("deletion_protection_enabled")),
        "Replicas": [_listed(r["region_name"], r) for r in said.get("replica") or ()],
        "GlobalTableWitnesses": [
            {"RegionName": w["region_name"], "WitnessStatus": "ACTIVE"} for w in said.get("global_table_witness") or ()
        ],
        **_capacity(said, mode),
    }
    modes = {r.get("consistency_mode") for r in said.get("replica") or ()}
    reply["MultiRegionConsistency"] = "STRONG" if "STRONG" in modes else "EVENTUAL"
    if said.get("stream_enabled"):
        reply["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": said["stream_view_type"]}
    table = found.add(said["name"], reply)
    _beside(table, said)
    for replica in said.get("replica") or ():
        _copied(table.replica(replica["region_name"]), replica, table.tags if replica.get("propagate_tags") else {})


def _beside(table: FoundTable, said: Json) -> None:
    ttl, recovery = _first(said.get("ttl")), _first(said.get("point_in_time_recovery"))
    if ttl.get("enabled") and ttl.get("attribute_name"):
        table.expires_by(ttl["attribute_name"])
    if recovery.get("enabled"):
        table.recovers(recovery.get("recovery_period_in_days") or None)
    key = _first(said.get("server_side_encryption"))
    if key.get("enabled"):
        table.encrypted(key.get("kms_key_arn"))
    table.tags = dict(said.get("tags_all") or said.get("tags") or {})


def _keys(said: Json) -> list[dict[str, str]]:
    listed = said.get("key_schema") or ()
    if listed:
        return [{"AttributeName": k["attribute_name"], "KeyType": k["key_type"]} for k in listed]
    pairs = (("HASH", said.get("hash_key")), ("RANGE", said.get("range_key")))
    return [{"AttributeName": name, "KeyType": kind} for kind, name in pairs if name]


def _projection(said: Json) -> dict[str, Any]:
    include = said.get("non_key_attributes")
    return {"ProjectionType": said["projection_type"], **({"NonKeyAttributes": list(include)} if include else {})}


def _capacity(said: Json, mode: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if mode == "PROVISIONED":
        units = {"ReadCapacityUnits": said.get("read_capacity"), "WriteCapacityUnits": said.get("write_capacity")}
        found["ProvisionedThroughput"] = {k: int(v or 0) for k, v in units.items()}
    limit = _first(said.get("on_demand_throughput"))
    most = {
        "MaxReadRequestUnits": limit.get("max_read_request_units"),
        "MaxWriteRequestUnits": limit.get("max_write_request_units"),
    }
    if any((v or 0) > 0 for v in most.values()):
        found["OnDemandThroughput"] = {k: v or -1 for k, v in most.items()}
    warm = _first(said.get("warm_throughput"))
    if warm:
        found["WarmThroughput"] = {
            "ReadUnitsPerSecond": warm.get("read_units_per_second") or 0,
            "WriteUnitsPerSecond": warm.get("write_units_per_second") or 0,
        }
    return found


def _index(said: Json, mode: str) -> dict[str, Any]:
    return {
        "IndexName": said["name"],
        "KeySchema": _keys(said),
        "Projection": _projection(said),
        **_capacity(said, mode),
    }


def _listed(region: str, said: Json) -> dict[str, Any]:
    """A replica as DescribeTable lists it."""
    key, own_class = said.get("kms_key_arn"), said.get("table_class_override")
    return {
        "RegionName": region,
        "ReplicaStatus": "ACTIVE",
        **({"KMSMasterKeyId": key} if key else {}),
        **({"ReplicaTableClassSummary": {"TableClass": own_class}} if own_class else {}),
    }


def _copied(there: FoundTable, said: Json, tags: Mapping[str, str]) -> None:
    """What a replica has for itself. Its recovery is on or off; the provider says no period."""
    there.reply["DeletionProtectionEnabled"] = bool(said.get("deletion_protection_enabled"))
    if said.get("point_in_time_recovery"):
        there.recovers(None)
    there.tags = dict(tags)


def _replica(found: Found, said: Json) -> None:
    """A replica declared apart from its table, by the provider of its own region."""
    table = _of(found, said["global_table_arn"], {})
    arn = str(said.get("arn") or "")
    region = arn.split(":")[3] if arn.count(":") >= 5 else said.get("region")
    if not region:
        raise KeyError("the region of the replica, which only an apply tells")
    table.reply["Replicas"].append(_listed(region, said))
    _copied(table.replica(region), said, said.get("tags_all") or said.get("tags") or {})


def _of(found: Found, name: str, said: Json) -> FoundTable:
    """A table of the file, or its replica in the region that the ARN or the resource names.

    Raises KeyError for a table that is made elsewhere.
    """
    table = found.of(name)
    if table is None:
        raise KeyError(f"the table {name}")
    region = name.split(":")[3] if name.count(":") >= 5 else said.get("region")
    copied = any(r["RegionName"] == region for r in table.reply["Replicas"])
    return table.replica(str(region)) if copied else table


def _kinesis(found: Found, said: Json) -> None:
    _of(found, said["table_name"], said).streams_to(
        said["stream_arn"], said.get("approximate_creation_date_time_precision") or None
    )


def _insights(found: Found, said: Json) -> None:
    mode = said.get("mode") or "ACCESSED_AND_THROTTLED_KEYS"
    _of(found, said["table_name"], said).insights[said.get("index_name") or ""] = str(mode).lower()


def _policy(found: Found, said: Json) -> None:
    _of(found, said["resource_arn"], said).policy = said["policy"]


def _tag(found: Found, said: Json) -> None:
    _of(found, said["resource_arn"], said).tags[said["key"]] = said["value"]


def _own_index(found: Found, said: Json) -> None:
    """An index declared apart from its table, as version 6 of the provider can."""
    table = _of(found, said["table_name"], said)
    mode = table.reply["BillingModeSummary"]["BillingMode"]
    listed = said.get("key_schema") or ()
    types = {k["attribute_name"]: k["attribute_type"] for k in listed}
    known = {d["AttributeName"] for d in table.reply["AttributeDefinitions"]}
    table.reply["AttributeDefinitions"] += [
        {"AttributeName": n, "AttributeType": t} for n, t in types.items() if n not in known
    ]
    projection, units = _first(said.get("projection")), _first(said.get("provisioned_throughput"))
    table.reply["GlobalSecondaryIndexes"].append(
        _index(
            {
                **said,
                "name": said["index_name"],
                **projection,
                "read_capacity": units.get("read_capacity_units"),
                "write_capacity": units.get("write_capacity_units"),
            },
            mode,
        )
    )


def _target(found: Found, said: Json) -> None:
    if said["service_namespace"] == "dynamodb":
        name, index, dimension = scaled(said["resource_id"], said["scalable_dimension"])
        _of(found, name, said).scales(index, dimension, int(said["min_capacity"]), int(said["max_capacity"]))


def _scaling(found: Found, said: Json) -> None:
    tracking = _first(said.get("target_tracking_scaling_policy_configuration"))
    if said["service_namespace"] != "dynamodb" or not tracking:
        return
    metric = _first(tracking.get("predefined_metric_specification"))
    configuration = {
        "TargetValue": tracking["target_value"],
        "ScaleInCooldown": tracking.get("scale_in_cooldown") or 0,
        "ScaleOutCooldown": tracking.get("scale_out_cooldown") or 0,
        "DisableScaleIn": bool(tracking.get("disable_scale_in")),
        "PredefinedMetricSpecification": {"PredefinedMetricType": metric.get("predefined_metric_type", "")},
    }
    policy = {"PolicyName": said.get("name", ""), "TargetTrackingScalingPolicyConfiguration": configuration}
    name, index, dimension = scaled(said["resource_id"], said["scalable_dimension"])
    _of(found, name, said).tracks(index, dimension, policy)


_READERS: Mapping[str, Callable[[Found, Json], None]] = {
    "aws_dynamodb_table": _table,
    "aws_dynamodb_table_replica": _replica,
    "aws_dynamodb_global_secondary_index": _own_index,
    "aws_dynamodb_kinesis_streaming_destination": _kinesis,
    "aws_dynamodb_contributor_insights": _insights,
    "aws_dynamodb_resource_policy": _policy,
    "aws_dynamodb_tag": _tag,
    "aws_appautoscaling_target": _target,
    "aws_appautoscaling_policy": _scaling,
}
"""By type of resource, tables first: what is beside a table needs it."""
