"""Indexes and keys of partitioned tables: made ON ONLY the parent, on each partition while it is in use, then attached
(row 88 of the online catalogue; ALTER INDEX … ATTACH PARTITION).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres.inheritance import (
    children_of,
    descendants,
    foreign_descendants,
    parents_of,
    partitions,
    table_at,
)
from reconciler.engines.postgres.inheritance_changes import leaving
from reconciler.engines.postgres.locks import (
    ACCESS_EXCLUSIVE,
    SHARE,
    access_exclusive,
    lock,
    share_update_exclusive,
)
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Lock, Phase, Probe

Path = tuple[str, ...]
Pair = tuple[str, str]


HAVING_IT = """ARRAY(
                   WITH RECURSIVE below AS (
                       SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = c.oid
                       UNION ALL
                       SELECT h.inhrelid FROM below b JOIN pg_inherits h ON h.inhparent = b.inhrelid)
                   SELECT ARRAY[pn.nspname, pt.relname]::text[]
                   FROM below JOIN pg_index hi ON hi.indexrelid = below.inhrelid
                   JOIN pg_class pt ON pt.oid = hi.indrelid JOIN pg_namespace pn ON pn.oid = pt.relnamespace
                   ORDER BY 1)"""
"""SQL for the partitions, at whatever depth, that have a part of the partitioned index c."""


@dataclass(frozen=True)
class Recipe:
    """How one index or key is made. `index(name, table, how)` is CREATE INDEX with `how` as "ONLY " or "CONCURRENTLY ";
    `key` is the constraint it backs, as in PRIMARY KEY, or "" for a plain index, and `clause` that constraint under a
    name, `timing` the end of it; `whole` makes all of it at once.
    """

    label: str
    index: Callable[[str, Path, str, bool], str]
    names: tuple[str, ...]
    whole: str
    only: str
    key: str = ""
    suffix: str = "_idx"
    clause: Callable[[str], str] | None = None
    timing: str = ""


def partitioned(address: Address, context: Context) -> bool:
    """Whether it is in a table that is partitioned, and stays so."""
    tables = [table_at(c, address) for c in (context.live, context.desired)]
    there = all(t is not None and t.partition_by is not None for t in tables)
    return there and not context.creates(address.sibling("table", address.path[:2]))


def locked(address: Address, context: Context, mode: str) -> tuple[Lock, ...]:
    """The mode on the table and on all partitions."""
    below = partitions(address.sibling("table", address.path[:2]), context.live)
    return tuple(lock(mode, p[0], p[1]) for p in (address.path, *below))


def create(
    change: Change[Any],
    context: Context,
    recipe: Recipe,
    phase: Phase,
    hazards: tuple[Hazard, ...],
    probes: tuple[Probe, ...],
    some: Collection[Path] | None = None,
) -> list[Draft]:
    """At once where there are no rows; else partition by partition while they are in use. A foreign partition has no
    index to attach, and one made so would stay invalid (validatePartitionedIndex in tablecmds.c; measured): at once.
    `some`: only these partitions get it.
    """
    table = change.address.sibling("table", change.address.path[:2])
    below = [p for p in descendants(table.path, context.live) if not _leaves(p, table, context)]
    empty = context.size(table).rows == 0 and not any(_mistaken(change, p, context) for p in below)
    if some is None and (empty or not below or foreign_descendants(table.path, context.live)):
        mode = ACCESS_EXCLUSIVE if recipe.key else SHARE
        below_mode = mode if context.server.version >= (18,) else SHARE  # measured on 14 to 18
        first = tuple(leaving(change, context, dropped=_unfinished_below(table, context)))
        left = [p for r in first for p in (r.address.path, *descendants(r.address.path, context.live))]
        foreign = foreign_descendants(table.path, context.live)
        left += [p for p in foreign if context.deletes(table.sibling("foreign_table", p))]
        gone = {qualified(*_two(p)) for p in left}
        below_too = (p for p in descendants(table.path, context.desired) if _before(p, change, context))
        others = (*partitions(table, context.live), *foreign, *below_too)
        locks = (lock(mode, *_two(table.path)), *(lock(below_mode, *_two(p)) for p in others))
        return [
            Draft(
                "create",
                phase,
                f"create {recipe.label} on {table.name} and its partitions",
                sql(recipe.whole),
                locks=tuple(k for k in locks if k.on not in gone),
                hazards=hazards,
                probes=probes,
                done=(Check(change.address),),
                undo=(sql(_dropping(recipe, table.path, _own_name(change))),),
                requires=first,
                provides=True,
            )
        ]
    drafts = [
        Draft(
            "only",
            phase,
            f"declare {recipe.label} on {table.name}, without its partitions yet",
            sql(recipe.only),
            locks=(lock(ACCESS_EXCLUSIVE if recipe.key else SHARE, *_two(table.path)),),
            hazards=hazards,
            probes=probes,
            done=(Check(change.address),),
            undo=(sql(_dropping(recipe, table.path, _own_name(change))),),
        )
    ]
    top = (table.path[0], _own_name(change))
    drafts += _below(change, context, recipe, phase, table.path, top, some)
    last = replace(drafts[-1], provides=True)
    if some is None:  # valid once the last partition that has no part yet has left
        last = replace(last, requires=(*last.requires, *leaving(change, context, dropped=True)))
    if not recipe.key:
        last = replace(last, done=(*last.done, _complete(change.address, some)))
    return [*drafts[:-1], last]


def _complete(index: Address, some: Collection[Path] | None) -> Check:
    return Check(index, attributes=(("valid", True),) if some is None else (("partitions", tuple(some)),))


def _mistaken(change: Change[Any], path: Path, context: Context) -> bool:
    """Whether a partition has an index of its own, declared so, that would be taken for its part."""
    table = change.address.sibling("table", path)
    same = (i for i in context.live.children(table, "index", Resource) if i.address in context.desired.resources)
    return change.address.kind == "index" and any(attachable(i, change.desired) for i in same)


def _unfinished_below(table: Address, context: Context) -> bool:
    """Whether an index on a part of the partitions is below: taken for a part, it would leave the whole not valid."""
    below = (table.sibling("table", p) for p in descendants(table.path, context.live))
    found = (i for t in below for i in context.live.children(t, "index", Resource))
    return any(getattr(i, "partitions", None) is not None for i in found)


def completed(
    change: Change[Any], context: Context, recipe: Recipe, there: Collection[Path], some: Collection[Path] | None
) -> list[Draft]:
    """An index that is on the partitions `there` comes to `some` others or to all; none where it cannot be completed: a
    foreign partition has none to attach, and what is missing further down is not known.
    """
    table = change.address.sibling("table", change.address.path[:2])
    inner = any(children_of(p, context.live) for p in there)
    if inner or foreign_descendants(table.path, context.live) or (some is not None and not {*there} <= {*some}):
        return []
    missing = [p for p in children_of(table.path, context.live) if p not in there]
    below = [d for p in missing for d in (p, *descendants(p, context.live))]
    left = [p for p in below if some is None or p in some]
    top = (table.path[0], change.address.name)
    drafts = _below(change, context, recipe, Phase.EXPAND, table.path, top, left)
    drafts = [replace(d, undo=None) for d in drafts]  # what is attached stays
    if drafts:
        last = drafts[-1]
        drafts[-1] = replace(last, done=(*last.done, _complete(change.address, some)), provides=True)
    return drafts


def _two(path: Path) -> tuple[str, str]:
    return path[0], path[1]


def _own_name(change: Change[Any]) -> str:
    return getattr(change.after, "name", "") if change.address.kind == "primary_key" else change.address.name


def _dropping(recipe: Recipe, table: Path, name: str) -> str:
    """Away with it and all its parts, if that is not done."""
    if recipe.key:
        return f"ALTER TABLE {qualified(*_two(table))} DROP CONSTRAINT IF EXISTS {ident(name)}"
    return f"DROP INDEX IF EXISTS {qualified(table[0], name)}"


def _leaves(path: Path, table: Address, context: Context) -> bool:
    """Whether it is no partition any more after the plan."""
    before, after = (table_at(c, table.sibling("table", path)) for c in (context.live, context.desired))
    return after is None or parents_of(before) != parents_of(after)


def on_some(recipe: Recipe, table: Path, name: str, some: Collection[Path], context: Context) -> list[str]:
    """The statements that make it ON ONLY a table, and on these of its partitions, at once."""
    statements = [recipe.index(name, table, "ONLY ", False)]
    for path in children_of(table, context.desired):
        if path in some:
            own = _kept(path, name, context) or free_name(path, recipe, context)
            inner = children_of(path, context.desired)
            made = on_some(recipe, path, own, some, context) if inner else [recipe.index(own, path, "", False)]
            attach = f"ALTER INDEX {qualified(table[0], name)} ATTACH PARTITION {qualified(path[0], own)}"
            statements += [*made, attach]
    return statements


def _below(
    change: Change[Any],
    context: Context,
    recipe: Recipe,
    phase: Phase,
    above: Path,
    parent: Pair,
    some: Collection[Path] | None = None,
) -> list[Draft]:
    drafts: list[Draft] = []
    table = change.address.sibling("table", above)
    made = (p for p in children_of(above, context.desired) if context.creates(table.sibling("table", p)))
    new = [p for p in made if some or _before(p, change, context)]
    for path in sorted({*children_of(above, context.live), *new}):
        if (path not in new and _leaves(path, table, context)) or (some is not None and path not in some):
            continue
        child = table_at(context.desired if path in new else context.live, table.sibling("table", path))
        there = equal_index(change, path, context)
        name = there or _kept(path, parent[1], context) or free_name(path, recipe, context)
        qualified_name = qualified(path[0], name)
        inner = child is not None and child.partition_by is not None
        index = Check(change.address.sibling("index", (*path, name)))
        words = f"ALTER TABLE {qualified(*_two(path))} ADD CONSTRAINT {ident(name)} {recipe.key}"
        if inner:
            drafts.append(_inside(change, recipe, phase, path, name))
            index = drafts[-1].done[0]
            drafts += _below(change, context, recipe, phase, path, (path[0], name), some)
        elif there is None:
            build = alone(recipe.index(name, path, "", True), repairs=(path[0], name))
            title = f"build its index of {path[1]} while it is in use"
            step = _step(f"build {path}", phase, title, build, path, "ShareUpdateExclusive")
            undo = (alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified_name}"),)
            built = index._replace(attributes=(("valid", True),))
            drafts.append(replace(step, undo=undo, done=(built,), reads=table.sibling("table", path)))
        again = () if there is None else (alone(recipe.index(name, path, "", True), repairs=(path[0], name)),)
        out = sql(_dropping(recipe, above, parent[1]))
        attach = [f"{words} USING INDEX {ident(name)}{recipe.timing}"] if recipe.key and not inner else []
        attach.append(f"ALTER INDEX {qualified(*parent)} ATTACH PARTITION {qualified_name}")
        held = access_exclusive(_two(path)) if recipe.key and not inner else (lock(ACCESS_EXCLUSIVE, path[0], name),)
        drafts.append(
            Draft(
                f"attach {path}",
                phase,
                f"make it part of {recipe.label}",
                sql(*attach),
                locks=(*held, *share_update_exclusive(parent)),
                done=(index._replace(present=False),),
                undo=None if _owns_it_then(change, path, context) else (out, *again),
            )
        )
    return drafts


def _owns_it_then(change: Change[Any], path: Path, context: Context) -> bool:
    """From 18 on the key makes a NOT NULL that the partition has from its parent its own too, for good (measured)."""
    names = getattr(change.after, "columns", ()) if change.address.kind == "primary_key" else ()
    columns = (context.live.resources.get(change.address.sibling("column", (*path, n))) for n in names)
    passed = (c for c in columns if getattr(c, "not_null", False) and not getattr(c, "not_null_local", True))
    return context.server.version >= (18,) and any(passed)


def _inside(change: Change[Any], recipe: Recipe, phase: Phase, path: Path, name: str) -> Draft:
    """The part of a partition that has partitions itself, which come next."""
    only, mode, place = recipe.index(name, path, "ONLY ", False), SHARE, change.address.sibling("index", (*path, name))
    if recipe.clause is not None:
        only, mode = f"ALTER TABLE ONLY {qualified(*_two(path))} ADD {recipe.clause(name)}", ACCESS_EXCLUSIVE
        place = change.address.sibling(change.address.kind, (*path, name)[: len(change.address.path)])
    step = _step(f"only {path}", phase, f"declare it on {path[1]}", sql(only), path, mode)
    return replace(step, done=(Check(place),), undo=(sql(_dropping(recipe, path, name)),))


def _step(slot: str, phase: Phase, title: str, operation: Any, path: Path, mode: str) -> Draft:
    return Draft(slot, phase, title, operation, locks=(lock(mode, path[0], path[1]),), undo=())


def _kept(path: Path, parent: str, context: Context) -> str:
    """The name of what the partition has of the parent's index before that goes and comes again."""
    table = table_at(context.live, next(iter(context.live.resources)).sibling("table", path))
    return next((t.name for t in table.twins if t.of == parent), "") if table is not None else ""


