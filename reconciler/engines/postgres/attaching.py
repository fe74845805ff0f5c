"""ATTACH PARTITION: how it is said, what it locks, what it reads, and the check that spares it the reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres.inheritance import children_of, descendants, parents_of, table_at
from reconciler.engines.postgres.locks import (
    access_exclusive,
    lock,
    share_row_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Lock, Probe

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


def default_partitions(parent: Path, beside: Address, context: Context) -> list[Table]:
    """The DEFAULT partitions, before and after the plan, that may be there when a live table joins or leaves."""
    catalogs = (context.live, context.desired) if beside in context.live.resources else (context.live,)
    found = (default_partition(parent, c, beside) for c in catalogs)
    return list({t.address: t for t in found if t is not None and t.address != beside}.values())


def attach_locks(table: Table, context: Context) -> tuple[Lock, ...]:
    """ShareUpdateExclusive on the parent, AccessExclusive on what exists of the partition and on a DEFAULT partition;
    what the parent's foreign keys refer to is locked against writers, and from 15 on what refers to the parent (row 86,
    measured). Against everybody where the partition has such a key itself: it gives up its triggers there, as the
    parent's has them.
    """
    parent = table.partition_of or ("", "")
    locks = list(share_update_exclusive(parent))
    for other in default_partitions(parent, table.address, context):
        locks += access_exclusive(path_of(other))
        locks += (lock("AccessExclusive", p[0], p[1]) for p in descendants(other.address.path, context.live))
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


def implied_check(table: Table, context: Context) -> str | None:
    """A condition that says what the bound says, as far as it is about plain columns: range of one column, list."""
    parent = table_at(context.desired, table.address.sibling("table", table.partition_of or ("", "")))
    bound = table.bound
    if parent is None or parent.partition_by is None or bound is None:
        return None
    parts = parent.partition_by.parts
    if len(parts) != 1 or not parts[0].column or parts[0].collation:
        return None
    key = ident(parts[0].column)
    if bound.strategy == "range":
        low, high = bound.values[0].source, bound.upper[0].source
        ends = [f"{key} >= {low}"] if low != "MINVALUE" else []
        ends += [f"{key} < {high}"] if high != "MAXVALUE" else []
        return " AND ".join([f"{key} IS NOT NULL", *ends])
    if bound.strategy == "list":
        values = [v.source for v in bound.values]
        if values == ["NULL"]:
            return f"{key} IS NULL"
        if "NULL" in values:
            return None
        return f"{key} IS NOT NULL AND {key} IN ({', '.join(values)})"
    return None


def outside(table: Table, context: Context) -> tuple[Probe, ...]:
    """Rows that the bound lets in no more, where that can be told: by plain columns, all of them with values."""
    condition = implied_check(table, context) or _between(table, context)
    if condition is None or context.size(table.address).rows == 0:
        return ()
    name = name_of(table)
    return (Probe(f"rows of {name} are outside the bound", f"SELECT ctid::text FROM {name} WHERE NOT ({condition})"),)


def _between(table: Table, context: Context) -> str | None:
    """What a range of several columns says, as a comparison of rows: the planner draws nothing from it."""
    parent = table_at(context.desired, table.address.sibling("table", table.partition_of or ("", "")))
    parts = parent.partition_by.parts if parent is not None and parent.partition_by is not None else ()
    bound = table.bound
    plain = bool(parts) and all(p.column and not p.collation for p in parts)
    if bound is None or bound.strategy != "range" or not plain:
        return None
    ends = [[v.source for v in values] for values in (bound.values, bound.upper)]
    if any(v in ("MINVALUE", "MAXVALUE") for values in ends for v in values):
        return None
    keys = [ident(p.column) for p in parts]
    row, (low, high) = f"ROW({', '.join(keys)})", (f"ROW({', '.join(values)})" for values in ends)
    return " AND ".join([*(f"{k} IS NOT NULL" for k in keys), f"{row} >= {low}", f"{row} < {high}"])


def helper(table: Table) -> str:
    """The name of the check that says what the bound will."""
    return fitting(table.address.path[1], suffix="_attach")


def scans(table: Table, context: Context) -> tuple[Hazard, ...]:
    """What ATTACH reads under its lock: rows without a check that says what the bound says, a DEFAULT partition."""
    known = context.size(table.address).rows == 0 or table.address not in context.live.resources
    from reconciler.engines.postgres.detached import missing

    live = table_at(context.live, table.address)
    built = (live is not None and live.partition_of == table.partition_of) or not missing(table, context)
    scanned = [] if known or (implied_check(table, context) and built) else [table]
    other = default_partition(table.partition_of or ("", ""), context.live, table.address)
    scanned += [other] if other is not None and other.address != table.address else []
    return tuple(
        hazard(Code.SCAN_UNDER_LOCK, f"{name_of(t)} is read from end to end while nobody writes to it")
        for t in scanned
        if context.size(t.address).rows != 0
    )
