"""A plan for programs. The shape is described by `schema.PLAN`; fields are added to it, never changed or removed.

Texts are as they are, not escaped for a terminal: JSON itself escapes what has to be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.change import Action
from reconciler.model.hazard import Hazard
from reconciler.model.plan import Plan, PlannedChange, Proof
from reconciler.model.step import Operation, Probe, Step
from reconciler.render import visible
from reconciler.render.view import PlanView, StepView, done_when, view


def plan_json(plan: Plan) -> str:
    """The plan as JSON text."""
    return dumps(plan_data(plan))


def dumps(data: Mapping[str, Any]) -> str:
    """Plain data as JSON text, readable and in a stable order."""
    return visible.json_text(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    shown = view(plan)
    return {
        "kind": "plan",
        "version": 1,
        "tool_version": plan.tool_version,
        "environment": plan.environment,
        "digest": plan.digest,
        "changed": not plan.empty,
        "complete": plan.complete,
        "summary": _summary(shown),
        "targets": [stamp._asdict() for stamp in plan.targets],
        "hazards": [{**hazard(h.hazard), "step": h.step, "target": h.target} for h in shown.hazards],
        "gates": [{"before": p.phase.word, "message": p.gate} for p in shown.phases if p.gate],
        "changes": [change(c) for c in plan.changes],
        "steps": [_step(s) for phase in shown.phases for group in phase.groups for s in group.steps],
        "deferred": [left_alone(d) for d in plan.deferred],
        "unmanaged": [left_alone(u) for u in plan.unmanaged],
        "notes": [note._asdict() for note in plan.notes],
        "proofs": [_proof(p) for p in plan.proofs],
    }


def address(value: Address) -> dict[str, Any]:
    """An address, in parts: names may hold any character."""
    return {"service": value.service, "engine": value.engine, "kind": value.kind, "path": list(value.path)}


def change(value: PlannedChange) -> dict[str, Any]:
    """One change."""
    attributes = [{"name": n, "before": before, "after": after} for n, before, after in value.attributes]
    return {"address": address(value.address), "action": value.action.value, "attributes": attributes}


def left_alone(value: Deferred | Unmanaged) -> dict[str, Any]:
    """Something deferred or unmanaged."""
    return {"address": address(value.address), "reason": value.reason}


def step_reference(step: Step) -> dict[str, Any]:
    """A step by number and title, where the plan itself is elsewhere."""
    return {"id": step.id, "phase": step.phase.word, "target": step.target, "title": step.title}


def _proof(value: Proof) -> dict[str, Any]:
    return {
        "target": value.target,
        "server": value.server,
        "forward": value.forward.value,
        "reason": value.reason,
        "undo": value.undo.value,
        "undo_reason": value.undo_reason,
    }


def _summary(shown: PlanView) -> dict[str, Any]:
    plan = shown.plan
    return {
        "text": shown.summary,
        **{action.value: plan.count(action) for action in Action},
        "steps": len(plan.steps),
        "phases": [p.word for p in plan.phases],
        "needs_approval": sorted({h.code for _, h in plan.hazards if h.needs_approval}),
    }


def hazard(value: Hazard) -> dict[str, Any]:
    """One hazard."""
    return {"code": value.code, "message": value.message, "needs_approval": value.needs_approval}


def _step(shown: StepView) -> dict[str, Any]:
    step = shown.step
    return {
        "id": step.id,
        "phase": step.phase.word,
        "target": step.target,
        "address": address(step.address),
        "action": shown.action.value,
        "title": step.title,
        "because": step.because,
        "operation": operation(step.operation),
        "locks": [lock._asdict() for lock in step.locks],
        "hazards": [hazard(h) for h in step.hazards],
        "reads": step.size._asdict() if step.size else None,
        "first": [_probe(p) for p in step.probes],
        "done_when": [done_when(check) for check in step.done],
        "undo": None if step.undo is None else [operation(o) for o in step.undo],
    }


def operation(value: Operation) -> dict[str, Any]:
    """What a step runs: as a plan file has it, and for people."""
    return {"fields": value.encode(), "lines": value.lines()}


def _probe(probe: Probe) -> dict[str, Any]:
    return {"message": probe.message, "query": probe.query, "parameters": {n: str(v) for n, v in probe.parameters}}
