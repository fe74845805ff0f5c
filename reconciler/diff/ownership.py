"""Which live resources are ours to delete (DESIGN section 5b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.diff.structural import Changes
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.change import Action, Change
from reconciler.model.kind import Kind, Policy
from reconciler.model.naming import top_of

NOT_OURS = "not declared, and never managed by reconcile"


def owned(
    changes: Changes, desired: Catalog, kinds: Mapping[str, Kind[Any]], managed: frozenset[Address], policy: Policy
) -> tuple[Changes, tuple[Unmanaged, ...]]:
    """Take out the deletions that are not ours: what is undeclared and was never managed is listed as unmanaged.

    What appears inside a declared or managed top resource is planned away. A retained kind is forgotten, not deleted,
    where the environment retains. `managed` holds addresses of top resources.
    """
    kept: Changes = {}
    unmanaged: list[Unmanaged] = []
    for address, change in changes.items():
        if change.action is not Action.DELETE or change.before is None:
            kept[address] = change
            continue
        top = top_of(address, kinds)
        if _stays(change, kinds[address.kind], policy):
            continue
        if top in desired.resources and top != address:
            kept[address] = change
        elif not _prunable(change, kinds[address.kind], top in managed, policy):
            kind = kinds[address.kind]
            if top == address and not kind.implicit(change.before) and not kind.default(change.before):
                unmanaged.append(Unmanaged(address, NOT_OURS))
        elif kinds[top.kind].retained and policy.retain:
            if top == address:
                kept[address] = Change(address, Action.FORGET, change.before, None)
        else:
            kept[address] = change
    return kept, tuple(unmanaged)


def remaining(live: Catalog, desired: Catalog, kinds: Mapping[str, Kind[Any]], policy: Policy) -> Catalog:
    """What is live but for what nobody has to declare and yet goes: an owner, where all that is undeclared does. What
    the declaration leaves to the store is as it will be then.
    """
    loose = [k for k in kinds.values() if k.optional] if policy.prune == "all" else []
    gone = {r.address for k in loose for r in live.of_kind(k.resource) if r.address not in desired.resources}
    if not gone:
        return live
    return live.with_resources({a: r for a, r in live.resources.items() if a not in gone})


def _stays(change: Change[Any], kind: Kind[Any], policy: Policy) -> bool:
    """What is attached and says nothing, or nothing that a declaration has to."""
    return bool(kind.attaches) and (kind.implicit(change.before) or (kind.optional and policy.prune != "all"))


def _prunable(change: Change[Any], kind: Kind[Any], managed: bool, policy: Policy) -> bool:
    if policy.prune == "never" or kind.implicit(change.before):
        return False
    return managed or (policy.prune == "all" and not kind.default(change.before))


def managed_after(desired: Catalog, kinds: Mapping[str, Kind[Any]]) -> frozenset[Address]:
    """The top resources that are managed once a plan for `desired` has been applied."""
    return frozenset(top_of(a, kinds) for a in desired.resources)
