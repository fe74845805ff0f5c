"""What a resource below a table asks about that table while a plan is made."""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb.naming import table_address
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context


def physical(address: Address, context: Context) -> str:
    """The physical name of the table that a resource belongs to; the live one counts where there is one."""
    table: Any = context.live.resources.get(table_address(address)) or context.desired.resources[table_address(address)]
    return str(table.name)


def anew(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of all that belongs to a table that is made anew: the new one is made as declared."""
    table = context.changes.get(table_address(change.address))
    return table is not None and table.action is Action.REPLACE


def with_table(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of what DeleteTable takes along and CreateTable does not make."""
    return change.action is not Action.CREATE and context.deletes(table_address(change.address))


def within_table(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of what CreateTable makes and DeleteTable takes along."""
    table = table_address(change.address)
    return context.creates(table) if change.action is Action.CREATE else context.deletes(table)


def with_index(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of what the removal of an index, or of its table, takes along."""
    return change.action is not Action.CREATE and context.deletes(change.address.sibling("gsi", change.address.path))


def within_created_table(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of what CreateTable makes, an import from S3 does not, and DeleteTable takes along."""
    table: Any = context.desired.resources.get(table_address(change.address))
    if change.action is Action.CREATE and table is not None and table.source is not None:
        return False
    return within_table(change, context)
