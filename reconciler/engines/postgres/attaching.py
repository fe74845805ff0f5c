"""ATTACH and DETACH PARTITION: how they are said, and what they lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres.inheritance import children_of, descendants, parents_of, table_at
from reconciler.engines.postgres.locks import (
    access_exclusive,
    share_row_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Context
from reconciler.model.step import Lock, Probe, Ref

Path = tuple[str, str]

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
    from reconciler.engines.postgres.kinds.table import Table


def path_of(table: Table) -> Path:
    """(schema, table)."""
    return table.address.path[0], table.address.path[1]


def name_of(table: Table) -> str:
    """`schema.table`."""
    return qualified(*path_of(table))


def attaching(table: Table) -> str:
    """ATTACH PARTITION."""
    parent = table.partition_of or ("", "")
    return f"ALTER TABLE {qualified(*parent)} ATTACH PARTITION {name_of(table)} {table.bound}"


def detaching(table: Table, how: str = "") -> str:
    """DETACH PARTITION."""
    parent = table.partition_of or ("", "")
    return f"ALTER TABLE {qualified(*parent)} DETACH PARTITION {name_of(table)}{how}"


def removing(table: Table, catalog: Catalog) -> list[str]:
    """What takes a new table away. A partition is detached first where a foreign key refers to its parent: there, DROP
    TABLE is refused (measured on 14 to 18).
    """
    above = set(ancestors(path_of(table), catalog, table.address)) if table.partition_of else set()
    held = above and any(k.table in above for k in _keys(catalog))
    return [*([detaching(table)] if held else []), f"DROP TABLE {name_of(table)}"]


def default_partition(parent: Path, catalog: Catalog, address: Address) -> Table | None:
    """The DEFAULT partition of a table, if it has one."""
    tables = (table_at(catalog, address.sibling("table", p)) for p in children_of(parent, catalog))
    return next((t for t in tables if t is not None and t.bound is not None and t.bound.strategy == "default"), None)


def default_beside(table: Table, context: Context) -> Table | None:
    """The DEFAULT partition beside which it becomes a partition. A table that is there waits for one that leaves, and
    may find one that the plan makes; what is new comes before either.
    """
    parent, new = table.partition_of or ("", ""), table.address not in context.live.resources
    other = default_partition(parent, context.live, table.address)
    if other is None and not new:
        other = default_partition(parent, context.desired, table.address)
    if other is None or other.address == table.address:
        return None
    return other if new or not leaves(other, context) else None


def leaves(partition: Table, context: Context) -> bool:
    """Whether a live partition is none of its parent any more, or another one, after the plan."""
    if partition.address not in context.live.resources:
        return False
    after = table_at(context.desired, partition.address)
    return after is None or (after.partition_of, after.bound) != (partition.partition_of, partition.bound)


def left_beside(partition: Table, context: Context) -> Table | None:
    """The DEFAULT partition beside which a partition leaves, and which is locked for that; one that leaves the parent
    too goes first.
    """
    other = default_partition(partition.partition_of or ("", ""), context.live, partition.address)
    if other is None or other.address == partition.address:
        return None
    after = table_at(context.desired, other.address)
    return other if after is not None and after.partition_of == other.partition_of else None


def come_beside(partition: Table, context: Context) -> Table | None:
    """The DEFAULT partition that the parent gets in this plan, which may be there when a partition leaves."""
    other = default_partition(partition.partition_of or ("", ""), context.desired, partition.address)
    if other is None or other.address == partition.address:
        return None
    before = table_at(context.live, other.address)
    return other if before is None or before.partition_of != other.partition_of else None


def gone_first(partition: Table, context: Context) -> tuple[Ref, ...]:
    """The drafts by which a DEFAULT partition leaves the parent before a partition does."""
    other = default_partition(partition.partition_of or ("", ""), context.live, partition.address)
    if other is None or other.address == partition.address or left_beside(partition, context) is not None:
        return ()
    return (Ref(other.address, None if context.deletes(other.address) else "detach"),)


def below(table: Table, context: Context) -> list[Path]:
    """The partitions of a table, those that the plan makes too: what locks them waits for them, see `made_below`."""
    found = [*descendants(table.address.path, context.live), *(r.address.path for r in made_below(table, context))]
    return [(p[0], p[1]) for p in found]


def made_near(table: Table, context: Context) -> Iterator[Ref]:
    """The new partitions below it, and below a DEFAULT partition beside it, that ATTACH PARTITION locks."""
    other = default_beside(table, context)
    for found in (table,) if other is None else (table, other):
        yield from made_below(found, context)


def made_below(table: Table, context: Context) -> list[Ref]:
    """The new partitions of a table that is there, and stays."""
    if table.address not in context.live.resources or context.creates(table.address):
        return []
    found = (table.address.sibling("table", p) for p in descendants(table.address.path, context.desired))
    return [Ref(a) for a in found if a not in context.live.resources]


def attach_locks(table: Table, context: Context) -> tuple[Lock, ...]:
    """ShareUpdateExclusive on the parent, AccessExclusive on what exists of the partition and on a DEFAULT partition;
    what the parent's foreign keys refer to is locked against writers, and from 15 on what refers to the parent (row 86,
    measured). Against everybody where the partition has such a key itself: it gives up its triggers there, as the
    parent's has them.
    """
    parent = table.partition_of or ("", "")
    locks = list(share_update_exclusive(parent))
    other = default_beside(table, context)
    if other is not None:
        locks += access_exclusive(path_of(other), *below(other, context))
    users = referring(parent, context) if context.server.version[0] >= 15 else ()
    taken = _taken_in(table, context)
    others = {*referenced(parent, context), *users} - set(taken)
    return (*locks, *access_exclusive(*taken), *share_row_exclusive(*sorted(others)))


def _taken_in(table: Table, context: Context) -> list[Path]:
    """What the foreign keys refer to that the partition has and its parent has too, left from being its partition."""
    from reconciler.engines.postgres.detached import needed
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    live = table_at(context.live, table.address)
    if live is not None and live.partition_of is not None:
        return referenced(live.partition_of, context)
    own = context.live.children(table.address, "foreign_key", ForeignKey)
    return sorted({k.table for k in own if needed(k, table, context)})


def referred(table: Table, context: Context) -> tuple[Probe, ...]:
    """Finds rows that refer to those of a partition: as long as there are some, it can leave its parent only with the
    foreign key (measured on 14 to 18).
    """
    above = _lineage(table.partition_of or ("", ""), context)
    name, probes = name_of(table), []
    for key in _held(context):
        if key.table not in above or context.deletes(key.address) or not key.enforced:
            continue
        equal = (f"f.{ident(a)} = t.{ident(b)}" for a, b in zip(key.columns, key.referenced, strict=True))
        users = qualified(*key.address.path[:2])
        query = f"SELECT f.ctid::text FROM {users} f JOIN {name} t ON {' AND '.join(equal)}"
        probes.append(Probe(f"rows of {users} refer by {key.address.name} to rows of {name}, which is to leave", query))
    return tuple(probes)


def detach_locks(parent: Path, context: Context) -> tuple[Lock, ...]:
    """What DETACH, CONCURRENTLY or not, locks beside the table and its partition: what its foreign keys refer to
    against writers, what refers to the table against everybody (measured on 14 to 18).
    """
    users = referring(parent, context)
    far = [p for p in referenced(parent, context) if p not in users]
    return (*share_row_exclusive(*far), *access_exclusive(*users))


def referenced(parent: Path, context: Context) -> list[Path]:
    """What the foreign keys of a table and of its own parents refer to."""
    above = _lineage(parent, context)
    return sorted({k.table for k in _held(context) if (k.address.path[0], k.address.path[1]) in above})


def referring(parent: Path, context: Context) -> list[Path]:
    """The tables of which foreign keys refer to a table or to its own parents; not those of keys that go before."""
    above = _lineage(parent, context)
    found = (k.address for k in _held(context) if k.table in above and not context.deletes(k.address))
    return sorted({(a.path[0], a.path[1]) for a in found})


def _keys(catalog: Catalog) -> Iterator[ForeignKey]:
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    return catalog.of_kind(ForeignKey)


def _held(context: Context) -> Iterator[ForeignKey]:
    """Foreign keys that are there when a partition leaves or joins: not those that step aside for a table made anew."""
    for key in _keys(context.live):
        change = context.changes.get(key.address)
        if change is None or change.forced is None or change.forced.kind != "table":
            yield key


def _lineage(table: Path, context: Context) -> set[Path]:
    return {table, *ancestors(table, context.live, next(iter(context.live.resources)))}


def ancestors(path: Path, catalog: Catalog, like: Address) -> Iterator[Path]:
    """All tables above it."""
    table = table_at(catalog, like.sibling("table", path))
    for parent in parents_of(table):
        yield (parent[0], parent[1])
        yield from ancestors((parent[0], parent[1]), catalog, like)