def free_name(path: Path, recipe: Recipe, context: Context) -> str:
    """As the server would call it (indexcmds.c, ChooseIndexName): table, columns, kind, and a number where taken."""
    taken = {a.name for c in (context.live, context.desired) for a in c.resources if a.path[0] == path[0]}
    table = table_at(context.live, next(iter(context.live.resources)).sibling("table", path))
    taken |= {t.name for t in table.twins} if table is not None else set()
    number = 0
    while True:
        name = fitting(path[1], *recipe.names, suffix=recipe.suffix + (str(number) if number else ""))
        if name not in taken:
            return name
        number += 1


def equal_index(change: Change[Any], path: Path, context: Context) -> str | None:
    """The name of a live index of a partition that is just what the parent's needs there, and not declared itself."""
    if change.address.kind != "index" or change.after is None:
        return None
    table = change.address.sibling("table", path)
    for index in context.live.children(table, "index", type(change.after)):
        if index.address in context.desired.resources:
            continue
        whole = replace(change.after, valid=True, partitions=None)
        if replace(whole, address=index.address, options=getattr(index, "options", ())) == index:
            return str(index.address.name)
    return None


def attachable(own: Any, index: Any) -> bool:
    """Whether the server would make an index of a partition part of one of its parent's: whatever their order (index.c,
    CompareIndexInfo).
    """

    def said(index: Any) -> tuple[Any, ...]:
        parts = [p._replace(descending=False, nulls_first=False) for p in index.parts]
        return index.method, index.unique, index.nulls_not_distinct, parts, index.include, index.where

    return said(own) == said(index)


