"""What a new index has to wait for: room, the types of its attributes, and the mode of its table."""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.naming import table_address
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref


def _siblings(index: Any, context: Context) -> list[Any]:
    table = table_address(index.address)
    found = [r for kind in ("gsi", "vector_index") for r in context.live.children(table, kind, Resource)]
    return sorted((g for g in found if g.address != index.address), key=lambda g: g.address)


def makes_room(index: Any, context: Context) -> list[Ref]:
    """The removals of the same table, where their room is needed."""
    table = table_address(index.address)
    both = (*context.live.children(table, "gsi", Resource), *context.desired.children(table, "gsi", Resource))
    if len({g.address for g in both}) <= limits.MAX_GSI:
        return []
    return [Ref(g.address) for g in _siblings(index, context) if context.deletes(g.address)]


def other_types(index: Any, context: Context) -> list[Ref]:
    """The removals of indexes that hold one of its attributes with another type: a table knows one type for each.

    Raises UnsupportedChange where such an index stays.
    """
    wanted = {k.name: k.type for k in (*index.partition, *index.sort)}
    found: list[Ref] = []
    for other in _siblings(index, context):
        clash = next((k for k in (*other.partition, *other.sort) if wanted.get(k.name, k.type) != k.type), None)
        if clash is None:
            continue
        if not context.deletes(other.address):
            raise UnsupportedChange(
                f"{index.address} needs {clash.name} as {wanted[clash.name]}, but {other.address} holds it as"
                f" {clash.type}, and a table knows one type for each attribute",
                hint="take all the indexes of that attribute out of the declaration, apply, and declare them anew",
                where=context.desired.origin(index.address),
            )
        found.append(Ref(other.address))
    return found


def after_billing(index: Any, context: Context) -> list[Ref]:
    """The change of the table's mode: what is made afterwards has units that go with it."""
    table = context.changes.get(table_address(index.address))
    return (
        [Ref(table.address, "billing")] if table and table.action is Action.UPDATE and table.changed("billing") else []
    )


def taken_over(index: Any, context: Context) -> Address | None:
    """The live index whose place a new one takes by `renamed_from`, where that goes: the service renames none."""
    old = index.address.sibling("gsi", (*index.address.path[:1], index.former))
    return old if index.former and context.deletes(old) else None


def successor(index: Any, context: Context) -> Address | None:
    """The declared index that takes the place of a live one."""
    found: list[Any] = context.desired.children(table_address(index.address), "gsi", Resource)
    return next((i.address for i in found if i.former == index.address.name), None)


def after_successor(new: Address | None, context: Context) -> list[Ref]:
    """The building of the successor, unless that has to wait for room."""
    change = context.changes.get(new) if new else None
    if new is None or change is None or change.action is not Action.CREATE:
        return []
    first = (*makes_room(change.desired, context), *other_types(change.desired, context))
    return [] if first else [Ref(new)]
