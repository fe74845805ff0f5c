"""Facts about the live store: checks of steps, and the proof at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action
from reconciler.model.kind import Kind
from reconciler.model.naming import top_of
from reconciler.model.plain import plain
from reconciler.model.step import Check, Step
from reconciler.planner.build import TargetState

Kinds = Mapping[str, Kind[Any]]


def holds(check: Check, live: Catalog) -> bool:
    """Whether a check is true of a live catalog."""
    found = live.resources.get(check.address)
    if found is None or not check.present:
        return (found is not None) is check.present
    return all(plain(getattr(found, name, None)) == plain(value) for name, value in check.attributes)


def done(step: Step, live: Catalog) -> bool:
    """Whether a step is known to be done. One without checks never is: it runs again."""
    return bool(step.done) and all(holds(check, live) for check in step.done)


def touched(steps: Iterable[Step], kinds: Mapping[str, Kinds]) -> frozenset[Address]:
    """The top resources that steps change or make on the way; `kinds` by engine name."""
    addresses = {a for step in steps for a in (step.address, *(check.address for check in step.done))}
    return frozenset(top_of(a, kinds[a.engine]) for a in addresses)


def unproven(state: TargetState, remaining: Iterable[Step]) -> tuple[Address, ...]:
    """Addresses in which live still differs from declared, though no remaining step is about them: none, or a defect.

    Being forgotten is no difference: it happens in the journal.
    """
    kinds = state.engine.kinds
    expected = touched(remaining, {state.engine.name: kinds})
    return tuple(
        sorted(
            a for a, c in state.changes.items() if c.action is not Action.FORGET and top_of(a, kinds) not in expected
        )
    )
