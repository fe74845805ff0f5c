"""CloudFormation templates, those that CDK or SAM makes included: tables, global tables, and what scales them.

Properties are named as in the API, but for a few; the resource specification of CloudFormation says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.engines.dynamodb.foreign import everywhere, loops
from reconciler.engines.dynamodb.foreign.found import Found, FoundTable, scaled
from reconciler.engines.dynamodb.foreign.intrinsics import Intrinsics, Unknown

Json = Mapping[str, Any]
ALIKE = ("AttributeDefinitions", "KeySchema", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")
TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable")
REPLICA = "Custom::DynamoDBReplica"
"""What CDK's `Table` makes of `replicationRegions`: a custom resource for each."""
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def read(template: Json, given: Mapping[str, str]) -> Found:
    """What a template makes. `given`: values of parameters, of attributes (`Key.Arn`), and names of tables that the
    template leaves to CloudFormation, by their logical ids."""
    found = Found(given.get("AWS::Region", Found.region), given.get("AWS::AccountId", Found.account))
    names: dict[str, str] = {}
    resources: dict[str, Json] = {}

    def attribute(logical: str, what: str) -> str:
        return _attribute(logical, what, resources, names, found)

    work = Intrinsics(template, given, _pseudo(found), attribute)
    with _understood(found, "Conditions"):
        work.template = {**template, "Conditions": loops.expanded(template.get("Conditions") or {}, work.value)}
    for logical, resource in template.get("Resources", {}).items():
        with _understood(found, logical):
            loop = logical.startswith(loops.LOOP)
            resources |= loops.loop(resource, work.value) if loop else {logical: resource}
    made = {logical: r for logical, r in resources.items() if _made(found, logical, r, work)}
    _tables(found, {logical: r for logical, r in made.items() if r["Type"] in TABLES}, names, work)
    others = {logical: r for logical, r in made.items() if r["Type"] in (TARGET, POLICY)}
    for logical, resource in made.items():
        with _understood(found, logical):
            if resource["Type"] == REPLICA:
                _replica(found, resource, work)
    for logical, resource in others.items():
        with _understood(found, logical):
            _scaling(found, resource, others, work)
    return found


def _pseudo(found: Found) -> dict[str, str]:
    return {
        "AWS::Region": found.region,
        "AWS::AccountId": found.account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }


def _tables(found: Found, tables: Mapping[str, Json], names: dict[str, str], work: Intrinsics) -> None:
    """Each as a whole or not at all: half a table would be planned away. All the `names` first: they refer to them."""
    for logical, resource in tables.items():
        with _understood(found, logical):
            names[logical] = _name(logical, resource, work)
    for logical, resource in tables.items():
        if logical in names:
            with _understood(found, logical):
                _table(found, names[logical], resource, work)
            if logical in found.left_out:
                found.tables.pop(names[logical], None)


@contextmanager
def _understood(found: Found, logical: str) -> Iterator[None]:
    try:
        yield
    except Unknown as unknown:
        found.left_out[logical] = f"{unknown.name} is not known: give it with `--given {unknown.name}=VALUE`"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found.left_out[logical] = f"not understood: {type(error).__name__}: {error}"


def _made(found: Found, logical: str, resource: Json, work: Intrinsics) -> bool:
    """Whether the template makes it here; a table of which nobody can tell is left out, by name."""
    with _understood(found if resource.get("Type") in TABLES else Found(), logical):
        return "Condition" not in resource or work.holds(resource["Condition"])
    return False


def _name(logical: str, resource: Json, work: Intrinsics) -> str:
    if logical in work.given:
        return work.given[logical]
    said = resource.get("Properties", {}).get("TableName")
    if said is None:
        raise Unknown(logical)
    return str(work.value(said))


