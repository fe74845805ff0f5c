"""Reading live tables: a list, then each table in scope, several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.engines.dynamodb import faults, limits, replicas
from reconciler.engines.dynamodb.aspects import EACH, Asking
from reconciler.engines.dynamodb.connect import Client, Connection
from reconciler.engines.dynamodb.naming import Ours
from reconciler.engines.dynamodb.regional import PREFIX
from reconciler.engines.dynamodb.regional import there as in_replica
from reconciler.engines.dynamodb.registry import kinds
from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StoreError
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
    regions: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    """The same of its replicas, by region; the kind `replica` stands for all that is said in the region."""


def names(client: Client) -> list[str]:
    """All the tables of the account and region. Raises StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        pages = client.get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"]]
    except (BotoCoreError, ClientError) as error:
        raise faults.refused("ListTables", "this account", error) from None


def read_all(connection: Connection, tables: list[Ours]) -> list[tuple[Ours, Reading]]:
    """The tables with their readings, those of their replicas included, in the order given; those that vanished
    meanwhile are left out. Regions are asked side by side, and only about the replicas that they have."""
    found = _read_here(connection, tables)
    wanted: dict[str, list[Ours]] = {}
    for ours, reading in found:
        for region in replicas.served(reading.row):
            wanted.setdefault(region, []).append(ours)
    if not wanted:
        return found
    with ThreadPoolExecutor(min(limits.REGIONS, len(wanted)), "dynamodb-region") as pool:
        regions = dict(zip(wanted, pool.map(lambda r: _read_there(connection, r, wanted[r]), wanted), strict=True))
    return [(ours, _with_regions(ours, reading, regions)) for ours, reading in found]


def _read_there(connection: Connection, region: str, tables: list[Ours]) -> Mapping[str, Reading] | str:
    """Readings of one region by the names of the tables; a text where it cannot be asked at all."""
    try:
        return {o.physical: r for o, r in _read_here(connection.elsewhere(region), tables)}
    except StoreError as error:
        return f"{region} could not be asked: {error.message}"


def _with_regions(ours: Ours, reading: Reading, regions: Mapping[str, Mapping[str, Reading] | str]) -> Reading:
    rows: dict[str, TableRow] = {}
    denied: dict[str, Mapping[str, str]] = {}
    for region in replicas.served(reading.row):
        found = regions[region]
        if isinstance(found, str):
            denied[region] = {"replica": found}
        elif ours.physical in found:
            rows[region] = found[ours.physical].row
            denied[region] = found[ours.physical].denied
        else:
            denied[region] = {"replica": f"the copy in {region} does not show: it is new, or of another account"}
    return Reading(reading.row._replace(regions=rows), reading.denied, denied)


def _read_here(connection: Connection, tables: list[Ours]) -> list[tuple[Ours, Reading]]:
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
    for region, denied in reading.regions.items():
        for kind, reason in denied.items():
            if kind == "replica":
                yield Deferred(table.sibling(kind, (*table.path, region)), reason)
            elif f"{PREFIX}{kind}" in kinds():
                yield Deferred(in_replica(table.sibling(kind, table.path), region), f"{reason} in {region}")
    for reply in replicas.described(reading.row):
        state = str(reply.get("ReplicaStatus", "ACTIVE"))
        if state in replicas.UNSERVED and state != "CREATING":
            where = (*table.path, reply["RegionName"])
            yield Deferred(table.sibling("replica", where), f"the replica is {state.lower().replace('_', ' ')}")
    status = reading.row.table.get("TableStatus")
    if status in STUCK:
        yield Deferred(table, f"the table is {str(status).lower().replace('_', ' ')}")


def unmodelled(row: TableRow, table: Address) -> Iterator[Unmanaged]:
    """What the table has that no kind knows: listed, and left alone."""
    for key, target in sorted((row.scaling or {}).items()):
        for policy in target.get("Policies", ()):
            if policy.get("PolicyType") != "TargetTrackingScaling":
                where = (*table.path, *filter(None, (key.index_name,)), policy.get("PolicyName", "?"))
                yield Unmanaged(table.sibling("scaling_policy", where), "only target tracking is managed")
    mode = row.table.get("GlobalTableSettingsReplicationMode", "DISABLED")
    if mode != "DISABLED":
        yield Unmanaged(table.sibling("settings_replication", table.path), "tables of several accounts are not managed")


def arns(row: TableRow, table: Address) -> dict[Address, str]:
    """The ARNs of a table and of its replicas, by the address of each."""
    found = {table: row.arn}
    return found | {table.sibling("replica", (*table.path, r)): there.arn for r, there in row.regions.items()}


def sizes(row: TableRow, table: Address) -> dict[Address, Size]:
    """Items and bytes of the table and its indexes, as the service counted them within the last six hours."""
    found = {table: Size(row.table.get("ItemCount", -1), row.table.get("TableSizeBytes", -1))}
    lists = {"gsi": "GlobalSecondaryIndexes", "lsi": "LocalSecondaryIndexes", "vector_index": "VectorIndexes"}
    for kind, member in lists.items():
        for index in row.table.get(member) or ():
            address = table.sibling(kind, (*table.path, index["IndexName"]))
            found[address] = Size(index.get("ItemCount", -1), index.get("IndexSizeBytes", -1))
    return found
