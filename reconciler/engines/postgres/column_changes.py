"""How columns change while the table is in use: the recipes of the online catalogue, rows 10 to 29 and 53 to 63."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engines.postgres import not_nulls, toast
from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.column_settings import after_creation
from reconciler.engines.postgres.evidence import shows, still_empty
from reconciler.engines.postgres.inheritance import descendants, inherited_from, table_at
from reconciler.engines.postgres.inheritance_changes import only, rows_of, shared_parents
from reconciler.engines.postgres.locks import ROW_EXCLUSIVE, access_exclusive, lock, share_update_exclusive
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.partition_changes import no_key
from reconciler.engines.postgres.quoting import fitting, ident
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey


def add(change: Change[Column], context: Context) -> list[Draft]:
    """ADD COLUMN. A default that the server cannot store once for all rows is set after it, rows filled in batches.

    In a table that was empty when the plan was made there is nothing to rewrite; the step makes sure that it still is.
    While other columns hold rows of the table, the server lets it have no default from the start, empty or not.
    """
    from reconciler.engines.postgres.row_holders import around, held

    column = change.desired
    facts = column.facts or Facts()
    holding = held(table_address(column), context)
    first, *rest = _adding(change, facts, holding, context)
    if holding and (column.identity is not None or column.generated is not None or _of_domain(column, context)):
        first = around(first, [table_address(column)], context, stand_in=column.address.name)
    return [first, *rest]


def _of_domain(column: Column, context: Context) -> bool:
    return any(a.kind == "domain" for a in type_references(column.address, column.type, context.desired))


def _adding(change: Change[Column], facts: Facts, held: bool, context: Context) -> list[Draft]:

    column = change.desired
    empty = context.size(table_address(column)).rows == 0
    if column.default is not None and (held or not (facts.fast_default or empty)):
        return _add_in_batches(change, context)
    checked = column.not_null and column.not_null_valid
    if checked and column.default is None and column.identity is None and column.generated is None:
        return _add_then_require(change, context)
    if column.generated is not None:
        rewrites = not column.generated.virtual
    else:
        rewrites = not facts.fast_default or column.identity is not None
    effect = f"every row of {table_name(column)} is rewritten to hold {column.address.name}"
    hazards = (hazard(Code.REWRITE, effect),) if rewrites and not empty else ()
    added, *later = _added_whole(change, context, hazards)
    probes = (still_empty(column.table),) if rewrites and empty else ()
    return [replace(added, probes=probes, requires=_retyped_first(column, context)), *later]


def _retyped_first(column: Column, context: Context) -> tuple[Ref, ...]:
    """What a generated column is made from gets its new type before: it cannot any more afterwards."""
    if column.generated is None:
        return ()
    names = words(column.generated.expression.source)
    siblings = (context.changes.get(column.address.sibling("column", (*column.table, n))) for n in sorted(names))
    return tuple(Ref(c.address) for c in siblings if c is not None and c.changed("type", "collation"))


def _added_whole(change: Change[Column], context: Context, hazards: tuple[Hazard, ...] = ()) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    first, later = not_nulls.named_for_now(change.desired, context)
    return [_added(change, clause(first), hazards, reads=bool(hazards)), *later]


def _added(change: Change[Column], clause: str, hazards: tuple[Hazard, ...] = (), reads: bool = False) -> Draft:
    column = change.desired
    name = ident(column.address.name)
    return Draft(
        "add",
        Phase.EXPAND,
        f"add column {label(column)}",
        sql(f"ALTER TABLE {table_name(column)} ADD COLUMN {clause}", *after_creation(column, table_name(column))),
        locks=access_exclusive(column.table),
        hazards=hazards,
        done=(Check(column.address),),
        undo=(sql(f"ALTER TABLE {table_name(column)} DROP COLUMN {name}"),),
        reads=table_address(column) if reads else None,
        provides=True,
    )


def _add_in_batches(change: Change[Column], context: Context) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    checked = column.not_null and column.not_null_valid
    bare = replace(column, default=None, not_null=column.not_null and not checked)
    default = column.default.source if column.default else "NULL"
    drafts = [
        _added(change, clause(bare)),
        Draft(
            "default",
            Phase.EXPAND,
            f"give new rows of {label(column)} a default",
            sql(alter(column, f"SET DEFAULT {default}")),
            locks=access_exclusive(column.table),
            done=shows(column.address, ("default", column.default)),
            undo=(sql(alter(column, "DROP DEFAULT")),),
        ),
        *(_filling(column, path, default) for path in _holding_rows(column, context)),
    ]
    return drafts + (_require(column, context) if checked else [])


def _holding_rows(column: Column, context: Context) -> list[tuple[str, ...]]:
    """The table and what is below it; a partitioned table has no rows of its own."""
    below = descendants(column.address.path, context.live)
    return [p for p in (column.table, *below) if not _partitioned(column.address, p, context)]


def _partitioned(address: Address, path: tuple[str, ...], context: Context) -> bool:
    table = table_at(context.live, address.sibling("table", path))
    return table is not None and table.partition_by is not None


def _filling(column: Column, path: tuple[str, ...], default: str) -> Draft:
    here = path == column.table
    return Draft(
        "backfill" if here else f"backfill {'.'.join(path)}",
        Phase.MIGRATE,
        f"fill {path[1]}.{column.address.name} of the rows that are there",
        Backfill(path[0], path[1], column.address.name, default),
        locks=(lock(ROW_EXCLUSIVE, path[0], path[1]),),
        undo=(),
        reads=column.address.sibling("table", path),
    )


def _add_then_require(change: Change[Column], context: Context) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    if context.size(table_address(column)).rows == 0:
        return _added_whole(change, context)
    return [_added(change, clause(replace(column, not_null=False))), *_require(column, context)]


def drop(change: Change[Column], context: Context) -> list[Draft]:
    """DROP COLUMN in contract; before that new code may already leave it out (row 26), unless a primary key needs it,
    which has to go first and goes with the column.
    """
    column = change.live
    drafts = []
    needed = column.not_null and column.default is None and column.identity is None and column.generated is None
    if needed and not _primary_key(column, context) and not _required_above(column, context):
        drafts.append(_nullable(column, Phase.EXPAND, "code that no longer writes it may insert"))
    rows = context.size(table_address(column)).rows
    known = f"in about {rows} rows" if rows > 0 else "in every row"
    above = [a for a in shared_parents(change, context) if a in context.changes]
    drafts.append(
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop column {label(column)}",
            sql(f"ALTER TABLE {table_name(column)} DROP COLUMN {ident(column.address.name)}"),
            locks=access_exclusive(column.table),
            hazards=(
                hazard(Code.DELETES_DATA, f"what {label(column)} holds {known} is gone"),
                hazard(Code.OLD_READERS, "code that names the column breaks"),
            ),
            done=(Check(column.address, present=False),),
            requires=(*map(Ref, above), *no_key(column.address, context)),
            removes=True,
        )
    )
    return [*drafts, *toast.given_up(change, context)]


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
            undo=(sql(alter(column, back, alone)),),
        )
    ]


def ends_generation(change: Change[Column], _context: Context) -> bool:
    """It becomes a plain column: before anything else, since no value can be told for one that is generated."""
    return change.live.generated is not None and change.desired.generated is None


def set_generated(change: Change[Column], context: Context) -> list[Draft]:
    """DROP EXPRESSION keeps the values (row 91); SET EXPRESSION rewrites (row 90, 17 and later)."""
    from reconciler.engines.postgres.row_holders import around

    column = change.desired
    if column.generated is None:
        operation = sql(alter(column, "DROP EXPRESSION"))
        hazards: tuple[Hazard, ...] = ()
    else:  # all else makes the column anew
        operation = sql(alter(column, f"SET EXPRESSION AS ({column.generated.expression.source})"))
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
        reads=table_address(column) if hazards else None,
    )
    return [around(draft, [table_address(column)], context) if column.generated is not None else draft]


def tightens(change: Change[Column], _context: Context) -> bool:
    """The column must hold values from now on, or at last."""
    return change.desired.not_null


def require(change: Change[Column], context: Context) -> list[Draft]:
    """NOT NULL without a scan under AccessExclusive (row 35)."""
    if change.live.not_null and change.changed("not_null_no_inherit"):
        return [not_nulls.bequeath(change)]
    if not change.desired.not_null_valid:
        return [not_nulls.require_of_new_rows(change)]
    return _require(change.desired, context, added=change.live.not_null)


def _require(column: Column, context: Context, added: bool = False) -> list[Draft]:
    name, table = ident(column.address.name), table_name(column)
    nulls = Probe(
        f"rows of {table} have no {column.address.name}",
        f"SELECT ctid::text FROM {rows_of(column.address, context)} WHERE {name} IS NULL",
    )
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


def _nullable(column: Column, phase: Phase, why: str, requires: tuple[Ref, ...] = ()) -> Draft:
    back = alter(column, "SET NOT NULL")
    if column.not_null_name:
        back = f"ALTER TABLE {table_name(column)} ADD {not_nulls.clause(column)} {ident(column.address.name)}"
    return Draft(
        "nullable",
        phase,
        f"allow no value in {label(column)}: {why}",
        sql(alter(column, "DROP NOT NULL")),
        locks=access_exclusive(column.table),
        done=(Check(column.address, attributes=(("not_null", False),)),),
        undo=(sql(back),),
        requires=requires,
    )


def allow_null(change: Change[Column], context: Context) -> list[Draft]:
    """DROP NOT NULL: no scan; readers may meet NULL (row 29). Identity and primary key have to go first."""
    column = change.live
    key = _primary_key(column, context)
    if key is None:
        phase = Phase.CONTRACT if column.identity else Phase.EXPAND
        return [_nullable(column, phase, "it is declared nullable")]
    siblings = [column.address.sibling("column", (*column.table, name)) for name in key.columns]
    requires = tuple(map(Ref, (key.address, *(a for a in siblings if context.deletes(a)))))
    return [_nullable(column, Phase.CONTRACT, "it is declared nullable", requires)]


def around_default(change: Change[Column], drafts: list[Draft]) -> list[Draft]:
    """Without its default first, with the desired one last, in one transaction with what forces it."""
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
        done=shows(column.address, ("default", column.default)),
        provides=True,
    )
    return [gone, *drafts, back]
