"""Autoscaling of provisioned units, by Application Auto Scaling: a range, and the share of it to keep in use.

The units themselves are the service's then: a table's or an index's live units are no difference to declared ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.engines.dynamodb.operations import Call, Calls
from reconciler.engines.dynamodb.requests import scaled
from reconciler.engines.dynamodb.row import ScalingKey, TableRow

DIMENSIONS = ("read", "write")
METRICS = {"read": "DynamoDBReadCapacityUtilization", "write": "DynamoDBWriteCapacityUtilization"}
USUAL_TARGET = 70.0
Json = Mapping[str, Any]


class Scaling(NamedTuple):
    """`least` and `most` units, `target` percent of them in use, seconds of rest after scaling in and out, and whether
    units are taken away again at all."""

    least: int
    most: int
    target: float = USUAL_TARGET
    rest_in: int = 0
    rest_out: int = 0
    scale_in: bool = True

    @property
    def range(self) -> tuple[int, int]:
        """What a scalable target holds; the rest is its policy's."""
        return self.least, self.most

    def __str__(self) -> str:
        rests = [f"{s} s of rest after scaling {w}" for s, w in ((self.rest_in, "in"), (self.rest_out, "out")) if s]
        never = [] if self.scale_in else ["never fewer again"]
        return ", ".join([f"{self.least} to {self.most} units, {self.target:g}% in use", *rests, *never])


_UNITS = {"type": "integer", "minimum": 1}
_SECONDS = {"type": "integer", "minimum": 0}
ONE: dict[str, Any] = {
    "type": "object",
    "description": "{min: 5, max: 100, target: 70}",
    "properties": {
        "min": _UNITS,
        "max": _UNITS,
        "target": {"type": "number", "minimum": 20, "maximum": 90},
        "scale_in_cooldown": _SECONDS,
        "scale_out_cooldown": _SECONDS,
        "scale_in": {"type": "boolean"},
    },
    "required": ["min", "max"],
    "additionalProperties": False,
}
SPEC: dict[str, Any] = {
    "type": "object",
    "description": "{read: {min: 5, max: 100}, write: {min: 5, max: 100, target: 70}}",
    "properties": dict.fromkeys(DIMENSIONS, ONE),
    "minProperties": 1,
}
_NAMES = {"target": "target", "scale_in_cooldown": "rest_in", "scale_out_cooldown": "rest_out", "scale_in": "scale_in"}


def lowered(node: Json | None) -> Scaling | None:
    """One dimension as declared."""
    if not node:
        return None
    more = {field: node[name] for name, field in _NAMES.items() if name in node}
    return Scaling(node["min"], node["max"], **{**more, "target": float(more.get("target", USUAL_TARGET))})


def lifted(scaling: Scaling) -> dict[str, Any]:
    """The inverse of `lowered`, without defaults."""
    node: dict[str, Any] = {"min": scaling.least, "max": scaling.most}
    usual = Scaling(scaling.least, scaling.most)
    for name, field in _NAMES.items():
        value = getattr(scaling, field)
        if value != getattr(usual, field):
            node[name] = int(value) if name == "target" and value == int(value) else value
    return node


def read(row: TableRow, index: str, dimension: str) -> tuple[Scaling, str] | None:
    """(what scales, the name of its policy); None where nothing does: a target without a policy of the usual metric
    scales nothing."""
    target = (row.scaling or {}).get(ScalingKey(row.table["TableName"], index, dimension), {"Policies": ()})
    found = next((p for p in target["Policies"] if tracking(p)[0] == METRICS[dimension]), None)
    if found is None:
        return None
    _, percent, rest_in, rest_out, scale_in = tracking(found)
    least, most = int(target["MinCapacity"]), int(target["MaxCapacity"])
    return Scaling(least, most, percent, rest_in, rest_out, scale_in), str(found["PolicyName"])


def tracking(policy: Json) -> tuple[str, float, int, int, bool]:
    """(metric, target, rest after in and out, whether it scales in) of a policy, in a request or a reply."""
    said = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (said.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType", "")
    rests = (int(said.get(name) or 0) for name in ("ScaleInCooldown", "ScaleOutCooldown"))
    rest_in, rest_out = rests
    return metric, float(said.get("TargetValue", 0.0)), rest_in, rest_out, not said.get("DisableScaleIn", False)


def registration(table: str, index: str, dimension: str, scaling: Scaling) -> Call:
    """The call that sets the range."""
    units = {"MinCapacity": scaling.least, "MaxCapacity": scaling.most}
    return Call("RegisterScalableTarget", {**scaled(table, index, dimension), **units})


def policy(table: str, index: str, dimension: str, scaling: Scaling, name: str) -> Call:
    """The call that sets what the range is used for. Under the name of the live policy, if there is one: two policies
    of one metric are refused."""
    members = scaled(table, index, dimension)
    return Call(
        "PutScalingPolicy",
        {
            **members,
            "PolicyName": name or f"{METRICS[dimension]}:{members['ResourceId']}",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": METRICS[dimension]},
                "TargetValue": scaling.target,
                "ScaleInCooldown": scaling.rest_in,
                "ScaleOutCooldown": scaling.rest_out,
                "DisableScaleIn": not scaling.scale_in,
            },
        },
    )


def removal(table: str, index: str, dimension: str) -> Call:
    """The call that ends it: the policy goes with its target."""
    return Call("DeregisterScalableTarget", scaled(table, index, dimension))


def move(table: str, index: str, dimension: str, before: Scaling | None, after: Scaling | None, name: str) -> Any:
    """What turns one scaling into another, as a Call or Calls. One of the two is there."""
    if after is None:
        return removal(table, index, dimension)
    calls = list(_calls(table, index, dimension, before, after, name))
    return calls[0] if len(calls) == 1 else Calls(tuple(calls))


def _calls(table: str, index: str, dimension: str, before: Scaling | None, after: Scaling, name: str) -> Iterator[Call]:
    if before is None or before.range != after.range:
        yield registration(table, index, dimension, after)
    if before is None or before[2:] != after[2:]:
        yield policy(table, index, dimension, after, name)
