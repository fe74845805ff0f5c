"""How columns change and go while the table is in use: rows 26 to 29, 35, 90 and 91 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres import not_nulls, toast
from reconciler.engines.postgres.column_defaults import below
from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.column_types import read_by
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.inheritance import children_of, inherited_from, parents_of, table_at
from reconciler.engines.postgres.inheritance_changes import shared_parents
from reconciler.engines.postgres.inherited_not_nulls import dropping, kept_below
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.partition_changes import no_key
from reconciler.engines.postgres.quoting import fitting, ident
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Operation, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.column_parts import Generated
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey


def drop(change: Change[Column], context: Context) -> list[Draft]:
    """DROP COLUMN in contract; before that new code may already leave it out (row 26), unless a primary key needs it,
    which has to go first and goes with the column.
    """
    column = change.live
    drafts = []
    needed = column.not_null and column.default is None and column.identity is None and column.generated is None
    if needed and not _primary_key(column, context) and not _required_above(column, context):
        drafts.append(_nullable(column, Phase.EXPAND, "code that no longer writes it may insert", context))
    rows = context.size(table_address(column)).rows
    known = f"in about {rows} rows" if rows > 0 else "in every row"
    above = [a for a in shared_parents(change, context) if a in context.changes]
    drafts.append(
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop column {label(column)}",
            sql(*_dropping(column, context)),
            locks=access_exclusive(column.table),
            hazards=(
                hazard(Code.DELETES_DATA, f"what {label(column)} holds {known} is gone"),
                hazard(Code.OLD_READERS, "code that names the column breaks"),
            ),
            done=(Check(column.address, present=False),),
            requires=(*map(Ref, above), *no_key(column.address, context), *read_by(column, context)),
            removes=True,
        )
    )
    return [*drafts, *toast.given_up(change, context)]


def _dropping(column: Column, context: Context) -> list[str]:
    """DROP COLUMN, which takes those below along that have it from there alone: ONLY where one of them stays, which is
    its own from then on.
    """
    kept = [live for live, desired in below(column, context) if not live.local and desired.local]
    text = f"{table_name(column)} DROP COLUMN {ident(column.address.name)}"
    if not kept:
        return [f"ALTER TABLE {text}"]
    there = (context.live.get(a, type(column)) for a in _children(column, context))
    gone = [c for c in there if c is not None and not c.local and context.deletes(c.address)]
    return [f"ALTER TABLE ONLY {text}", *(s for c in gone for s in _dropping(c, context))]


def _children(column: Column, context: Context) -> Iterator[Address]:
    """The column in the children that stay such."""
    for path in children_of(column.table, context.live):
        if column.table in parents_of(table_at(context.desired, column.address.sibling("table", path))):
            yield column.address.sibling("column", (*path, column.address.name))


def ends_generation(change: Change[Column], _context: Context) -> bool:
    """It becomes a plain column: before anything else, since no value can be told for one that is generated."""
    return change.live.generated is not None and change.desired.generated is None


def set_generated(change: Change[Column], context: Context) -> list[Draft]:
    """DROP EXPRESSION keeps the values (row 91); SET EXPRESSION rewrites (row 90, 17 and later)."""
    from reconciler.engines.postgres.row_holders import around

    column, before = change.desired, change.live.generated
    undo: tuple[Operation, ...] | None = None
    if column.generated is None:
        operation = sql(alter(column, "DROP EXPRESSION"))
        hazards: tuple[Hazard, ...] = ()
    else:  # all else makes the column anew
        operation = _generated_as(column, column.generated)
        undo = (_generated_as(column, before),) if before is not None else None
        stored = not column.generated.virtual
        hazards = (hazard(Code.REWRITE, f"{table_name(column)} is rewritten with the new values"),) if stored else ()
    draft = Draft(
        "generated",
        Phase.CONTRACT,
        f"change how {label(column)} is generated",
        operation,
        locks=access_exclusive(column.table),
        hazards=hazards,
        done=shows(column.address, ("generated", column.generated)),
        undo=undo,
        reads=table_address(column) if hazards else None,
    )
    return [around(draft, [table_address(column)], context) if column.generated is not None else draft]


def _generated_as(column: Column, generated: Generated) -> Sql:
    return sql(alter(column, f"SET EXPRESSION AS ({generated.expression.source})"))


def tightens(change: Change[Column], _context: Context) -> bool:
    """The column must hold values from now on, or at last."""
    return change.desired.not_null


def require(change: Change[Column], context: Context) -> list[Draft]:
    """NOT NULL without a scan under AccessExclusive (row 35)."""
    live, desired = change.live, change.desired
    weaker = not desired.not_null_valid and (live.not_null_valid or not live.not_null)
    if weaker:
        return [not_nulls.require_of_new_rows(change, context)]
    drafts = [not_nulls.bequeath(change)] if live.not_null and change.changed("not_null_no_inherit") else []
    if not live.not_null or (desired.not_null_valid and not live.not_null_valid):
        drafts += required(desired, context, added=live.not_null)
    return drafts


def required(column: Column, context: Context, added: bool = False) -> list[Draft]:
    """What makes a nullable column hold a value in every row; `added`: new rows have to have one already."""
    name, table = ident(column.address.name), table_name(column)
    nulls = not_nulls.without_value(column, context)
    without = "NULL to" if column.default is not None else "no"  # what leaves it out gets the default
    old = hazard(Code.OLD_WRITERS, f"code that writes {without} {column.address.name} is refused from here on")
    if context.server.version >= (18,):
        return not_nulls.require(column, nulls, old, context, added)
    helper = fitting(column.table[1], column.address.name, suffix="_not_null")
    check = column.address.sibling("check", (*column.table, helper))
    refuse = f"ALTER TABLE {table} ADD CONSTRAINT {ident(helper)} CHECK ({name} IS NOT NULL) NOT VALID"
    return [
        Draft(
            "require",
            Phase.CONTRACT,
            f"refuse new rows without {label(column)}",
            sql(refuse),
            locks=access_exclusive(column.table),
            hazards=(old,),
            probes=(nulls,),
            done=(Check(check),),
            undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(helper)}"),),
        ),
        Draft(
            "validate",
            Phase.CONTRACT,
            f"check that every row has {label(column)}",
            sql(f"ALTER TABLE {table} VALIDATE CONSTRAINT {ident(helper)}"),
            locks=share_update_exclusive(column.table),
            done=(Check(check, attributes=(("validated", True),)),),
            undo=(),
            reads=table_address(column),
        ),
        Draft(
            "not null",
            Phase.CONTRACT,
            f"require a value in {label(column)}",
            sql(alter(column, "SET NOT NULL"), f"ALTER TABLE {table} DROP CONSTRAINT {ident(helper)}"),
            locks=access_exclusive(column.table),
            done=(Check(column.address, attributes=(("not_null", True),)), Check(check, present=False)),
            undo=(sql(alter(column, "DROP NOT NULL"), refuse),),
        ),
    ]


def _primary_key(column: Column, context: Context) -> PrimaryKey | None:
    """The live primary key that the column is part of."""
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey

    key = context.live.get(column.address.sibling("primary_key", column.table), PrimaryKey)
    return key if key is not None and column.address.name in key.columns else None


def _required_above(column: Column, context: Context) -> bool:
    """Whether a parent wants a value in it; then no DROP NOT NULL lets the child off."""
    above = (context.live.resources[a] for a in inherited_from(column, context.live))
    return any(getattr(c, "not_null", False) and not getattr(c, "not_null_no_inherit", False) for c in above)


def _nullable(column: Column, phase: Phase, why: str, context: Context, requires: tuple[Ref, ...] = ()) -> Draft:
    kept = kept_below(column, context)
    own = [c for c in kept if context.server.version >= (18,) and not c.not_null_local]
    partitioned = getattr(context.live.resources.get(table_address(column)), "partition_by", None) is not None
    scans = [table_name(c) for c in kept if partitioned and context.server.version < (18,)]
    slow = (hazard(Code.SCAN_UNDER_LOCK, f"{name} is read from end to end for rows without a value") for name in scans)
    back = alter(column, "SET NOT NULL")
    if column.not_null_name or column.not_null_no_inherit or not column.not_null_valid:
        back = not_nulls.adding(column, valid=column.not_null_valid)
    checked = [c for c, _ in below(column, context) if c.not_null_valid and not column.not_null_valid]
    again = [not_nulls.validating(c, column) for c in checked if c.not_null and not c.not_null_local]
    return Draft(
        "nullable",
        phase,
        f"allow no value in {label(column)}: {why}",
        sql(*dropping(column, kept, context)),
        locks=access_exclusive(column.table),
        hazards=tuple(slow),
        done=(
            Check(column.address, attributes=(("not_null", False),)),
            *(Check(c.address, attributes=(("not_null", True),)) for c in kept),
        ),
        undo=None
        if any(_primary_key(c, context) for c in own)
        else (sql(*(alter(c, "DROP NOT NULL") for c in own), back, *again),),
        requires=requires,
    )


def allow_null(change: Change[Column], context: Context) -> list[Draft]:
    """DROP NOT NULL: no scan; readers may meet NULL (row 29). Identity and primary key have to go first."""
    column = change.live
    key = _primary_key(column, context)
    if key is None:
        phase = Phase.CONTRACT if column.identity else Phase.EXPAND
        return [_nullable(column, phase, "it is declared nullable", context)]
    siblings = [column.address.sibling("column", (*column.table, name)) for name in key.columns]
    requires = tuple(map(Ref, (key.address, *(a for a in siblings if context.deletes(a)))))
    return [_nullable(column, Phase.CONTRACT, "it is declared nullable", context, requires)]
