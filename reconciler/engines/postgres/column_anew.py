"""Columns that no ALTER changes: they go and come again, and so does what stands on them, in one transaction.

ALTER TABLE (18) knows no way from a plain column to a generated one, nor between stored and virtual, nor from virtual
to plain; before 17 none from one expression to another; a type that nothing casts to has no USING that keeps values.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reconciler.engines.postgres.column_added import unfilled
from reconciler.engines.postgres.column_names import label, table_address, table_name
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.column_settings import after_creation
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.type_names import MAKERS, named
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Check, Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

OUT = "out"
"""Slot of the draft that takes the column away."""


def anew(change: Change[Column]) -> bool:
    """Whether the column cannot become what is declared in place."""
    column, live, facts = change.desired, change.live, change.desired.facts or Facts()
    if change.changed("type", "collation") and not facts.castable:
        return True
    if column.generated is None:
        return live.generated is not None and live.generated.virtual
    if live.generated is None or live.generated.virtual != column.generated.virtual:
        return True
    return change.changed("generated") and not facts.sets_expression


def whole(change: Change[Column]) -> bool:
    """Whether a forced rebuild has to take the column itself, and not only its default."""
    return anew(change) or (change.live.generated is not None and change.desired.generated is not None)


def spreads(change: Change[Column]) -> Disturbance:
    """Taking a default away touches nobody."""
    return Disturbance.DROPS if whole(change) or _renewed(change) else Disturbance.NONE


def _renewed(change: Change[Column]) -> bool:
    """Whether its type goes, and one of another kind comes by the same name."""
    gone = {cause.path for cause in change.causes if cause.kind in MAKERS}
    return not change.changed("type") and named(change.live.type) in gone


def _composed(change: Change[Column], context: Context) -> bool:
    """Whether the type of that name is a composite, before or after: the text of one is no value of anything else."""
    types = change.address.sibling("composite", named(change.live.type))
    return any(types in catalog.resources for catalog in (context.live, context.desired))


def replace(change: Change[Column], context: Context) -> list[Draft]:
    """DROP COLUMN, ADD COLUMN: it stands last then, and what it held is gone unless it was generated."""
    from reconciler.engines.postgres.kinds.column import clause
    from reconciler.engines.postgres.row_holders import around

    column, live, table = change.desired, change.live, table_name(change.desired)
    return [
        Draft(
            OUT,
            Phase.CONTRACT,
            f"take column {label(live)} away",
            sql(f"ALTER TABLE {table} DROP COLUMN {ident(live.address.name)}"),
            locks=access_exclusive(live.table),
            hazards=_lost(change, context),
            removes=True,
        ),
        around(
            Draft(
                "add",
                Phase.CONTRACT,
                f"make column {label(column)} anew",
                sql(f"ALTER TABLE {table} ADD COLUMN {clause(column)}", *after_creation(column, table)),
                locks=access_exclusive(column.table),
                hazards=_rewritten(column),
                probes=unfilled(column),
                done=(Check(column.address), *became(change)),
                reads=table_address(column),
                provides=True,
            ),
            [table_address(column)],
            context,
            stand_in=column.address.name,
        ),
    ]


def _lost(change: Change[Column], context: Context) -> tuple[Hazard, ...]:
    live, column = change.live, change.desired
    if live.generated is not None and column.generated is not None:
        return ()
    if live.generated is not None:
        return (hazard(Code.DELETES_DATA, f"what {label(live)} showed is not kept: it starts out without values"),)
    rows = context.size(table_address(live)).rows
    known = f"in about {rows} rows" if rows > 0 else "in every row"
    why = "" if column.generated is not None else f": nothing turns the type {live.type} into {column.type}"
    return (hazard(Code.DELETES_DATA, f"what {label(live)} holds {known} is gone{why}"),)


def _rewritten(column: Column) -> tuple[Hazard, ...]:
    stored = column.generated is not None and not column.generated.virtual
    facts = column.facts or Facts()
    if not stored and column.identity is None and facts.fast_default:
        return ()
    return (hazard(Code.REWRITE, f"every row of {table_name(column)} is rewritten to hold {column.address.name}"),)


def rebuild(change: Change[Column], context: Context) -> list[Draft]:
    """Its default lets go of a function that is made anew; a generated column goes and comes again as a whole; one that
    holds rows of what changes is text meanwhile.
    """
    from reconciler.engines.postgres import column_defaults, column_types
    from reconciler.engines.postgres.held_columns import aside, holders_aside
    from reconciler.engines.postgres.kinds.column import KIND
    from reconciler.engines.postgres.row_holders import only_default

    if whole(change) or (_renewed(change) and _composed(change, context)):
        return replace(change, context)
    if _renewed(change):
        out, back = aside(change, (change.desired,))
        lossy = hazard(Code.LOSSY, f"a value that the new {change.desired.type} cannot hold makes the step fail")
        return [dataclasses.replace(out, hazards=(*out.hazards, lossy)), back]
    if only_default(change) and (holders := holders_aside(change, context)):
        return aside(change, holders)
    drafts = [
        d
        for r in KIND.rules
        if "default" not in r.attributes
        and change.changed(*r.attributes)
        and (r.when is None or r.when(change, context))
        for d in r.emit(change, context)
    ]
    if column_types.differs(change, context):
        drafts += column_types.retype(change, context)
    return column_defaults.around_default(change, drafts)
