"""All resources of one target; the same type for what is declared and for what is live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
    _children: dict[tuple[str, tuple[str, ...]], list[Resource]] = field(default_factory=dict)

    def get(self, address: Address, kind: type[R]) -> R | None:
        """The resource at an address, if it is there and of that class."""
        found = self.resources.get(address)
        return found if isinstance(found, kind) else None

    def children(self, parent: Address, kind: str, cls: type[R]) -> list[R]:
        """Resources of a kind whose path extends the parent's by one name (or none, for a singleton), in order."""
        if not self._children and self.resources:
            for address, resource in self.resources.items():
                self._children.setdefault((address.kind, address.path[:-1]), []).append(resource)
                self._children.setdefault((address.kind, address.path), []).append(resource)
        found = self._children.get((kind, parent.path), ())
        return [r for r in found if isinstance(r, cls)]

    def of_kind(self, cls: type[R]) -> Iterator[R]:
        """All resources of a class."""
        return (r for r in self.resources.values() if isinstance(r, cls))

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
    known = _COMPARED.get(live)
    if known is None:
        different = [a for a, w in wanted.items() if found.get(a) != w]
    else:
        last, differed = known
        different = [a for a, w in wanted.items() if (a in differed or last.get(a) is not w) and found.get(a) != w]
    _COMPARED[live] = wanted, frozenset(different)
    return different


_COMPARED: WeakKeyDictionary[Catalog, tuple[Mapping[Address, Resource], frozenset[Address]]] = WeakKeyDictionary()
"""What each live catalog was last compared with, and what differed."""
