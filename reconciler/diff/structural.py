"""The one diff algorithm: two catalogs in, changes out. What each kind makes of a change is in its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, AttributeChange, Change
from reconciler.model.kind import Kind
from reconciler.model.resource import Resource, Role, attributes_of, compared_attributes

Changes = dict[Address, Change[Resource]]


def diff(desired: Catalog, live: Catalog, kinds: Mapping[str, Kind[Any]]) -> Changes:
    """Changes that bring `live` to `desired`; `diff(x, x)` is empty (law 1).

    Linear in the number of resources. Deletions of what is live only are included: `ownership` decides which stay.
    """
    changes: Changes = {}
    before = live.resources
    for address, wanted in desired.resources.items():
        found = before.get(address)
        if found is None:
            changes[address] = Change(address, Action.CREATE, None, wanted)
        elif found != wanted:
            changes[address] = _changed(found, wanted)
    for address, found in before.items():
        if address not in desired.resources:
            changes[address] = Change(address, Action.DELETE, found, None)
    return changes


def _changed(before: Resource, after: Resource) -> Change[Resource]:
    attributes = tuple(
        AttributeChange(name, getattr(before, name), getattr(after, name))
        for name in compared_attributes(type(after))
        if getattr(before, name) != getattr(after, name)
    )
    replace = {a.name for a in attributes_of(type(after)) if a.role is Role.REPLACE}
    action = Action.REPLACE if any(a.name in replace for a in attributes) else Action.UPDATE
    return Change(after.address, action, before, after, attributes)
