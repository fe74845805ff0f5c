"""NOT NULL of a table and of what inherits from it, where the parent's step alone does not make it as declared (18).

The server passes a parent's constraint on with what it is at that moment: to a child that has none as the parent's, to
one that has its own as something that it keeps when the parent gives it up. What a child has from a parent can be
neither dropped nor renamed there (ALTER TABLE, measured on 18). So all of a family goes and comes again by one
transaction, in which nobody writes, not valid at first; what is to be checked is checked afterwards, in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.inheritance import descendants, inherited_from, parents_of, table_at
from reconciler.engines.postgres.inherited_not_nulls import names_above
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

ATTRIBUTES = ("not_null", "not_null_valid", "not_null_no_inherit", "not_null_name")
Pair = tuple["Column", "Column"]
"""A column as it is and as it is declared."""


def apart(change: Change[Column], context: Context) -> bool:
    """Whether the NOT NULL of a column changes with those of its family, or beside its parents' that stay."""
    if context.server.version < (18,) or not change.changed(*ATTRIBUTES):
        return False
    return _top(change, context) is not None or _held(change, context)


def change_apart(change: Change[Column], context: Context) -> list[Draft]:
    """The steps of the family with its uppermost column, none with the others; those of a child alone with itself."""
    top = _top(change, context)
    if top is None:
        return [_stepping_out(change, context)]
    return _anew(top, context) if top.address == change.address else []


def _top(change: Change[Column], context: Context) -> Change[Column] | None:
    """The column above, or this one, whose change does not make those below as they are declared."""
    for address in _parents(change, context):
        above: Change[Any] | None = context.changes.get(address)
        if above is not None and above.action is Action.UPDATE and (top := _top(above, context)) is not None:
            return top
    below = _below(change, context)
    own = change.changed(*ATTRIBUTES) and (_passes(change.live) or _passes(change.desired))
    return change if own and below and not all(_follows(change, pair, context) for pair in below) else None


def _parents(change: Change[Column], context: Context) -> list[Address]:
    """The same column in the parents that stay."""
    after = set(inherited_from(change.desired, context.desired))
    return [a for a in inherited_from(change.live, context.live) if a in after]


def _below(change: Change[Column], context: Context) -> list[Pair]:
    """What is below before and after, parents first; nothing where more than NOT NULL decides: a key, an identity,
    another parent that passes its own on.
    """
    found: list[Pair] = []
    family = {change.live.table}
    for path in descendants(change.live.table, context.live):
        pair = _pair(change.address.sibling("column", (*path, change.address.name)), context)
        if pair is None or path not in descendants(change.live.table, context.desired):
            continue
        for column, catalog in zip(pair, (context.live, context.desired), strict=True):
            others = (a for a in inherited_from(column, catalog) if (a.path[0], a.path[1]) not in family)
            if any(_passes(_column(a, catalog)) for a in others):
                return []
        family.add(pair[0].table)
        found.append(pair)
    whole = [(change.live, change.desired), *found]
    return (
        []
        if any(_bound(c, k) for p in whole for c, k in zip(p, (context.live, context.desired), strict=True))
        else found
    )


def _bound(column: Column, catalog: Catalog) -> bool:
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey

    key = catalog.get(column.address.sibling("primary_key", column.table), PrimaryKey)
    return column.identity is not None or (key is not None and column.address.name in key.columns)


def _pair(address: Address, context: Context) -> Pair | None:
    live, desired = _column(address, context.live), _column(address, context.desired)
    return (live, desired) if live is not None and desired is not None else None


def _column(address: Address, catalog: Catalog) -> Column | None:
    from reconciler.engines.postgres.kinds.column import Column

    return catalog.get(address, Column)


def _passes(column: Column | None) -> bool:
    return column is not None and column.not_null and not column.not_null_no_inherit


def _own(column: Column, catalog: Catalog) -> bool:
    """Whether the table has the constraint by itself too."""
    passed = any(_passes(_column(a, catalog)) for a in inherited_from(column, catalog))
    return column.not_null and (column.not_null_local or not passed)


def _same(pair: Pair) -> bool:
    live, desired = pair
    kept = live.not_null_valid == desired.not_null_valid and live.not_null_no_inherit == desired.not_null_no_inherit
    return live.not_null and desired.not_null and kept and not_nulls.name_of(live) == not_nulls.name_of(desired)


def _follows(change: Change[Column], pair: Pair, context: Context) -> bool:
    """Whether the parent's own step, and where that is added one of the child before it, make the child's so."""
    live, desired = pair
    before, after = _passes(change.live), _passes(change.desired)
    was_own, own = _own(live, context.live), _own(desired, context.desired)
    if change.live.not_null and change.changed("not_null_no_inherit"):
        return False
    if after and not before:
        if not live.not_null:
            return own or desired.not_null_valid == change.desired.not_null_valid
        return own and (_same(pair) or change.desired.not_null_valid)
    if before and not after:
        if not desired.not_null:
            return not was_own
        return live.not_null_valid == desired.not_null_valid and (not was_own or _same(pair))
    if change.live.not_null_valid and not change.desired.not_null_valid:
        return _same(pair) if own else not was_own and not desired.not_null_valid
    if change.changed("not_null_name"):
        return not was_own and not own
    return was_own == own and desired.not_null_valid and not_nulls.name_of(live) == not_nulls.name_of(desired)


