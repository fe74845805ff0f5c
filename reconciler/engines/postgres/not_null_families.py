"""NOT NULL of a table and of what inherits from it (18 and later); see `families`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.column_names import alter, table_name
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.families import Constraint, Pair, stepping_out
from reconciler.engines.postgres.inherited_not_nulls import names_above
from reconciler.engines.postgres.quoting import ident
from reconciler.errors import UnsupportedChange
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def _there(column: Column | None) -> bool:
    return column is not None and column.not_null


def _same(live: Column, desired: Column) -> bool:
    kept = live.not_null_valid == desired.not_null_valid and live.not_null_no_inherit == desired.not_null_no_inherit
    return live.not_null and desired.not_null and kept and not_nulls.name_of(live) == not_nulls.name_of(desired)


def _shows(column: Column) -> tuple[Check, ...]:
    return shows(column.address, ("not_null", column.not_null), ("not_null_name", column.not_null_name))


def _changes(change: Change[Column]) -> bool:
    """An identity and a primary key want one of their own."""
    return (
        change.action is Action.UPDATE
        and change.changed(*not_nulls.ATTRIBUTES)
        and change.live.identity is None
        and change.desired.identity is None
    )


def _follows(change: Change[Column], pair: Pair, was_own: bool, own: bool) -> bool:
    """See `Constraint`. A child that gets its own gets it before its parent does (`named_below`)."""
    if pair.live is None or pair.desired is None:
        return True
    top, live, desired = change.desired, pair.live, pair.desired
    stays = change.live.not_null and top.not_null
    if stays and (change.changed("not_null_no_inherit") or (change.changed("not_null_name") and (was_own or own))):
        return False
    if not stays and top.not_null:
        if not live.not_null:
            return own or bool(desired.not_null_valid == top.not_null_valid)
        return own and (_same(live, desired) or top.not_null_valid)
    if not stays:
        if not desired.not_null:
            return not was_own
        return bool(live.not_null_valid == desired.not_null_valid) and (not was_own or _same(live, desired))
    if change.live.not_null_valid and not top.not_null_valid:
        return _same(live, desired) if own else not was_own and not desired.not_null_valid
    return was_own == own and desired.not_null_valid and not_nulls.name_of(live) == not_nulls.name_of(desired)


NOT_NULL = Constraint(
    there=_there,
    passes=not_nulls.passes,
    declared=lambda column: column.not_null_local,
    flag="not_null_valid",
    same=_same,
    name=not_nulls.name_of,
    label=lambda column: f"NOT NULL of {column.address.name}",
    drop=lambda column: alter(column, "DROP NOT NULL"),
    add=not_nulls.adding,
    shows=_shows,
    probe=not_nulls.without_value,
    merges=False,
    changes=_changes,
    follows=_follows,
)


def apart(change: Change[Column], context: Context) -> bool:
    """Whether the NOT NULL of a column changes with those of its family, or beside its parents' that stay."""
    if context.server.version < (18,) or _in_key(change, context):
        return False
    return NOT_NULL.apart(change, context) or _beside(change, context)


def change_apart(change: Change[Column], context: Context) -> list[Draft]:
    """The steps of the family with its uppermost column, none with the others; those of a child alone with itself.
    Raises UnsupportedChange where a child is to name, or to check less of, what it has from its parents alone.
    """
    if NOT_NULL.apart(change, context):
        return NOT_NULL.together(change, context)
    live, column = change.live, change.desired
    if not NOT_NULL.own(column, context.desired):
        raise UnsupportedChange(
            f"{change.address}: its NOT NULL is that of its parent, and can be no other as long as that stays",
            hint="leave it to the parent",
        )
    if column.not_null_valid:
        named = (
            not_nulls.name_of(live) if NOT_NULL.own(live, context.live) else next(iter(names_above(live, context.live)))
        )
        new = ident(not_nulls.name_of(column))
        inside = [f"ALTER TABLE {table_name(column)} RENAME CONSTRAINT {ident(named)} TO {new}"]
    else:
        inside = [alter(live, "DROP NOT NULL"), not_nulls.adding(column)]
    done = shows(column.address, *((a.name, a.after) for a in change.attributes if a.name == "not_null_name"))
    if not column.not_null_valid:
        done = shows(column.address, ("not_null_name", column.not_null_name), ("not_null_valid", False))
    drafts = [stepping_out(change, context, inside, done)]
    if column.not_null_valid and not live.not_null_valid:
        drafts.append(NOT_NULL.validation(column, not_nulls.name_of(column), context))
    return drafts


def _beside(change: Change[Column], context: Context) -> bool:
    """Whether a parent passes one on that stays, and the child's changes otherwise than by being checked."""
    live, desired = change.live, change.desired
    weaker = live.not_null_valid and not desired.not_null_valid
    named = not_nulls.name_of(live) != not_nulls.name_of(desired)
    return live.not_null and desired.not_null and (weaker or named) and NOT_NULL.held(change, context)


def _in_key(change: Change[Column], context: Context) -> bool:
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey

    where = change.address.sibling("primary_key", change.live.table)
    keys = (catalog.get(where, PrimaryKey) for catalog in (context.live, context.desired))
    return any(key is not None and change.address.name in key.columns for key in keys)
