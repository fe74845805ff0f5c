"""The undo of steps, as steps: what `undo` runs in earnest and `plan --prove` on a scratch database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from reconciler.apply.verify import done
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine, Laned
from reconciler.model.plan import Plan
from reconciler.model.step import Partial, Phase, Step

BACKWARDS = tuple(reversed(Phase))
"""The phases in the order in which they are undone."""


@dataclass(frozen=True, slots=True)
class Backward:
    """One operation of the undo of the step `of`, as a step of its own. Its number says when it runs, over all targets
    of the plan, whatever of it was applied; `first`: it is the first operation of that undo."""

    step: Step
    of: Step
    first: bool


def backwards(steps: Sequence[Step]) -> list[Backward]:
    """Steps that undo these, the last one first. What has no undo is left out."""
    found: list[Backward] = []
    for of in reversed(steps):
        for operation in of.undo or ():
            step = replace(
                of,
                id=len(found) + 1,
                title=f"undo of step {of.id}: {of.title}",
                because="",
                operation=operation,
                locks=(),
                hazards=(),
                probes=(),
                done=(),
                undo=None,
                size=None,
            )
            found.append(Backward(step, of, operation is (of.undo or (None,))[0]))
    return found


def undoing(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of `backwards` alone."""
    return tuple(b.step for b in backwards(steps))


def undo_digest(plan: Plan) -> str:
    """What the journal calls the undo of a plan."""
    return sha256(f"undo {plan.digest}".encode()).hexdigest()


def begun(pending: Sequence[Step], live: Catalog, engine: Engine) -> list[Step]:
    """Those steps of a killed apply, none of which is noted as done, that did something all the same: the first of each
    lane, if its checks say so or if what it runs takes effect bit by bit."""
    lanes: dict[str, Step] = {}
    for step in pending:
        lanes.setdefault(engine.lane(step) if isinstance(engine, Laned) else "", step)
    return [s for s in lanes.values() if done(s, live) or _partial(s)]


def _partial(step: Step) -> bool:
    return isinstance(step.operation, Partial) and step.operation.partial


def taken_back(backward: Backward, live: Catalog) -> bool:
    """Whether an operation of an undo that was killed is known to have been run: what its step did is there no more."""
    return backward.first and bool(backward.of.done) and not done(backward.of, live) and not _invalid(backward, live)


def _invalid(backward: Backward, live: Catalog) -> bool:
    """An interrupted build leaves something that is there and serves nobody."""
    found = live.resources.get(backward.of.address)
    return getattr(found, "valid", True) is False


def skipped(steps: Sequence[Backward], wanted: Collection[int]) -> tuple[int, tuple[int, ...]]:
    """How the journal says that the operations for other steps than the `wanted` are done already: the last number of
    those before all that are to run, and the later ones one by one."""
    runs = [b.step.id for b in steps if b.of.id in wanted]
    last = min(runs) - 1 if runs else max((b.step.id for b in steps), default=0)
    return last, tuple(b.step.id for b in steps if b.of.id not in wanted and b.step.id > last)
