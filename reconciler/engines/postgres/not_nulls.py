"""The constraint that NOT NULL is from PostgreSQL 18 on: it has a name, and may stay with the parent."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.column_names import label, table_name
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import fitting, ident
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

GIVEN = re.compile(r"_not_null\d*$")
"""How the names end that the server gives (heap.c, AddRelationNotNullConstraints)."""


def usual(path: tuple[str, ...]) -> str:
    """What the server calls it where that is free; `path` is (schema, table, column)."""
    return fitting(path[1], path[2], suffix="_not_null")


def chosen(name: str, path: tuple[str, ...]) -> str:
    """The name, "" where it is the usual one."""
    return "" if name == usual(path) else name


def name_of(column: Column) -> str:
    """The name in full."""
    return column.not_null_name or usual(column.address.path)


def clause(column: Column) -> str:
    """As CREATE TABLE and ADD COLUMN write it."""
    text = f"CONSTRAINT {ident(column.not_null_name)} NOT NULL" if column.not_null_name else "NOT NULL"
    return text + (" NO INHERIT" if column.not_null_no_inherit else "")


def said(column: Column) -> dict[str, Any]:
    """What a declaration says of the constraint beside that it is there."""
    node: dict[str, Any] = {"name": column.not_null_name} if column.not_null_name else {}
    return node | ({"no_inherit": True} if column.not_null_no_inherit else {})


def lift(column: Column) -> Any:
    """The node of `not_null`."""
    return said(column) or column.not_null


def adopts(declared: Column, live: Column) -> Column:
    """A name that the server gave under an earlier name of the table or the column is as good as the usual one."""
    if declared.not_null and not declared.not_null_name and GIVEN.search(live.not_null_name):
        return replace(declared, not_null_name=live.not_null_name)
    return declared


def renamed(change: Change[Column], _context: Context) -> bool:
    """It is there before and after."""
    return change.live.not_null and change.desired.not_null


def rename(change: Change[Column], _context: Context) -> list[Draft]:
    """RENAME CONSTRAINT: instant, and no query names it (row 8)."""
    column, live, start = change.desired, change.live, f"ALTER TABLE {table_name(change.desired)} RENAME CONSTRAINT"
    old, new = name_of(live), name_of(column)
    return [
        Draft(
            "not null name",
            Phase.EXPAND,
            f"rename the NOT NULL constraint of {label(column)} to {new}",
            sql(f"{start} {ident(old)} TO {ident(new)}"),
            locks=access_exclusive(column.table),
            done=shows(column.address, ("not_null_name", column.not_null_name)),
            undo=(sql(f"{start} {ident(new)} TO {ident(old)}"),),
        )
    ]
