"""A comparison told from the declaration's side: what lives otherwise, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler import __version__
from reconciler.apply.survey import Seen
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.naming import parent_of, top_of
from reconciler.model.resource import Resource
from reconciler.planfile.fingerprint import key, moved
from reconciler.planner.expand import shown
from reconciler.results import Finding

_WHAT: dict[Action, Literal["changed", "missing", "extra"]] = {
    Action.CREATE: "missing",
    Action.DELETE: "extra",
    Action.FORGET: "extra",
}


def findings(seen: Seen) -> Iterator[Finding]:
    """What differs in one target, in the order of the addresses; a missing table is told without its columns."""
    state, applied = seen.state, seen.journal.applied
    kinds = state.engine.kinds
    since: frozenset[str] | None = None
    if applied is not None and applied.version == __version__ and state.changes:
        since = frozenset(moved(applied.tops, seen.tops()))
    for address in sorted(state.changes):
        change = state.changes[address]
        if not _told_by_parent(seen, change):
            top = top_of(address, kinds)
            yield Finding(
                address,
                _WHAT.get(change.action, "changed"),
                "unknown" if since is None else "live" if key(top.kind, top.path) in since else "declaration",
                (
                    *([("name", address.name, change.moved.name)] if change.moved else []),
                    *((a.name, shown(a.after), shown(a.before)) for a in change.attributes),
                ),
                state.desired.origin(address) if change.after is not None else None,
            )
    if applied is not None:
        known = seen.journal.unmanaged
        yield from (Finding(a, "new", "live") for a in _new(seen) if a not in known)


def _new(seen: Seen) -> list[Address]:
    return sorted(u.address for u in seen.state.unmanaged)


def _told_by_parent(seen: Seen, change: Change[Resource]) -> bool:
    if change.action not in _WHAT:
        return False
    parent = parent_of(change.address, seen.state.engine.kinds)
    above = seen.state.changes.get(parent) if parent is not None else None
    return above is not None and above.action is change.action
