"""Something that goes and something that comes in the same place, and look alike: perhaps an undeclared rename.

A hint for the reviewer, never acted on: only who wrote the declaration knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.diff.structural import Changes
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action
from reconciler.model.kind import Kind
from reconciler.model.naming import parent_of
from reconciler.model.resource import compared_attributes

Kinds = Mapping[str, Kind[Any]]


def lookalikes(changes: Changes, desired: Catalog, live: Catalog, kinds: Kinds) -> Iterator[tuple[Address, Address]]:
    """(what goes, what comes), where each has one counterpart only; sorted."""
    gone = [a for a, c in changes.items() if c.action is Action.DELETE and kinds[a.kind].former is not None]
    if not gone:
        return
    come: dict[tuple[str, Address | None], list[Address]] = {}
    for address, change in changes.items():
        if change.action is Action.CREATE:
            come.setdefault((address.kind, parent_of(address, kinds)), []).append(address)
    look = _Look(desired, live, kinds)
    pairs = [(g, c) for g in gone for c in come.get((g.kind, parent_of(g, kinds)), ()) if look.alike(g, c)]
    for old, new in sorted(pairs):
        if sum(g == old for g, _ in pairs) == 1 and sum(c == new for _, c in pairs) == 1:
            yield old, new


class _Look:
    """Compares by what is in things where something is in them, by what they say otherwise."""

    def __init__(self, desired: Catalog, live: Catalog, kinds: Kinds) -> None:
        self.desired, self.live, self.kinds = desired, live, kinds
        self.holding = frozenset(k.parent for k in kinds.values() if k.parent)

    def alike(self, old: Address, new: Address) -> bool:
        """Whether the one may be the other under a new name."""
        before, after = self.live.resources[old], self.desired.resources[new]
        if "type" in compared_attributes(type(before)):
            return bool(getattr(before, "type", None) == getattr(after, "type", None))
        if old.kind in self.holding and not self.kinds[old.kind].keeps_former:
            inside = self._inside(self.live, old)
            return bool(inside) and inside == self._inside(self.desired, new)
        return replace(before, address=new) == after and not getattr(after, "former", "")

    def _inside(self, catalog: Catalog, top: Address) -> set[tuple[str, tuple[str, ...], Any]]:
        """What stands in it: kind, name and type."""
        return {
            (a.kind, a.path[len(top.path) :], getattr(r, "type", None))
            for a, r in catalog.resources.items()
            if len(a.path) > len(top.path) and parent_of(a, self.kinds) == top and self.kinds[a.kind].order < LOOSE
        }


LOOSE = 46
"""Kinds from this order on (keys, constraints, indexes) are often named after what holds them."""
