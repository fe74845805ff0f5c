"""Owners and privileges as a live catalog would show them: who connects, and what its new objects get by default.

Pure but for the caller's answer to who connects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.engines.postgres.kinds.default_privileges import DefaultPrivileges, started
from reconciler.engines.postgres.kinds.grants import Grants
from reconciler.engines.postgres.kinds.owner import Owner
from reconciler.engines.postgres.owners import STANDARD
from reconciler.engines.postgres.privileges import GRANTABLE, NONE, Privileges, fitted, start
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource


def adopted(desired: Catalog, live: Catalog, version: int, who: Callable[[], str]) -> Catalog:
    """The desired catalog with its `owner` and `grants` as the server would show them. Asks who connects if it must."""
    if not desired.holds("owner", "grants") and not live.holds("default_privileges"):
        return desired
    me = who()
    resources = dict(desired.resources)
    for owner in desired.of_kind(Owner):
        public = version >= 15 and owner.address.path == ("schema", "public")
        if owner.role == (STANDARD if public else me):
            if owner.address in live.resources:
                resources[owner.address] = replace(owner, me=True)
            else:
                del resources[owner.address]
    defaults = live.get(Address(desired.service, desired.engine, "default_privileges", (me,)), DefaultPrivileges)
    for holder in [a for a in resources if a.kind in GRANTABLE]:
        address = holder.sibling("grants", (holder.kind, *holder.path))
        found = _fitted(resources.get(address), holder, desired, live, version, me)
        if defaults is not None:
            resources[address] = Grants(address, found, started(defaults, holder))
        elif found != NONE:
            resources[address] = Grants(address, found)
        else:
            resources.pop(address, None)
    return desired.with_resources(resources)


def _fitted(
    declared: Resource | None, holder: Address, desired: Catalog, live: Catalog, version: int, me: str
) -> Privileges:
    if not isinstance(declared, Grants):
        return NONE
    address = holder.sibling("owner", (holder.kind, *holder.path))
    owner = desired.get(address, Owner) or live.get(address, Owner)
    name = owner.role if owner else (STANDARD if (holder.kind, holder.name) == ("schema", "public") else me)
    return fitted(holder.kind, declared.privileges, name, version, start(holder.kind, holder.name, version))
