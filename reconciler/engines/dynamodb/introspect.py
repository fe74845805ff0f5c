"""Reading live tables: a list, then each table in scope, several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from reconciler.engines.dynamodb import faults, limits
from reconciler.engines.dynamodb.aspects import EACH, Asking
from reconciler.engines.dynamodb.connect import Client, Connection
from reconciler.engines.dynamodb.naming import Ours
from reconciler.engines.dynamodb.registry import kinds
from reconciler.engines.dynamodb.row import TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
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
    asking = Asking(connection)
    with ThreadPoolExecutor(min(limits.READERS, len(tables)), "dynamodb-read") as pool:
        insights = pool.submit(asking.insights)
        found = [r for r in pool.map(lambda t: (t, read(connection, t.physical, t.explicit)), tables) if r[1]]
        insight = insights.result()
    rows = [(ours, reading) for ours, reading in found if reading is not None]
    scaling = asking.scaling() if any(reading.row.provisioned for _, reading in rows) else {}
    keys = _managed_keys(asking, [reading.row for _, reading in rows])
    return [(ours, _with(reading, asking, insight, scaling, keys)) for ours, reading in rows]


def _with(reading: Reading, asking: Asking, insights: Any, scaling: Any, keys: Mapping[str, bool | None]) -> Reading:
    """A reading with what is known of the whole account; what was denied is so for every table it matters to."""
    row = reading.row
    name = row.table["TableName"]
    mine = None if insights is None else {index: mode for (t, index), mode in insights.items() if t == name}
    scaled = None if scaling is None else {key: target for key, target in scaling.items() if key.table == name}
    key = row.key_arn
    whole = {a: r for a, r in asking.denied.items() if a != "encryption" or (key and keys[key] is None)}
    if not row.provisioned:
        whole.pop("autoscaling", None)
    return Reading(row._replace(insights=mine, scaling=scaled, managed_key=keys.get(key)), {**reading.denied, **whole})


def _managed_keys(asking: Asking, rows: Iterable[TableRow]) -> dict[str, bool | None]:
    return {arn: asking.managed_key(arn) for arn in sorted({row.key_arn for row in rows} - {""})}


def read(
    connection: Connection, table: str, explicit: bool = False, aspects: Iterable[str] = tuple(EACH)
) -> Reading | None:
    """What is known of one table; None where there is none or it is being deleted. `aspects` are those of `EACH`, and
    `contributor_insights` and `autoscaling` of this table. Raises StoreError."""
    described = describe(connection.client, table)
    if described is None or described.get("TableStatus") == "DELETING":
        return None
    asking = Asking(connection)
    known = {aspect: asking.of_table(aspect, described) for aspect in aspects if aspect in EACH}
    row = TableRow(
        described,
        ttl=known.get("ttl"),
        backups=known.get("pitr"),
        tags=known.get("tags"),
        explicit=explicit,
        policy=known.get("resource_policy"),
        kinesis=known.get("kinesis"),
    )
    if "contributor_insights" in aspects:
        row = row._replace(insights={index: mode for (_, index), mode in (asking.insights(table) or {}).items()})
    if "autoscaling" in aspects:
        row = row._replace(scaling=asking.scaling(table))
    return Reading(row, asking.denied)


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


def unmodelled(row: TableRow, table: Address) -> Iterator[Unmanaged]:
    """What the table has that no kind knows: listed, and left alone."""
    for key, target in sorted((row.scaling or {}).items()):
        for policy in target.get("Policies", ()):
            if policy.get("PolicyType") != "TargetTrackingScaling":
                where = (*table.path, *filter(None, (key.index_name,)), policy.get("PolicyName", "?"))
                yield Unmanaged(table.sibling("scaling_policy", where), "only target tracking is managed")
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
