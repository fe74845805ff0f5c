"""What a plan step of this engine runs: one call of the API, or a few that only make sense together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.errors import StalePlan


class Api(NamedTuple):
    """How a call is made: the client's method, which aspect of the table shows its effect (see `aspects`; empty for
    what DescribeTable tells), and the service that takes it."""

    method: str
    aspect: str = ""
    service: str = "dynamodb"


SCALING = "application-autoscaling"
CALLS: Mapping[str, Api] = {
    "CreateTable": Api("create_table"),
    "ImportTable": Api("import_table"),
    "UpdateTable": Api("update_table"),
    "DeleteTable": Api("delete_table"),
    "UpdateTimeToLive": Api("update_time_to_live", "ttl"),
    "UpdateContinuousBackups": Api("update_continuous_backups", "pitr"),
    "TagResource": Api("tag_resource", "tags"),
    "UntagResource": Api("untag_resource", "tags"),
    "PutResourcePolicy": Api("put_resource_policy", "resource_policy"),
    "DeleteResourcePolicy": Api("delete_resource_policy", "resource_policy"),
    "EnableKinesisStreamingDestination": Api("enable_kinesis_streaming_destination", "kinesis"),
    "UpdateKinesisStreamingDestination": Api("update_kinesis_streaming_destination", "kinesis"),
    "DisableKinesisStreamingDestination": Api("disable_kinesis_streaming_destination", "kinesis"),
    "UpdateContributorInsights": Api("update_contributor_insights", "contributor_insights"),
    "RegisterScalableTarget": Api("register_scalable_target", "autoscaling", SCALING),
    "DeregisterScalableTarget": Api("deregister_scalable_target", "autoscaling", SCALING),
    "PutScalingPolicy": Api("put_scaling_policy", "autoscaling", SCALING),
}
"""All the calls that plans may hold."""


class Wait(NamedTuple):
    """What a call is waited for: `what` is `table`, `index`, `ttl`, `tags`, `policy`, `kinesis` or `import`; `name`
    the index or stream; `until` the state."""

    what: str
    until: str
    name: str = ""

    def encode(self) -> dict[str, str]:
        """`{"table": "active"}`, `{"index": "by_subject", "until": "gone"}`."""
        return {self.what: self.name, "until": self.until} if self.name else {self.what: self.until}

    def __str__(self) -> str:
        return f"{self.what} {self.name} is {self.until}" if self.name else f"{self.what} is {self.until}"


TABLE_ACTIVE = Wait("table", "active")
TABLE_GONE = Wait("table", "gone")
TTL_DISABLED = Wait("ttl", "disabled")
TAGS_STORED = Wait("tags", "stored")
POLICY_STORED = Wait("policy", "stored")
IMPORTED = Wait("import", "completed")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `parameters` are the request's own members and always name the table by `TableName`, also where the
    API wants an ARN or no table at all: an ARN holds an account number, which is looked up when the call is made.

    `region` is that of a replica which the call is about; empty for the table's own.
    """

    call: str
    parameters: Mapping[str, Any]
    wait: Wait | None = None
    region: str = ""

    @property
    def table(self) -> str:
        """The physical name of the table it is about."""
        return str(self.parameters["TableName"])

    @property
    def api(self) -> Api:
        """How it is made."""
        return CALLS[self.call]

    @property
    def calls(self) -> tuple[Call, ...]:
        """Itself; so that one call and several are run alike."""
        return (self,)

    def encode(self) -> dict[str, Any]:
        """The fields of a plan file."""
        fields: dict[str, Any] = {"call": self.call, "parameters": dict(self.parameters)}
        if self.region:
            fields["region"] = self.region
        return {**fields, "wait": self.wait.encode()} if self.wait else fields

    def lines(self) -> list[str]:
        """The call for a person to read."""
        where = f" in {self.region}" if self.region else ""
        lines = [f"{self.call}{where}", *(f"  {line}" for line in readable(self.parameters))]
        return [*lines, f"wait until {self.wait}"] if self.wait else lines


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that replace one thing by another in a single step, since the service offers no single call for it.

    One step, because the first call's effect is undone by the last: checked apart, a resumed plan could not tell
    "not begun" from "finished". Running it again goes on after the last call whose effect is there.
    """

    calls: tuple[Call, ...]

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: one call after the other, each of which is left out where its effect is there."""
        return True

    def encode(self) -> dict[str, Any]:
        """The fields of a plan file."""
        return {"calls": [call.encode() for call in self.calls]}

    def lines(self) -> list[str]:
        """The calls for a person to read."""
        return [line for call in self.calls for line in call.lines()]


def decode(fields: Mapping[str, Any]) -> Call | Calls:
    """The inverse of `encode`. Raises StalePlan for a call that plans do not hold."""
    if "calls" in fields:
        return Calls(tuple(_decode_call(f) for f in fields["calls"]))
    return _decode_call(fields)


def _decode_call(fields: Mapping[str, Any]) -> Call:
    name, parameters = fields.get("call"), fields.get("parameters")
    if name not in CALLS or not isinstance(parameters, Mapping) or "TableName" not in parameters:
        raise StalePlan(f"the plan holds a DynamoDB call that is not known here: {name}", hint="plan again")
    return Call(str(name), parameters, _decode_wait(fields.get("wait")), str(fields.get("region", "")))


def _decode_wait(fields: Mapping[str, str] | None) -> Wait | None:
    if not fields:
        return None
    what = next(iter(k for k in fields if k != "until"))
    return Wait(what, fields["until"], fields[what]) if "until" in fields else Wait(what, fields[what])


def readable(value: Any) -> list[str]:
    """A request for a person: short values on one line as JSON, long ones spread out."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _member(key, item)]
    if isinstance(value, list):
        return [line for item in value for line in _element(item)]
    return [str(value)]


def _member(key: str, value: Any) -> list[str]:
    short = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(short) <= 90:
        return [f"{key}: {short}"]
    return [f"{key}:", *(f"  {line}" for line in readable(value))]


def _element(value: Any) -> list[str]:
    short = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(short) <= 90:
        return [f"- {short}"]
    first, *rest = readable(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]
