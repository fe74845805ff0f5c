"""What DescribeTable does not tell of a table, and the calls that do.

Some are asked of each table, some of the whole account at once: contributor insights and autoscaling have lists. A call
that is denied leaves the aspect unknown, and the reason on record: what cannot be compared is deferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client, Connection
from reconciler.engines.dynamodb.row import ScalingKey

Insights = Mapping[tuple[str, str], str]
"""(table, index or empty) → mode."""

NOTHING = frozenset({faults.MISSING, "TableNotFoundException", "PolicyNotFoundException"})
"""There is no such thing, or the table is too new to be known there: descriptions are eventually consistent."""


@dataclass(slots=True)
class Asking:
    """One round of questions. `denied`: aspect → why it is not known."""

    connection: Connection
    denied: dict[str, str] = field(default_factory=dict)

    def ask(
        self, aspect: str, action: str, what: str, call: Callable[[], Any], nothing: frozenset[str] = NOTHING
    ) -> Any:
        """The answer; None where the store lacks it, denies it, or has nothing to tell. Raises StoreError."""
        from botocore.exceptions import BotoCoreError, ClientError

        if aspect in self.connection.lacks:
            return None
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            name = faults.code(error)
            if name in faults.DENIED:
                self.denied[aspect] = f"not compared: the credentials lack {action}"
                return None
            if name in nothing:
                return None
            raise faults.refused(action.partition(":")[2], what, error) from None

    def of_table(self, aspect: str, described: Mapping[str, Any]) -> Any:
        """One aspect of one table; `aspect` is a key of `EACH`."""
        action, call = EACH[aspect]
        return self.ask(aspect, action, described["TableName"], lambda: call(self.connection.client, described))

    def insights(self, table: str = "") -> Insights | None:
        """Contributor insights that are on, of one table or of all. Raises StoreError."""
        found = self.ask(
            "contributor_insights",
            "dynamodb:ListContributorInsights",
            table or "this account",
            lambda: list(_insights(self.connection.client, table)),
        )
        return None if found is None else {(s["TableName"], s.get("IndexName", "")): _mode(s) for s in found}

    def scaling(self, table: str = "") -> Mapping[ScalingKey, Mapping[str, Any]] | None:
        """What Application Auto Scaling has on record: targets, each with its `Policies`. Raises StoreError."""

        def read() -> dict[ScalingKey, Mapping[str, Any]]:
            client = self.connection.beside("application-autoscaling")
            policies: dict[ScalingKey, list[Any]] = {}
            for policy in _pages(client.describe_scaling_policies, "ScalingPolicies"):
                policies.setdefault(_scaling_key(policy), []).append(policy)
            targets = ((_scaling_key(t), t) for t in _pages(client.describe_scalable_targets, "ScalableTargets"))
            return {k: {**t, "Policies": policies.get(k, [])} for k, t in targets if table in ("", k.table)}

        found: Mapping[ScalingKey, Mapping[str, Any]] | None = self.ask(
            "autoscaling", "application-autoscaling:DescribeScalableTargets", table or "this account", read
        )
        return found

    def managed_key(self, arn: str) -> bool | None:
        """Whether a KMS key is the account's own `aws/dynamodb`, which AWS keeps; None where nobody tells."""
        found = self.key(arn, frozenset({"NotFoundException"}))
        return None if found is None else found.get("KeyManager") == "AWS"

    def key(self, name: str, nothing: frozenset[str] = NOTHING) -> Mapping[str, Any] | None:
        """`KeyMetadata` of a key by its ARN, id or alias."""
        found: Mapping[str, Any] | None = self.ask(
            "encryption",
            "kms:DescribeKey",
            name,
            lambda: self.connection.beside("kms").describe_key(KeyId=name)["KeyMetadata"],
            nothing,
        )
        return found


def _backups(client: Client, described: Mapping[str, Any]) -> dict[str, Any]:
    reply = client.describe_continuous_backups(TableName=described["TableName"])["ContinuousBackupsDescription"]
    found: dict[str, Any] = reply.get("PointInTimeRecoveryDescription", {})
    return found


def _tags(client: Client, described: Mapping[str, Any]) -> dict[str, str]:
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=described["TableArn"])
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _ttl(client: Client, described: Mapping[str, Any]) -> Any:
    return client.describe_time_to_live(TableName=described["TableName"])["TimeToLiveDescription"]


def _policy(client: Client, described: Mapping[str, Any]) -> Any:
    return client.get_resource_policy(ResourceArn=described["TableArn"]).get("Policy")


def _kinesis(client: Client, described: Mapping[str, Any]) -> Any:
    reply = client.describe_kinesis_streaming_destination(TableName=described["TableName"])
    return tuple(reply.get("KinesisDataStreamDestinations", ()))


EACH: Mapping[str, tuple[str, Callable[[Client, Mapping[str, Any]], Any]]] = {
    "ttl": ("dynamodb:DescribeTimeToLive", _ttl),
    "pitr": ("dynamodb:DescribeContinuousBackups", _backups),
    "tags": ("dynamodb:ListTagsOfResource", _tags),
    "resource_policy": ("dynamodb:GetResourcePolicy", _policy),
    "kinesis": ("dynamodb:DescribeKinesisStreamingDestination", _kinesis),
}
"""Aspects that are asked of each table: the permission that takes, and the call."""


def _insights(client: Client, table: str) -> Iterator[Mapping[str, Any]]:
    request = {"TableName": table} if table else {}
    while True:
        page = client.list_contributor_insights(**request)
        yield from (s for s in page.get("ContributorInsightsSummaries", ()) if _on(s))
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _on(summary: Mapping[str, Any]) -> bool:
    return summary.get("ContributorInsightsStatus") in ("ENABLED", "ENABLING")


def _mode(summary: Mapping[str, Any]) -> str:
    return str(summary.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")).lower()


def _pages(call: Callable[..., Mapping[str, Any]], member: str) -> Iterator[Mapping[str, Any]]:
    request = {"ServiceNamespace": "dynamodb"}
    while True:
        page = call(**request)
        yield from page.get(member, ())
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _scaling_key(reply: Mapping[str, Any]) -> ScalingKey:
    """`table/NAME` or `table/NAME/index/INDEX`, and `dynamodb:table:ReadCapacityUnits` and the like."""
    _, table, *rest = reply["ResourceId"].split("/")
    dimension = "read" if reply["ScalableDimension"].endswith("ReadCapacityUnits") else "write"
    return ScalingKey(table, rest[1] if rest else "", dimension)
