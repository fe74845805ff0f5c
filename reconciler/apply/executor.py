"""Runs steps: the targets of a phase side by side, the steps of a target one after the other.

Where an engine has lanes (`model.engine.Laned`), the steps of different lanes of a target run side by side too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from reconciler.apply.guard import Admission
from reconciler.apply.journal import stepped
from reconciler.apply.parallel import in_parallel
from reconciler.apply.violations import unknown, violated
from reconciler.model.engine import Engine, Grouping, Laned, Limits, Session
from reconciler.model.step import Phase, Step
from reconciler.results import Listener, StepEvent


@dataclass(slots=True)
class TargetRun:
    """One target while its steps run. `error` is what ended it early, at the step `failed`."""

    admission: Admission
    session: Session
    pending: tuple[Step, ...]
    ran: list[Step] = field(default_factory=list)
    failed: Step | None = None
    error: Exception | None = None
    ending: threading.Lock = field(default_factory=threading.Lock)

    def end(self, step: Step) -> None:
        """A step is done: usually the first that was pending."""
        first = self.pending[0] is step
        self.pending = self.pending[1:] if first else tuple(s for s in self.pending if s is not step)
        self.ran.append(step)

    @property
    def name(self) -> str:
        """`payment/postgres`."""
        return self.admission.seen.name


@dataclass(frozen=True, slots=True)
class Executor:
    """How steps are run: which plan, which limits, who listens. `stop` is set to begin no further step."""

    digest: str
    limits: Limits
    listen: Listener
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, runs: Sequence[TargetRun], phases: Iterable[Phase]) -> None:
        """All pending steps of the phases, in their order. A failing target does not stop its siblings in the phase,
        but all later phases: see each run's `error`. Raises KeyboardInterrupt after the running steps ended."""
        for phase in phases:
            if any(r.error for r in runs):
                return
            active = [r for r in runs if any(s.phase == phase for s in r.pending)]
            in_parallel(partial(self._steps, phase), active, self._interrupted)

    def _steps(self, phase: Phase, run: TargetRun) -> None:
        steps = [s for s in run.pending if s.phase == phase]
        engine = run.admission.seen.state.engine
        lanes = _lanes(engine, steps)
        if not isinstance(engine, Laned) or len(lanes) == 1:
            self._lane(run, lanes[0])
            return
        left = iter(lanes)  # `next` of a list's iterator is one instruction: no two threads get the same

        def work(_: int) -> None:
            while (lane := next(left, None)) is not None:
                self._lane(run, lane)

        in_parallel(work, range(min(len(lanes), engine.lanes)))

    def _lane(self, run: TargetRun, steps: Sequence[Step]) -> None:
        """Steps that build on one another. None begins once a step of the target has failed."""
        left = list(steps)
        while left and not self.stop.is_set() and run.error is None:
            ran = self._together(run, left) or self._alone(run, left[0])
            for step in left[:ran]:
                self.listen(StepEvent("done", run.name, step))
            left = left[ran:]

    def _together(self, run: TargetRun, steps: Sequence[Step]) -> int:
        """How many steps the session ran in one go."""
        if not isinstance(run.session, Grouping):
            return 0

        def begin(step: Step) -> None:
            self.listen(StepEvent("started", run.name, step))

        ran = run.session.execute_first(steps, self.limits, begin, lambda step: stepped(self.digest, step.id))
        for step in steps[:ran]:
            run.end(step)
        return ran

    def _alone(self, run: TargetRun, step: Step) -> int:
        """Run one step: 1, or 0 where it failed."""
        self.listen(StepEvent("started", run.name, step))
        try:
            self._step(run, step)
        except Exception as error:
            if run.error is None:
                run.failed, run.error = step, error
            self.listen(StepEvent("failed", run.name, step, str(error)))
            return 0
        return 1

    def _step(self, run: TargetRun, step: Step) -> None:
        def progress(message: str) -> None:
            self.listen(StepEvent("waiting", run.name, step, message))

        for probe in step.probes:
            found = run.session.probe(probe)
            if found.count:
                raise violated(probe, found)
            if found.unknown:
                progress(unknown(probe, found))

        if not isinstance(run.admission.seen.state.engine, Laned):
            run.session.execute(step.operation, self.limits, progress, stepped(self.digest, step.id))
            run.end(step)
            return
        run.session.execute(step.operation, self.limits, progress, {})
        with run.ending:  # what is done is known only now: others end meanwhile
            run.end(step)
            last = min((s.id for s in run.pending), default=step.id + 1) - 1
            ahead = [s.id for s in (*run.admission.done, *run.ran) if s.id > last]
            run.session.record(stepped(self.digest, last, ahead))

    def _interrupted(self) -> None:
        self.stop.set()
        self.listen(StepEvent("stopping", "", None, "finishing the running steps; interrupt again to give up"))


def _lanes(engine: Engine, steps: Sequence[Step]) -> list[list[Step]]:
    """The steps by lane, in their order; one lane of all where the engine has none."""
    if not isinstance(engine, Laned):
        return [list(steps)]
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(engine.lane(step), []).append(step)
    return list(found.values())
