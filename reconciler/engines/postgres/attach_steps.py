"""How a table becomes a partition, or one with another bound: rows 3 and 86 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres.attaching import (
    attach_locks,
    attaching,
    detach_locks,
    detaching,
    helper,
    implied_check,
    name_of,
    outside,
    path_of,
    referred,
    referring,
    scans,
)
from reconciler.engines.postgres.bounds import swaps, vacated
from reconciler.engines.postgres.detached import gains
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import descendants
from reconciler.engines.postgres.locks import (
    access_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.parents_changed import inside, settling
from reconciler.engines.postgres.partitioned_indexes import attachable
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, str]


def checked(change: Change[Table], context: Context) -> list[Draft]:
    """A check that says what the bound will, validated while the table is in use, so that ATTACH scans nothing."""
    table, condition = change.desired, implied_check(change.desired, context)
    if condition is None or context.size(table.address).rows == 0:
        return []
    name, named = name_of(table), helper(table)
    check = table.address.sibling("check", (*path_of(table), named))
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    refused = hazard(Code.OLD_WRITERS, f"rows of {name} that are not {condition} are refused from here on")
    return [
        Draft(
            "check",
            Phase.CONTRACT,
            f"let {table.address.path[1]} hold only what its bound will let in",
            sql(f"ALTER TABLE {name} ADD CONSTRAINT {ident(named)} CHECK ({condition}) NOT VALID"),
            locks=access_exclusive(path_of(table), *below),
            hazards=(refused,),
            probes=outside(table, context),
            done=(Check(check),),
            undo=(sql(f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {ident(named)}"),),
        ),
        Draft(
            "validate",
            Phase.CONTRACT,
            f"check the rows that are in {table.address.path[1]}",
            sql(f"ALTER TABLE {name} VALIDATE CONSTRAINT {ident(named)}"),
            locks=share_update_exclusive(path_of(table), *below),
            done=(Check(check, attributes=(("validated", True),)),),
            undo=(),
            reads=table.address,
        ),
    ]


def attached(change: Change[Table], context: Context) -> list[Draft]:
    """ATTACH PARTITION, and away with the check that spared it the reading (row 3)."""
    table, live = change.desired, change.live
    name, named = name_of(table), ident(helper(table))
    checked = implied_check(table, context) is not None and context.size(table.address).rows != 0
    tidy = [f"ALTER TABLE {name} DROP CONSTRAINT {named}"] if checked else []
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    shown = hazard(Code.OLD_READERS, f"rows of {name} show in {qualified(*(table.partition_of or ('', '')))}")
    again = (Check(table.address, attributes=(("partition_of", table.partition_of),)),)
    undo = None if live.partition_of or gains(table, context) else (sql(detaching(table)),)
    return [
        Draft(
            "attach",
            Phase.CONTRACT,
            f"make {table.address.path[1]} a partition of {(table.partition_of or ('', ''))[1]}",
            sql(attaching(table), *tidy),
            locks=(*attach_locks(table, context), *access_exclusive(path_of(table), *below)),
            hazards=(shown, *scans(table, context)),
            probes=() if checked else outside(table, context),
            done=became(change) if not live.detach_pending else again,
            undo=undo,
            reads=table.address if scans(table, context) else None,
            requires=(
                *inside(change, context),
                *settling(table, context),
                *vacated(table, context),
                *_indexed(change, context),
            ),
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
    below = [(p[0], p[1]) for p in descendants(table.address.path, context.live)]
    checked = implied_check(table, context) is not None and context.size(table.address).rows != 0
    tidy = [f"ALTER TABLE {name_of(table)} DROP CONSTRAINT {ident(helper(table))}"] if checked else []
    refused = hazard(Code.OLD_WRITERS, f"rows outside {table.bound} are refused by {name_of(table)} from here on")
    apart = swaps(table, context)
    out = access_exclusive(*(() if apart else (parent, *referring(parent, context))))
    bound = Draft(
        "rebound",
        Phase.CONTRACT,
        f"change the bound of partition {table.address.path[1]} of {parent[1]}",
        sql(*(() if apart else (detaching(live),)), attaching(table), *tidy),
        locks=(
            *out,
            *access_exclusive(path_of(table), *below),
            *(held for held in attach_locks(table, context) if held.on not in {o.on for o in out}),
        ),
        hazards=(refused, *scans(table, context)),
        probes=(*(() if apart else referred(live, context)), *(() if checked else outside(table, context))),
        done=became(change),
        undo=(sql(detaching(table), *(() if apart else (attaching(live),))),),
        reads=table.address if scans(table, context) else None,
        requires=vacated(table, context),
        provides=True,
    )
    return [_left(change, context, below), bound] if apart else [bound]


def _left(change: Change[Table], context: Context, below: list[Path]) -> Draft:
    """Out of its parent, which it comes back to by another step."""
    live = change.live
    parent = live.partition_of or ("", "")
    unseen = hazard(Code.OLD_READERS, f"rows of {live.address.path[1]} are not seen in {parent[1]} until it is back")
    return Draft(
        "leave",
        Phase.CONTRACT,
        f"take {live.address.path[1]} out of {parent[1]}, to come back with another bound",
        sql(detaching(live)),
        locks=(*access_exclusive(parent, path_of(live), *below), *detach_locks(parent, context)),
        hazards=(unseen,),
        probes=referred(live, context),
        done=(Check(live.address, attributes=(("partition_of", None),)),),
        undo=(sql(attaching(live)),),
    )