def _attribute(logical: str, what: str, resources: Json, names: Mapping[str, str], found: Found) -> str:
    """What the file itself tells of a resource: names and ARNs of tables and streams. Raises Unknown."""
    if logical in names and what in ("Ref", "TableName"):
        return names[logical]
    if logical in names and what == "Arn":
        return found.arn(names[logical])
    resource = resources.get(logical, {})
    name = resource.get("Properties", {}).get("Name")
    if resource.get("Type") == "AWS::Kinesis::Stream" and isinstance(name, str):
        arn = f"arn:aws:kinesis:{found.region}:{found.account}:stream/{name}"
        return arn if what == "Arn" else name
    raise Unknown(logical if what == "Ref" else f"{logical}.{what}")


def _table(found: Found, name: str, resource: Json, work: Intrinsics) -> None:
    properties = work.value(loops.expanded(resource.get("Properties", {}), work.value))
    match resource["Type"]:
        case "AWS::Serverless::SimpleTable":
            properties = _simple(properties)
        case "AWS::DynamoDB::GlobalTable":
            properties = everywhere.here(properties, found.region)
    table = found.add(name, _numbers(_reply(properties)))
    _beside(table, properties)
    for said in properties.get(everywhere.OTHERS, ()):
        there = table.replica(said["Region"])
        there.reply["DeletionProtectionEnabled"] = _true(said.get("DeletionProtectionEnabled"))
        _beside(there, {k: v for k, v in said.items() if k != "SSESpecification"})
        everywhere.scaled(there, said)
    everywhere.scaled(table, properties)


