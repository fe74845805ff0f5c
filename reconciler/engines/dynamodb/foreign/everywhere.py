"""`AWS::DynamoDB::GlobalTable`: what it says of all regions and of each, put together as the service tells it.

A template says of each region, the table's own included, what a table says of itself, and leaves units to autoscaling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.dynamodb.foreign.found import FoundTable
from reconciler.engines.dynamodb.foreign.intrinsics import Unknown

Json = Mapping[str, Any]
OTHERS = "other regions"
"""Where `here` leaves what is said of the others, as it stands."""
SCALED = "scaled"
METRICS = {"read": "DynamoDBReadCapacityUtilization", "write": "DynamoDBWriteCapacityUtilization"}


def here(properties: Json, region: str) -> dict[str, Any]:
    """The properties of a table in its own region, with `Replicas` as DescribeTable lists the others.

    Raises Unknown where the region is none of those that the template names, or another account has the table.
    """
    if "GlobalTableSourceArn" in properties:
        raise Unknown("GlobalTableSourceArn, a table of another account")
    said = {r["Region"]: r for r in properties.get("Replicas", ())}
    own = said.pop(region, None)
    if own is None and said:
        raise Unknown("AWS::Region")
    own = own or {}
    apart = ("Region", "GlobalSecondaryIndexes", "SSESpecification", "Replicas")
    indexes = properties.get("GlobalSecondaryIndexes") or ()
    witnesses = properties.get("GlobalTableWitnesses") or ()
    whole = {**properties, **{k: v for k, v in own.items() if k not in apart}}
    key = {**(properties.get("SSESpecification") or {}), **(own.get("SSESpecification") or {})}
    return {
        **whole,
        **_capacity(properties, own),
        **({"SSESpecification": key} if key else {}),
        "GlobalSecondaryIndexes": [_index(i, _named(own, i["IndexName"])) for i in indexes],
        "GlobalTableWitnesses": [{"RegionName": w["RegionName"], "WitnessStatus": "ACTIVE"} for w in witnesses],
        "Replicas": [_replica(region, r) for region, r in said.items()],
        SCALED: (properties, own),
        OTHERS: list(said.values()),
    }


def scaled(table: FoundTable, properties: Json) -> None:
    """What scales a table, or a replica of it, and its indexes. Writes are scaled alike everywhere."""
    whole, own = properties.get(SCALED, ({}, properties))
    _scaled(table, "", "read", _settings(own, "read"))
    _scaled(table, "", "write", _settings(whole, "write"))
    for index in whole.get("GlobalSecondaryIndexes") or ():
        _scaled(table, index["IndexName"], "write", _settings(index, "write"))
    for index in own.get("GlobalSecondaryIndexes") or ():
        _scaled(table, index["IndexName"], "read", _settings(index, "read"))


def _scaled(table: FoundTable, index: str, dimension: str, said: Json) -> None:
    if not said:
        return
    tracking = said.get("TargetTrackingScalingPolicyConfiguration") or {}
    configuration = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": METRICS[dimension]},
        "TargetValue": float(tracking.get("TargetValue", 0)),
        "ScaleInCooldown": int(tracking.get("ScaleInCooldown") or 0),
        "ScaleOutCooldown": int(tracking.get("ScaleOutCooldown") or 0),
        "DisableScaleIn": str(tracking.get("DisableScaleIn", False)).lower() == "true",
    }
    table.scales(index, dimension, int(said["MinCapacity"]), int(said["MaxCapacity"]))
    table.tracks(index, dimension, {"PolicyName": "", "TargetTrackingScalingPolicyConfiguration": configuration})


def _provisioned(said: Json, dimension: str) -> Json:
    found: Json = said.get(f"{dimension.title()}ProvisionedThroughputSettings") or {}
    return found


def _settings(said: Json, dimension: str) -> Json:
    found: Json = _provisioned(said, dimension).get(f"{dimension.title()}CapacityAutoScalingSettings") or {}
    return found


def _units(said: Json, dimension: str) -> int:
    """Units that are said, or those that autoscaling begins with: it moves them, so any would do."""
    fixed = _provisioned(said, dimension).get(f"{dimension.title()}CapacityUnits")
    begun = _settings(said, dimension)
    return int(fixed or begun.get("SeedCapacity") or begun.get("MinCapacity") or 0)


def _capacity(whole: Json, own: Json) -> dict[str, Any]:
    """Units or maxima of a table or an index, reads by region and writes for all."""
    units = {"ReadCapacityUnits": _units(own, "read"), "WriteCapacityUnits": _units(whole, "write")}
    most = {
        "MaxReadRequestUnits": (own.get("ReadOnDemandThroughputSettings") or {}).get("MaxReadRequestUnits"),
        "MaxWriteRequestUnits": (whole.get("WriteOnDemandThroughputSettings") or {}).get("MaxWriteRequestUnits"),
    }
    on_demand = {k: int(v) for k, v in most.items() if v is not None}
    found: dict[str, Any] = {"ProvisionedThroughput": units} if any(units.values()) else {}
    return {**found, "OnDemandThroughput": on_demand} if on_demand else found


def _index(whole: Json, own: Json) -> dict[str, Any]:
    insights = {k: own[k] for k in ("ContributorInsightsSpecification",) if k in own}
    return {**whole, **_capacity(whole, own), **insights}


def _named(said: Json, name: str) -> Json:
    listed: Iterable[Json] = said.get("GlobalSecondaryIndexes") or ()
    return next((i for i in listed if i["IndexName"] == name), {})


def _replica(region: str, said: Json) -> dict[str, Any]:
    """As DescribeTable lists it: what UpdateTable knows of a replica."""
    key = (said.get("SSESpecification") or {}).get("KMSMasterKeyId")
    own_class = {"TableClass": said["TableClass"]} if "TableClass" in said else None
    return {
        "RegionName": region,
        "ReplicaStatus": "ACTIVE",
        **({"KMSMasterKeyId": key} if key else {}),
        **({"ReplicaTableClassSummary": own_class} if own_class else {}),
        **_reads(said),
        "GlobalSecondaryIndexes": [
            {"IndexName": i["IndexName"], **_reads(i)} for i in said.get("GlobalSecondaryIndexes") or ()
        ],
    }


def _reads(said: Json) -> dict[str, Any]:
    units = _units(said, "read")
    most = (said.get("ReadOnDemandThroughputSettings") or {}).get("MaxReadRequestUnits")
    found: dict[str, Any] = {"ProvisionedThroughputOverride": {"ReadCapacityUnits": units}} if units else {}
    return {**found, "OnDemandThroughputOverride": {"MaxReadRequestUnits": int(most)}} if most else found
