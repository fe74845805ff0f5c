"""What a target looks like once the renames that are due are done, as the store itself spells it then.

The live things that are renamed, and those that use them, are built and renamed in a rehearsal that leaves no trace
and locks nothing of a user's; what changes its spelling there changes it in the real store. The declaration is
compared in the same place, where its new names mean something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from reconciler.diff.ownership import remaining
from reconciler.diff.renames import Moves, presented, with_followers
from reconciler.diff.structural import diff
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.engine import Rehearsal, Rehearsing, Session
from reconciler.model.naming import parent_of, references_of, top_of
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Step
from reconciler.planfile.fingerprint import key
from reconciler.planner.build import TargetState, steps_of


def renamed(state: TargetState, moves: Moves, session: Session) -> TargetState:
    """The state with `live` as the renames leave it, and both sides spelled alike.

    Where a session cannot rehearse, no text of the store names what can be renamed: the new names are all there is.
    """
    live = presented(state.live, moves)
    managed = state.managed | {moves.after(a) for a in state.managed}
    if not isinstance(session, Rehearsing):
        desired = session.canonicalise(state.desired, remaining(live, state.desired, state.engine.kinds, state.policy))
        return replace(state, desired=desired, live=live, found=state.live, moves=moves, managed=managed)
    rehearsal = Rehearsal(
        _needed(state, live, moves),
        frozenset(new.path[0] for new, old in moves.via.items() if len(new.path) > 1 and new.path[0] != old.path[0]),
        lambda catalog, roots: _operations(replace(state, desired=catalog, live=roots)),
        _operations(replace(state, desired=live, live=live, changes=_only(moves, live))),
    )
    with session.rehearsed(rehearsal) as told:
        moves = with_followers(moves, told.follows)
        live = presented(state.live, moves)
        live = replace(live, resources=_respelled(live, told.before, told.after, moves))
        desired = session.canonicalise(state.desired, remaining(live, state.desired, state.engine.kinds, state.policy))
    managed |= {moves.after(a) for a in state.managed}
    return replace(state, desired=desired, live=live, found=state.live, moves=moves, managed=managed)


def _only(moves: Moves, live: Catalog) -> dict[Address, Change[Resource]]:
    """The renames without anything else."""
    return {
        a: Change(
            a,
            Action.MOVE,
            live.resources[a],
            live.resources[a],
            moved=moves.via.get(a),
            within=moves.within.get(a, ()),
        )
        for a in sorted({*moves.via, *moves.within})
    }


def _operations(state: TargetState) -> list[Operation]:
    changes = state.changes or diff(state.desired, state.live, state.engine.kinds)
    return [node.draft.operation for node in steps_of(replace(state, changes=changes))]


def _needed(state: TargetState, live: Catalog, moves: Moves) -> Catalog:
    """What has to be built to learn how anything is spelled afterwards: what is renamed or goes along, what uses that,
    what is compared beside it; and all that those use in turn, a table with its columns and keys.
    """
    kinds, found = state.engine.kinds, state.live.resources
    was = {moves.after(a): a for a in found}
    moved = {a for a in found if moves.after(a) != a or moves.after(a) in moves.within}
    start = dict.fromkeys(moved)
    used = moved | {top_of(a, kinds) for a in moved}  # what inherits from a table has its columns
    start.update(dict.fromkeys(a for a, r in found.items() if not used.isdisjoint(references_of(r, state.live, kinds))))
    for address, wanted in state.desired.resources.items():
        if live.resources.get(address) != wanted:
            said = (address, *references_of(wanted, state.desired, kinds), *kinds[address.kind].mentions(wanted, live))
            start.update(dict.fromkeys(was[a] for a in said if a in was))
    work, needed = list(start), set[Address]()
    while work:
        address = work.pop()
        if address not in needed and address in found:
            needed.add(address)
            work += references_of(found[address], state.live, kinds)
            if kinds[address.kind].top:
                work += _keys(address, state.live)
    return state.live.with_resources({a: r for a, r in found.items() if a in needed and not kinds[a.kind].attaches})


def _keys(top: Address, live: Catalog) -> Iterator[Address]:
    """What others may refer to in it."""
    for kind in ("column", "primary_key", "unique"):
        yield from (r.address for r in live.children(top, kind, Resource))
    yield from (r.address for r in live.children(top, "index", Resource) if getattr(r, "unique", False))


def _respelled(live: Catalog, before: Catalog, after: Catalog, moves: Moves) -> dict[Address, Resource]:
    """The resources with every attribute that changed its spelling in the rehearsal."""
    resources = dict(live.resources)
    for address, old in before.resources.items():
        new = moves.after(address)
        found, there = after.resources.get(new), resources.get(new)
        if found is not None and there is not None and type(found) is type(there):
            changed = {n: v for n, v in _values(found).items() if v != _values(old)[n]}
            if changed:
                resources[new] = replace(there, **changed)
    return resources


def _values(resource: Resource) -> dict[str, Any]:
    return {f.name: getattr(resource, f.name) for f in fields(resource) if f.name != "address"}


def moved_tops(steps: Iterable[Step], live: Catalog, tops: Iterable[str], kinds: Mapping[str, Any]) -> set[str]:
    """Keys of top resources that renames among the steps may have changed: what was in a renamed thing, under both of
    its names, and what uses it.
    """
    pairs = [
        (s.address, c.address) for s in steps for c in s.done if not c.present and c.address.kind == s.address.kind
    ]
    pairs = [(new, old) for new, old in pairs if new != old]
    if not pairs:
        return set()
    names = {n.path for pair in pairs for n in pair}

    def within(path: tuple[str, ...]) -> bool:
        return any(path[: len(n)] == n for n in names)

    users = {a for a, r in live.resources.items() if any(within(u.path) for u in references_of(r, live, kinds))}
    holders = {p for a in users for p in _enclosing(a, kinds)}
    found = {key(a.kind, a.path) for a in holders}
    return found | {k for k in tops if any(_below(k, n) for n in names)}


def _enclosing(address: Address, kinds: Mapping[str, Any]) -> Iterator[Address]:
    current: Address | None = address
    while current is not None:
        yield current
        current = parent_of(current, kinds)


def _below(top: str, path: tuple[str, ...]) -> bool:
    inside = key("", path)
    rest = "/" + top.partition("/")[2]
    return rest == inside or rest.startswith(inside + "/")