def _reply(properties: Json) -> dict[str, Any]:
    """What DescribeTable would say."""
    reply: dict[str, Any] = {member: properties[member] for member in ALIKE if member in properties}
    mode = properties.get("BillingMode", "PROVISIONED")
    indexes = properties.get("GlobalSecondaryIndexes") or []
    reply |= {
        "AttributeDefinitions": properties.get("AttributeDefinitions", []),
        "BillingModeSummary": {"BillingMode": mode},
        "GlobalSecondaryIndexes": [_numbers(i) for i in indexes],
        "LocalSecondaryIndexes": properties.get("LocalSecondaryIndexes") or [],
        "VectorIndexes": [{**v, "Dimensions": int(v["Dimensions"])} for v in properties.get("VectorIndexes") or ()],
        "TableClassSummary": {"TableClass": properties.get("TableClass", "STANDARD")},
        "DeletionProtectionEnabled": _true(properties.get("DeletionProtectionEnabled")),
        "Replicas": properties.get("Replicas", []),
        "GlobalTableWitnesses": properties.get("GlobalTableWitnesses") or [],
        "MultiRegionConsistency": properties.get("MultiRegionConsistency", "EVENTUAL"),
    }
    stream = properties.get("StreamSpecification")
    if stream:
        reply["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
    return reply


def _beside(table: FoundTable, properties: Json) -> None:
    """What the service has calls of their own for."""
    ttl = properties.get("TimeToLiveSpecification") or {}
    if _true(ttl.get("Enabled")):
        table.expires_by(ttl["AttributeName"])
    recovery = properties.get("PointInTimeRecoverySpecification") or {}
    if _true(recovery.get("PointInTimeRecoveryEnabled")):
        days = recovery.get("RecoveryPeriodInDays")
        table.recovers(int(days) if days else None)
    table.tags = {str(t["Key"]): str(t["Value"]) for t in properties.get("Tags") or ()}
    key = properties.get("SSESpecification") or {}
    if _true(key.get("SSEEnabled")):
        table.encrypted(key.get("KMSMasterKeyId"))
    stream = properties.get("KinesisStreamSpecification") or {}
    if stream:
        table.streams_to(stream["StreamArn"], stream.get("ApproximateCreationDateTimePrecision"))
    policy = (properties.get("ResourcePolicy") or {}).get("PolicyDocument")
    if policy:
        table.policy = policy if isinstance(policy, str) else json.dumps(policy)
    _insights(table, "", properties.get("ContributorInsightsSpecification"))
    for index in properties.get("GlobalSecondaryIndexes") or ():
        _insights(table, index["IndexName"], index.get("ContributorInsightsSpecification"))


def _insights(table: FoundTable, index: str, said: Json | None) -> None:
    if said and _true(said.get("Enabled")):
        table.insights[index] = str(said.get("Mode", "ACCESSED_AND_THROTTLED_KEYS")).lower()


def _simple(properties: Json) -> dict[str, Any]:
    """SAM's table of one key: on demand unless units are said."""
    key = properties.get("PrimaryKey", {"Name": "id", "Type": "String"})
    units = properties.get("ProvisionedThroughput")
    return {
        "AttributeDefinitions": [{"AttributeName": key["Name"], "AttributeType": key["Type"][0]}],
        "KeySchema": [{"AttributeName": key["Name"], "KeyType": "HASH"}],
        "BillingMode": "PROVISIONED" if units else "PAY_PER_REQUEST",
        **({"ProvisionedThroughput": units} if units else {}),
        "SSESpecification": properties.get("SSESpecification"),
        "Tags": [{"Key": k, "Value": v} for k, v in (properties.get("Tags") or {}).items()],
        "PointInTimeRecoverySpecification": properties.get("PointInTimeRecoverySpecification"),
    }


def _replica(found: Found, resource: Json, work: Intrinsics) -> None:
    said = work.value({k: v for k, v in resource.get("Properties", {}).items() if k in ("TableName", "Region")})
    table = found.of(str(said["TableName"]))
    if table is None:
        raise Unknown(f"the table {said['TableName']}")
    table.reply["Replicas"].append({"RegionName": said["Region"], "ReplicaStatus": "ACTIVE"})


def _scaling(found: Found, resource: Json, others: Mapping[str, Json], work: Intrinsics) -> None:
    properties = resource.get("Properties", {})
    if resource["Type"] == TARGET:
        target = work.value({k: v for k, v in properties.items() if k != "RoleARN"})
        if target.get("ServiceNamespace") == "dynamodb":
            name, index, dimension = scaled(target["ResourceId"], target["ScalableDimension"])
            if name in found.tables:
                least, most = int(target["MinCapacity"]), int(target["MaxCapacity"])
                found.tables[name].scales(index, dimension, least, most)
        return
    where = _target_of(properties, others)
    policy = work.value({k: v for k, v in properties.items() if k != "ScalingTargetId"})
    place = work.value({k: where[k] for k in ("ResourceId", "ScalableDimension") if k in where})
    if str(place.get("ScalableDimension", "")).startswith("dynamodb:"):
        name, index, dimension = scaled(place["ResourceId"], place["ScalableDimension"])
        if name in found.tables:
            found.tables[name].tracks(index, dimension, _numbers(_tracking(policy)))


def _target_of(properties: Json, others: Mapping[str, Json]) -> Json:
    """A policy says what it scales itself, or names the target by its logical id."""
    target = properties.get("ScalingTargetId")
    if isinstance(target, Mapping) and target.get("Ref") in others:
        found: Json = others[target["Ref"]].get("Properties", {})
        return found
    return properties


def _tracking(policy: Json) -> dict[str, Any]:
    return {
        "PolicyName": policy.get("PolicyName", ""),
        "TargetTrackingScalingPolicyConfiguration": policy.get("TargetTrackingScalingPolicyConfiguration", {}),
    }


def _true(value: Any) -> bool:
    """Parameters are text, booleans too."""
    return value is True or str(value).lower() == "true"


def _numbers(node: Any) -> Any:
    """Parameters are text, numbers too; no name of this file is one of these members."""
    if isinstance(node, list):
        return [_numbers(v) for v in node]
    if isinstance(node, Mapping):
        return {k: int(v) if k in _INTEGERS and isinstance(v, str) else _numbers(v) for k, v in node.items()}
    return node


_INTEGERS = frozenset(
    {
        "ReadCapacityUnits",
        "WriteCapacityUnits",
        "MaxReadRequestUnits",
        "MaxWriteRequestUnits",
        "ReadUnitsPerSecond",
        "WriteUnitsPerSecond",
        "ScaleInCooldown",
        "ScaleOutCooldown",
    }
)
