"""What an undo takes away: what a plan made may hold data by now, and undoing it is dropping it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import ReconcileError
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.engine import Session
from reconciler.model.hazard import Hazard
from reconciler.model.naming import parent_of
from reconciler.model.plan import Plan
from reconciler.model.resource import Resource
from reconciler.model.step import Size, Step
from reconciler.planner.build import TargetState
from reconciler.planner.context import PlanContext

if TYPE_CHECKING:
    from reconciler.apply.undo import Undoing


def with_hazards(found: Undoing, plan: Plan, session: Session) -> tuple[Step, ...]:
    """The steps of an undo with the hazards that dropping what the plan created has, on the last one about it."""
    state = found.seen.state
    created = {c.address for c in plan.changes if c.action is Action.CREATE and c.address.target == found.seen.name}
    last = {s.address: s.id for s in found.pending}
    gone = {a: r for a, r in state.there.resources.items() if a in created}
    wanted = [a for a in gone if a in last]
    if not wanted:
        return found.pending
    sizes = session.measure(wanted)
    changes: dict[Address, Change[Resource]] = {a: Change(a, Action.DELETE, r, None) for a, r in gone.items()}
    hazards = {last[a]: _of_drop(state, changes, a, sizes) for a in wanted if not _within(a, changes, state)}
    return tuple(replace(s, hazards=hazards.get(s.id, ())) for s in found.pending)


def _within(address: Address, changes: Mapping[Address, object], state: TargetState) -> bool:
    parent = parent_of(address, state.engine.kinds)
    return parent is not None and parent in changes


def _of_drop(
    state: TargetState, changes: Mapping[Address, Change[Resource]], address: Address, sizes: Mapping[Address, Size]
) -> tuple[Hazard, ...]:
    kinds = state.engine.kinds
    desired = state.there.with_resources({a: r for a, r in state.there.resources.items() if a not in changes})
    context = PlanContext(desired, state.there, changes, state.policy, state.server, kinds, sizes)
    try:
        drafts = kinds[address.kind].drop(changes[address], context)
    except ReconcileError:
        return ()  # nothing is known that would stop it
    return tuple(dict.fromkeys(h for draft in drafts for h in draft.hazards))
