"""What excludes what: two objects of a schema cannot share a claim.

Measured on 5.26 and 2026.09: constraints and indexes have one name space; two indexes of a method on the same schema
are refused, also under other names and with other options; a uniqueness or key constraint owns a range index. None of
them can be renamed. So an object that takes over a claim is created after its holder is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, singledispatch

from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref

Claim = tuple[object, ...]
DROP = "drop"
"""Slot of the draft that gives up an object's claims."""


@singledispatch
def claims(_resource: Resource) -> frozenset[Claim]:
    """What only one object of a database can have; nothing for what is no object. Each kind registers its own."""
    return frozenset()


@lru_cache(maxsize=8)
def _holders(catalog: Catalog) -> Mapping[Claim, list[Address]]:
    found: dict[Claim, list[Address]] = {}
    for address, resource in catalog.resources.items():
        for claim in claims(resource):
            found.setdefault(claim, []).append(address)
    return found


def collisions(catalog: Catalog) -> Iterator[tuple[Address, Address, bool]]:
    """Pairs of resources of one catalog that cannot both exist: (later, earlier, only because of the name)."""
    seen: set[tuple[Address, Address]] = set()
    for claim, addresses in _holders(catalog).items():
        for other in addresses[1:]:
            if (other, addresses[0]) not in seen:
                seen.add((other, addresses[0]))
                yield other, addresses[0], claim[0] == "name"


def adopted(desired: Catalog, live: Catalog) -> Mapping[Address, Address]:
    """Declared address → live one, for what is declared with `name: any`, not there under its own name, and there under
    another one that nobody declares. An index with other options is the same index, to be replaced."""
    holders = _holders(live)
    found: dict[Address, Address] = {}
    for address, resource in desired.resources.items():
        if not getattr(resource, "any_name", False) or address in live.resources:
            continue
        schemas = [claim for claim in claims(resource) if claim[0] != "name"]
        there = {a for claim in schemas for a in holders.get(claim, ()) if a.kind == address.kind}
        free = sorted(a for a in there if a not in desired.resources)
        if free:
            found[address] = free[0]
    return found


def cleared(change: Change[Resource], context: Context) -> tuple[Ref, ...]:
    """The drops that have to come before this object can be created.

    Raises UnsupportedChange when what is in the way stays: `reconcile` does not drop what it does not manage.
    """
    holders = _holders(context.live)
    found = {a: None for claim in sorted(claims(change.desired), key=repr) for a in holders.get(claim, ())}
    return tuple(_cleared(change, address, context) for address in found if address != change.address)


def _cleared(change: Change[Resource], held: Address, context: Context) -> Ref:
    other = context.changes.get(held)
    if other is not None and other.action in (Action.DELETE, Action.REPLACE):
        return Ref(held, DROP)
    raise UnsupportedChange(
        f"{change.address} cannot be created beside {held}, which is not managed: Neo4j allows no two objects of one "
        "name, and no two of one kind on the same label and properties",
        hint=f"to keep it, declare {held.name!r}, or say 'name: any'; to have it made anew under this name, say "
        f"'renamed_from: {held.name}'; else drop it by hand, or plan with 'prune: all'",
        where=context.desired.origin(change.address),
    )
