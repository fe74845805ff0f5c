"""Replicas of a global table (version 2019.11.21), as `UpdateTable` and `DescribeTable` spell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StoreError

GONE = frozenset({"DELETING", "ARCHIVED"})
FAILED = frozenset({"CREATION_FAILED", "REPLICATION_NOT_AUTHORIZED"})
UNSERVED = frozenset({"CREATING", "REGION_DISABLED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", *GONE, *FAILED})
"""States in which nothing can be asked of the region."""
NO_MAXIMUM = -1
"""What takes a maximum of its own from a replica (the service model in botocore)."""
Json = Mapping[str, Any]


def own_region(row: TableRow) -> str:
    """The region that a table is described in; empty where its ARN does not tell."""
    return row.arn.split(":")[3] if row.arn.count(":") > 3 else ""


def described(row: TableRow) -> list[Json]:
    """The replicas in other regions, by region; the table's own may be listed among them. Those that are going, or
    never came, are left out."""
    own = own_region(row)
    found = [r for r in row.table.get("Replicas") or () if r.get("ReplicaStatus") not in GONE | FAILED]
    return sorted((r for r in found if r["RegionName"] != own), key=lambda r: str(r["RegionName"]))


def served(row: TableRow) -> list[str]:
    """Regions that can be asked about their replica."""
    return [r["RegionName"] for r in described(row) if r.get("ReplicaStatus", "ACTIVE") not in UNSERVED]


def overrides(reply: Json) -> tuple[int, int]:
    """(provisioned read units, most reads on demand) of a replica or of an index there; 0 for none of its own."""
    provisioned = (reply.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits", 0)
    on_demand = (reply.get("OnDemandThroughputOverride") or {}).get("MaxReadRequestUnits", 0)
    return provisioned, max(on_demand, 0)


def own_class(reply: Json) -> str:
    """The class of a replica; empty where the reply says none: it is the table's."""
    return str((reply.get("ReplicaTableClassSummary") or {}).get("TableClass", ""))


def witness(row: TableRow) -> str:
    """The region that only witnesses writes; empty for none."""
    found = [w for w in row.table.get("GlobalTableWitnesses") or () if w.get("WitnessStatus") != "DELETING"]
    return str(found[0]["RegionName"]) if found else ""


def reads(units: int, most: int) -> dict[str, Any]:
    """The members that say how much a replica, or an index there, may read; those that are 0 are left out."""
    found: dict[str, Any] = {"ProvisionedThroughputOverride": {"ReadCapacityUnits": units}} if units else {}
    return {**found, "OnDemandThroughputOverride": {"MaxReadRequestUnits": most}} if most else found


def update_holds(update: Json, row: TableRow, member: str) -> bool:
    """Whether one element of `ReplicaUpdates` or `GlobalTableWitnessUpdates` has nothing left to do.

    Raises StoreError where the service gave up on making the replica.
    """
    ((action, wanted),) = update.items()
    region = wanted["RegionName"]
    if member == "GlobalTableWitnessUpdates":
        return (witness(row) == region) is bool(action == "Create")
    live = {r["RegionName"]: r for r in described(row)}
    if action != "Update":
        return (region in live) is bool(action == "Create")
    return region in live and _settled(wanted, live[region], row)


def raise_if_failed(updates: Iterable[Json], row: TableRow) -> None:
    """Raise StoreError with the service's reason where a replica that was asked for could not be made."""
    asked = {u["Create"]["RegionName"] for u in updates if "Create" in u}
    for reply in row.table.get("Replicas") or ():
        if reply["RegionName"] in asked and reply.get("ReplicaStatus") in FAILED:
            why = reply.get("ReplicaStatusDescription") or "no reason given"
            raise StoreError(
                f"the replica of {row.table['TableName']} in {reply['RegionName']} could not be made: {why}",
                hint="see that the region is enabled, that the role may use the key there, and plan again",
            )


def _settled(wanted: Json, live: Json, row: TableRow) -> bool:
    listed = {i["IndexName"]: i for i in live.get("GlobalSecondaryIndexes") or ()}
    indexes = wanted.get("GlobalSecondaryIndexes", ())
    table_class = (row.table.get("TableClassSummary") or {}).get("TableClass", "STANDARD")
    return (
        _reads_hold(wanted, live)
        and wanted.get("KMSMasterKeyId") in (None, live.get("KMSMasterKeyId"))
        and wanted.get("TableClassOverride") in (None, own_class(live) or table_class)
        and all(_reads_hold(i, listed.get(i["IndexName"], {})) for i in indexes)
    )


def _reads_hold(wanted: Json, live: Json) -> bool:
    units, most = overrides(live)
    asked, limit = overrides(wanted)
    return ("ProvisionedThroughputOverride" not in wanted or asked == units) and (
        "OnDemandThroughputOverride" not in wanted or limit == most
    )
