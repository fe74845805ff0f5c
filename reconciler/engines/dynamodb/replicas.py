"""Replicas of a global table (version 2019.11.21), as `UpdateTable` and `DescribeTable` spell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reconciler.engines.dynamodb.row import TableRow

GONE = frozenset({"DELETING", "ARCHIVED"})
FAILED = frozenset({"CREATION_FAILED", "REPLICATION_NOT_AUTHORIZED"})
Json = Mapping[str, Any]


class Override(NamedTuple):
    """Reads of an index in one region: provisioned units, or the most served on demand; 0 for the table's own."""

    name: str
    read: int = 0
    max_read: int = 0


class Replica(NamedTuple):
    """One region. What is empty or 0 is as in the table itself."""

    region: str
    key: str = ""
    table_class: str = ""
    read: int = 0
    max_read: int = 0
    indexes: tuple[Override, ...] = ()

    def __str__(self) -> str:
        said = [
            *([f"key {self.key}"] if self.key else []),
            *([self.table_class.replace("_", " ")] if self.table_class else []),
            *_reads(self.read, self.max_read),
            *(f"{i.name}: {' '.join(_reads(i.read, i.max_read))}" for i in self.indexes),
        ]
        return f"{self.region} ({', '.join(said)})" if said else self.region


def _reads(read: int, most: int) -> list[str]:
    return [*([f"{read} read units"] if read else []), *([f"at most {most} reads"] if most else [])]


_UNITS = {"type": "integer", "minimum": 1}
_OVERRIDE = {"read": _UNITS, "max_read": _UNITS}
SPEC: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "what differs in that region: encryption_key, table_class, read, max_read, indexes",
    "properties": {
        "encryption_key": {"type": "string", "pattern": "^arn:", "description": "the ARN of a key of that region"},
        "table_class": {"enum": ["standard", "standard_infrequent_access"]},
        **_OVERRIDE,
        "indexes": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": _OVERRIDE, "additionalProperties": False},
        },
    },
    "additionalProperties": False,
}


def lowered(region: str, node: Json | None) -> Replica:
    """One node of `replicas:`."""
    said = node or {}
    indexes = tuple(Override(n, i.get("read", 0), i.get("max_read", 0)) for n, i in said.get("indexes", {}).items())
    return Replica(
        region,
        said.get("encryption_key", ""),
        said.get("table_class", ""),
        said.get("read", 0),
        said.get("max_read", 0),
        tuple(sorted(indexes)),
    )


def lifted(replica: Replica) -> dict[str, Any]:
    """The inverse of `lowered`."""
    node: dict[str, Any] = {
        "encryption_key": replica.key,
        "table_class": replica.table_class,
        "read": replica.read,
        "max_read": replica.max_read,
        "indexes": {i.name: _said({"read": i.read, "max_read": i.max_read}) for i in replica.indexes},
    }
    return _said(node)


def _said(node: Json) -> dict[str, Any]:
    return {key: value for key, value in node.items() if value}


def read(row: TableRow) -> tuple[Replica, ...]:
    """The other regions of a live table, sorted; the table's own may be listed among them, and those going are not."""
    own = row.arn.split(":")[3] if row.arn.count(":") > 3 else ""
    found = [r for r in row.table.get("Replicas") or () if r.get("ReplicaStatus") not in GONE | FAILED]
    table_class = (row.table.get("TableClassSummary") or {}).get("TableClass", "STANDARD")
    return tuple(sorted(_read(r, table_class) for r in found if r["RegionName"] != own))


def _read(reply: Json, table_class: str) -> Replica:
    own_class = (reply.get("ReplicaTableClassSummary") or {}).get("TableClass", table_class)
    indexes = (Override(i["IndexName"], *_overrides(i)) for i in reply.get("GlobalSecondaryIndexes") or ())
    return Replica(
        reply["RegionName"],
        reply.get("KMSMasterKeyId", ""),
        "" if own_class == table_class else own_class.lower(),
        *_overrides(reply),
        tuple(sorted(i for i in indexes if i.read or i.max_read)),
    )


def _overrides(reply: Json) -> tuple[int, int]:
    provisioned = (reply.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits", 0)
    on_demand = (reply.get("OnDemandThroughputOverride") or {}).get("MaxReadRequestUnits", 0)
    return provisioned, max(on_demand, 0)


def witness(row: TableRow) -> str:
    """The region that only witnesses writes; empty for none."""
    found = [w for w in row.table.get("GlobalTableWitnesses") or () if w.get("WitnessStatus") != "DELETING"]
    return str(found[0]["RegionName"]) if found else ""


def request(replica: Replica) -> dict[str, Any]:
    """The member of `ReplicaUpdates` for one region, as Create and Update take it alike."""
    members: dict[str, Any] = {"RegionName": replica.region}
    if replica.key:
        members["KMSMasterKeyId"] = replica.key
    members |= _request(replica.read, replica.max_read)
    if replica.indexes:
        members["GlobalSecondaryIndexes"] = [
            {"IndexName": i.name, **_request(i.read, i.max_read)} for i in replica.indexes
        ]
    if replica.table_class:
        members["TableClassOverride"] = replica.table_class.upper()
    return members


def _request(read: int, most: int) -> dict[str, Any]:
    found: dict[str, Any] = {"ProvisionedThroughputOverride": {"ReadCapacityUnits": read}} if read else {}
    return {**found, "OnDemandThroughputOverride": {"MaxReadRequestUnits": most}} if most else found


def update_holds(update: Json, row: TableRow, member: str) -> bool:
    """Whether one element of `ReplicaUpdates` or `GlobalTableWitnessUpdates` has nothing left to do."""
    ((action, wanted),) = update.items()
    region = wanted["RegionName"]
    if member == "GlobalTableWitnessUpdates":
        return (witness(row) == region) is bool(action == "Create")
    live = {r.region: r for r in read(row)}
    if action == "Delete":
        return region not in live
    if region not in live or action == "Create":
        return region in live
    there = request(live[region])
    same = all(there.get(name) == value for name, value in wanted.items() if name != "GlobalSecondaryIndexes")
    return same and _by_index(wanted) == _by_index(there)


def _by_index(members: Json) -> dict[str, Any]:
    listed: Iterable[Json] = members.get("GlobalSecondaryIndexes", ())
    return {i["IndexName"]: {k: v for k, v in i.items() if k != "IndexName"} for i in listed}
