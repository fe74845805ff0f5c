"""What is live of a move: which table takes which one's place, and how far that is."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.dynamodb.migration.records import STATES, Move
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource, Role, attr

TOLD = "it advances while the move runs"


@dataclass(frozen=True, slots=True)
class Succession(Resource):
    """Path: (logical name,). `built`: the new table can be used. `shape`: what was declared when it began."""

    old: str = attr(Role.REPLACE)
    new: str = attr(Role.REPLACE)
    built: bool = attr(Role.INFORMATIONAL, reason=TOLD, default=False)
    state: str = attr(Role.INFORMATIONAL, reason=TOLD, default="begun")
    shape: str = attr(Role.INFORMATIONAL, reason="it says what for, not what is there", default="")
    stale: bool = attr(Role.INFORMATIONAL, reason="it is a matter of time", default=False)
    """Changes may be lost by now: the copy has to begin anew."""
    protected: bool = attr(Role.INFORMATIONAL, reason="it is the old table's", default=False)

    @property
    def copied(self) -> bool:
        """The new table holds all items that were there when it began, and perhaps later changes."""
        return self._past("copied")

    @property
    def compared(self) -> bool:
        """Both tables were found equal, but for what changed meanwhile."""
        return self._past("compared")

    @property
    def switched(self) -> bool:
        """The new table has the name."""
        return self._past("switched")

    def _past(self, state: str) -> bool:
        return STATES.index(self.state) >= STATES.index(state)


def of(move: Move, address: Address, *, built: bool, protected: bool) -> Succession:
    """The resource of what is on record."""
    return Succession(address, move.old, move.new, built, move.state, move.shape, move.stale(time.time()), protected)


def named(desired: Catalog, live: Catalog) -> Catalog:
    """The declaration with the names that tables have by now: one that took another one's place is meant by its name.

    The same catalog where there is none; idempotent.
    """
    found: dict[Address, Resource] = {}
    for address, resource in desired.resources.items():
        there: Any = live.resources.get(address) if address.kind == "table" else None
        if there is not None and there.base != there.name and there.base == getattr(resource, "name", None):
            found[address] = replace(resource, name=there.name)  # type: ignore[call-arg]
    return desired.with_resources({**desired.resources, **found}) if found else desired
