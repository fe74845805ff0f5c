"""Owners, privileges and tablespaces as a live catalog would show them: by who connects, what its new objects get by
default, and where the database is.

Pure but for the caller's answers to these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.kinds.default_privileges import DefaultPrivileges, started
from reconciler.engines.postgres.kinds.grants import Grants
from reconciler.engines.postgres.kinds.owner import Owner
from reconciler.engines.postgres.owners import STANDARD
from reconciler.engines.postgres.privileges import GRANTABLE, NONE, Privileges, fitted, start
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, unequal
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


def placed(desired: Catalog, live: Catalog, where: Callable[[], str]) -> Catalog:
    """What is said to be where the database is anyway shows no tablespace (pg_class.reltablespace is 0 then).

    Asks where that is if it must.
    """
    differ = (desired.resources[a] for a in unequal(desired, live))
    said: dict[Address, Any] = {r.address: r for r in differ if getattr(r, "tablespace", "")}
    own = where() if said else ""
    return desired.updated({a: replace(r, tablespace="") for a, r in said.items() if r.tablespace == own})


def _fitted(
    declared: Resource | None, holder: Address, desired: Catalog, live: Catalog, version: int, me: str
) -> Privileges:
    if not isinstance(declared, Grants):
        return NONE
    address = holder.sibling("owner", (holder.kind, *holder.path))
    owner = desired.get(address, Owner) or live.get(address, Owner)
    name = owner.role if owner else (STANDARD if (holder.kind, holder.name) == ("schema", "public") else me)
    return fitted(holder.kind, declared.privileges, name, version, start(holder.kind, holder.name, version))
