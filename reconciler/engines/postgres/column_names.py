"""How statements and titles name a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def table_name(column: Column) -> str:
    """`schema.table`."""
    return qualified(*column.table)


def alter(column: Column, action: str, alone: bool = False) -> str:
    """ALTER TABLE … ALTER COLUMN …; `alone` spares partitions and children."""
    table = f"ONLY {table_name(column)}" if alone else table_name(column)
    return f"ALTER TABLE {table} ALTER COLUMN {ident(column.address.name)} {action}"


def label(column: Column) -> str:
    """`table.column`, for people."""
    return f"{column.table[1]}.{column.address.name}"


def table_address(column: Column) -> Address:
    """The column's table."""
    return column.address.sibling("table", column.table)
