"""Runs steps: the targets of a phase side by side, the steps of a target one after the other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from reconciler.apply.guard import Admission
from reconciler.apply.journal import stepped
from reconciler.apply.parallel import in_parallel
from reconciler.apply.violations import violated
from reconciler.model.engine import Grouping, Limits, Session
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

    def run(self, runs: Sequence[TargetRun], through: Phase) -> None:
        """All pending steps up to a phase. A failing target does not stop its siblings in the phase, but all later
        phases: see each run's `error`. Raises KeyboardInterrupt after the running steps ended."""
        for phase in Phase:
            if phase > through or any(r.error for r in runs):
                return
            active = [r for r in runs if any(s.phase == phase for s in r.pending)]
            in_parallel(partial(self._steps, phase), active, self._interrupted)

    def _steps(self, phase: Phase, run: TargetRun) -> None:
        left = [s for s in run.pending if s.phase == phase]
        while left and not self.stop.is_set():
            ran = self._together(run, left) or self._alone(run, left[0])
            if not ran:
                return
            for step in left[:ran]:
                run.pending = run.pending[1:]
                run.ran.append(step)
                self.listen(StepEvent("done", run.name, step))
            left = left[ran:]

    def _together(self, run: TargetRun, steps: Sequence[Step]) -> int:
        """How many steps the session ran in one go."""
        if not isinstance(run.session, Grouping):
            return 0

        def begin(step: Step) -> None:
            self.listen(StepEvent("started", run.name, step))

        return run.session.execute_first(steps, self.limits, begin, lambda step: stepped(self.digest, step.id))

    def _alone(self, run: TargetRun, step: Step) -> int:
        """Run one step: 1, or 0 where it failed."""
        self.listen(StepEvent("started", run.name, step))
        try:
            self._step(run, step)
        except Exception as error:
            run.failed, run.error = step, error
            self.listen(StepEvent("failed", run.name, step, str(error)))
            return 0
        return 1

    def _step(self, run: TargetRun, step: Step) -> None:
        for probe in step.probes:
            found = run.session.probe(probe)
            if found.count:
                raise violated(probe, found)

        def progress(message: str) -> None:
            self.listen(StepEvent("waiting", run.name, step, message))

        run.session.execute(step.operation, self.limits, progress, stepped(self.digest, step.id))

    def _interrupted(self) -> None:
        self.stop.set()
        self.listen(StepEvent("stopping", "", None, "finishing the running steps; interrupt again to give up"))
