"""Reading live tables: a list, then each table in scope, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from reconciler.engines.dynamodb import faults, limits
from reconciler.engines.dynamodb.connect import Client, Connection
from reconciler.engines.dynamodb.naming import Ours, table_address
from reconciler.engines.dynamodb.registry import kinds
from reconciler.engines.dynamodb.row import TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.resource import Resource
from reconciler.model.step import Size

STUCK = frozenset({"ARCHIVING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "REPLICATION_NOT_AUTHORIZED"})
"""States of a table in which nothing can be compared or done."""


class Reading(NamedTuple):
    """One table: its replies, and why calls were denied that it would be good to have (kind → reason)."""

    row: TableRow
    denied: Mapping[str, str]


def names(client: Client) -> list[str]:
    """All the tables of the account and region. Raises StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        pages = client.get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"]]
    except (BotoCoreError, ClientError) as error:
        raise faults.refused("ListTables", "this account", error) from None


def read_all(connection: Connection, tables: list[Ours]) -> list[tuple[Ours, Reading]]:
    """The tables with their readings, in the order given; those that vanished meanwhile are left out."""
    if not tables:
        return []
    with ThreadPoolExecutor(min(limits.READERS, len(tables)), "dynamodb-read") as pool:
        readings = list(pool.map(lambda ours: read(connection, ours.physical, ours.explicit), tables))
    return [(ours, reading) for ours, reading in zip(tables, readings, strict=True) if reading is not None]


def read(connection: Connection, table: str, explicit: bool = False) -> Reading | None:
    """All that is known of one table; None where there is none or it is being deleted. Raises StoreError."""
    client, denied = connection.client, dict[str, str]()
    described = describe(client, table)
    if described is None or described.get("TableStatus") == "DELETING":
        return None
    ttl = _ask(denied, "ttl", "DescribeTimeToLive", table, lambda: client.describe_time_to_live(TableName=table))
    backups = tags = None
    if connection.backups:
        backups = _ask(denied, "pitr", "DescribeContinuousBackups", table, lambda: _backups(client, table))
    if connection.tags:
        arn = described["TableArn"]
        tags = _ask(denied, "tags", "ListTagsOfResource", table, lambda: _tags(client, arn))
    return Reading(TableRow(described, ttl and ttl["TimeToLiveDescription"], backups, tags, explicit), denied)


def describe(client: Client, table: str) -> dict[str, Any] | None:
    """`Table` of DescribeTable; None where there is no such table. Raises StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        described: dict[str, Any] = client.describe_table(TableName=table)["Table"]
    except (BotoCoreError, ClientError) as error:
        if faults.code(error) == faults.MISSING:
            return None
        raise faults.refused("DescribeTable", table, error) from None
    return described


def _backups(client: Client, table: str) -> dict[str, Any]:
    reply = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    found: dict[str, Any] = reply.get("PointInTimeRecoveryDescription", {})
    return found


def _tags(client: Client, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _ask(denied: dict[str, str], kind: str, call: str, table: str, ask: Callable[[], Any]) -> Any:
    """The answer; None where it is denied (and on record) or the table is too new to be known there."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ask()
    except (BotoCoreError, ClientError) as error:
        name = faults.code(error)
        if name in faults.DENIED:
            denied[kind] = f"not compared: the credentials lack dynamodb:{call}"
            return None
        if name in (faults.MISSING, "TableNotFoundException"):
            return None
        raise faults.refused(call, table, error) from None


def resources(row: TableRow, table: Address) -> Iterator[Resource]:
    """The resources of one table, by the kinds."""
    for kind in kinds().values():
        yield from kind.read(row, table)


def deferred(reading: Reading, table: Address) -> Iterator[Deferred]:
    """What could not be read, and tables that nothing can be done about."""
    for kind, reason in reading.denied.items():
        yield Deferred(table.sibling(kind, table.path), reason)
    state = reading.row.table.get("TableStatus")
    if state in STUCK:
        yield Deferred(table, f"the table is {str(state).lower().replace('_', ' ')}")


def held(desired: Catalog, live: Catalog) -> Catalog:
    """The declaration, with all that belongs to a table in which nothing can be done deferred like the table itself.

    Deferring the table alone would hold back its own attributes only: an index or a TTL is another resource.
    """
    reasons = {d.address: d.reason for d in live.deferred if d.address.kind == "table"}
    inside = (a for a in dict.fromkeys((*desired.resources, *live.resources)) if a not in reasons)
    found = [Deferred(a, reasons[table_address(a)]) for a in inside if table_address(a) in reasons]
    return desired.with_resources(desired.resources, found) if found else desired


def unmodelled(row: TableRow, table: Address) -> Iterator[Unmanaged]:
    """What the table has that no kind knows: listed, and left alone."""
    encryption = row.table.get("SSEDescription", {})
    if encryption.get("SSEType") == "KMS" and encryption.get("Status") in ("ENABLED", "UPDATING"):
        yield Unmanaged(table.sibling("encryption", table.path), "a key of AWS KMS, which is not managed yet")
    for replica in row.table.get("Replicas") or ():
        where = (*table.path, replica.get("RegionName", "?"))
        yield Unmanaged(table.sibling("replica", where), "replicas of a global table are not managed yet")
    for index in row.table.get("VectorIndexes") or ():
        where = (*table.path, index.get("IndexName", "?"))
        yield Unmanaged(table.sibling("vector_index", where), "vector indexes are not managed yet")


def sizes(row: TableRow, table: Address) -> dict[Address, Size]:
    """Items and bytes of the table and its indexes, as the service counted them within the last six hours."""
    found = {table: Size(row.table.get("ItemCount", -1), row.table.get("TableSizeBytes", -1))}
    for kind, member in (("gsi", "GlobalSecondaryIndexes"), ("lsi", "LocalSecondaryIndexes")):
        for index in row.table.get(member) or ():
            address = table.sibling(kind, (*table.path, index["IndexName"]))
            found[address] = Size(index.get("ItemCount", -1), index.get("IndexSizeBytes", -1))
    return found
