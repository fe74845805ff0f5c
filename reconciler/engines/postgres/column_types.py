"""Another type or collation for a column: rows 53 to 62 of the online catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import column_checks, column_settings
from reconciler.engines.postgres.column_defaults import below
from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.partition_changes import no_key
from reconciler.engines.postgres.quoting import qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref

OUT = "out"
"""Slot of the draft that takes a check or an index out of the way of a new type."""

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def differs(change: Change[Column], _context: Context) -> bool:
    """The type or the collation is another one."""
    return change.changed("type", "collation")


def differing(live: Column, desired: Column) -> bool:
    """Whether the type or the collation is another one."""
    return (live.type, live.collation) != (desired.type, desired.collation)


def retype(change: Change[Column], context: Context) -> list[Draft]:
    """ALTER COLUMN TYPE. The server said whether that rewrites the table or its indexes."""
    from reconciler.engines.postgres.row_holders import around
    from reconciler.engines.postgres.type_probes import unfit

    column, live = change.desired, change.live
    facts = column.facts or Facts()
    _refuse_impossible(change, facts, context)
    using = f" USING {facts.using}" if facts.using else ""
    tree = [(live, column), *(p for p in below(column, context) if differing(*p))]
    checks = [] if facts.rewrites else column_checks.spared(column, context)
    hazards = _hazards(live, column, facts, context, {c.live.address.name for c in checks})
    phase = Phase.CONTRACT if facts.rewrites else Phase.EXPAND
    back = column_checks.around(checks, column, _statements([(b, a) for a, b in tree], ""), back=True)
    return [
        around(
            Draft(
                "type",
                phase,
                f"change the type of {label(column)} to {column.type}",
                column_checks.around(checks, column, _statements(tree, using)),
                locks=access_exclusive(column.table, *_tied(column, context)),
                hazards=hazards,
                probes=unfit(live, column, facts, context),
                done=(Check(column.address, attributes=(("type", column.type), ("collation", column.collation))),),
                undo=None if facts.rewrites else (back, *column_checks.validated(checks, column)),
                reads=table_address(column) if hazards else None,
                requires=(
                    *_generated_from(change.address, context),
                    *_made_way(facts, context),
                    *no_key(column.address, context),
                    *read_by(column, context),
                ),
                provides=True,
            ),
            [table_address(column)],
            context,
            of=change.address,
        ),
        *column_checks.validations(checks, column, phase),
    ]


def read_by(column: Column, context: Context) -> Iterator[Ref]:
    """Columns beside it whose `using` reads it: they change their type while it still is what that was written for."""
    from reconciler.engines.postgres.kinds.column import Column

    mine = words(column.using.source) if column.using else set()
    for other in context.desired.children(table_address(column), "column", Column):
        change: Change[Any] | None = context.changes.get(other.address)
        if change is None or change.before is None or other.using is None or not differs(change, context):
            continue
        if column.address.name in words(other.using.source) and other.address.name not in mine:
            yield Ref(other.address)


def _refuse_impossible(change: Change[Column], facts: Facts, context: Context) -> None:
    column, live = change.desired, change.live
    where = context.desired.origin(change.address)
    left = ", ".join(str(a) for a in facts.blockers if a not in context.changes)
    if left:
        raise UnsupportedChange(
            f"{change.address}: its type cannot change from {live.type} to {column.type} under {left}",
            hint="change or drop that in the same plan",
            where=where,
        )


def _in_the_way(address: Address, facts: Facts, context: Context) -> Iterator[Ref]:
    yield from _generated_from(address, context)
    yield from _made_way(facts, context)
    yield from no_key(address, context)


def _made_way(facts: Facts, context: Context) -> Iterator[Ref]:
    """What hinders the change goes first; its successor comes after, since that refers to the column."""
    for address in facts.blockers:
        yield Ref(address, OUT if context.changes[address].action is Action.REPLACE else None)


def _generated_from(address: Address, context: Context) -> Iterator[Ref]:
    """Live columns of the table whose generation expression reads the column go first, or cease to be generated."""
    users = (a for a in context.live.uses if a.kind == "column" and a.path[:2] == address.path[:2])
    for user in sorted(a for a in users if address in context.live.uses[a]):
        change = context.changes.get(user)
        if change is not None:
            yield Ref(user, OUT if change.action is Action.REPLACE and change.after is not None else None)


def hinders(change: Change[Any], context: Context) -> bool:
    """Whether a live check or index is in the way of a column of its table that changes its type in this plan."""
    return any(change.address in f.blockers for f in _facts_beside(change, context))


def follows(change: Change[Any], context: Context) -> bool:
    """Whether the new type of a column makes of the live check or index just what is declared."""
    if change.action is not Action.REPLACE or change.forced:
        return False
    return any(change.address in f.followers for f in _facts_beside(change, context))


def _facts_beside(change: Change[Any], context: Context) -> Iterator[Facts]:
    table = change.address.sibling("table", change.address.path[:2])
    addresses = (c.address for c in context.live.children(table, "column", Resource))
    facts = (getattr(context.changes[a].after, "facts", None) for a in addresses if a in context.changes)
    return (f for f in facts if isinstance(f, Facts))


def _statements(tree: list[tuple[Column, Column]], using: str) -> list[str]:
    """The defaults, of the column and of those below it that change along, go first and come again where they differ,
    or where they might not follow the type.
    """
    after, alone = tree[0][1], len(tree) > 1
    collate = f" COLLATE {qualified(*after.collation)}" if after.collation else ""
    out, back = [], []
    for old, new in tree:
        if (old.default != new.default or using) and old.identity is None:  # that has no default
            out += [alter(new, "DROP DEFAULT", alone)] if old.default else []
            back += [alter(new, f"SET DEFAULT {new.default.source}", alone)] if new.default else []
        back += column_settings.again(old, new, alone)
    return [*out, alter(after, f"TYPE {after.type}{collate}{using}"), *back]


def _hazards(
    live: Column, column: Column, facts: Facts, context: Context, spared: Collection[str]
) -> tuple[Hazard, ...]:
    from reconciler.engines.postgres.type_probes import keeps_all

    if facts.rewrites:
        effect = f"{table_name(column)} and its indexes are rewritten from {live.type} to {column.type}"
        if column.using is not None:
            made = f"every {label(column)} becomes {column.using.source}: what that does not keep is gone"
            return (hazard(Code.REWRITE, effect), hazard(Code.LOSSY, made))
        if keeps_all(live, column):
            return (hazard(Code.REWRITE, effect),)
        return (
            hazard(Code.REWRITE, effect),
            hazard(Code.LOSSY, f"a value that {column.type} cannot hold makes the step fail or is rounded"),
        )
    again = [name for name in _done_again(column, facts, context) if name not in spared]
    if again:
        return (hazard(Code.SCAN_UNDER_LOCK, f"{table_name(column)} is read from end to end, for {', '.join(again)}"),)
    return ()


def _done_again(column: Column, facts: Facts, context: Context) -> list[str]:
    """Checks that are made again, indexes that are built again: of expressions always, of columns if they sort anew."""
    from reconciler.engines.postgres.kinds.check import Check as CheckConstraint
    from reconciler.engines.postgres.kinds.exclusion import Exclusion
    from reconciler.engines.postgres.kinds.index import Index
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
    from reconciler.engines.postgres.kinds.unique import Unique

    live, here, name = context.live, table_address(column), column.address.name
    found = [c.address.name for c in live.children(here, "check", CheckConstraint) if name in c.columns]
    for exclusion in live.children(here, "exclusion", Exclusion):
        if facts.reindexes or _mentioned(name, [e.part.expression for e in exclusion.elements if e.part.expression]):
            found.append(exclusion.address.name)
    for index in live.children(here, "index", Index):
        texts = [e for e in (index.where, *(p.expression for p in index.parts)) if e is not None]
        if _mentioned(name, texts) or (facts.reindexes and name in [p.column for p in index.parts]):
            found.append(index.address.name)
    if facts.reindexes:
        key = live.get(column.address.sibling("primary_key", column.table), PrimaryKey)
        found += [key.name] if key is not None and name in key.columns else []
        found += [u.address.name for u in live.children(here, "unique", Unique) if name in u.columns]
    return sorted(found)


def _mentioned(name: str, texts: list[Expr]) -> bool:
    """Rather too often than too seldom."""
    return any(name in text.text for text in texts)


def _tied(column: Column, context: Context) -> list[tuple[str, str]]:
    """The tables on the other side of foreign keys over the column: they are locked as well (row 53)."""
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    name, here = column.address.name, column.table
    keys = [(k, (k.address.path[0], k.address.path[1])) for k in context.live.of_kind(ForeignKey)]
    away = {k.table for k, place in keys if place == here and name in k.columns}
    toward = {place for k, place in keys if k.table == here and name in k.referenced}
    return sorted((away | toward) - {here})
