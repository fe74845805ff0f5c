"""A parent's change reaches its children: what the server does to them by itself is planned once, with the parent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.inheritance import children_of, descendants, foreign_descendants, parents_of, table_at
from reconciler.engines.postgres.locks import ROW_SHARE, lock
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.engines.postgres.table_parts import UNTYPED
from reconciler.model.address import Address
from reconciler.model.change import Action, AttributeChange, Change
from reconciler.model.kind import Context, Emit, Rule
from reconciler.model.step import Draft, Lock, Phase, Ref

RECURSES = frozenset({"type", "collation", "not_null", "not_null_valid", "generated", "validated", "enforced"})
"""Attributes that ALTER TABLE always changes in the children as well (tablecmds.c, measured)."""


def rows_of(address: Address, context: Context) -> str:
    """What to read to see the rows of a table: those of its partitions and children are its own to check."""
    name = qualified(*address.path[:2])
    return name if descendants(address.path, context.live) else f"ONLY {name}"


def shared_parents(change: Change[Any], context: Context) -> Iterator[Address]:
    """The same column or check in the parents that the table has before and after the plan. A new one comes before any
    parent is made anew, so that it is the one of the parent's own parent.
    """
    yield from _shared(change.address, change.action is Action.CREATE, context)


def _shared(address: Address, through: bool, context: Context) -> Iterator[Address]:
    before, after = (parents_of(table_at(c, address)) for c in (context.live, context.desired))
    for path in before:
        parent, there = address.sibling("table", path), address.sibling(address.kind, (*path, *address.path[2:]))
        if path in after and not context.creates(parent) and not context.deletes(parent):
            yield there
        elif path in after and through:
            yield from _shared(there, through, context)


def above(change: Change[Any], context: Context, *actions: Action) -> Change[Any] | None:
    """The change of the parent's that does the same to the child."""
    for address in shared_parents(change, context):
        found = context.changes.get(address)
        if found is not None and found.action in actions and not getattr(found.after, "no_inherit", False):
            return found
    return None


def handed_down(change: Change[Any], context: Context) -> bool:
    """The parent's own step does it: its column or check is added, dropped or replaced in the children as well."""
    if change.action is Action.UPDATE or change.action is Action.FORGET:
        return False
    if change.action is Action.DELETE and change.live.local:
        return False  # a child that declares it by itself keeps it when the parent drops it
    found = above(change, context, change.action) or _passed_anew(change, context)
    if found is None:
        return False
    whole = change.action is not Action.CREATE or change.address.kind == "check"
    return whole or not differences(change, found)


def _passed_anew(change: Change[Any], context: Context) -> Change[Any] | None:
    """The parent's check that comes anew as one that its children have, or no longer have."""
    for address in shared_parents(change, context) if change.address.kind == "check" else ():
        found = context.changes.get(address)
        if found is None or found.action is not Action.REPLACE or not found.changed("no_inherit"):
            continue
        if getattr(found.after, "no_inherit", False) == (change.action is Action.DELETE):
            return found
    return None


def differences(change: Change[Any], found: Change[Any]) -> tuple[AttributeChange, ...]:
    """What a new column of a child has otherwise than its parent's."""
    passed, wanted = found.desired, change.desired
    names = ("default", "not_null", "storage", "compression", "statistics", "options")
    pairs = [(n, getattr(passed, n), getattr(wanted, n)) for n in names]
    return tuple(AttributeChange(n, a, b) for n, a, b in pairs if a != b)


def goes_down(change: Change[Any], name: str, context: Context) -> bool:
    """Whether changing this attribute changes it in all children: it has to, or all of them want the same."""
    if name in not_nulls.ATTRIBUTES and not any(map(not_nulls.passes, (change.before, change.after))):
        return False
    if name in RECURSES:
        return True
    if name != "default":
        return False
    wanted = getattr(change.after, name)
    for path in descendants(change.address.path, context.live):
        address = change.address.sibling(change.address.kind, (*path, *change.address.path[2:]))
        if address not in context.live.resources:
            continue
        below = context.changes.get(address)
        if below is None or below.action is not Action.UPDATE or not below.changed(name):
            return False
        if getattr(below.after, name) != wanted:
            return False
    return True


def only(change: Change[Any], name: str, context: Context) -> bool:
    """Whether ALTER TABLE has to spare the children, which would follow otherwise."""
    return bool(descendants(change.address.path, context.live)) and not goes_down(change, name, context)


