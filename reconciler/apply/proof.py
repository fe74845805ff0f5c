"""The proof of a plan on one target: its very steps, run by the very executor, where the live schema was built anew.

Build what is live → it is what is live → the steps → it is what is declared → their undo → it is what was live again.
There are structures and no rows, so what only data could refuse is not proven here: that is what probes are for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.apply.executor import Executor, TargetRun
from reconciler.apply.guard import Admission
from reconciler.apply.journal import Journal
from reconciler.apply.reverse import BACKWARDS, undoing
from reconciler.apply.survey import Declared, Seen, look
from reconciler.apply.verify import unproven
from reconciler.errors import ReconcileError
from reconciler.model.engine import Engine, Limits, Session
from reconciler.model.plan import Proof, Verdict
from reconciler.model.step import Phase, Step
from reconciler.planfile.codec import sealed
from reconciler.planner.build import TargetState, build, compared
from reconciler.planner.fuse import Fusing
from reconciler.results import nobody

SHOWN = 5
BATCH = 100
"""Steps of one transaction while the live schema is built: each takes locks until its end."""


class _Wrong(Exception):
    """A stage of the proof did not come to what it has to come to; the message says where."""


@dataclass(frozen=True, slots=True)
class Proving:
    """How the steps of one target are proven. `seen` is the live target, `stop` is set to begin no further step."""

    seen: Seen
    steps: tuple[Step, ...]
    limits: Limits
    stop: threading.Event = field(default_factory=threading.Event)

    def on(self, session: Session) -> Proof:
        """Prove on an empty scratch database. Raises KeyboardInterrupt when it was stopped."""
        proof = Proof(self.seen.name, Verdict.UNPROVEN, Verdict.UNPROVEN, str(session.server))
        try:
            self._build(session)
        except (_Wrong, ReconcileError) as problem:
            return replace(proof, reason=f"what is live cannot be built on a scratch database: {problem}")
        try:
            self._forward(session)
        except (_Wrong, ReconcileError) as problem:
            return replace(proof, forward=Verdict.REFUTED, reason=str(problem))
        proof = replace(proof, forward=Verdict.PROVEN)
        lasting = [s for s in self.steps if s.undo is None]
        if lasting:
            return replace(proof, undo=Verdict.IMPOSSIBLE, undo_reason=_cannot_be_undone(lasting))
        try:
            self._undo(session)
        except (_Wrong, ReconcileError) as problem:
            return replace(proof, undo=Verdict.REFUTED, undo_reason=str(problem))
        return replace(proof, undo=Verdict.PROVEN)

    def _build(self, session: Session) -> None:
        """Plan from nothing to what is live, run that, and look whether it is what is live."""
        was = self._was_live()
        empty = session.inspect(self.seen.scope)
        # what is live is canonical: nothing has to be asked
        state = compared(TargetState(was.engine, was.desired, empty, session.server, was.policy))
        steps = sealed(build(was.policy.environment, [state], [], None)).steps
        for begin in range(0, len(steps), BATCH):
            batch = steps[begin : begin + BATCH]
            together = _together(was.engine, batch)
            if together and self._run(session, together).failed is None:
                continue
            run = self._run(session, batch)  # nothing of it is there yet: one by one, to name the one that fails
            if run.failed is not None:
                raise _Wrong(f"{run.failed.title}: {run.error}")
        self._compare(self._was_live(), session, Journal(), "these differ from what is live")

    def _forward(self, session: Session) -> None:
        """The steps of the plan, and the comparison that ends an apply."""
        run = self._run(session, self.steps)
        if run.failed is not None:
            raise _Wrong(f"step {run.failed.id} ({run.failed.title}) failed: {run.error}")
        was = self.seen.declared
        declared = Declared(was.engine, self.seen.state.desired, was.policy, lambda _roots: self.seen.scope)
        self._compare(declared, session, self.seen.journal, "all steps ran, and these differ from what is declared")

    def _undo(self, session: Session) -> None:
        run = self._run(session, undoing(self.steps), BACKWARDS)
        if run.failed is not None:
            raise _Wrong(f"{run.failed.title} failed: {run.error}")
        self._compare(self._was_live(), session, Journal(), "all steps were undone, and these differ from before")

    def _was_live(self) -> Declared:
        """What is live, as if it were declared and all there is to be."""
        declared = self.seen.declared
        policy = declared.policy._replace(prune="all", retain=False)
        return Declared(declared.engine, self.seen.state.there, policy, lambda _roots: self.seen.scope)

    def _run(self, session: Session, steps: tuple[Step, ...], phases: Iterable[Phase] = tuple(Phase)) -> TargetRun:
        run = TargetRun(Admission(self.seen, {}, (), steps, False), session, steps)
        Executor("proof", self.limits, nobody, self.stop).run([run], phases)
        if self.stop.is_set():
            raise KeyboardInterrupt
        return run

    def _compare(self, declared: Declared, session: Session, journal: Journal, otherwise: str) -> None:
        state = look(declared, session, journal).state
        wrong = [state.changes[a] for a in unproven(state, ())]
        if wrong:
            told = [f"{c.address} ({', '.join(a.name for a in c.attributes) or c.action.value})" for c in wrong]
            more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
            raise _Wrong(f"{otherwise}: {', '.join(told[:SHOWN])}{more}")


def _together(engine: Engine, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps as one, in one transaction; none where the engine cannot do that. It saves two thirds of the time."""
    if len(steps) < 2 or not isinstance(engine, Fusing):
        return ()
    operation = engine.fuse([s.operation for s in steps])
    return () if operation is None else (replace(steps[-1], operation=operation, probes=()),)


def _cannot_be_undone(steps: Sequence[Step]) -> str:
    several = len(steps) != 1
    numbers = ", ".join(str(s.id) for s in steps[:SHOWN]) + (" …" if len(steps) > SHOWN else "")
    return f"{len(steps)} step{'s' * several} cannot be undone ({numbers})"
