"""Regions of the strict mock: a replica is a table of its own there, with what each has for itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.engines.dynamodb.beside import ARN, REGION
from tests.engines.dynamodb.expiring import Expiring, invalid

Table = dict[str, Any]


@dataclass
class Replicating(Expiring):
    """`regions` are those that something was asked of; `unmakeable` says why no copy can be made."""

    tables: dict[str, Table] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    region: str = REGION
    regions: dict[str, Replicating] = field(default_factory=dict)
    passing: bool = False
    unmakeable: str = ""

    def in_region(self, region: str) -> Replicating:
        """Each region has tables of its own; they keep their refusals on one list."""
        if region == self.region:
            return self
        return self.regions.setdefault(region, type(self)(region=region, refusals=self.refusals))

    @property
    def arn(self) -> str:
        return ARN.replace(REGION, self.region)

    def _settle_replicas(self, table: Table) -> None:
        """Copies come and go, and get the indexes that their table has."""
        name = table["TableName"]
        for replica in list(table.get("Replicas", ())):
            if replica["ReplicaStatus"] == "DELETING":
                table["Replicas"].remove(replica)
            elif name in (there := self.in_region(replica["RegionName"])).tables:
                there.tables[name]["GlobalSecondaryIndexes"] = copy.deepcopy(table.get("GlobalSecondaryIndexes", []))
            if replica["ReplicaStatus"] == "CREATING" and self.unmakeable:
                replica |= {"ReplicaStatus": "CREATION_FAILED", "ReplicaStatusDescription": self.unmakeable}
            else:
                replica["ReplicaStatus"] = "ACTIVE"

    def _replicas(self, table: Table, ReplicaUpdates: list[Any], **more: Any) -> None:
        strong = more.get("MultiRegionConsistency") == "STRONG" or table.get("MultiRegionConsistency") == "STRONG"
        if len(ReplicaUpdates) > 1 and not strong:
            raise invalid("one replica at a time")
        replicas: list[dict[str, Any]] = table.setdefault("Replicas", [])
        for update in ReplicaUpdates:
            ((action, wanted),) = update.items()
            there = next((r for r in replicas if r["RegionName"] == wanted["RegionName"]), None)
            if action == "Create":
                self._may_replicate(table, strong)
                self.in_region(wanted["RegionName"])._copy(table)
                replicas.append({**self._replica(wanted), "ReplicaStatus": "CREATING"})
            elif there is None:
                raise invalid("there is no such replica")
            elif action == "Delete":
                self.in_region(wanted["RegionName"])._drop(table["TableName"])
                there["ReplicaStatus"] = "DELETING"
            else:
                self._override(there, self._replica(wanted))
                there["ReplicaStatus"] = "UPDATING"
        if strong and any("Create" in u for u in ReplicaUpdates):
            table["MultiRegionConsistency"] = "STRONG"
            witnesses = [u["Create"]["RegionName"] for u in more.get("GlobalTableWitnessUpdates", ())]
            table["GlobalTableWitnesses"] = [{"RegionName": r, "WitnessStatus": "ACTIVE"} for r in witnesses]
            if len(replicas) + len(witnesses) != 2:
                raise invalid("strong consistency takes exactly three regions")
        elif strong and any("Delete" in u for u in ReplicaUpdates):
            del table["MultiRegionConsistency"], table["GlobalTableWitnesses"]

    def _forget(self, table: Table, index: str) -> None:
        """An index goes from all regions, with what they have of it."""
        for replica in table.get("Replicas", ()):
            kept = [i for i in replica.get("GlobalSecondaryIndexes", ()) if i["IndexName"] != index]
            replica["GlobalSecondaryIndexes"] = kept
            self.in_region(replica["RegionName"]).insights.pop((table["TableName"], index), None)

    def _override(self, there: dict[str, Any], said: dict[str, Any]) -> None:
        """What is not said stays; so do indexes that are not named."""
        indexes = {i["IndexName"]: i for i in there.get("GlobalSecondaryIndexes", ())}
        for index in said.pop("GlobalSecondaryIndexes", ()):
            indexes.setdefault(index["IndexName"], {}).update(index)
        there |= said
        if indexes:
            there["GlobalSecondaryIndexes"] = list(indexes.values())

    def _copy(self, table: Table) -> None:
        """The replica that this region gets: with nothing of what each replica has for itself."""
        name = table["TableName"]
        own = ("Replicas", "DeletionProtectionEnabled", "MultiRegionConsistency", "GlobalTableWitnesses")
        copied = {k: copy.deepcopy(v) for k, v in table.items() if k not in own}
        self.tables[name] = {**copied, "TableArn": self.arn + name, "TableStatus": "CREATING"}
        self.beneath(table)

    def beneath(self, table: Table) -> None:
        """A plain table of moto, for items, tags and backups."""
        key = {k["AttributeName"] for k in table["KeySchema"]}
        definitions = [d for d in table["AttributeDefinitions"] if d["AttributeName"] in key]
        with self._beneath() as client:
            client.create_table(
                TableName=table["TableName"],
                KeySchema=table["KeySchema"],
                AttributeDefinitions=definitions,
                BillingMode="PAY_PER_REQUEST",
            )

    def _drop(self, name: str) -> None:
        if self.tables[name].get("DeletionProtectionEnabled"):
            raise invalid(f"Resource cannot be deleted as it is currently protected: {name}")
        del self.tables[name]
        self.kinesis.pop(name, None)
        self.insights = {k: v for k, v in self.insights.items() if k[0] != name}
        with self._beneath() as client:
            client.update_table(TableName=name, DeletionProtectionEnabled=False)
            client.delete_table(TableName=name)

    @contextmanager
    def _beneath(self) -> Iterator[Any]:
        """A client of moto alone, in this region."""
        self.passing = True
        try:
            yield boto3.client("dynamodb", self.region, aws_access_key_id="a", aws_secret_access_key="b")
        finally:
            self.passing = False

    def _may_replicate(self, table: Table, strong: bool) -> None:
        view = table.get("StreamSpecification", {}).get("StreamViewType")
        scaled = (f"table/{table['TableName']}", "dynamodb:table:WriteCapacityUnits") in self.targets
        if not strong and view != "NEW_AND_OLD_IMAGES":
            raise invalid("a global table needs a stream of new and old images")
        if not (self._on_demand(table) or scaled):
            raise invalid("writes have to be scaled, or on demand")

    def _replica(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = {k: v for k, v in wanted.items() if k != "TableClassOverride"}
        if "TableClassOverride" in wanted:
            found["ReplicaTableClassSummary"] = {"TableClass": wanted["TableClassOverride"]}
        return found

    def _on_demand(self, table: Table) -> bool:
        return bool(table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST")
