"""The one diff algorithm: two catalogs in, changes out. What each kind makes of a change is in its rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, undeclared, unequal
from reconciler.model.change import Action, AttributeChange, Change
from reconciler.model.kind import Kind
from reconciler.model.later import at_once
from reconciler.model.resource import Resource, Role, attributes_of, compared_attributes

Changes = dict[Address, Change[Resource]]


def diff(desired: Catalog, live: Catalog, kinds: Mapping[str, Kind[Any]]) -> Changes:
    """Changes that bring `live` to `desired`; `diff(x, x)` is empty (law 1).

    Linear in the number of resources. Deletions of what is live only are included: `ownership` decides which stay.
    """
    wanted, before = at_once(desired.resources), at_once(live.resources)
    changes: Changes = {}
    for address in unequal(desired, live):
        found, declared = before.get(address), wanted[address]
        if found is None:
            changes[address] = Change(address, Action.CREATE, None, declared)
        else:
            changes[address] = _changed(found, declared, kinds[address.kind])
    for address in undeclared(desired, live):
        changes[address] = Change(address, Action.DELETE, before[address], None)
    return changes


def _changed(before: Resource, after: Resource, kind: Kind[Any]) -> Change[Resource]:
    attributes = tuple(
        AttributeChange(name, getattr(before, name), getattr(after, name))
        for name in compared_attributes(type(after))
        if getattr(before, name) != getattr(after, name)
    )
    replace = {a.name for a in attributes_of(type(after)) if a.role is Role.REPLACE}
    change = Change(after.address, Action.UPDATE, before, after, attributes)
    if any(a.name in replace for a in attributes) or kind.replaces(change):
        return dataclasses.replace(change, action=Action.REPLACE)
    return change
