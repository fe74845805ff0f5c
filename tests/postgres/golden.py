"""A plan as the golden files of the scenarios keep it: what a reviewer would look at, and nothing that varies."""

from __future__ import annotations

from typing import Any

from reconciler.desired.emit import dump
from reconciler.model.expr import Expr
from reconciler.model.plan import Plan
from reconciler.model.step import Check, Operation, Step


def compact(plan: Plan) -> str:
    """The steps in order."""
    return dump({"steps": [_step(step) for step in plan.steps]})


def _step(step: Step) -> dict[str, Any]:
    data: dict[str, Any] = {"phase": step.phase.word, "title": step.title, "sql": _text(step.operation)}
    if step.locks:
        data["locks"] = [f"{lock.mode} {lock.on}" for lock in step.locks]
    if step.hazards:
        data["hazards"] = [h.code for h in step.hazards]
    if step.probes:
        data["probes"] = [p.message for p in step.probes]
    data["done when"] = [_check(check) for check in step.done]
    if step.undo is None:
        data["undo"] = "impossible"
    elif step.undo:
        data["undo"] = "\n".join(_text(o).rstrip("\n") for o in step.undo) + "\n"
    return data


def _text(operation: Operation) -> str:
    return "\n".join(operation.lines()) + "\n"


def _check(check: Check) -> str:
    if not check.present:
        return f"{check.address} is absent"
    return ", ".join([f"{check.address} is present", *(f"{n} = {_value(v)}" for n, v in check.attributes)])


def _value(value: Any) -> str:
    """As written, not as the server spells it: then a plan made without a server says the same."""
    if isinstance(value, Expr):
        return value.source
    if isinstance(value, tuple):
        return "(" + ", ".join(_value(v) for v in value) + ")"
    return str(value)
