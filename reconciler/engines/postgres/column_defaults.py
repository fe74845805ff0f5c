"""Defaults of columns (row 27 of the online catalogue), and what a forced rebuild does about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres.column_names import alter, label
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.inheritance import descendants
from reconciler.engines.postgres.inheritance_changes import only
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def set_default(change: Change[Column], context: Context) -> list[Draft]:
    """SET DEFAULT lets new code count on it: expand. DROP DEFAULT takes it from old code: contract (row 27).

    What was generated can have a default once it no longer is.
    """
    column, live = change.desired, change.live
    action = f"SET DEFAULT {column.default.source}" if column.default else "DROP DEFAULT"
    back = f"SET DEFAULT {live.default.source}" if live.default else "DROP DEFAULT"
    breaks = column.default is None and column.not_null
    alone = only(change, "default", context)
    hazards = (hazard(Code.OLD_WRITERS, f"code that writes no {column.address.name} is refused"),) if breaks else ()
    return [
        Draft(
            "default",
            Phase.EXPAND if column.default and live.generated is None else Phase.CONTRACT,
            f"{'set' if column.default else 'drop'} the default of {label(column)}",
            sql(alter(column, action, alone)),
            locks=access_exclusive(column.table),
            hazards=hazards,
            done=shows(column.address, ("default", column.default)),
            undo=(sql(alter(column, back, alone), *(() if alone else _restored(live, context))),),
        )
    ]


def _restored(parent: Column, context: Context) -> Iterator[str]:
    """What children had otherwise, which the parent's statement takes along."""
    for column, _ in below(parent, context):
        if column.default != parent.default:
            yield alter(column, f"SET DEFAULT {column.default.source}" if column.default else "DROP DEFAULT")


def below(column: Column, context: Context) -> list[tuple[Column, Column]]:
    """The column in what inherits from its table or is a partition of it, before and after the plan; parents first."""
    from reconciler.engines.postgres.kinds.column import Column

    addresses = (
        column.address.sibling("column", (*p, column.address.name)) for p in descendants(column.table, context.live)
    )
    pairs = ((context.live.get(a, Column), context.desired.get(a, Column)) for a in addresses)
    return [(live, desired) for live, desired in pairs if live is not None and desired is not None]


def around_default(change: Change[Column], drafts: list[Draft]) -> list[Draft]:
    """Without its default first, with the desired one last, in one transaction with what forces it. After a new type of
    a row that it makes, the server spells it otherwise than when it was asked.
    """
    column, live = change.desired, change.live
    gone = Draft(
        "let go",
        Phase.EXPAND,
        f"take the default of {label(column)} away",
        sql(alter(live, "DROP DEFAULT")),
        locks=access_exclusive(column.table),
        removes=True,
    )
    back = Draft(
        "default again",
        Phase.EXPAND,
        f"give {label(column)} its default again",
        sql(alter(column, f"SET DEFAULT {column.default.source}" if column.default else "DROP DEFAULT")),
        locks=access_exclusive(column.table),
        done=()
        if any(c.kind == "column" for c in change.causes)
        else shows(column.address, ("default", column.default)),
        provides=True,
    )
    return [gone, *drafts, back]
