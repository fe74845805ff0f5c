"""All resources of one target; the same type for what is declared and for what is live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from reconciler.model.address import Address
from reconciler.model.later import at_once
from reconciler.model.resource import Resource
from reconciler.model.span import Span

R = TypeVar("R", bound=Resource)


class Unmanaged(NamedTuple):
    """Something that exists live and that `reconcile` leaves alone: what it is, and why."""

    address: Address
    reason: str


class Deferred(NamedTuple):
    """Something that cannot be compared or done now, and why. A value, never silence."""

    address: Address
    reason: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Catalog:
    """The resources of one target, in a stable order that keeps what the order of declaration means.

    `digest` names what it was read from, where reading tells: equal digests, equal catalogs.
    `uses` is what the store itself knows of who uses what, beside what the resources say. `origin` says where a
    declared resource was written; it is a function because finding a line means parsing again. `moves` says of declared
    addresses which other one the resource may be live at (`renamed_from`); its own, where that is said of its inside.
    """

    service: str
    engine: str
    resources: Mapping[Address, Resource]
    unmanaged: tuple[Unmanaged, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    origin: Callable[[Address], Span | None] = field(default=lambda _address: None)
    uses: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict)
    digest: str = ""
    moves: Mapping[Address, Address] = field(default_factory=dict)
    _before: list[tuple[Mapping[Address, Resource], Mapping[Address, Resource]]] = field(
        default_factory=list, init=False
    )
    """(resources, changes) of the catalog that this one is an update of."""
    _kinds: dict[str, list[Resource]] = field(default_factory=dict, init=False)
    _children: dict[str, dict[tuple[str, ...], list[Resource]]] = field(default_factory=dict, init=False)

    def get(self, address: Address, kind: type[R]) -> R | None:
        """The resource at an address, if it is there and of that class."""
        found = self.resources.get(address)
        return found if isinstance(found, kind) else None

    def children(self, parent: Address, kind: str, cls: type[R]) -> list[R]:
        """Resources of a kind whose path extends the parent's by one name (or none, for a singleton), in order."""
        of_kind = self._children.get(kind)
        if of_kind is None:
            of_kind = self._children[kind] = {}
            for resource in self._by_kind().get(kind, ()):
                of_kind.setdefault(resource.address.path[:-1], []).append(resource)
        single = self.resources.get(parent.sibling(kind, parent.path))
        found = of_kind.get(parent.path, ())
        return [r for r in ([single, *found] if single else found) if isinstance(r, cls)]

    def of_kind(self, cls: type[R]) -> Iterator[R]:
        """All resources of a class, in order."""
        found = [rs for rs in self._by_kind().values() if isinstance(rs[0], cls)]
        if len(found) <= 1:
            return (r for rs in found for r in rs if isinstance(r, cls))
        return (r for r in self.resources.values() if isinstance(r, cls))

    def holds(self, *kinds: str) -> bool:
        """Whether it has any resource of one of these kinds."""
        return not self._by_kind().keys().isdisjoint(kinds)

    def _by_kind(self) -> dict[str, list[Resource]]:
        if not self._kinds:
            found: defaultdict[str, list[Resource]] = defaultdict(list)
            for address, resource in at_once(self.resources).items():
                found[address.kind].append(resource)
            self._kinds.update(found)
        return self._kinds

    def updated(
        self, changed: Mapping[Address, Resource], uses: Mapping[Address, tuple[Address, ...]] | None = None
    ) -> Catalog:
        """The same catalog with some resources in place of those at their addresses or beside the others; `uses` too.

        What was found out of the others is kept: `unequal` and `of_kind` look at the new ones only.
        """
        if not changed and not uses:
            return self
        catalog = self.with_resources({**at_once(self.resources), **changed})
        if uses:
            catalog = replace(catalog, uses={**self.uses, **uses})
        catalog._before.append((at_once(self.resources), changed))
        if self._kinds and all(a in self.resources for a in changed):
            affected = {a.kind for a in changed}
            catalog._kinds.update(self._kinds)
            catalog._kinds.update({k: [changed.get(r.address, r) for r in self._kinds[k]] for k in affected})
            catalog._children.update({k: found for k, found in self._children.items() if k not in affected})
        return catalog

    def with_resources(self, resources: Mapping[Address, Resource], deferred: Iterable[Deferred] = ()) -> Catalog:
        """The same catalog holding other resources."""
        return Catalog(
            self.service,
            self.engine,
            resources,
            self.unmanaged,
            (*self.deferred, *deferred),
            self.origin,
            self.uses,
            moves=self.moves,
        )


def unequal(desired: Catalog, live: Catalog) -> list[Address]:
    """What is declared and not live just so, in the order of the declaration.

    One comparison asks this several times, of catalogs that share all but a few resources: what was compared with the
    same live catalog before, and is the same object still, is not compared again.
    """
    wanted, found = at_once(desired.resources), at_once(live.resources)
    last, differed = _COMPARED.get(live, (None, {}))
    if last is wanted:
        return list(differed)
    if last is not None and any(
        before is last and changed.keys() <= differed.keys() for before, changed in desired._before
    ):
        different = [a for a in differed if found.get(a) != wanted[a]]
    elif last is not None:
        different = [a for a, w in wanted.items() if (a in differed or last.get(a) is not w) and found.get(a) != w]
    else:
        different = [a for a, w in wanted.items() if found.get(a) != w]
    _COMPARED[live] = wanted, dict.fromkeys(different)
    return different


def undeclared(desired: Catalog, live: Catalog) -> list[Address]:
    """What is live and not declared, in the order of the live catalog. Quick where there is none, or `unequal` ran."""
    wanted, found = at_once(desired.resources), at_once(live.resources)
    to_come = sum(a not in found for a in unequal(desired, live))
    return [] if len(wanted) - to_come == len(found) else [a for a in found if a not in wanted]


_COMPARED: WeakKeyDictionary[Catalog, tuple[Mapping[Address, Resource] | None, dict[Address, None]]]
_COMPARED = WeakKeyDictionary()
"""What each live catalog was last compared with, and what differed, in order."""
