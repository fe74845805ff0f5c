"""Renames: what a declaration says has another name live, and the live catalog as it stands once that is done.

Everything that is planned beside the renames is planned on that catalog, so that what is in a renamed thing, and what
uses it, keeps its identity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Kind
from reconciler.model.later import Later
from reconciler.model.naming import parent_of
from reconciler.model.resource import Resource

Kinds = Mapping[str, Kind[Any]]
Within = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Moves:
    """The renames that are due in one target.

    `new`: live address → declared one, of what is renamed itself; `via`: declared address → the one right before its
    own rename, which is after those of all that encloses it; `within`: declared address → (old, new) names inside it.
    """

    kinds: Kinds
    new: Mapping[Address, Address] = field(default_factory=dict)
    via: Mapping[Address, Address] = field(default_factory=dict)
    within: Mapping[Address, Within] = field(default_factory=dict)
    _known: dict[Address, Address] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.via or self.within)

    def after(self, address: Address) -> Address:
        """The address of something live once all renames are done: what encloses it takes it along."""
        known = self._known.get(address)
        if known is None:
            parent = parent_of(address, self.kinds) if address.kind in self.kinds else None
            known = self.new.get(address) or (
                address if parent is None else inside(address, parent, self.after(parent), self.kinds)
            )
            self._known[address] = known
        return known


def inside(address: Address, parent: Address, other: Address, kinds: Kinds) -> Address:
    """The address with another parent."""
    if parent == other:
        return address
    holder = (other.kind, *other.path) if kinds[address.kind].attaches else other.path
    length = len(parent.path) + (1 if kinds[address.kind].attaches else 0)
    return address.sibling(address.kind, (*holder, *address.path[length:]))


def due(desired: Catalog, live: Catalog, kinds: Kinds) -> Moves:
    """The declared renames that are not done yet: the old name is live and the new one is not.

    Raises DeclarationErrors where both are live and only one of them is declared, and for names that go in a circle.
    """
    _no_circles(desired)
    found = _Due(desired, live, kinds)
    own = sorted((_depth(new, kinds), new) for new, old in desired.moves.items() if new != old)
    for _, group in groupby(own, lambda item: item[0]):
        found.level([new for _, new in group])
    if found.errors:
        raise DeclarationErrors(found.errors)
    within: dict[Address, Within] = {}
    for address in desired.moves:
        kind, resource = kinds[address.kind], desired.resources.get(address)
        there = live.resources.get(found.place(address))
        if kind.within and resource is not None and there is not None and (pairs := kind.within(resource, there)):
            within[address] = pairs
    return Moves(kinds, found.new, found.via, within)


def with_followers(moves: Moves, follows: Mapping[Address, Address]) -> Moves:
    """The moves with those of what has another address because of them, and no rename of its own."""
    more = {old: new for old, new in follows.items() if moves.after(old) != new}
    return Moves(moves.kinds, {**moves.new, **more}, moves.via, moves.within) if more else moves


def presented(live: Catalog, moves: Moves) -> Catalog:
    """The live catalog with its resources under the addresses they will have; their texts are as they were."""
    resources: dict[Address, Resource] = {}
    for address, resource in live.resources.items():
        new = moves.after(address)
        pairs = moves.within.get(new)
        if new != address:
            resource = dataclasses.replace(resource, address=new)
        if pairs:
            resource = _with_within(resource, pairs, moves.kinds)
        resources[new] = resource

    def uses() -> dict[Address, tuple[Address, ...]]:
        return {moves.after(a): tuple(sorted(map(moves.after, used))) for a, used in live.uses.items()}

    return dataclasses.replace(live, resources=resources, uses=Later(uses), digest="")


def with_moves(
    changes: Mapping[Address, Change[Resource]], desired: Catalog, live: Catalog, moves: Moves
) -> dict[Address, Change[Resource]]:
    """The changes with the renames in them; `live` as `presented`."""
    result = dict(changes)
    for address in [a for a in desired.resources if a in moves.via or a in moves.within]:
        change = result.get(address) or Change(
            address, Action.MOVE, live.resources[address], desired.resources[address]
        )
        result[address] = dataclasses.replace(
            change, moved=moves.via.get(address), within=moves.within.get(address, ())
        )
    return result


def former_roots(desired: Catalog, kinds: Kinds, known: frozenset[str]) -> frozenset[Address]:
    """What encloses the old names of declared renames, where it is not in scope by one of the known names."""
    return frozenset(r for old in desired.moves.values() if (r := _root(old, kinds)).name not in known)


def leaving(live: Catalog, desired: Catalog, kinds: Kinds, roots: frozenset[Address]) -> Catalog:
    """The live catalog without what stands in roots that are looked at for the sake of renames only, but for what is
    renamed itself, with all that is in it."""
    olds = {*desired.moves.values()}

    def stays(address: Address) -> bool:
        enclosing = list(_enclosing(address, kinds))
        return enclosing[-1] not in roots or not olds.isdisjoint(enclosing)

    return dataclasses.replace(live, resources={a: r for a, r in live.resources.items() if stays(a)})


def _root(address: Address, kinds: Kinds) -> Address:
    return [*_enclosing(address, kinds)][-1]


def _enclosing(address: Address, kinds: Kinds) -> Iterator[Address]:
    current: Address | None = address
    while current is not None:
        yield current
        current = parent_of(current, kinds)


def _depth(address: Address, kinds: Kinds) -> int:
    return sum(1 for _ in _enclosing(address, kinds))


def _no_circles(desired: Catalog) -> None:
    for address in desired.moves:
        seen = [address]
        while (old := desired.moves.get(seen[-1])) is not None and old not in seen:
            seen.append(old)
        if old == address and len(seen) > 1:
            names = " and ".join(str(a) for a in seen)
            raise DeclarationErrors(
                [
                    DeclarationError(
                        f"{names} take over each other's names: once that is done, nothing tells that it was",
                        hint="rename one of them to a third name and apply that; then to what it shall be called",
                        where=desired.origin(address),
                    )
                ]
            )


class _Due:
    """Finds the renames that are due, what encloses first."""

    def __init__(self, desired: Catalog, live: Catalog, kinds: Kinds) -> None:
        self.desired, self.live, self.kinds = desired, live, kinds
        self.new: dict[Address, Address] = {}
        self.via: dict[Address, Address] = {}
        self.errors: list[DeclarationError] = []

    def level(self, addresses: Iterable[Address]) -> None:
        """Renames at the same depth, whose names may follow each other: a → b and b → c."""
        spots = {new: (self.was(self.desired.moves[new]), self.was(new)) for new in addresses}
        takers = {old: new for new, (old, _) in spots.items()}
        decided: dict[Address, bool] = {}

        def moves(new: Address) -> bool:
            if new not in decided:
                old, here = spots[new]
                free = here not in self.live.resources or (here in takers and moves(takers[here]))
                decided[new] = old in self.live.resources and free
                if old in self.live.resources and not free and self.desired.moves[new] not in self.desired.resources:
                    self.both(new, old)
            return decided[new]

        for new, (old, _) in spots.items():
            if moves(new):
                if old in self.new:
                    self.twice(new, old)
                self.new[old] = new
                self.via[new] = self.desired.moves[new]

    def was(self, address: Address) -> Address:
        """Where something is live that stands at this address of the declaration, but for its own rename."""
        parent = parent_of(address, self.kinds)
        return address if parent is None else inside(address, parent, self.place(parent), self.kinds)

    def place(self, address: Address) -> Address:
        """Where something is live that stands at this address of the declaration."""
        return {new: old for old, new in self.new.items()}.get(address) or self.was(address)

    def both(self, new: Address, old: Address) -> None:
        self.errors.append(
            DeclarationError(
                f"{new} is to be renamed from {old}, and both are live",
                hint="if it was renamed before, take `renamed_from` out; otherwise one of them has to go first",
                where=self.desired.origin(new),
            )
        )

    def twice(self, new: Address, old: Address) -> None:
        self.errors.append(
            DeclarationError(
                f"{new} and {self.new[old]} are both renamed from {old}",
                hint="take `renamed_from` out of one of them",
                where=self.desired.origin(new),
            )
        )


def _with_within(resource: Resource, pairs: Within, kinds: Kinds) -> Resource:
    change = kinds[resource.address.kind].with_within
    return resource if change is None else change(resource, pairs)
