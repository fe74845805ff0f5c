"""Becoming and ceasing to be a partition or a child: rows 3 and 86 to 89 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import children_of, descendants, parents_of, table_at
from reconciler.engines.postgres.locks import (
    access_exclusive,
    lock,
    share_row_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Lock, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, str]


def path_of(table: Table) -> Path:
    """(schema, table)."""
    return table.address.path[0], table.address.path[1]


def _name(table: Table) -> str:
    return qualified(*path_of(table))


def attaching(table: Table) -> str:
    """ATTACH PARTITION."""
    parent = table.partition_of or ("", "")
    return f"ALTER TABLE {qualified(*parent)} ATTACH PARTITION {_name(table)} {table.bound}"


def detaching(table: Table, how: str = "") -> str:
    """DETACH PARTITION."""
    parent = table.partition_of or ("", "")
    return f"ALTER TABLE {qualified(*parent)} DETACH PARTITION {_name(table)}{how}"


def default_partition(parent: Path, catalog: Catalog, address: Address) -> Table | None:
    """The DEFAULT partition of a table, if it has one."""
    tables = (table_at(catalog, address.sibling("table", p)) for p in children_of(parent, catalog))
    return next((t for t in tables if t is not None and t.bound is not None and t.bound.strategy == "default"), None)


def attach_locks(table: Table, context: Context) -> tuple[Lock, ...]:
    """ShareUpdateExclusive on the parent, AccessExclusive on what exists of the partition and on a DEFAULT partition;
    what the parent's foreign keys refer to is locked against writers (row 86, measured).
    """
    parent = table.partition_of or ("", "")
    locks = list(share_update_exclusive(parent))
    other = default_partition(parent, context.live, table.address)
    if other is not None and other.address != table.address:
        locks += access_exclusive(path_of(other))
        locks += (lock("AccessExclusive", p[0], p[1]) for p in descendants(other.address.path, context.live))
    return (*locks, *share_row_exclusive(*_referenced(parent, context)))


def _referenced(parent: Path, context: Context) -> list[Path]:
    """What the foreign keys of a table and of its own parents refer to."""
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    keys = context.live.of_kind(ForeignKey)
    above = {parent, *_ancestors(parent, context.live, next(iter(context.live.resources)))}
    return sorted({k.table for k in keys if (k.address.path[0], k.address.path[1]) in above})


def _ancestors(path: Path, catalog: Catalog, like: Address) -> Iterator[Path]:
    table = table_at(catalog, like.sibling("table", path))
    for parent in parents_of(table):
        yield (parent[0], parent[1])
        yield from _ancestors((parent[0], parent[1]), catalog, like)


# A change of parents


def reparent(change: Change[Table], context: Context) -> list[Draft]:
    """Detached from the old parent, attached to the new one; at once where the parent stays and only the bound differs.

    Between the two the rows are not seen through either parent.
    """
    live, desired = change.live, change.desired
    drafts: list[Draft] = []
    if live.partition_of and live.partition_of == desired.partition_of:
        return [*_checked(change, context), _rebound(change, context)]
    if live.partition_of:
        drafts += detach(change, context)
    if set(live.inherits) - set(desired.inherits) or (live.inherits and desired.partition_of):
        drafts.append(_disowned(change))
    if desired.partition_of:
        drafts += [*_checked(change, context), *_attached(change, context)]
    elif desired.inherits != tuple(p for p in live.inherits if p in desired.inherits):
        drafts.append(_adopted(change, context))
    return drafts


def detach(change: Change[Table], context: Context) -> list[Draft]:
    """CONCURRENTLY where the server lets us (row 87): not beside a DEFAULT partition, not where the check that it
    leaves behind would have a name that is taken. What the partition had of its parent's indexes, keys and foreign keys
    it keeps; what is not declared of that goes at once.
    """
    from reconciler.engines.postgres.detached import leftovers

    live = change.live
    parent = live.partition_of or ("", "")
    seen = hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are no longer seen in {parent[1]}")
    gone = change.after is None
    left = [] if gone else leftovers(change, context)
    check = _left_check(live, context)
    plain = check is None or default_partition(parent, context.live, live.address) is not None
    parents = [parent, *_ancestors(parent, context.live, live.address)][:1]
    below = [(p[0], p[1]) for p in descendants(live.address.path, context.live)]
    far = () if not _referenced(parent, context) else share_row_exclusive(*_referenced(parent, context))
    shows = (Check(live.address, attributes=(("partition_of", None),)),)
    back = (sql(attaching(live)),)
    if plain:
        locks = (*access_exclusive(*parents, path_of(live), *below), *far)
        return [
            Draft(
                "detach",
                Phase.CONTRACT,
                f"detach partition {live.address.path[1]} from {parent[1]}",
                sql(detaching(live), *left),
                locks=locks,
                hazards=(seen,),
                done=shows,
                undo=None if left else back,
            )
        ]
    tidy = [f"ALTER TABLE {_name(live)} DROP CONSTRAINT IF EXISTS {ident(check or '')}", *left]
    first = Draft(
        "detach",
        Phase.CONTRACT,
        f"detach partition {live.address.path[1]} from {parent[1]} while both are in use",
        alone(detaching(live, " CONCURRENTLY")),
        locks=(*share_update_exclusive(*parents), *access_exclusive(path_of(live))),
        hazards=(seen,),
        done=shows,
        undo=None if left else back,
    )
    if gone:
        return [first]
    second = Draft(
        "tidy",
        Phase.CONTRACT,
        f"take what {live.address.path[1]} kept of {parent[1]} away",
        sql(*tidy),
        locks=access_exclusive(path_of(live), *below),
        done=(Check(live.address.sibling("check", (*path_of(live), check or "")), present=False),),
        undo=None if left else (),
    )
    return [first, second]


def _left_check(table: Table, context: Context) -> str | None:
    """What the server will call the check that DETACH CONCURRENTLY leaves: of the only column of the key, or of the
    table (heap.c, AddRelationNewConstraints). None where that cannot be known.
    """
    parent = table_at(context.live, table.address.sibling("table", table.partition_of or ("", "")))
    if parent is None or parent.partition_by is None or not all(p.column for p in parent.partition_by.parts):
        return None
    columns = {p.column for p in parent.partition_by.parts}
    name = fitting(table.address.path[1], *(columns if len(columns) == 1 else ()), suffix="_check")
    taken = {a.name for a in context.live.resources if a.path[:2] == table.address.path and len(a.path) > 2}
    taken |= {a.name for a in context.desired.resources if a.kind == "check" and a.path[:2] == table.address.path}
    return None if name in taken or len(name.encode()) > 60 else name


def _disowned(change: Change[Table]) -> Draft:
    live, desired = change.live, change.desired
    gone = [p for p in live.inherits if p not in desired.inherits]
    name = _name(live)
    return Draft(
        "no inherit",
        Phase.CONTRACT,
        f"let {live.address.path[1]} no longer inherit from {', '.join(p[1] for p in gone)}",
        sql(*(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in gone)),
        locks=access_exclusive(path_of(live)),
        hazards=tuple(
            hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are no longer seen in {p[1]}") for p in gone
        ),
        done=became(change) if not desired.inherits and not desired.partition_of else (),
        undo=None,  # INHERIT leaves the columns the child's own
    )


def _adopted(change: Change[Table], context: Context) -> Draft:
    """INHERIT in the declared order; columns and checks of the parents have to be there (row 89)."""
    live, desired = change.live, change.desired
    kept = tuple(p for p in live.inherits if p in desired.inherits)
    same = len(kept) if kept == desired.inherits[: len(kept)] else 0
    new, again = desired.inherits[same:], kept[same:]
    name = _name(desired)
    return Draft(
        "inherit",
        Phase.CONTRACT,
        f"let {desired.address.path[1]} inherit from {', '.join(p[1] for p in new)}",
        sql(
            *(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in again),
            *(f"ALTER TABLE {name} INHERIT {qualified(*p)}" for p in new),
        ),
        locks=(*access_exclusive(path_of(desired)), *share_update_exclusive(*new)),
        hazards=tuple(hazard(Code.OLD_READERS, f"rows of {desired.address.path[1]} show in {p[1]}") for p in new),
        done=became(change),
        undo=(
            sql(
                *(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in new),
                *(f"ALTER TABLE {name} INHERIT {qualified(*p)}" for p in again),
            ),
        ),
        requires=_inside(change, context),
    )


def _inside(change: Change[Any], context: Context) -> tuple[Ref, ...]:
    """The columns and checks that this plan makes of the table, which a parent wants to find, and of the parents."""
    paths = (change.address.path, *parents_of(change.after))
    found = (a for a in context.changes if a.kind in ("column", "check") and a.path[:2] in paths)
    return tuple(Ref(a) for a in sorted(found) if context.changes[a].after is not None)


def own(change: Change[Any], context: Context) -> list[Draft]:
    """Columns and checks that a child has by itself too: NO INHERIT leaves them to it, and INHERIT finds them there."""
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if before is None or after is None or not before.inherits or before.inherits != after.inherits:
        return []
    name = qualified(*path_of(after))
    words = [f"ALTER TABLE {name} {w} {qualified(*p)}" for w in ("NO INHERIT", "INHERIT") for p in after.inherits]
    return [
        Draft(
            "own",
            Phase.CONTRACT,
            f"let {'.'.join(change.address.path[1:])} belong to the child itself too",
            sql(*words),
            locks=(*access_exclusive(path_of(after)), *share_update_exclusive(*after.inherits)),
            done=(Check(change.address, attributes=(("local", True),)),),
        )
    ]


# Attaching


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


def _helper(table: Table) -> str:
    return fitting(table.address.path[1], suffix="_attach")


def _checked(change: Change[Table], context: Context) -> list[Draft]:
    """A check that says what the bound will, validated while the table is in use, so that ATTACH scans nothing."""
    table, condition = change.desired, implied_check(change.desired, context)
    if condition is None or context.size(table.address).rows == 0:
        return []
    name, helper = _name(table), _helper(table)
    check = table.address.sibling("check", (*path_of(table), helper))
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    refused = hazard(Code.OLD_WRITERS, f"rows of {name} that are not {condition} are refused from here on")
    return [
        Draft(
            "check",
            Phase.CONTRACT,
            f"let {table.address.path[1]} hold only what its bound will let in",
            sql(f"ALTER TABLE {name} ADD CONSTRAINT {ident(helper)} CHECK ({condition}) NOT VALID"),
            locks=access_exclusive(path_of(table), *below),
            hazards=(refused,),
            probes=(
                Probe(
                    f"rows of {name} are outside the bound",
                    f"SELECT ctid::text FROM {name} WHERE NOT ({condition})",
                ),
            ),
            done=(Check(check),),
            undo=(sql(f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {ident(helper)}"),),
        ),
        Draft(
            "validate",
            Phase.CONTRACT,
            f"check the rows that are in {table.address.path[1]}",
            sql(f"ALTER TABLE {name} VALIDATE CONSTRAINT {ident(helper)}"),
            locks=share_update_exclusive(path_of(table), *below),
            done=(Check(check, attributes=(("validated", True),)),),
            undo=(),
            reads=table.address,
        ),
    ]


def scans(table: Table, context: Context) -> tuple[Hazard, ...]:
    """What ATTACH reads under its lock: rows without a check that says what the bound says, a DEFAULT partition."""
    known = context.size(table.address).rows == 0 or table.address not in context.live.resources
    from reconciler.engines.postgres.detached import missing

    scanned = [] if known or (implied_check(table, context) and not missing(table, context)) else [table]
    other = default_partition(table.partition_of or ("", ""), context.live, table.address)
    scanned += [other] if other is not None and other.address != table.address else []
    return tuple(
        hazard(Code.SCAN_UNDER_LOCK, f"{_name(t)} is read from end to end while nobody writes to it")
        for t in scanned
        if context.size(t.address).rows != 0
    )


def _attached(change: Change[Table], context: Context) -> list[Draft]:
    table, live = change.desired, change.live
    name, helper = _name(table), ident(_helper(table))
    checked = implied_check(table, context) is not None and context.size(table.address).rows != 0
    tidy = [f"ALTER TABLE {name} DROP CONSTRAINT {helper}"] if checked else []
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    shown = hazard(Code.OLD_READERS, f"rows of {name} show in {qualified(*(table.partition_of or ('', '')))}")
    undo = None if live.partition_of else (sql(detaching(table)),)
    return [
        Draft(
            "attach",
            Phase.CONTRACT,
            f"make {table.address.path[1]} a partition of {(table.partition_of or ('', ''))[1]}",
            sql(attaching(table), *tidy),
            locks=(*attach_locks(table, context), *access_exclusive(path_of(table), *below)),
            hazards=(shown, *scans(table, context)),
            done=became(change),
            undo=undo,
            reads=table.address if scans(table, context) else None,
            requires=_inside(change, context),
            provides=True,
        )
    ]


def _rebound(change: Change[Table], context: Context) -> Draft:
    """Out and in by one transaction: nobody misses the rows in between."""
    table, live = change.desired, change.live
    parent = table.partition_of or ("", "")
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    checked = implied_check(table, context) is not None and context.size(table.address).rows != 0
    tidy = [f"ALTER TABLE {_name(table)} DROP CONSTRAINT {ident(_helper(table))}"] if checked else []
    return Draft(
        "rebound",
        Phase.CONTRACT,
        f"change the bound of partition {table.address.path[1]} of {parent[1]}",
        sql(detaching(live), attaching(table), *tidy),
        locks=(
            *access_exclusive(parent, path_of(table), *below),
            *(held for held in attach_locks(table, context) if held.on != qualified(*parent)),
        ),
        hazards=(
            hazard(Code.OLD_WRITERS, f"rows outside {table.bound} are refused by {_name(table)} from here on"),
            *scans(table, context),
        ),
        done=became(change),
        undo=(sql(detaching(table), attaching(live)),),
        reads=table.address if scans(table, context) else None,
        provides=True,
    )


def rebuild(change: Change[Table], _context: Context) -> list[Draft]:
    """Its parent or its type goes and comes again: the partition steps aside meanwhile, with its rows."""
    live, desired = change.live, change.desired
    if live.partition_of:
        out = [detaching(live)]
    elif live.of_type:
        out = [f"ALTER TABLE {_name(live)} NOT OF"]
    else:
        out = [f"ALTER TABLE {_name(live)} NO INHERIT {qualified(*p)}" for p in live.inherits]
    if desired.partition_of:
        back = [attaching(desired)]
    elif desired.of_type:
        back = [f"ALTER TABLE {_name(desired)} OF {qualified(*desired.of_type)}"]
    else:
        back = [f"ALTER TABLE {_name(desired)} INHERIT {qualified(*p)}" for p in desired.inherits]
    drafts = []
    if out:
        drafts.append(Draft("aside", Phase.CONTRACT, f"take {live.address.path[1]} aside", sql(*out), removes=True))
    if back:
        title = f"bring {live.address.path[1]} back"
        drafts.append(Draft("back", Phase.CONTRACT, title, sql(*back), done=became(change), provides=True))
    return drafts
