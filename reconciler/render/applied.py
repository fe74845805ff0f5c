"""An apply while it runs, and what it came to."""

from __future__ import annotations

from typing import Any

from reconciler.model.step import Step
from reconciler.render import words
from reconciler.render.json import step_reference
from reconciler.render.paint import Piece, Role, Sheet, heading, muted
from reconciler.results import ApplyResult, StepEvent

_ROLES = {"done": Role.GOOD, "verified": Role.GOOD, "failed": Role.ERROR, "skipped": Role.MUTED, "stopping": Role.GATE}
_WORDS = {
    "skipped": "done by an earlier run",
    "locked": "no one else can apply here now",
    "stopping": "no further step is started",
}


def event_text(event: StepEvent, total: int, *, took: float | None = None, colour: bool = False) -> str:
    """One line of progress. `took`: seconds a step that ended ran for."""
    sheet = Sheet(colour)
    state = Piece(_ROLES.get(event.state, Role.PLAIN), f"{event.state:<8}")
    place = f"step {event.step.id}/{total}  " if event.step else ""
    title = event.step.title if event.step and event.state != "waiting" else ""
    told = ": ".join(part for part in (title, event.message or _told(event)) if part)
    seconds = muted(f"  {took:.1f} s") if took is not None and took >= 0.1 else ""
    sheet.add(0, f"{event.target}  {place}", state, f"  {told}", seconds)
    return sheet.text()


def _told(event: StepEvent) -> str:
    return verified(event) if event.state == "verified" else _WORDS.get(event.state, "")


def verified(event: StepEvent) -> str:
    """What is proven, and what is not: `live equals declared, but for what steps 5-7 (contract) will do`."""
    parts = ["live equals declared"]
    if event.remaining:
        phases = words.listing([p.word for p in sorted({s.phase for s in event.remaining})])
        numbers = f"{'step' if len(event.remaining) == 1 else 'steps'} {words.ranges(s.id for s in event.remaining)}"
        parts.append(f"but for what {numbers} ({phases}) will do")
    if event.deferred:
        parts.append(f"and {words.count(event.deferred, 'resource')} could not be compared")
    return ", ".join(parts)


def applied_text(result: ApplyResult, *, source: str = "", colour: bool = False) -> str:
    """The end of an apply. `source` is the plan file, for the command that goes on."""
    sheet = Sheet(colour)
    sheet.add(0, heading(headline(result)))
    if result.stopped_before is not None:
        gated = result.plan.stop_before is not None and result.stopped_before >= result.plan.stop_before
        wait = " when no running code needs the old schema any more" if gated else ""
        sheet.add(2, f"go on with {result.stopped_before.word}{wait}:")
        command = " ".join(filter(None, ("reconcile apply", source, f"--phase {result.stopped_before.word}")))
        sheet.add(2, command)
        for step in result.remaining:
            sheet.add(4, muted(f"step {step.id}  {step.target}  {step.title}"))
    return sheet.text()


def headline(result: ApplyResult) -> str:
    """`Applied: 15 steps ran; live equals declared on 4 targets`."""
    ran = words.count(len(result.ran), "step") + " ran"
    before = f", {words.count(len(result.skipped), 'step')} done by an earlier run" if result.skipped else ""
    match result.outcome:
        case "stopped":
            before_phase = f" before {result.stopped_before.word}" if result.stopped_before else ""
            return f"Stopped{before_phase}: {ran}{before}; {words.count(len(result.remaining), 'step')} left"
        case "already applied":
            return "Already applied: this plan ran before, nothing was done"
        case _:
            targets = words.count(len(result.plan.targets), "target")
            left = words.count(len(result.plan.deferred), "resource")
            but = f", but {left} could not be compared" if result.plan.deferred else ""
            return f"Applied: {ran}{before}; live equals declared on {targets}{but}"


def applied_data(result: ApplyResult) -> dict[str, Any]:
    """The end of an apply as plain data."""
    return {
        "kind": "apply",
        "version": 1,
        "environment": result.plan.environment,
        "digest": result.plan.digest,
        "outcome": result.outcome,
        "summary": headline(result),
        "ran": _steps(result.ran),
        "skipped": _steps(result.skipped),
        "remaining": _steps(result.remaining),
        "stopped_before": result.stopped_before.word if result.stopped_before else None,
    }


def _steps(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [step_reference(s) for s in steps]
