"""Checks on a column that gets another type without a rewrite: the server would look at every row again under its lock.
They go and come again unvalidated in the same transaction, and are validated after it (row 53 of the online catalogue).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.engines.postgres.column_names import table_address, table_name
from reconciler.engines.postgres.inheritance import descendants, parents_of, table_at
from reconciler.engines.postgres.locks import share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import ident
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Check as Shown
from reconciler.model.step import Draft, Operation, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.check import Check
    from reconciler.engines.postgres.kinds.column import Column


class Spared(NamedTuple):
    """A check before and after: the server may spell it otherwise for the new type."""

    live: Check
    desired: Check


def spared(column: Column, context: Context) -> list[Spared]:
    """Those that are the table's own and stay, and that nothing is said of elsewhere; none in a table without rows."""
    from reconciler.engines.postgres.kinds.check import Check

    table, here = table_address(column), table_at(context.live, column.address)
    related = here is None or parents_of(here) or descendants(table.path, context.live)
    if related or context.size(table).rows == 0:
        return []
    pairs = ((c, context.desired.get(c.address, Check)) for c in context.live.children(table, "check", Check))
    return [
        Spared(live, after)
        for live, after in pairs
        if after is not None and after.validated and live.validated and live.enforced
        if column.address.name in live.columns and _stays(live, context)
    ]


def _stays(check: Check, context: Context) -> bool:
    """Whether it is to be what the server makes of it by itself, and has no comment that would go with it."""
    from reconciler.engines.postgres.column_types import follows

    change: Change[Any] | None = context.changes.get(check.address)
    described = check.address.sibling("comment", ("check", *check.address.path)) in context.live.resources
    return not described and (change is None or follows(change, context))


def around(checks: list[Spared], column: Column, statements: list[str], back: bool = False) -> Sql:
    """The statements that change the type, with the checks out of their way; `back`: to what was live."""
    from reconciler.engines.postgres.kinds.check import clause

    start = f"ALTER TABLE {table_name(column)}"
    out = (f"{start} DROP CONSTRAINT {ident(c.live.address.name)}" for c in checks)
    again = (f"{start} ADD {clause(c.live if back else c.desired, valid=False)}" for c in checks)
    return sql(*out, *statements, *again)


def validated(checks: list[Spared], column: Column) -> list[Operation]:
    """What makes them valid again after that, each in a transaction of its own."""
    start = f"ALTER TABLE {table_name(column)} VALIDATE CONSTRAINT"
    return [sql(f"{start} {ident(c.live.address.name)}") for c in checks]


def validations(checks: list[Spared], column: Column, phase: Phase) -> list[Draft]:
    """The same as drafts."""
    return [
        Draft(
            f"validate {check.live.address.name}",
            phase,
            f"check the rows that are in {column.table[1]} by {check.live.address.name} again",
            operation,
            locks=share_update_exclusive(column.table),
            done=(Shown(check.live.address, attributes=(("validated", True),)),),
            undo=(),
            reads=table_address(column),
        )
        for check, operation in zip(checks, validated(checks, column), strict=True)
    ]
