"""Indexes of partitioned tables whose partitions differ. Some are not on all partitions: made ON ONLY the table, not
valid until the last one of the partitions has its part (CREATE INDEX, "ONLY"; ALTER INDEX, "ATTACH PARTITION"). Of some
a partition's own key is the part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.detached import origin
from reconciler.engines.postgres.inheritance import children_of, parents_of, table_at
from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.table import Table
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.resource import Resource

Path = tuple[str, ...]
KEYS = ("primary_key", "unique", "exclusion")


def complete(resources: dict[Address, Resource]) -> None:
    """What names all partitions that are declared, in place, is an index like any other: it becomes valid."""
    some = [r for r in resources.values() if isinstance(r, Index) and r.partitions is not None]
    below: dict[Path, list[Path]] = {}
    for resource in resources.values() if some else ():
        if isinstance(resource, Table | ForeignTable) and resource.partition_of is not None:
            below.setdefault(resource.partition_of, []).append(resource.address.path)
    for index in some:
        if set(_all_below(index.address.path[:2], below)) <= {*(index.partitions or ())}:
            resources[index.address] = replace(index, valid=True, partitions=None)


def _all_below(path: Path, below: Mapping[Path, list[Path]]) -> Iterator[Path]:
    for child in below.get(path, ()):
        yield child
        yield from _all_below(child, below)


def unwanted(
    changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog
) -> Iterator[tuple[Address, Address]]:
    """(index, new partition): indexes that are not on all partitions, and stay so. A partition that comes gets a part
    of whatever index there is (CREATE TABLE, ATTACH PARTITION), which nothing takes away again but dropping the whole.
    """
    for address, change in changes.items():
        parent = getattr(change.after, "partition_of", None)
        if parent is None or (change.before is not None and not change.changed("partition_of")):
            continue
        for above in _upwards(address.sibling("table", parent), desired):
            for index in live.children(above, "index", Resource):
                wanted = getattr(desired.resources.get(index.address), "partitions", None)
                if getattr(index, "partitions", None) is not None and wanted is not None and address.path not in wanted:
                    yield index.address, address


def held_by_keys(
    changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog
) -> Iterator[tuple[Address, Address]]:
    """(partition, index or key): one of them goes, and a key of the partition's own is the part of the index. Neither
    can be dropped before the other but while the partition is no part of the table (measured: 2BP01), which it cannot
    leave while foreign keys refer to its rows by it: (foreign key, index or key).
    """
    for address, change in changes.items():
        table = address.sibling("table", address.path[:2])
        if change.action not in (Action.DELETE, Action.REPLACE):
            continue
        if table not in live.resources or table not in desired.resources:
            continue
        if address.kind == "index":
            for partition in _keyed(table, address.name, live):
                yield from _aside(partition, address, live)
        elif address.kind in KEYS:
            whole = _whole(change.before, table, live)
            if whole is not None and whole not in changes:
                yield from _aside(table, address, live)


def _aside(partition: Address, cause: Address, live: Catalog) -> Iterator[tuple[Address, Address]]:
    """The partition, and the foreign keys that refer to rows of it through what is above it."""
    yield partition, cause
    above = {a.path for a in _upwards(partition, live) if a != partition}
    yield from ((k.address, cause) for k in live.of_kind(ForeignKey) if k.table in above)


def _whole(key: Any, table: Address, live: Catalog) -> Address | None:
    """The index that a key is a part of."""
    there = table_at(live, table)
    name = key.name if key.address.kind == "primary_key" else key.address.name
    twins = there.twins if there is not None else ()
    twin = next((t for t in twins if t.name == name and t.kind == key.address.kind), None)
    return origin(twin, there, live) if twin is not None and there is not None else None


def _keyed(table: Address, index: str, live: Catalog) -> Iterator[Address]:
    for path in children_of(table.path, live):
        below = table_at(live, table.sibling("table", path))
        for twin in (t for t in below.twins if t.of == index) if below is not None else ():
            address = table.sibling("table", path)
            yield from _keyed(address, twin.name, live) if twin.kind == "index" else (address,)


def _upwards(table: Address, catalog: Catalog) -> Iterator[Address]:
    """The table, and what it is a partition of."""
    yield table
    for path in parents_of(table_at(catalog, table)):
        yield from _upwards(table.sibling("table", path), catalog)
