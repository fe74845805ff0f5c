"""An undo, before it runs and what it came to."""

from __future__ import annotations

from typing import Any

from reconciler.model.step import Step
from reconciler.render import words
from reconciler.render.json import hazard, operation, step_reference
from reconciler.render.paint import Piece, Role, Sheet, heading, muted
from reconciler.results import UndoResult

_INDENT = 4


def undo_text(result: UndoResult, *, colour: bool = False) -> str:
    """What an undo will run, in the order in which it does."""
    sheet = Sheet(colour)
    sheet.add(0, heading(f"Undo of plan {result.plan.digest[:12]} for {result.plan.environment}: {_extent(result)}"))
    for step in result.steps:
        _step(sheet, step)
    _listed(sheet, "stays as it is", result.kept)
    _listed(sheet, "cannot be undone", result.lasting)
    return sheet.text()


def _extent(result: UndoResult) -> str:
    return words.count(len(result.steps), "step") if result.steps else "nothing to run"


def _step(sheet: Sheet, step: Step) -> None:
    sheet.blank()
    sheet.add(0, Piece(Role.GATE, f"{step.id:>5}"), f"  {step.target}  ", heading(step.title))
    for code, message in step.hazards:
        sheet.add(_INDENT + 3, Piece(Role.HAZARD, f"! {code}"), f"  {message}")
    sheet.code(_INDENT + 7, tuple(step.operation.lines()))


def _listed(sheet: Sheet, title: str, steps: tuple[Step, ...]) -> None:
    if steps:
        sheet.blank()
        sheet.add(0, heading(f"{title} ({len(steps):,})"))
    for step in steps:
        sheet.add(_INDENT, muted(f"step {step.id}  {step.target}  {step.title}"))


def undone_text(result: UndoResult, *, colour: bool = False) -> str:
    """The end of an undo."""
    sheet = Sheet(colour)
    sheet.add(0, heading(headline(result)))
    _listed(sheet, "stays as it is", result.kept)
    return sheet.text()


def headline(result: UndoResult) -> str:
    """`Undone: 7 steps ran; live is what it was before the plan on 2 targets`."""
    targets = words.count(len(result.plan.targets), "target")
    ran = words.count(len(result.steps), "step")
    match result.outcome:
        case "planned":
            return f"To be undone: {ran} on {targets}"
        case "not applied":
            return "Nothing to undo: live is what it was before the plan"
        case "undone":
            return f"Undone: {ran} ran; live is what it was before the plan on {targets}"
        case _:
            stay = words.count(len(result.kept), "step")
            return f"Undone in part: {ran} ran; {stay} of the plan {'stays' if len(result.kept) == 1 else 'stay'}"


def undone_data(result: UndoResult) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "kind": "undo",
        "version": 1,
        "environment": result.plan.environment,
        "digest": result.plan.digest,
        "outcome": result.outcome,
        "summary": headline(result),
        "steps": [_data(s) for s in result.steps],
        "kept": [step_reference(s) for s in result.kept],
        "lasting": [step_reference(s) for s in result.lasting],
    }


def _data(step: Step) -> dict[str, Any]:
    said = {"operation": operation(step.operation), "hazards": [hazard(h) for h in step.hazards]}
    return {**step_reference(step), **said}
