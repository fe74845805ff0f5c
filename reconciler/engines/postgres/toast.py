"""The TOAST table that a table keeps when the last column that could need it goes (documentation, 66.2 "TOAST").

Only a rewrite gives it up. A table with rows keeps it, since that would lock everybody out for nothing; one that is
empty is rewritten in no time, and then is as if it had been made so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.engines.postgres.inheritance import descendants, table_at
from reconciler.engines.postgres.inheritance_changes import handed_down
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import alone
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, undeclared
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Ref


def in_question(desired: Catalog, live: Catalog) -> Iterator[Address]:
    """Tables that lose a column; whether one is left that may need the TOAST table, the server has to say."""
    from reconciler.engines.postgres.kinds.table import Table

    for address in sorted(undeclared(desired, live)):
        if address.kind == "column":
            table = address.sibling("table", address.path[:2])
            there = live.get(table, Table)
            if there is not None and there.toasted and table in desired.resources:
                yield table


def given_up(change: Change[Any], context: Context) -> list[Draft]:
    """With the first of the columns that go, once all of them are gone: VACUUM FULL of what is empty.

    Not where something else goes and comes again with it: that is one transaction, which VACUUM cannot be part of.
    """
    table = change.address.sibling("table", change.address.path[:2])
    gone = [
        a
        for a, c in context.changes.items()
        if a.kind == "column" and a.path[:2] == table.path and c.action is Action.DELETE and not handed_down(c, context)
    ]
    together = change.forced is not None or any(change.address in c.causes for c in context.changes.values())
    if together or change.address != min(gone, default=None):
        return []
    others = tuple(Ref(a) for a in sorted(gone) if a != change.address)
    paths = (table.path, *descendants(table.path, context.live))
    return [_draft(a, others) for p in paths if _useless(a := table.sibling("table", p), context)]


def _useless(table: Address, context: Context) -> bool:
    before, after = table_at(context.live, table), table_at(context.desired, table)
    known = before is not None and after is not None and before.toasted is True and after.toasted is False
    return known and context.size(table).rows == 0


def _draft(table: Address, others: tuple[Ref, ...]) -> Draft:
    here = table.path[0], table.path[1]
    return Draft(
        f"toast of {'.'.join(here)}",
        Phase.CONTRACT,
        f"give up the TOAST table of {here[1]}, which is empty and has no column left for it",
        alone(f"VACUUM (FULL) {qualified(*here)}"),
        locks=access_exclusive(here),
        done=(Check(table, attributes=(("toasted", False),)),),
        undo=(),
        requires=others,
    )
