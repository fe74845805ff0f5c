"""Replies of the service, put together from what a file says of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb.row import ScalingKey, TableRow

REGION = "us-east-1"
ACCOUNT = "000000000000"
"""Where nobody says: only whether two of them are the same matters, since no declaration holds them."""


@dataclass
class FoundTable:
    """One table. `reply` is `Table` of DescribeTable; the rest is as in `TableRow`."""

    reply: dict[str, Any]
    ttl: dict[str, Any] = field(default_factory=dict)
    backups: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    policy: str | None = None
    kinesis: list[dict[str, Any]] = field(default_factory=list)
    insights: dict[str, str] = field(default_factory=dict)
    targets: dict[ScalingKey, dict[str, Any]] = field(default_factory=dict)
    regions: dict[str, FoundTable] = field(default_factory=dict)

    def replica(self, region: str) -> FoundTable:
        """What the table's replica in a region has for itself."""
        if region not in self.regions:
            arn = self.reply["TableArn"].split(":")
            own = {"TableName": self.reply["TableName"], "TableArn": ":".join([*arn[:3], region, *arn[4:]])}
            self.regions[region] = FoundTable({**own, "TableStatus": "ACTIVE"})
        return self.regions[region]

    def row(self) -> TableRow:
        """What would have been read of the live table."""
        indexes = self.reply.get("GlobalSecondaryIndexes", ())
        whole = {key: target for key, target in self.targets.items() if "MinCapacity" in target}
        for there in self.regions.values():
            there.reply.setdefault("GlobalSecondaryIndexes", indexes)
        return TableRow(
            self.reply,
            ttl=self.ttl,
            backups=self.backups,
            tags=self.tags,
            policy=self.policy,
            kinesis=tuple(self.kinesis),
            insights=self.insights,
            scaling=whole,
            regions={region: there.row() for region, there in self.regions.items()},
        )

    def scales(self, index: str, dimension: str, least: int, most: int) -> None:
        """A scalable target; `dimension` is `read` or `write`, `index` empty for the table's own."""
        self._target(index, dimension).update({"MinCapacity": least, "MaxCapacity": most})

    def tracks(self, index: str, dimension: str, policy: Mapping[str, Any]) -> None:
        """A policy of a target; `policy` has the members of the service's reply."""
        self._target(index, dimension)["Policies"].append({"PolicyType": "TargetTrackingScaling", **policy})

    def _target(self, index: str, dimension: str) -> dict[str, Any]:
        key = ScalingKey(self.reply["TableName"], index, dimension)
        return self.targets.setdefault(key, {"Policies": []})

    def streams_to(self, arn: str, precision: str | None) -> None:
        """A Kinesis destination."""
        said = {"ApproximateCreationDateTimePrecision": precision} if precision else {}
        self.kinesis.append({"StreamArn": arn, "DestinationStatus": "ACTIVE", **said})

    def recovers(self, days: int | None) -> None:
        """Point-in-time recovery."""
        self.backups = {"PointInTimeRecoveryStatus": "ENABLED", **({"RecoveryPeriodInDays": days} if days else {})}

    def expires_by(self, attribute: str) -> None:
        """Time to live."""
        self.ttl = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}

    def encrypted(self, key: str | None) -> None:
        """By a key of KMS, the account's own `aws/dynamodb` where none or that one is named."""
        arn = {"KMSMasterKeyArn": key} if key and not key.endswith("alias/aws/dynamodb") else {}
        self.reply["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", **arn}


@dataclass
class Found:
    """All the tables of a file by physical name, and what could not be understood (where → why)."""

    region: str = REGION
    account: str = ACCOUNT
    tables: dict[str, FoundTable] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def arn(self, table: str) -> str:
        """The ARN that a table has in this file."""
        return f"arn:aws:dynamodb:{self.region}:{self.account}:table/{table}"

    def add(self, name: str, reply: Mapping[str, Any]) -> FoundTable:
        """A table by its physical name."""
        whole = {"TableName": name, "TableArn": self.arn(name), "TableStatus": "ACTIVE", **reply}
        self.tables[name] = FoundTable(whole)
        return self.tables[name]

    def of(self, name_or_arn: str) -> FoundTable | None:
        """The table of that name or ARN, if the file makes it."""
        return self.tables.get(name_or_arn.rpartition("/")[2])

    def rows(self) -> list[TableRow]:
        """What would have been read of the live tables, sorted by name."""
        return [found.row() for _, found in sorted(self.tables.items())]


def scaled(resource: str, dimension: str) -> tuple[str, str, str]:
    """(table, index, `read` or `write`) of `table/NAME[/index/INDEX]` and `dynamodb:table:ReadCapacityUnits`."""
    _, table, *rest = resource.split("/")
    return table, rest[1] if rest else "", "read" if dimension.endswith("ReadCapacityUnits") else "write"
