"""What a rule may ask about the plan it works for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.engine import Server
from reconciler.model.kind import Kind, Policy
from reconciler.model.naming import parent_of
from reconciler.model.resource import Resource
from reconciler.model.step import Size
from reconciler.planner.rebuild import stays

UNKNOWN = Size(-1, -1)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class PlanContext:
    """Implements `model.kind.Context` for one target. Equal to itself alone, so that what it led to may be kept."""

    desired: Catalog
    live: Catalog
    changes: Mapping[Address, Change[Resource]]
    policy: Policy
    server: Server
    kinds: Mapping[str, Kind[Any]]
    sizes: Mapping[Address, Size] = field(default_factory=dict)

    def creates(self, address: Address) -> bool:
        """The resource, or what encloses it, does not exist before this plan, or comes anew."""
        return self._ends(address, Action.CREATE, Action.REPLACE)

    def deletes(self, address: Address) -> bool:
        """The resource, or what encloses it, does not exist after this plan."""
        return self._ends(address, Action.DELETE)

    def _ends(self, address: Address | None, *actions: Action) -> bool:
        while address is not None:
            change = self.changes.get(address)
            if change is not None and change.action in actions and not stays(change, self.kinds[address.kind]):
                return True
            address = parent_of(address, self.kinds)
        return False

    def size(self, address: Address) -> Size:
        """Estimated rows and bytes; Size(-1, -1) where nothing is known."""
        return self.sizes.get(address, UNKNOWN)