def contested(partition: Address, index: Any, context: Context) -> bool:
    """Whether a new partition gets an index of its own under the name that the server would give to its part of another
    one: then the partition comes first.
    """
    if partition.kind != "table" or not context.creates(partition) or index.address.kind != "index":
        return False
    part = fitting(partition.name, *names_of(index), suffix="_idx")
    own = context.desired.children(partition, "index", type(index))
    return any(i.address.name.rstrip("0123456789") == part and not attachable(i, index) for i in own)


def _before(partition: Path, change: Change[Any], context: Context) -> bool:
    return contested(change.address.sibling("table", partition), change.desired, context)


def names_of(index: Any) -> tuple[str, ...]:
    """What the server makes the names of its parts of."""
    return tuple(p.column or "expr" for p in index.parts)


def taken_in(change: Change[Any], context: Context) -> bool:
    """Whether an index of a partition that is no longer declared becomes part of a new one of the parent's."""
    if change.action is not Action.DELETE:
        return False
    table = table_at(context.live, change.address)
    after = table_at(context.desired, change.address)
    while table is not None and after is not None and table.partition_of and table.partition_of == after.partition_of:
        parent = change.address.sibling("table", table.partition_of)
        for other in context.desired.children(parent, "index", Resource):
            found = context.changes.get(other.address)
            new = found is not None and found.action is Action.CREATE
            if found and new and equal_index(found, change.address.path[:2], context) == change.address.name:
                return True
        table, after = table_at(context.live, parent), table_at(context.desired, parent)
    return False


def drop(change: Change[Any], context: Context, statement: str) -> Draft:
    """Not concurrently: the parent's index takes those of the partitions along (DROP INDEX)."""
    return Draft(
        "drop",
        Phase.CONTRACT,
        f"drop {change.address.kind.replace('_', ' ')} {change.address.name} of {change.address.path[1]}",
        sql(statement),
        locks=locked(change.address, context, ACCESS_EXCLUSIVE),
        done=(Check(change.address, present=False),),
    )


def gap(change: Change[Any]) -> Hazard:
    """Between the old and the new."""
    return hazard(Code.INDEX_GAP, f"there is no {change.address.name} while the new one is built")
