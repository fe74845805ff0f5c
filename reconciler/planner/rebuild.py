"""What a change forces to go and come again: a view over a column whose type changes, and what stands on the view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from reconciler.diff.structural import Changes
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Disturbance, Kind
from reconciler.model.naming import parent_of, references_of
from reconciler.model.resource import Resource

Forced = tuple[Address, Address]
"""What has to go and come again, and the change for whose sake."""


@runtime_checkable
class Forcing(Protocol):
    """An engine whose store lets some changes be made only while something is away that does not refer to them, or
    only to several of them together.
    """

    def forced(self, changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog) -> Iterable[Forced]:
        """What that is, of what is live; the changes are those that differ by themselves."""
        ...


def with_rebuilds(
    changes: Changes,
    desired: Catalog,
    live: Catalog,
    kinds: Mapping[str, Kind[Any]],
    forced: Iterable[Forced] = (),
) -> Changes:
    """The changes, with the replacements they force on what depends on them, transitively, by the live references.

    Raises UnsupportedChange for a dependent that cannot be built again.
    """
    work: list[tuple[Address, Disturbance]] = [
        (a, d) for a in sorted(changes) if (d := _disturbance(changes[a], kinds)) is not Disturbance.NONE
    ]
    leaving = [a for a in sorted(changes) if changes[a].action is Action.DELETE]
    aside = list(forced)
    if not work and not leaving and not aside:
        return changes
    result, users = dict(changes), _users(live, kinds)
    origin = {source: source for source, _ in work}
    strong, followed = {source for source, how in work if how is not Disturbance.RENEWS}, set[Address]()
    work += _aside(result, aside, origin, desired, live, kinds)
    work += _left(result, leaving, users, origin, desired, live, kinds)
    while work:
        source, how = work.pop()
        for user in users.get(source, ()):
            address, kind = user.address, kinds[user.address.kind]
            known = result.get(address)
            binds = kind.binds(user, desired.resources.get(address), source, result.get(source))
            follows = source.kind in kind.follows and not binds
            if not (follows or binds or _goes(kind, how)):
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
                further = how if parent_of(address, kinds) == source else kind.spreads(result[address])
                if further is not Disturbance.NONE:
                    work.append((address, further))
            elif address not in followed:
                followed.add(address)
                if address not in strong:
                    origin[address] = origin[source]
                work.append((address, kind.following))
    anew = {a: origin[a] for a in followed if kinds[a.kind].following is Disturbance.DROPS}
    return {a: _along(c, result, anew, kinds) for a, c in result.items()}


def _aside(
    result: Changes,
    forced: Iterable[Forced],
    origin: dict[Address, Address],
    desired: Catalog,
    live: Catalog,
    kinds: Mapping[str, Kind[Any]],
) -> list[tuple[Address, Disturbance]]:
    """What the store wants away for the sake of a change elsewhere, and what goes with it."""
    work: list[tuple[Address, Disturbance]] = []
    for address, cause in forced:
        known = result.get(address)
        if known is not None and (known.action is Action.DELETE or known.forced):
            also = known.also if known.forced in (None, cause) or cause in known.also else (*known.also, cause)
            result[address] = replace(known, forced=known.forced or cause, also=also)
            continue
        result[address] = _forced(live.resources[address], known, cause, desired, kinds)
        origin.setdefault(cause, cause)
        origin.setdefault(address, address)
        if (how := kinds[address.kind].spreads(result[address])) is not Disturbance.NONE:
            work.append((address, how))
    return work


def stays(change: Change[Any], kind: Kind[Any]) -> bool:
    """Whether a forced rebuild takes only a part of it away: a partition steps aside, with all that is in it."""
    return change.forced is not None and change.after is not None and kind.spreads(change) is Disturbance.NONE


def _left(
    result: Changes,
    leaving: Iterable[Address],
    users: Mapping[Address, list[Resource]],
    origin: dict[Address, Address],
    desired: Catalog,
    live: Catalog,
    kinds: Mapping[str, Kind[Any]],
) -> list[tuple[Address, Disturbance]]:
    """What stays as it is declared although what it uses goes: the same text then means something else, another
    overload of a function. It goes before and comes again after, and with it what uses it; where one of its namesakes
    is new or stays, even what changes anyway has to, lest it take up the old one again; and so does what names what
    goes, be it by a `*`.

    A namesake that cannot be there together with what goes comes after that, in its place.
    """
    rivals: dict[Address, list[Change[Any]]] = {}
    for change in result.values():
        if change.action is Action.CREATE:
            for address in kinds[change.address.kind].namesakes(change.address):
                rivals.setdefault(address, []).append(change)
    work: list[tuple[Address, Disturbance]] = []
    staying = _staying(leaving, live, kinds)
    for gone in leaving:
        kind = kinds[gone.kind]
        family = [c for n in kind.namesakes(gone) for c in rivals.get(n, ())]
        for rival in family:
            if kind.collides(result[gone].live, rival.desired):
                result[rival.address] = replace(rival, forced=gone)
        for user in users.get(gone, ()):
            known, its = result.get(user.address), kinds[user.address.kind]
            if user.address not in desired.resources or its.rebuild is None or its.outlives(user, gone):
                continue
            lone = not family and staying.isdisjoint(kind.namesakes(gone))
            if known is not None and (known.after is None or (lone and not _names(known, gone, live, kinds))):
                continue
            origin[gone] = gone
            result[user.address] = _forced(user, known, gone, desired, kinds)
            origin.setdefault(user.address, user.address)
            if (how := its.spreads(result[user.address])) is not Disturbance.NONE:
                work.append((user.address, how))
    return work


def _names(change: Change[Any], gone: Address, live: Catalog, kinds: Mapping[str, Kind[Any]]) -> bool:
    """Whether the new text would take up what goes, while that is there; what shares its name is no such thing."""
    shared = any(True for _ in kinds[gone.kind].namesakes(gone))
    return not shared and gone in kinds[change.address.kind].mentions(change.desired, live)


def _staying(leaving: Iterable[Address], live: Catalog, kinds: Mapping[str, Kind[Any]]) -> set[Address]:
    """What the live resources that stay are namesakes of, where one goes that has any."""
    gone = {a for a in leaving if any(True for _ in kinds[a.kind].namesakes(a))}
    return {n for a in live.resources if a not in gone for n in kinds[a.kind].namesakes(a)} if gone else set()


def _along(
    change: Change[Any], changes: Changes, anew: Mapping[Address, Address], kinds: Mapping[str, Kind[Any]]
) -> Change[Any]:
    """What is newly attached to something built again belongs to the same cluster. `anew`: what comes again with
    another's change, and that.
    """
    parent = parent_of(change.address, kinds) if kinds[change.address.kind].attaches else None
    if change.action is Action.CREATE and parent is not None and parent in anew:
        return replace(change, forced=anew[parent])
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