def _anew(change: Change[Column], context: Context) -> list[Draft]:
    """All of the family in one transaction; then what rows are to be checked by, each by itself."""
    column, below = change.desired, _below(change, context)
    tables = [column.table, *(live.table for live, _ in below)]
    there, back = _made((change.live, column), below, context.live, context.desired), [(b, a) for a, b in below]
    undo = _made((column, change.live), back, context.desired, context.live)
    stricter = any(b.not_null and not a.not_null for a, b in ((change.live, column), *below))
    refused = hazard(Code.OLD_WRITERS, f"code that writes no {column.address.name} is refused from here on")
    first = Draft(
        "family",
        Phase.CONTRACT,
        f"set what {label(column)} and the columns below it require of new rows",
        sql(*there[0]),
        locks=access_exclusive(*tables),
        hazards=(refused,) if stricter else (),
        done=tuple(
            Check(c.address, attributes=(("not_null", c.not_null), ("not_null_name", c.not_null_name)))
            for _, c in ((change.live, column), *below)
        ),
        undo=(sql(*undo[0], *(_validating(c, name) for c, name in undo[1])),),
    )
    return [first, *(_validated(c, name, context) for c, name in there[1])]


def _validated(column: Column, name: str, context: Context) -> Draft:
    below = [(p[0], p[1]) for p in descendants(column.table, context.live)]
    return Draft(
        f"validate {'.'.join(column.table)}",
        Phase.CONTRACT,
        f"check that every row has {label(column)}",
        sql(_validating(column, name)),
        locks=share_update_exclusive(column.table, *below),
        done=(Check(column.address, attributes=(("not_null", True), ("not_null_valid", True))),),
        undo=(),
        reads=table_address(column),
    )


def _validating(column: Column, name: str) -> str:
    return f"ALTER TABLE {table_name(column)} VALIDATE CONSTRAINT {ident(name)}"


def _made(top: Pair, below: list[Pair], old: Catalog, new: Catalog) -> tuple[list[str], list[tuple[Column, str]]]:
    """From one state to the other: the statements, and what is to be validated then, by its name there.

    Down the family to let go, up to add, so that each has its own before it gets that of its parent; that of the
    uppermost comes last. What stays the same is kept.
    """
    live, desired = top
    own = [p for p in below if _own(p[1], new)]
    kept = [p for p in own if _own(p[0], old) and _same(p)]
    gone = [alter(live, "DROP NOT NULL")] if live.not_null else []
    gone += [alter(a, "DROP NOT NULL") for a, b in below if _own(a, old) and (a, b) not in kept]
    added = [b for a, b in reversed(own) if (a, b) not in kept]
    names = {b.address: not_nulls.name_of(b) for _, b in own}
    if desired.not_null:
        added.append(desired)
        names[desired.address] = not_nulls.name_of(desired)
    checked: list[tuple[Column, str]] = []
    valid = {b.address for a, b in kept if b.not_null_valid}
    for column in ([desired] if desired.not_null else []) + [b for _, b in below if b.not_null]:
        above = [a for a in inherited_from(column, new) if _passes(_column(a, new))]
        name = names.setdefault(column.address, next((names[a] for a in above if a in names), ""))
        if any(a in valid for a in above):
            valid.add(column.address)
        elif column.not_null_valid and column.address not in valid:
            checked.append((column, name))
            valid.add(column.address)
    return [*gone, *(not_nulls.adding(c) for c in added)], checked


def _held(change: Change[Column], context: Context) -> bool:
    """Whether a parent passes one on before and after, and the child's changes otherwise than by being checked."""
    stays = [
        a
        for a in inherited_from(change.live, context.live)
        if a in set(inherited_from(change.desired, context.desired))
    ]
    if not any(_passes(_column(a, context.live)) and _passes(_column(a, context.desired)) for a in stays):
        return False
    if any((found := context.changes.get(a)) is not None and found.changed(*ATTRIBUTES) for a in stays):
        return False
    weaker = change.live.not_null_valid and not change.desired.not_null_valid
    named = not_nulls.name_of(change.live) != not_nulls.name_of(change.desired)
    return weaker or named


def _stepping_out(change: Change[Column], context: Context) -> Draft:
    """NO INHERIT leaves the child what it has, to be changed; INHERIT finds it there. Raises UnsupportedChange for a
    partition, whose parent's readers would miss its rows, and where the child has it from its parents alone.
    """
    live, column = change.live, change.desired
    table = table_at(context.desired, change.address)
    parents = [(p[0], p[1]) for p in parents_of(table)]
    own = _own(column, context.desired)
    if (
        table is None
        or table.partition_of
        or not own
        or parents != list(parents_of(table_at(context.live, change.address)))
    ):
        what = "gives it a name" if own else "has it"
        raise UnsupportedChange(
            f"{change.address}: its NOT NULL is that of its parent, which alone {what}",
            hint="declare of it what is live: `reconcile import` writes that",
        )
    name = qualified(*column.table)
    old = not_nulls.name_of(live) if _own(live, context.live) else next(iter(names_above(live, context.live)))
    if column.not_null_valid:
        inside = [f"ALTER TABLE {name} RENAME CONSTRAINT {ident(old)} TO {ident(not_nulls.name_of(column))}"]
    else:
        inside = [alter(live, "DROP NOT NULL"), not_nulls.adding(column)]
    return Draft(
        "own not null",
        Phase.CONTRACT,
        f"let {label(column)} require values by a constraint of its own",
        sql(
            *(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in parents),
            *inside,
            *(f"ALTER TABLE {name} INHERIT {qualified(*p)}" for p in parents),
        ),
        locks=(*access_exclusive(column.table), *share_update_exclusive(*parents)),
        done=(
            Check(
                column.address,
                attributes=(("not_null_name", column.not_null_name), ("not_null_valid", column.not_null_valid)),
            ),
        ),
        undo=None,  # NO INHERIT leaves the columns the child's own
    )
