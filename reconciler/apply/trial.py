"""Whether the store takes what a plan leads to, asked before anything runs: what it refuses is an error at its line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action
from reconciler.model.engine import Session
from reconciler.model.step import Operation
from reconciler.model.trial import Trial, Trying
from reconciler.planner.build import TargetState, compared, steps_of

Beside = Callable[[], Collection[Address]]
"""What other services declare in the same place; asked only where something is refused."""


def nobody() -> Collection[Address]:
    """No other service."""
    return ()


def tried(state: TargetState, session: Session, beside: Beside = nobody) -> None:
    """Raises DeclarationErrors for all that the store says it will not have; where it cannot be asked, its steps
    tell."""
    if not isinstance(session, Trying):
        return

    def build(wanted: Catalog, there: Catalog) -> list[tuple[Address, Operation]]:
        alone = compared(TargetState(state.engine, wanted, there, state.server, state.policy._replace(prune="never")))
        return [(n.address, n.draft.operation) for n in steps_of(alone)]

    kept = (Action.MOVE, Action.FORGET)
    changed = frozenset(a for a, c in state.changes.items() if c.after is not None and c.action not in kept)
    gone = frozenset(a for a, c in state.changes.items() if c.action is Action.DELETE)
    gone |= {c.moved for c in state.changes.values() if c.moved is not None}
    final = _final(state, changed, gone)
    refused = session.tried(Trial(changed, gone, final, state.live, build, beside)) if changed else []
    if refused:
        raise DeclarationErrors(
            DeclarationError(f"{r.address}: {r.message}", hint=r.hint, where=state.desired.origin(r.address))
            for r in refused
        )


def _final(state: TargetState, changed: frozenset[Address], gone: frozenset[Address]) -> Catalog:
    """All that is there after the plan: what is declared, and what stays though it is not."""
    desired, live = state.desired, state.live
    beside = {a: r for a, r in live.resources.items() if a not in desired.resources and a not in gone}
    catalog = desired.with_resources({**desired.resources, **beside})
    same = {a: used for a, used in live.uses.items() if a not in changed}
    return replace(catalog, uses={**same, **desired.uses}, moves={})
