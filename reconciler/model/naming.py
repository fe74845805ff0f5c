"""Relations between the addresses of one engine, read off its table of kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Kind
from reconciler.model.resource import Resource


def parent_of(address: Address, kinds: Mapping[str, Kind[Any]]) -> Address | None:
    """The enclosing resource's address; None for a root kind."""
    kind = kinds[address.kind]
    path = address.path if kind.singleton else address.path[:-1]
    if kind.attaches:
        return Address(address.service, address.engine, path[0], path[1:])
    if kind.parent is None:
        return None
    return Address(address.service, address.engine, kind.parent, path)


def top_of(address: Address, kinds: Mapping[str, Kind[Any]]) -> Address:
    """The resource that managed-ness belongs to: a column's table, a TTL's table, a table itself."""
    while not kinds[address.kind].top:
        parent = parent_of(address, kinds)
        if parent is None:
            break
        address = parent
    return address


def references_of(resource: Resource, catalog: Catalog, kinds: Mapping[str, Kind[Any]]) -> set[Address]:
    """All that must be there for it: what it says itself, what the store knows, and what encloses it."""
    parent = parent_of(resource.address, kinds)
    said = {*kinds[resource.address.kind].references(resource, catalog), *catalog.uses.get(resource.address, ())}
    return said | {parent} if parent is not None else said
