"""What moto lacks of the services around a table: Kinesis, contributor insights, imports, autoscaling, keys.

A mock, since nothing that can be run has these: moto answers them with an error, DynamoDB Local does not know them. It
answers in this process, before a request is made, and keeps what it is told as the service's own models describe it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import botocore.handlers

ACCOUNT = "123456789012"
REGION = "us-east-1"
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"
KEY = "11111111-2222-3333-4444-555555555555"
KEYS = {"alias/ours": KEY_ARN + KEY, KEY: KEY_ARN + KEY}
MANAGED_KEY = f"{KEY_ARN}aws-managed-key"


class Refused(Exception):
    """What the service answers instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.reply = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}


class _Status(NamedTuple):
    status_code: int


Answer = dict[str, Any]


@dataclass
class Beside:
    """One account. `sent` are the calls that were made, by name; `denied` those that credentials lack.

    A subclass adds methods; those with the name of a call answer it, unless they return None: moto does then.
    """

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    kinesis: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    insights: dict[tuple[str, str], str] = field(default_factory=dict)
    targets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    imports: dict[str, dict[str, Any]] = field(default_factory=dict)

    def in_region(self, _region: str) -> Beside:
        """Who answers there: this account has one region."""
        return self

    def answer(self, call: str, members: dict[str, Any]) -> Answer | None:
        if call in self.denied:
            raise Refused("AccessDeniedException", f"not authorized to perform: {call}")
        method: Callable[..., Answer | None] | None = getattr(self, call, None)
        reply = method(**members) if method else None
        if not call.startswith(("Describe", "List", "Get")):
            self.sent.append((call, members))
        return reply

    def made(self, call: str) -> list[dict[str, Any]]:
        return [members for name, members in self.sent if name == call]

    # -- Kinesis: a destination is listed on after it was turned off, and takes a look or two to change its state

    def EnableKinesisStreamingDestination(
        self, TableName: str, StreamArn: str, EnableKinesisStreamingConfiguration: dict[str, str] | None = None
    ) -> Answer:
        listed = self.kinesis.setdefault(TableName, [])
        if any(d["DestinationStatus"] in ("ACTIVE", "ENABLING", "DISABLING") for d in listed):
            raise Refused("ResourceInUseException", "Table is already streaming, or about to")
        listed[:] = [d for d in listed if d["StreamArn"] != StreamArn]
        precision = EnableKinesisStreamingConfiguration or {}
        listed.append({"StreamArn": StreamArn, "DestinationStatus": "ENABLING", **precision})
        return {}

    def UpdateKinesisStreamingDestination(
        self, TableName: str, StreamArn: str, UpdateKinesisStreamingConfiguration: dict[str, str]
    ) -> Answer:
        found = next(d for d in self.kinesis[TableName] if d["StreamArn"] == StreamArn)
        found |= {"DestinationStatus": "UPDATING", **UpdateKinesisStreamingConfiguration}
        return {}

    def DisableKinesisStreamingDestination(self, TableName: str, StreamArn: str) -> Answer:
        found = next(d for d in self.kinesis[TableName] if d["StreamArn"] == StreamArn)
        found["DestinationStatus"] = "DISABLING"
        return {}

    def DescribeKinesisStreamingDestination(self, TableName: str) -> Answer:
        listed = [dict(d) for d in self.kinesis.get(TableName, ())]
        after = {"ENABLING": "ACTIVE", "UPDATING": "ACTIVE", "DISABLING": "DISABLED"}
        for destination in self.kinesis.get(TableName, ()):
            status = destination["DestinationStatus"]
            destination["DestinationStatus"] = after.get(status, status)
        return {"TableName": TableName, "KinesisDataStreamDestinations": listed}

    # -- contributor insights

    def UpdateContributorInsights(
        self, TableName: str, ContributorInsightsAction: str, ContributorInsightsMode: str = "", IndexName: str = ""
    ) -> Answer:
        if ContributorInsightsAction == "ENABLE":
            self.insights[TableName, IndexName] = ContributorInsightsMode
        else:
            self.insights.pop((TableName, IndexName), None)
        return {}

    def ListContributorInsights(self, TableName: str = "", NextToken: str = "") -> Answer:
        """One at a time, to see that pages are turned."""
        found = sorted((key, mode) for key, mode in self.insights.items() if TableName in ("", key[0]))
        start = int(NextToken or 0)
        summaries = [
            {
                "TableName": table,
                **({"IndexName": index} if index else {}),
                "ContributorInsightsStatus": "ENABLED",
                "ContributorInsightsMode": mode,
            }
            for (table, index), mode in found[start : start + 1]
        ]
        more = {"NextToken": str(start + 1)} if start + 1 < len(found) else {}
        return {"ContributorInsightsSummaries": summaries, **more}

    # -- autoscaling: a policy goes with its target, and a target outlives its table

    def RegisterScalableTarget(self, ResourceId: str, ScalableDimension: str, **more: Any) -> Answer:
        self.targets.setdefault((ResourceId, ScalableDimension), {}).update(more)
        return {}

    def DeregisterScalableTarget(self, ResourceId: str, ScalableDimension: str, **_: Any) -> Answer:
        if self.targets.pop((ResourceId, ScalableDimension), None) is None:
            raise Refused("ObjectNotFoundException", "No scalable target found")
        self.policies.pop((ResourceId, ScalableDimension), None)
        return {}

    def PutScalingPolicy(self, ResourceId: str, ScalableDimension: str, PolicyName: str, **more: Any) -> Answer:
        if (ResourceId, ScalableDimension) not in self.targets:
            raise Refused("ObjectNotFoundException", "No scalable target registered")
        there = self.policies.get((ResourceId, ScalableDimension))
        if there and there["PolicyName"] != PolicyName:
            raise Refused("ValidationException", "Only one TargetTrackingScaling policy for a given metric is allowed")
        self.policies[ResourceId, ScalableDimension] = {"PolicyName": PolicyName, **more}
        return {}

    def DescribeScalableTargets(self, ServiceNamespace: str, **_: Any) -> Answer:
        return {"ScalableTargets": [_keyed(key, value) for key, value in sorted(self.targets.items())]}

    def DescribeScalingPolicies(self, ServiceNamespace: str, **_: Any) -> Answer:
        return {"ScalingPolicies": [_keyed(key, value) for key, value in sorted(self.policies.items())]}

    # -- keys and imports

    def DescribeKey(self, KeyId: str) -> Answer:
        """Those of `KEYS` are the account's own; all others that tables have are AWS's."""
        arn = KEYS.get(KeyId, KeyId if KeyId.startswith("arn:") else "")
        if not arn:
            raise Refused("NotFoundException", "Invalid keyId")
        return {"KeyMetadata": {"Arn": arn, "KeyManager": "CUSTOMER" if arn in KEYS.values() else "AWS"}}

    def ListImports(self, TableArn: str) -> Answer:
        return {"ImportSummaryList": [i for arn, i in self.imports.items() if i["TableArn"] == TableArn]}

    def DescribeImport(self, ImportArn: str) -> Answer:
        return {"ImportTableDescription": self.imports[ImportArn]}


def _keyed(key: tuple[str, str], value: dict[str, Any]) -> dict[str, Any]:
    return {"ResourceId": key[0], "ScalableDimension": key[1], "ServiceNamespace": "dynamodb", **value}


_INSTALLED: list[Beside] = []
"""The one that answers at the moment, last."""


def install(service: Beside) -> None:
    """Answer from here on, until `uninstall`."""
    _INSTALLED.append(service)


def uninstall() -> None:
    _INSTALLED.pop()


def _before_call(model: Any, params: dict[str, Any], **_: Any) -> tuple[_Status, Answer] | None:
    if not _INSTALLED:
        return None
    members = json.loads(params["body"] or b"{}")
    try:
        reply = _INSTALLED[-1].in_region(params["context"]["client_region"]).answer(model.name, members)
    except Refused as refused:
        return _Status(400), refused.reply
    return None if reply is None else (_Status(200), {**reply, "ResponseMetadata": {"HTTPHeaders": {}}})


for _service in ("dynamodb", "application-auto-scaling", "kms"):
    botocore.handlers.BUILTIN_HANDLERS.append((f"before-call.{_service}", _before_call))
