"""Becoming and ceasing to be a partition or a child: rows 3 and 86 to 89 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.attach_guards import outside, scanned, scans
from reconciler.engines.postgres.attach_steps import attached, checked, rebound
from reconciler.engines.postgres.attaching import (
    ancestors,
    attach_locks,
    attaching,
    come_beside,
    detach_locks,
    detaching,
    gone_first,
    left_beside,
    name_of,
    path_of,
    referred,
)
from reconciler.engines.postgres.detached import leftovers, loosened
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import descendants, parents_of, table_at
from reconciler.engines.postgres.locks import (
    access_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.parents_changed import inside, keys_to_come, staying
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Lock, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, str]
PARENTS = frozenset({"partition_of", "bound", "inherits", "of_type"})
LEAVES_NO_CHECK = 19
"""From here on DETACH CONCURRENTLY leaves no check of the bound behind (measured on 19rc1)."""


# A change of parents


def reparent(change: Change[Table], context: Context) -> list[Draft]:
    """Detached from the old parent, attached to the new one; at once where the parent stays and only the bound differs.

    Between the two the rows are not seen through either parent.
    """
    live, desired = change.live, change.desired
    drafts: list[Draft] = []
    if live.partition_of and live.partition_of == desired.partition_of and not live.detach_pending:
        return [*checked(change, context), *rebound(change, context)]
    if live.partition_of:
        drafts += detach(change, context)
    if set(live.inherits) - set(desired.inherits) or (live.inherits and desired.partition_of):
        drafts.append(_disowned(change))
    if desired.partition_of:
        drafts += [*checked(change, context), *attached(change, context)]
    elif desired.inherits != tuple(p for p in live.inherits if p in desired.inherits):
        drafts.append(_adopted(change, context))
    return drafts


def detach(change: Change[Table], context: Context) -> list[Draft]:
    """CONCURRENTLY where the server lets us (row 87): not beside a DEFAULT partition, not where the check that it
    leaves behind would have a name that is taken. What the partition had of its parent's indexes, keys and foreign keys
    it keeps; what is not declared of that goes at once.
    """
    live = change.live
    parent = live.partition_of or ("", "")
    seen = hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are no longer seen in {parent[1]}")
    gone = change.after is None
    left = [] if gone else leftovers(change, context)
    leaves = context.server.version[0] < LEAVES_NO_CHECK
    check = _left_check(live, context) if leaves else None
    if live.detach_pending:
        return _finalized(change, context, check, left)
    far = detach_locks(parent, context)
    loose = () if gone else access_exclusive(*loosened(change, context))
    other, first_out = left_beside(live, context), gone_first(live, context)
    beside = [path_of(d) for d in (other, come_beside(live, context)) if d is not None]
    default = live.bound is not None and live.bound.strategy == "default"
    plain = (leaves and check is None) or default or bool(beside) or _moved_along(live, context)
    parents = [parent, *ancestors(parent, context.live, live.address)][:1]
    below = [(p[0], p[1]) for p in descendants(live.address.path, context.live)]
    shows = (Check(live.address, attributes=(("partition_of", None),)),)
    back = (sql(attaching(live)),)
    if plain:
        locks = (*access_exclusive(*parents, path_of(live), *below, *beside), *far, *loose)
        return [
            Draft(
                "detach",
                Phase.CONTRACT,
                f"detach partition {live.address.path[1]} from {parent[1]}",
                sql(detaching(live), *left),
                locks=locks,
                hazards=(seen,),
                probes=referred(live, context),
                done=shows,
                undo=None if left else back,
                requires=first_out,
                releases=True,
            )
        ]
    first = Draft(
        "detach",
        Phase.CONTRACT,
        f"detach partition {live.address.path[1]} from {parent[1]} while both are in use",
        alone(detaching(live, " CONCURRENTLY")),
        locks=(*share_update_exclusive(*parents), *access_exclusive(path_of(live)), *far),
        hazards=(seen,),
        probes=referred(live, context),
        done=shows,
        undo=None if left else back,
        requires=first_out,
        releases=True,
    )
    if gone or (check is None and not left):
        return [first]
    second = Draft(
        "tidy",
        Phase.CONTRACT,
        f"take what {live.address.path[1]} kept of {parent[1]} away",
        sql(*_uncheck(live, check), *left),
        locks=(*access_exclusive(path_of(live), *below), *loose),
        done=(Check(live.address.sibling("check", (*path_of(live), check)), present=False),) if check else (),
        undo=None if left else (),
    )
    return [first, second]


def _moved_along(table: Table, context: Context) -> bool:
    """Whether what is above it, but for the uppermost, or below it goes elsewhere in this plan: the check that DETACH
    CONCURRENTLY leaves would say other things than it does now, or stay with what leaves the partition.
    """
    above = ancestors(path_of(table), context.live, table.address)
    return any(
        before is not None and before.partition_of is not None and parents_of(before) != parents_of(after)
        for before, after in (_both(p, table, context) for p in above)
    ) or any(
        after is not None and parents_of(before) != parents_of(after)
        for before, after in (_both(p, table, context) for p in descendants(path_of(table), context.live))
    )


def _both(path: tuple[str, ...], like: Table, context: Context) -> tuple[Table | None, Table | None]:
    """The table before and after the plan."""
    address = like.address.sibling("table", path)
    return table_at(context.live, address), table_at(context.desired, address)


def _uncheck(table: Table, check: str | None) -> list[str]:
    return [f"ALTER TABLE {name_of(table)} DROP CONSTRAINT IF EXISTS {ident(check)}"] if check else []


def _finalized(change: Change[Table], context: Context, check: str | None, left: list[str]) -> list[Draft]:
    """FINALIZE what an interrupted DETACH CONCURRENTLY began: its rows are out of sight already (ALTER TABLE)."""
    live = change.live
    parent = live.partition_of or ("", "")
    first = Draft(
        "detach",
        Phase.CONTRACT,
        f"finish detaching partition {live.address.path[1]} from {parent[1]}",
        sql(detaching(live, " FINALIZE")),
        locks=(*share_update_exclusive(parent), *access_exclusive(path_of(live)), *detach_locks(parent, context)),
        done=(Check(live.address, attributes=(("detach_pending", False),)),),
        undo=None,
        releases=True,
    )
    if change.after is None or (check is None and not left):
        return [first]
    title = f"take what {live.address.path[1]} kept of {parent[1]} away"
    locks = access_exclusive(path_of(live), *loosened(change, context))
    return [first, Draft("tidy", Phase.CONTRACT, title, sql(*_uncheck(live, check), *left), locks=locks)]


def _left_check(table: Table, context: Context) -> str | None:
    """What the server will call the check that DETACH CONCURRENTLY leaves: of the only column of the keys of all tables
    above, or of the table (heap.c, AddRelationNewConstraints). None where that cannot be known.
    """
    above = ancestors(path_of(table), context.live, table.address)
    keys = [p.partition_by for a in above if (p := table_at(context.live, table.address.sibling("table", a)))]
    parts = [part for key in keys for part in (key.parts if key is not None else ())]
    if not parts or not all(p.column for p in parts):
        return None
    columns = {p.column for p in parts}
    name = fitting(table.address.path[1], *(columns if len(columns) == 1 else ()), suffix="_check")
    taken = {a.name for a in context.live.resources if a.path[:2] == table.address.path and len(a.path) > 2}
    taken |= {a.name for a in context.desired.resources if a.kind == "check" and a.path[:2] == table.address.path}
    return None if name in taken or len(name.encode()) > 60 else name


def _disowned(change: Change[Table]) -> Draft:
    live, desired = change.live, change.desired
    gone = [p for p in live.inherits if p not in desired.inherits]
    name = name_of(live)
    return Draft(
        "no inherit",
        Phase.CONTRACT,
        f"let {live.address.path[1]} no longer inherit from {', '.join(p[1] for p in gone)}",
        sql(*(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in gone)),
        locks=access_exclusive(path_of(live)),
        hazards=tuple(
            hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are no longer seen in {p[1]}") for p in gone
        ),
        done=(Check(live.address, attributes=(("inherits", tuple(p for p in live.inherits if p not in gone)),)),),
        undo=None,  # INHERIT leaves the columns the child's own
        releases=True,
    )


def _adopted(change: Change[Table], context: Context) -> Draft:
    """INHERIT in the declared order; columns and checks of the parents have to be there (row 89)."""
    live, desired = change.live, change.desired
    kept, same = staying(live, desired)
    new, again = desired.inherits[len(same) :], kept[len(same) :]
    name = name_of(desired)
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
        requires=inside(change, context),
    )


def key_columns(table: Table, catalog: Catalog) -> Iterator[Address]:
    """The columns that it is partitioned by, those that expressions name included."""
    for part in table.partition_by.parts if table.partition_by is not None else ():
        for name in (part.column,) if part.expression is None else sorted(words(part.expression.source)):
            column = table.address.sibling("column", (*table.address.path, name))
            if column in catalog.resources:
                yield column


def binds(before: Table, after: Table | None, source: Address, _change: Change[Any] | None) -> bool:
    """A partitioned table holds on to the types of what it is partitioned by: no ALTER changes them."""
    return source.kind == "column" and before.partition_by is not None and after is not None


def no_key(column: Address, context: Context) -> Iterator[Ref]:
    """Partitions below that were partitioned by a column go before it goes or changes its type, to come again after."""
    for path in descendants(column.path, context.live):
        change: Change[Any] | None = context.changes.get(column.sibling("table", path))
        if change is not None and change.action is Action.REPLACE and not steps_aside(change):
            yield Ref(change.address, "remove")


def steps_aside(change: Change[Table]) -> bool:
    """Whether it stays itself when what it is of goes and comes again; otherwise it comes anew, too: partitioned by
    something else, or by columns of another type.
    """
    forced = change.forced is not None and change.forced.kind not in ("table", "composite")
    return not (change.changed("partition_by") or (forced and change.live.partition_by is not None))


def rebuild(change: Change[Table], context: Context) -> list[Draft]:
    """Its parent or its type goes and comes again: the partition steps aside meanwhile, with its rows."""
    from reconciler.engines.postgres.kinds.table import KIND

    live, desired = change.live, change.desired
    if not steps_aside(change):
        return KIND.replace(change, context) if KIND.replace else []
    if live.partition_of:
        out = [detaching(live), *leftovers(change, context)]
    elif live.of_type:
        out = [f"ALTER TABLE {name_of(live)} NOT OF"]
    else:
        out = [f"ALTER TABLE {name_of(live)} NO INHERIT {qualified(*p)}" for p in live.inherits]
    if desired.partition_of:
        back = [attaching(desired)]
    elif desired.of_type:
        back = [f"ALTER TABLE {name_of(desired)} OF {qualified(*desired.of_type)}"]
    else:
        back = [f"ALTER TABLE {name_of(desired)} INHERIT {qualified(*p)}" for p in desired.inherits]
    if not (live.partition_of or live.of_type or live.inherits):
        raise UnsupportedChange(
            f"{change.address} uses {change.forced}, which has to be dropped and created again; it cannot follow",
            hint="declare a table of another name beside it, and move the rows over",
            where=context.desired.origin(change.address),
        )
    rules = [r for r in KIND.rules if change.changed(*r.attributes) and not r.attributes & PARENTS]
    drafts = [replace(d, phase=Phase.CONTRACT) for r in rules for d in r.emit(change, context)]
    held = _held(change, context)
    if out:
        title = f"take {live.address.path[1]} aside"
        drafts.insert(0, Draft("aside", Phase.CONTRACT, title, sql(*out), locks=held, removes=True))
    if back:
        title = f"bring {live.address.path[1]} back"
        drafts.append(
            Draft(
                "back",
                Phase.CONTRACT,
                title,
                sql(*back),
                locks=held,
                hazards=_read(change.desired, context),
                probes=outside(desired, context),
                done=became(change),
                requires=(*inside(change, context), *keys_to_come(change.address, context)),
                provides=True,
            )
        )
    return drafts


def _held(change: Change[Table], context: Context) -> tuple[Lock, ...]:
    """What a partition that steps aside from a parent that stays holds up."""
    live = change.live
    parent = live.partition_of
    if (
        parent is None
        or parent != change.desired.partition_of
        or context.creates(live.address.sibling("table", parent))
    ):
        return ()
    below = [(p[0], p[1]) for p in descendants(live.address.path, context.live)]
    there = (held for held in attach_locks(live, context) if held.on != qualified(*parent))
    return (*access_exclusive(parent, path_of(live), *below), *detach_locks(parent, context), *there)


def _read(table: Table, context: Context) -> tuple[Hazard, ...]:
    """ATTACH looks whether its rows fit the bound, and those of a DEFAULT partition; no check spares it that here."""
    return scans(scanned(table, context, guarded=False)) if table.partition_of is not None else ()
