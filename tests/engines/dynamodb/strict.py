"""The rules of the real service about tables that no emulator has, in front of moto.

A mock, and a strict one: one thing in an UpdateTable, one index at a time, states that take a while, descriptions that
lag behind, limits per hour and day, warm throughput that only rises, replicas with all they ask for. Each is a rule of
the service's documentation or its model in botocore. moto has a plain table beside each, for items, tags and backups.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3

from reconciler.engines.dynamodb.naming import STATE_TABLE
from tests.engines.dynamodb.beside import ARN, KEY_ARN, KEYS, MANAGED_KEY, REGION, Answer, Refused
from tests.engines.dynamodb.expiring import invalid
from tests.engines.dynamodb.replicating import Replicating, Table

MOVING = ("CREATING", "UPDATING", "DELETING")
DEFAULT_WARM = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000}
THINGS = {
    "BillingMode": "capacity",
    "ProvisionedThroughput": "capacity",
    "OnDemandThroughput": "maximum",
    "StreamSpecification": "stream",
    "SSESpecification": "key",
    "TableClass": "class",
    "WarmThroughput": "warmth",
    "DeletionProtectionEnabled": "protection",
    "ReplicaUpdates": "replicas",
    "VectorIndexUpdates": "vectors",
    "MultiRegionConsistency": "replicas",
    "GlobalTableWitnessUpdates": "replicas",
}


@dataclass
class Strict(Replicating):
    """`creating_at_once` is how many tables with indexes may be on their way."""

    stale: dict[str, Table | None] = field(default_factory=dict)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    creating_at_once: int = 50
    most_at_once: int = 0

    def answer(self, call: str, members: dict[str, Any]) -> Answer | None:
        if self.passing:
            return None
        try:
            return super().answer(call, members)
        except Refused as refused:
            if not call.startswith("Describe"):
                self.refusals.append(f"{call}: {refused}")
            raise

    # -- looking

    def DescribeTable(self, TableName: str) -> Answer | None:
        if TableName == STATE_TABLE:
            return None
        if TableName in self.stale:
            found = self.stale.pop(TableName)
        else:
            found = copy.deepcopy(self.tables.get(TableName))
            self._settle(TableName)
        if found is None:
            raise Refused("ResourceNotFoundException", f"Table: {TableName} not found")
        return {"Table": found}

    def ListTables(self, **_: Any) -> Answer:
        return {"TableNames": sorted({STATE_TABLE, *self.tables})}

    def _settle(self, name: str) -> None:
        """One look later: what was on its way has come a step further."""
        table = self.tables.get(name)
        if table is None:
            return
        if table["TableStatus"] == "DELETING":
            del self.tables[name]
            return
        table["TableStatus"] = "ACTIVE"
        for held in (table, *table.get("GlobalSecondaryIndexes", ())):
            held["WarmThroughput"]["Status"] = "ACTIVE"
        if "SSEDescription" in table:
            table["SSEDescription"]["Status"] = "ENABLED"
        for index in list(table.get("GlobalSecondaryIndexes", ())):
            if index["IndexStatus"] == "DELETING":
                table["GlobalSecondaryIndexes"].remove(index)
                self._forget(table, index["IndexName"])
                self._prune(table)
            elif index["IndexStatus"] == "CREATING" and not index["Backfilling"]:
                index["Backfilling"] = True
            elif index["IndexStatus"] in MOVING:
                index["IndexStatus"] = "ACTIVE"
                index.pop("Backfilling", None)
        for index in list(table["VectorIndexes"]):
            if index["IndexStatus"] == "DELETING":
                table["VectorIndexes"].remove(index)
                self._prune(table)
            index["IndexStatus"] = "ACTIVE"
        self._settle_replicas(table)

    def _prune(self, table: Table) -> None:
        """Types of attributes that nothing uses any more are forgotten, as DynamoDB Local does."""
        holders = (table, *table.get("LocalSecondaryIndexes", ()), *table["GlobalSecondaryIndexes"])
        used = {key["AttributeName"] for holder in holders for key in holder["KeySchema"]}
        used |= {e["AttributeName"] for v in table["VectorIndexes"] for e in v.get("SearchSchema", ())}
        table["AttributeDefinitions"] = [d for d in table["AttributeDefinitions"] if d["AttributeName"] in used]

    def _changing(self, name: str) -> Table:
        """The table, which has to be there and quiet; the next description is what it was before."""
        table = self.tables.get(name)
        if table is None:
            raise Refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        moving = table["TableStatus"] in MOVING or any(r["ReplicaStatus"] in MOVING for r in table.get("Replicas", ()))
        if moving:
            raise Refused("ResourceInUseException", f"Table is being {table['TableStatus'].lower()}: {name}")
        self.stale[name] = copy.deepcopy(table)
        return table

    # -- making

    def CreateTable(self, TableName: str, **members: Any) -> Answer | None:
        if TableName == STATE_TABLE:
            return None
        if TableName in self.tables:
            raise Refused("ResourceInUseException", f"Table already exists: {TableName}")
        indexes = members.pop("GlobalSecondaryIndexes", [])
        local = members.get("LocalSecondaryIndexes", [])
        vectors = members.pop("VectorIndexes", [])
        schemas = [members["KeySchema"], *(i["KeySchema"] for i in (*indexes, *local))]
        used = {k["AttributeName"] for s in (*schemas, *(v.get("SearchSchema", ()) for v in vectors)) for k in s}
        if used != {d["AttributeName"] for d in members["AttributeDefinitions"]}:
            raise invalid("Number of attributes in KeySchema does not exactly match number of attributes defined")
        making = sum(
            t["TableStatus"] == "CREATING" and bool(t.get("GlobalSecondaryIndexes")) for t in self.tables.values()
        )
        if indexes and making >= self.creating_at_once:
            raise Refused("LimitExceededException", "Subscriber limit exceeded: tables with indexes being created")
        self.most_at_once = max(self.most_at_once, making + 1)
        table = self._made(TableName, members)
        table["GlobalSecondaryIndexes"] = [self._index(i, table) for i in indexes]
        for index in table["GlobalSecondaryIndexes"]:
            index["IndexStatus"] = "ACTIVE"
        table["VectorIndexes"] = [{**v, "IndexStatus": "ACTIVE"} for v in vectors]
        self.tables[TableName] = table
        self.stale[TableName] = None
        if vectors:  # moto knows none, and refuses their attributes
            self.beneath(table)
            return {"TableDescription": copy.deepcopy(table)}
        return None  # moto makes one too, for items and tags; it lets through what it does not know

    def _made(self, name: str, members: dict[str, Any]) -> Table:
        table: Table = {
            "TableName": name,
            "TableArn": self.arn + name,
            "TableStatus": "CREATING",
            "ItemCount": 0,
            "TableSizeBytes": 0,
            "WarmThroughput": {**DEFAULT_WARM, "Status": "ACTIVE"},
            "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0},
        }
        if members.get("BillingMode") == "PAY_PER_REQUEST":
            table["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
        for member in ("AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "OnDemandThroughput"):
            if member in members:
                table[member] = members[member]
        for member in ("ProvisionedThroughput", "StreamSpecification", "SSESpecification", "TableClass"):
            if member in members:
                self._set(table, member, members[member])
        if members.get("DeletionProtectionEnabled"):
            table["DeletionProtectionEnabled"] = True
        if "WarmThroughput" in members:
            self._warmer(table, members["WarmThroughput"])
        return table

    def _index(self, wanted: dict[str, Any], table: Table) -> dict[str, Any]:
        """As it is described: an on-demand one says no word of units."""
        index = {k: v for k, v in wanted.items() if k in ("IndexName", "KeySchema", "Projection", "OnDemandThroughput")}
        if ("ProvisionedThroughput" in wanted) == self._on_demand(table):
            raise invalid("ProvisionedThroughput does not go with the billing mode of the table")
        if "ProvisionedThroughput" in wanted:
            index["ProvisionedThroughput"] = {**wanted["ProvisionedThroughput"], "NumberOfDecreasesToday": 0}
        warm = wanted.get("WarmThroughput", {})
        return {
            **index,
            "IndexArn": f"{table['TableArn']}/index/{wanted['IndexName']}",
            "WarmThroughput": {**DEFAULT_WARM, **warm, "Status": "ACTIVE"},
            "IndexStatus": "CREATING",
            "Backfilling": False,
        }

    def ImportTable(self, TableCreationParameters: dict[str, Any], S3BucketSource: dict[str, str], **_: Any) -> Answer:
        name = TableCreationParameters["TableName"]
        client = boto3.client("dynamodb", REGION, aws_access_key_id="a", aws_secret_access_key="b")
        client.create_table(**TableCreationParameters)
        failed = S3BucketSource["S3Bucket"] == "broken-files"
        status = {"ImportStatus": "FAILED" if failed else "IN_PROGRESS", "FailureCode": "S3NoSuchBucket"}
        arn = f"{ARN}{name}/import/1"
        self.imports[arn] = {"ImportArn": arn, "TableArn": ARN + name, **status}
        return {"ImportTableDescription": self.imports[arn]}

    def DeleteTable(self, TableName: str) -> Answer | None:
        table = self._changing(TableName)
        if table.get("DeletionProtectionEnabled"):
            raise invalid(f"Resource cannot be deleted as it is currently protected: {TableName}")
        if table.get("Replicas"):
            raise invalid("Table is a replica of a global table: delete its replicas first")
        table["TableStatus"] = "DELETING"
        self.kinesis.pop(TableName, None)
        self.ttl.pop(TableName, None)
        self.insights = {k: v for k, v in self.insights.items() if k[0] != TableName}
        return None

    # -- changing

    def UpdateTable(self, TableName: str, **members: Any) -> Answer | None:
        table = self._changing(TableName)
        updates = members.pop("GlobalSecondaryIndexUpdates", [])
        definitions = members.pop("AttributeDefinitions", [])
        things = {THINGS[m] for m in members} | {"indexes" if "Update" not in u else "capacity" for u in updates}
        warms = any("WarmThroughput" in u.get("Update", {}) for u in updates)
        if len(things) != 1 or (warms and len(updates) > 1):
            raise invalid(f"one thing at a time: {', '.join(sorted(things)) or 'nothing to update'}")
        building = [i for i in table.get("GlobalSecondaryIndexes", ()) if i["IndexStatus"] in MOVING]
        (thing,) = things
        if thing == "capacity" and any(not i.get("Backfilling") for i in building):
            raise Refused("ResourceInUseException", "an index is being created")
        if "VectorIndexUpdates" in members:
            self._vectors(table, members["VectorIndexUpdates"], definitions, building)
        elif updates and thing == "indexes":
            self._indexes(table, updates, definitions, building)
        elif "ReplicaUpdates" in members:
            self._replicas(table, **members)
        else:
            for member, value in members.items():
                self._change(table, member, value)
            for update in updates:
                self._capacity(table, update["Update"])
        table["TableStatus"] = "UPDATING"
        protects = "DeletionProtectionEnabled" in members  # moto has to know that too: it deletes its own
        return None if protects else {"TableDescription": copy.deepcopy(table)}

    def _indexes(self, table: Table, updates: list[Any], definitions: list[Any], building: list[Any]) -> None:
        if len(updates) > 1 or building:
            raise Refused(
                "LimitExceededException", "Only 1 online index can be created or deleted simultaneously per table"
            )
        indexes: list[dict[str, Any]] = table.setdefault("GlobalSecondaryIndexes", [])
        ((action, wanted),) = updates[0].items()
        there = next((i for i in indexes if i["IndexName"] == wanted["IndexName"]), None)
        if action == "Delete":
            if there is None:
                raise Refused("ResourceNotFoundException", "Requested resource not found")
            there["IndexStatus"] = "DELETING"
            self.insights.pop((table["TableName"], wanted["IndexName"]), None)
            return
        if there is not None or len(indexes) >= 20:
            raise invalid("Attempting to create an index which already exists, or too many")
        known = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
        for d in definitions:
            if known.setdefault(d["AttributeName"], d["AttributeType"]) != d["AttributeType"]:
                raise invalid("Attribute definitions conflict")
        if any(k["AttributeName"] not in known for k in wanted["KeySchema"]):
            raise invalid("Some index key attributes are not defined in AttributeDefinitions")
        table["AttributeDefinitions"] = [{"AttributeName": n, "AttributeType": t} for n, t in known.items()]
        indexes.append(self._index(wanted, table))

    def _vectors(self, table: Table, updates: list[Any], definitions: list[Any], building: list[Any]) -> None:
        """One at a time, and none changes."""
        held: list[dict[str, Any]] = table["VectorIndexes"]
        if len(updates) > 1 or building or any(v["IndexStatus"] in MOVING for v in held):
            raise Refused("LimitExceededException", "Only 1 vector index can be created or deleted at a time")
        ((action, wanted),) = updates[0].items()
        there = next((v for v in held if v["IndexName"] == wanted["IndexName"]), None)
        if (there is None) is (action == "Delete"):
            raise invalid("there is such an index already, or none to delete")
        if there is not None:
            there["IndexStatus"] = "DELETING"
            return
        known = {d["AttributeName"]: d for d in table["AttributeDefinitions"]}
        known |= {d["AttributeName"]: d for d in definitions}
        if any(e["AttributeName"] not in known for e in wanted.get("SearchSchema", ())):
            raise invalid("an attribute of the search schema is not defined")
        table["AttributeDefinitions"] = list(known.values())
        held.append({**wanted, "IndexStatus": "CREATING", "Backfilling": False})

    def _change(self, table: Table, member: str, value: Any) -> None:
        """One member of UpdateTable, with the limits that hold for it."""
        name = table["TableName"]
        if member == "TableClass":
            self._counted(name, "class", 2, "class changes in 30 days")
        if member == "SSESpecification" and value["Enabled"]:
            self._counted(name, "key", 4, "key changes in 24 hours")
        if member == "BillingMode":
            if value == "PAY_PER_REQUEST":
                self._counted(name, "on demand", 4, "changes to on-demand in 24 hours")
            if (value == "PAY_PER_REQUEST") == self._on_demand(table):
                raise invalid("the table has that billing mode already")
        if member == "WarmThroughput":
            self._warmer(table, value)
            return
        self._set(table, member, value)

    def _counted(self, name: str, what: str, most: int, words: str) -> None:
        self.changes[name, what] += 1
        if self.changes[name, what] > most:
            raise Refused("LimitExceededException", f"more than {most} {words}")

    def _set(self, table: Table, member: str, value: Any) -> None:
        setter: Callable[[Table, Any], None] = {
            "BillingMode": self._mode,
            "ProvisionedThroughput": lambda t, v: self._provision(t, v, t["TableName"]),
            "StreamSpecification": self._stream,
            "SSESpecification": self._key,
        }.get(member, lambda t, v: t.update({member: v}))
        setter(table, value)
        if member == "TableClass":
            table["TableClassSummary"] = {"TableClass": value}

    def _mode(self, table: Table, value: str) -> None:
        table["BillingModeSummary"] = {"BillingMode": value}
        if value == "PROVISIONED":
            table.pop("OnDemandThroughput", None)
            return
        for index in table.get("GlobalSecondaryIndexes", ()):
            index.pop("ProvisionedThroughput", None)

    def _stream(self, table: Table, value: Any) -> None:
        if value["StreamEnabled"] == bool(table.get("StreamSpecification")):
            raise invalid("Table already has an enabled stream, or has none to disable")
        table["StreamSpecification"] = value
        if not value["StreamEnabled"]:
            del table["StreamSpecification"]

    def _key(self, table: Table, value: Any) -> None:
        table.pop("SSEDescription", None)
        if value["Enabled"]:
            name = value.get("KMSMasterKeyId", "")
            whole = name if name.startswith("arn:") else f"{KEY_ARN}{name}"
            arn = KEYS.get(name, whole) if name else MANAGED_KEY
            table["SSEDescription"] = {"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": arn}

    def _provision(self, held: dict[str, Any], units: dict[str, int], name: str) -> None:
        before = held.get("ProvisionedThroughput", {})
        now = {k: before.get(k, 0) for k in units}
        if now == units:
            raise invalid("The requested throughput value equals the current value")
        if any(units[k] < now[k] for k in units):
            self._counted(name, "decreases", 4, "decreases in the first hour of the day")
        held["ProvisionedThroughput"] = {**units, "NumberOfDecreasesToday": 0}

    def _warmer(self, held: dict[str, Any], units: dict[str, int]) -> None:
        before = held.get("WarmThroughput", DEFAULT_WARM)
        if any(units[k] < before[k] for k in units):
            raise invalid("decreasing WarmThroughput is not supported")
        held["WarmThroughput"] = {**units, "Status": "UPDATING"}

    def _capacity(self, table: Table, update: dict[str, Any]) -> None:
        index = next(i for i in table["GlobalSecondaryIndexes"] if i["IndexName"] == update["IndexName"])
        if "WarmThroughput" in update:
            self._warmer(index, update["WarmThroughput"])
        if "ProvisionedThroughput" in update:
            self._provision(index, update["ProvisionedThroughput"], index["IndexArn"])
        if "OnDemandThroughput" in update:
            index["OnDemandThroughput"] = update["OnDemandThroughput"]
