"""New columns that the server need not be asked about: a built-in type under the server's own name for it, and no more.

They are what most plans add, and to ask about one costs more than half of all the rest of a plan.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.types import BUILTIN
from reconciler.model.catalog import Catalog, unequal
from reconciler.model.resource import Resource

FACTS = Facts(fast_default=True)
"""A column without a default is added at once (ALTER TABLE, "Notes")."""
TELLING = BUILTIN - {"bit", "bpchar", "char", "character", "name"}
"""Types whose spelling alone says how the server shows them, and that nobody takes for others."""


def known(desired: Catalog, live: Catalog) -> Catalog:
    """The desired catalog in which the plain new columns of live tables carry what the server would say of them."""
    resources = live.resources
    found = {
        a: replace(column, facts=FACTS)
        for a in unequal(desired, live)
        if a.kind == "column"
        and a not in resources
        and a.sibling("table", a.path[:2]) in resources
        and isinstance(column := desired.resources[a], Column)
        and _plain(column)
    }
    return desired.updated(found)


def is_known(resource: Resource) -> bool:
    """Whether `known` marked it."""
    return isinstance(resource, Column) and resource.facts is FACTS


def _plain(column: Column) -> bool:
    name = column.type.removesuffix("[]")
    return name in TELLING and column == Column(column.address, column.type)
