"""How a table becomes a partition, or one with another bound: rows 3 and 86 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres.attach_guards import guards, outside, restored, scanned, scans, tidied
from reconciler.engines.postgres.attaching import (
    attach_locks,
    attaching,
    below,
    detach_locks,
    detaching,
    gone_first,
    left_beside,
    made_near,
    name_of,
    path_of,
    referred,
    referring,
)
from reconciler.engines.postgres.bounds import swaps, vacated
from reconciler.engines.postgres.detached import gains
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.locks import (
    access_exclusive,
)
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.parents_changed import inside, settling
from reconciler.engines.postgres.partitioned_indexes import attachable
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, str]


def checked(change: Change[Table], context: Context) -> list[Draft]:
    """The checks that spare ATTACH PARTITION its reading, validated while the tables are in use."""
    waits = _waits(change, context)
    return [d for g in guards(change.desired, context) for d in g.drafts(context, waits)]


def _waits(change: Change[Table], context: Context) -> tuple[Ref, ...]:
    table = change.desired
    moves = change.live.partition_of != table.partition_of
    first = (*inside(change, context), *settling(table, context), *_indexed(change, context)) if moves else ()
    return (*first, *vacated(table, context), *made_near(table, context))


def attached(change: Change[Table], context: Context) -> list[Draft]:
    """ATTACH PARTITION, and away with the check that spared it the reading (row 3)."""
    table, live = change.desired, change.live
    name, checks = name_of(table), guards(table, context)
    read, (added, validated) = scanned(table, context), restored(checks)
    parts = below(table, context)
    shown = hazard(Code.OLD_READERS, f"rows of {name} show in {qualified(*(table.partition_of or ('', '')))}")
    again = (Check(table.address, attributes=(("partition_of", table.partition_of),)),)
    kept = live.partition_of or gains(table, context)
    undo = None if kept else (sql(detaching(table), *added), *validated)
    return [
        Draft(
            "attach",
            Phase.CONTRACT,
            f"make {table.address.path[1]} a partition of {(table.partition_of or ('', ''))[1]}",
            sql(attaching(table), *tidied(checks)),
            locks=(*attach_locks(table, context), *access_exclusive(path_of(table), *parts)),
            hazards=(shown, *scans(read)),
            probes=() if checks else outside(table, context),
            done=became(change) if not live.detach_pending else again,
            undo=undo,
            reads=read[0].address if read else None,
            requires=_waits(change, context),
        )
    ]


def _indexed(change: Change[Table], context: Context) -> Iterator[Ref]:
    """The indexes it gets for itself, whose names the parts of its new parent's could take; but for those that would
    become such parts.
    """
    parent = change.address.sibling("table", change.desired.partition_of or ("", ""))
    above = context.desired.children(parent, "index", Resource)
    for own in context.desired.children(change.address, "index", Resource):
        if own.address in context.changes and not any(attachable(own, index) for index in above):
            yield Ref(own.address)


def rebound(change: Change[Table], context: Context) -> list[Draft]:
    """Out and in by one transaction: nobody misses the rows in between. Where partitions take over each other's values,
    all of them go out first.
    """
    table, live = change.desired, change.live
    parent = table.partition_of or ("", "")
    parts = below(table, context)
    checks = guards(table, context)
    read, (added, validated) = scanned(table, context), restored(checks)
    refused = hazard(Code.OLD_WRITERS, f"rows outside {table.bound} are refused by {name_of(table)} from here on")
    apart = swaps(table, context)
    out = access_exclusive(*(() if apart else (parent, *referring(parent, context))))
    bound = Draft(
        "rebound",
        Phase.CONTRACT,
        f"change the bound of partition {table.address.path[1]} of {parent[1]}",
        sql(*(() if apart else (detaching(live),)), attaching(table), *tidied(checks)),
        locks=(
            *out,
            *access_exclusive(path_of(table), *parts),
            *(held for held in attach_locks(table, context) if held.on not in {o.on for o in out}),
        ),
        hazards=(refused, *scans(read)),
        probes=(*(() if apart else referred(live, context)), *(() if checks else outside(table, context))),
        done=became(change),
        undo=(sql(detaching(table), *(() if apart else (attaching(live),)), *added), *validated),
        reads=read[0].address if read else None,
        requires=_waits(change, context),
        provides=True,
    )
    return [_left(change, context, parts), bound] if apart else [bound]


def _left(change: Change[Table], context: Context, parts: list[Path]) -> Draft:
    """Out of its parent, which it comes back to by another step."""
    live = change.live
    parent = live.partition_of or ("", "")
    unseen = hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are not seen in {parent[1]} until it is back")
    other = left_beside(live, context)
    beside = () if other is None else (path_of(other),)
    return Draft(
        "leave",
        Phase.CONTRACT,
        f"take {live.address.path[1]} out of {parent[1]}, to come back with another bound",
        sql(detaching(live)),
        locks=(*access_exclusive(parent, path_of(live), *parts, *beside), *detach_locks(parent, context)),
        hazards=(unseen,),
        probes=referred(live, context),
        done=(Check(live.address, attributes=(("partition_of", None),)),),
        undo=(sql(attaching(live)),),
        requires=gone_first(live, context),
    )
