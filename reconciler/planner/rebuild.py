"""What a change forces to go and come again: a view over a column whose type changes, and what stands on the view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.diff.structural import Changes
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Disturbance, Kind
from reconciler.model.naming import parent_of, references_of
from reconciler.model.resource import Resource


def with_rebuilds(changes: Changes, desired: Catalog, live: Catalog, kinds: Mapping[str, Kind[Any]]) -> Changes:
    """The changes, with the replacements they force on what depends on them, transitively, by the live references.

    Raises UnsupportedChange for a dependent that cannot be built again.
    """
    work = [(a, d) for a in sorted(changes) if (d := _disturbance(changes[a], kinds)) is not Disturbance.NONE]
    if not work:
        return changes
    result, users = dict(changes), _users(live, kinds)
    origin = {source: source for source, _ in work}
    while work:
        source, how = work.pop()
        for user in users.get(source, ()):
            address, kind = user.address, kinds[user.address.kind]
            known = result.get(address)
            follows = source.kind in kind.follows
            if not (follows or _goes(kind, how)):
                continue
            if known is not None and known.forced:
                if not follows and origin[source] not in (address, *known.causes):
                    result[address] = replace(known, also=(*known.also, origin[source]))
                continue
            if known is not None and known.action is Action.DELETE:
                result[address] = replace(known, forced=origin[source])  # it goes before
            elif not follows:
                result[address] = _forced(user, known, origin[source], desired, kinds)
                origin.setdefault(address, address)
                spreads = how if parent_of(address, kinds) == source else kind.spreads
                if spreads is not Disturbance.NONE:
                    work.append((address, spreads))
            elif address not in origin:
                origin[address] = origin[source]
                work.append((address, Disturbance.ALTERS))
    return {a: _along(c, result, kinds) for a, c in result.items()}


def _along(change: Change[Any], changes: Changes, kinds: Mapping[str, Kind[Any]]) -> Change[Any]:
    """What is newly attached to something built again belongs to the same cluster."""
    parent = parent_of(change.address, kinds) if kinds[change.address.kind].attaches else None
    carrier = changes.get(parent) if parent is not None else None
    if change.action is not Action.CREATE or carrier is None or carrier.action is not Action.REPLACE:
        return change
    return replace(change, forced=carrier.forced)


def _disturbance(change: Change[Any], kinds: Mapping[str, Kind[Any]]) -> Disturbance:
    if change.before is None or change.after is None or change.action in (Action.FORGET, Action.MOVE):
        return Disturbance.NONE
    how = kinds[change.address.kind].disturbs(change)
    return Disturbance.RENEWS if how is Disturbance.NONE and change.action is Action.REPLACE else how


def _goes(kind: Kind[Any], how: Disturbance) -> bool:
    if how is Disturbance.RENEWS:
        return bool(kind.attaches)
    return kind.bound or how is Disturbance.DROPS


def _users(live: Catalog, kinds: Mapping[str, Kind[Any]]) -> dict[Address, list[Resource]]:
    """Who refers to what, what is attached to it or stands in it included."""
    users: dict[Address, list[Resource]] = {}
    for resource in live.resources.values():
        for used in references_of(resource, live, kinds):
            users.setdefault(used, []).append(resource)
    return users


def _forced(
    user: Resource, known: Change[Any] | None, source: Address, desired: Catalog, kinds: Mapping[str, Kind[Any]]
) -> Change[Any]:
    after = desired.resources.get(user.address)
    if after is None and kinds[user.address.kind].optional:
        after = user
    if after is None:
        raise UnsupportedChange(
            f"{user.address} uses {source}, which has to be dropped and created again, and is not declared",
            hint=f"declare the {user.address.kind}, or drop it first",
        )
    if kinds[user.address.kind].rebuild is None:
        raise UnsupportedChange(
            f"{user.address} uses {source}, which has to be dropped and created again; it cannot follow",
            where=desired.origin(user.address),
        )
    change = known or Change(user.address, Action.REPLACE, user, after)
    return replace(change, action=Action.REPLACE, forced=source)
