"""The order of columns: no ALTER TABLE changes it and no plan rewrites a table for it; plans tell where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.table import Table
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change

SHOWN = 10
"""Tables that are told one by one."""


def notes(desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]]) -> Iterator[str]:
    """A sentence for each table whose columns will not stand as declared; those of partitions and children of other
    tables are their parents' to say.
    """
    found = _differing(desired, live, changes)
    for table, names in islice(found, SHOWN):
        yield (
            f"the columns of {'.'.join(table.path)} stand as {', '.join(names)} in the end, not as declared; "
            "no table is rewritten for that, only what says * or names no columns sees it"
        )
    if more := sum(1 for _ in found):
        yield f"so do those of {more} other tables"


def after(table: Address, desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]]) -> list[str]:
    """The columns of a table that stays, in the order in which they will stand: new ones come last."""
    wanted = [c.address for c in desired.children(table, "column", Column)]
    staying = [
        c.address.name
        for c in live.children(table, "column", Column)
        if c.address in desired.resources and not _anew(changes.get(c.address))
    ]
    known = {*staying}
    return [*staying, *(a.name for a in wanted if a.name not in known)]


def _differing(
    desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]]
) -> Iterator[tuple[Address, list[str]]]:
    changing = {a.path[:2] for a in changes if a.kind == "column"}
    for table in desired.of_kind(Table):
        own = not (table.partition_of or table.inherits or table.of_type)
        if not own or table.address not in live.resources or _anew(changes.get(table.address)):
            continue
        wanted = _names(table.address, desired)
        changes_here = table.address.path in changing
        stand = after(table.address, desired, live, changes) if changes_here else _names(table.address, live)
        if stand != wanted:
            yield table.address, stand


def _names(table: Address, catalog: Catalog) -> list[str]:
    return [c.address.name for c in catalog.children(table, "column", Column)]


def _anew(change: Change[Any] | None) -> bool:
    return change is not None and change.action is Action.REPLACE
