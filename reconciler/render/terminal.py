"""A plan as a person reviews it: by phase, then target, every step with its statement, hazards and undo."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.plan import Plan
from reconciler.render import words
from reconciler.render.paint import ACTION_ROLES, Piece, Role, Sheet, heading, muted
from reconciler.render.view import PROMISES, Aside, Code, Fact, HazardView, PhaseView, PlanView, StepView, view

_LABEL = 11
_STATEMENT = 4
_NAMES = 3
"""So many names of a scope are told; of one more all, of still more how many more there are."""


def plan_text(plan: Plan, *, colour: bool = False, labels: Mapping[str, str] | None = None) -> str:
    """The plan as text. `labels` says where each target lives, by its name."""
    shown = view(plan)
    sheet = Sheet(colour)
    sheet.add(0, heading(f"{_title(shown)} {shown.summary}"))
    _targets(sheet, shown, labels or {})
    _hazards(sheet, shown.hazards)
    width = len(str(len(plan.steps)))
    for phase in shown.phases:
        _phase(sheet, phase, width)
    for aside in shown.asides:
        _aside(sheet, aside)
    if not plan.empty:
        sheet.blank()
        sheet.add(0, heading(f"Plan: {shown.summary}"))
    return sheet.text()


def step_text(shown: StepView, *, colour: bool = False) -> str:
    """One step alone."""
    sheet = Sheet(colour)
    _step(sheet, shown, len(str(shown.id)))
    return sheet.text()


def _title(shown: PlanView) -> str:
    return f"Plan for {shown.plan.environment}:" if shown.plan.environment else "Plan:"


def _targets(sheet: Sheet, shown: PlanView, labels: Mapping[str, str]) -> None:
    """Where the plan changes something, a line each; the others by name. All of them where it changes nothing."""
    stamps = shown.plan.targets
    if not stamps:
        return
    sheet.blank()
    named = [s for s in stamps if shown.plan.empty or s.target in shown.touched]
    wide = max((len(s.target) for s in named), default=0)
    for stamp in named:
        scope = f"scope: {words.some(stamp.scope.split(', '), _NAMES)}" if stamp.scope else ""
        told = ", ".join(part for part in (labels.get(stamp.target, ""), stamp.server, scope) if part)
        sheet.add(2, f"{stamp.target:<{wide}}  ", muted(told))
    others = [s.target for s in stamps if s not in named]
    if others:
        sheet.add(2, muted(f"as declared: {', '.join(others)}"))


def _hazards(sheet: Sheet, hazards: tuple[HazardView, ...]) -> None:
    if not hazards:
        return
    blocking = sum(h.hazard.needs_approval for h in hazards)
    approval = f", {blocking:,} to be approved by code" if blocking else ", none to be approved"
    sheet.blank()
    sheet.add(0, Piece(Role.HAZARD, f"! {words.count(len(hazards), 'hazard')}"), f"{approval}")
    wide = max(len(h.target) for h in hazards)
    number = max(len(str(h.step)) for h in hazards)
    for step, target, (code, message) in hazards:
        sheet.add(2, Piece(Role.HAZARD, f"! {code}"), f"  step {step:<{number}}  {target:<{wide}}  {message}")
    codes = sorted({h.hazard.code for h in hazards if h.hazard.needs_approval})
    if codes:
        sheet.add(2, muted(f"approve with --allow {','.join(codes)}"))


def _phase(sheet: Sheet, shown: PhaseView, width: int) -> None:
    if shown.gate:
        sheet.blank()
        sheet.add(0, Piece(Role.GATE, f"=== gate: {shown.gate} ==="))
    sheet.blank()
    steps = words.count(shown.size, "step")
    sheet.add(0, heading(f"── {shown.phase.word} ──"), f" {shown.position}, {steps}: {PROMISES[shown.phase]}")
    for group in shown.groups:
        sheet.blank()
        sheet.add(0, heading(group.target))
        for step in group.steps:
            sheet.blank()
            _step(sheet, step, width)


def _step(sheet: Sheet, shown: StepView, width: int) -> None:
    step = shown.step
    role = ACTION_ROLES[shown.action]
    sheet.add(0, Piece(role, f"{shown.action.symbol:>5}"), f" {step.id:>{width}}  ", heading(step.title))
    indent = 8 + width
    for code, message in step.hazards:
        sheet.add(indent, Piece(Role.HAZARD, f"! {code}"), f"  {message}")
    if step.because:
        _fact(sheet, indent, Fact("because", step.because))
    sheet.blank()
    sheet.code(indent + _STATEMENT, shown.code.lines)
    sheet.blank()
    for fact in (*_manner(shown.code), *shown.facts):
        _fact(sheet, indent, fact)
    _undo(sheet, indent, shown.undo)


def _fact(sheet: Sheet, indent: int, fact: Fact) -> None:
    sheet.add(indent, muted(f"{fact.label:<{_LABEL}}"), fact.text)
    sheet.code(indent + _LABEL + 2, fact.below, Role.MUTED)


def _manner(code: Code) -> tuple[Fact, ...]:
    return tuple(Fact("run", text) for text in code.manner)


def _undo(sheet: Sheet, indent: int, undo: tuple[Code, ...] | None) -> None:
    if undo is None:
        sheet.add(indent, muted(f"{'undo':<{_LABEL}}"), "none: nothing brings the old state back")
        return
    if not undo:
        sheet.add(indent, muted(f"{'undo':<{_LABEL}}"), "nothing to bring back")
    label = "undo"
    for code in undo:
        sheet.add(indent, muted(f"{label:<{_LABEL}}"), *(code.lines if len(code.lines) == 1 else ()))
        if len(code.lines) != 1:
            sheet.code(indent + _STATEMENT, code.lines)
        for manner in code.manner:
            _fact(sheet, indent, Fact("", manner))
        label = ""


def _aside(sheet: Sheet, aside: Aside) -> None:
    sheet.blank()
    title = aside.title[0].upper() + aside.title[1:]
    sheet.add(0, heading(title), f" ({len(aside.remarks):,})")
    target = None
    for remark in aside.remarks:
        if remark.target != target:
            target = remark.target
            sheet.add(2, target)
        told = ": ".join(part for part in (remark.subject, remark.text) if part)
        sheet.add(4, told)