def inherited(rule: Rule[Any]) -> Rule[Any]:
    """The rule, silent in a child where the parent's step changes it as well; its locks reach the children."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        mine = {(a.name, a.after) for a in change.attributes if a.name in rule.attributes}
        found = above(change, context, Action.UPDATE)
        if found is not None:
            theirs = {(a.name, a.after) for a in found.attributes if goes_down(found, a.name, context)}
            if found.changed("type", "collation"):  # which takes the defaults below it along
                theirs |= {pair for pair in mine if pair[0] == "default"}
            if mine <= theirs:
                return []
        return spread(rule.emit)(change, context)

    return replace(rule, emit=emitted)


def spread(emit: Emit[Any]) -> Emit[Any]:
    """The emitter with the locks that statements take on partitions and children too, unless they are about ONLY."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        drafts = emit(change, context)
        below = descendants(change.address.path, context.live)
        foreign = foreign_descendants(change.address.path, context.live)
        if drafts and (held := _let_go(change, context)):
            drafts[0] = replace(drafts[0], requires=(*drafts[0].requires, held))
        if (
            not (below or foreign)
            or not drafts
            or context.creates(change.address.sibling("table", change.address.path[:2]))
        ):
            return drafts
        if getattr(change.after, "no_inherit", False) and (change.action is Action.CREATE or not _inherited(change)):
            return drafts
        first = tuple(dict.fromkeys((*leaving(change, context), *_waits_for(drafts[0], context))))
        gone = {p for ref in first for p in (ref.address.path, *descendants(ref.address.path, context.live))}
        drafts[0] = replace(drafts[0], requires=(*drafts[0].requires, *first))
        going = {p for p in foreign if context.deletes(change.address.sibling("foreign_table", p))}
        stay = [*(p for p in below if p not in gone), *(p for p in foreign if p not in going)]
        spread = [
            _spread(d, change.address, stay if d.phase is Phase.CONTRACT else [*stay, *sorted(going)]) for d in drafts
        ]
        return [*spread[:1], *drafts[1:]] if getattr(change.after, "no_inherit", False) else spread

    return emitted


def _waits_for(draft: Draft, context: Context) -> Iterator[Ref]:
    """Tables that have to be gone before it runs."""
    return (ref for ref in draft.requires if ref.address.kind == "table" and context.deletes(ref.address))


def _inherited(change: Change[Any]) -> bool:
    """Whether the children had it before."""
    return change.before is not None and not getattr(change.before, "no_inherit", False)


def to_partitions(emit: Emit[Any]) -> Emit[Any]:
    """The emitter of a foreign key with the locks that it takes on the partitions of either side."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        drafts = [
            replace(d, locks=tuple(dict.fromkeys(_both(d, change.address, context)))) for d in emit(change, context)
        ]
        makers = [n for n, d in enumerate(drafts) if not d.removes] if change.after is not None else []
        for n in makers[:1]:
            drafts[n] = replace(drafts[n], requires=(*drafts[n].requires, *leaving(change, context)))
        return drafts

    return emitted


def _both(draft: Draft, address: Address, context: Context) -> Iterator[Lock]:
    for held in draft.locks:
        yield held
        if held.mode == ROW_SHARE:
            continue  # VALIDATE reads the partitions of what the key refers to, no more (measured on 14 and 18)
        sides = [getattr(r.get(address), "table", None) for r in (context.live.resources, context.desired.resources)]
        for path in {address.path[:2], *(s for s in sides if s)}:
            table = table_at(context.live, address.sibling("table", path))
            if table is not None and not draft.removes and context.creates(table.address):
                continue  # its partitions went before
            if table is not None and table.partition_by is not None and held.on == qualified(*path):
                yield from (lock(held.mode, p[0], p[1]) for p in descendants(path, context.live))


def _let_go(change: Change[Any], context: Context) -> Ref | None:
    """The step by which the table leaves a parent or its type: until then what it has from that can be neither dropped
    nor altered, and a partition can have no more than its parent.
    """
    table = change.address.sibling("table", change.address.path[:2])
    whole = context.changes.get(table)
    if whole is None or whole.before is None or whole.after is None or whole.action is not Action.UPDATE:
        return None
    before, after = table_at(context.live, table), table_at(context.desired, table)
    partition = before is not None and before.partition_of is not None
    held = change.action in (Action.DELETE, Action.REPLACE) or change.changed(*RECURSES)
    if before is not None and before.of_type and change.address.kind == "column":
        leaves = after is not None and after.of_type != before.of_type and not whole.forced
        return Ref(table, UNTYPED) if leaves and (held or change.action is Action.CREATE) else None
    if not set(parents_of(before)) - set(parents_of(after)) or not (held or partition):
        return None
    return Ref(table, "detach" if partition else "no inherit")


def leaving(change: Change[Any], context: Context, dropped: bool = False) -> Iterator[Ref]:
    """Children that leave in this plan do so first, or they would get it too; with `dropped`, those that go as well."""
    table = change.address.sibling("table", change.address.path[:2])
    for path in children_of(table.path, context.live):
        child = table.sibling("table", path)
        after = table_at(context.desired, child)
        whole = context.changes.get(child)
        stays = after is not None and table.path in parents_of(after)
        if whole is not None and not stays and (after is not None or dropped):
            partition = getattr(whole.before, "partition_of", None) is not None
            slot = "detach" if partition else "no inherit"
            yield Ref(child, slot if whole.action is Action.UPDATE else None)


def _spread(draft: Draft, address: Address, below: list[tuple[str, ...]]) -> Draft:
    name = qualified(*address.path[:2])
    operation = draft.operation
    if not isinstance(operation, Sql) or all(f" ONLY {name} " in s for s in operation.statements):
        return draft
    modes = [held.mode for held in draft.locks if held.on == name]
    return replace(draft, locks=(*draft.locks, *(lock(mode, p[0], p[1]) for mode in modes for p in below)))
