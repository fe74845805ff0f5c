"""The plan as YAML text and back: written to be read in a pull request, and read back to exactly the same plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from reconciler.desired.emit import dump
from reconciler.errors import InternalError
from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.engine import Engine
from reconciler.model.plain import plain
from reconciler.model.plan import FORMAT, Note, Plan, PlannedChange, Proof
from reconciler.model.step import Check, Step
from reconciler.planfile.addresses import write_address
from reconciler.planfile.reading import Node

DIGEST = "digest: "
STEP_KEYS = (
    "id", "phase", "target", "address", "title", "because",
    "locks", "reads", "hazards", "probes", "done when", "undo",
)  # fmt: skip
"""Keys of a step that are not the operation's own."""
IMPOSSIBLE = "impossible"
"""`undo:` where nothing brings the old state back."""


def sealed(plan: Plan) -> Plan:
    """The plan with its digest, and with the values of checks and probes as plain data."""
    steps = tuple(
        replace(
            step,
            done=tuple(Check(c.address, c.present, plain(c.attributes)) for c in step.done),
            probes=tuple(p._replace(parameters=plain(p.parameters)) for p in step.probes),
        )
        for step in plan.steps
    )
    plan = replace(plan, steps=steps, digest="")
    return replace(plan, digest=digest_of(plan))


def digest_of(plan: Plan) -> str:
    """The digest over everything the plan file says but the digest itself."""
    return sha256(_body(plan).encode()).hexdigest()


def encode(plan: Plan) -> str:
    """The text of the plan file; its last line is the digest over all the others. Same plan, same bytes."""
    body = _body(plan)
    return f"{body}{DIGEST}{sha256(body.encode()).hexdigest()}\n"


def decode(data: Any, engines: Mapping[str, Engine], fail: Callable[..., Exception]) -> Plan:
    """The plan that parsed text holds; unknown keys and missing ones are refused with `fail(message, *pointer)`."""
    root = Node(data, fail)
    root.skip("format")
    return root.end(
        Plan(
            tool_version=root.text("reconcile"),
            environment=root.text("environment"),
            stop_before=root.phase("stop before", optional=True),
            targets=tuple(n.end(n.stamp()) for n in root.nodes("targets")),
            changes=tuple(n.end(n.change()) for n in root.nodes("changes")),
            steps=tuple(n.end(n.step(engines, STEP_KEYS, IMPOSSIBLE)) for n in root.nodes("steps")),
            unmanaged=tuple(n.end(Unmanaged(n.address(), n.text("reason"))) for n in root.nodes("unmanaged")),
            deferred=tuple(n.end(Deferred(n.address(), n.text("reason"))) for n in root.nodes("deferred")),
            notes=tuple(n.end(Note(n.text("target"), n.text("message"))) for n in root.nodes("notes")),
            proofs=tuple(n.end(n.proof()) for n in root.nodes("proofs")),
            digest=root.text("digest"),
        )
    )


def _body(plan: Plan) -> str:
    return dump(_data(plan))


def _data(plan: Plan) -> dict[str, Any]:
    data: dict[str, Any] = {"format": FORMAT, "reconcile": plan.tool_version, "environment": plan.environment}
    if plan.stop_before is not None:
        data["stop before"] = plan.stop_before.word
    data["targets"] = [
        {"target": s.target, "server": s.server, "scope": s.scope, "live": s.live, "desired": s.desired}
        for s in plan.targets
    ]
    data["changes"] = [_change(c) for c in plan.changes]
    data["steps"] = [_step(s) for s in plan.steps]
    data["unmanaged"] = [{**_address(u.address), "reason": u.reason} for u in plan.unmanaged]
    data["deferred"] = [{**_address(d.address), "reason": d.reason} for d in plan.deferred]
    data["notes"] = [n._asdict() for n in plan.notes]
    data["proofs"] = [_proof(p) for p in plan.proofs]
    return {k: v for k, v in data.items() if v != [] or k in ("targets", "changes", "steps")}


def _address(address: Address) -> dict[str, Any]:
    return {"target": address.target, "address": write_address(address)}


def _change(change: PlannedChange) -> dict[str, Any]:
    data = {"action": change.action.value, **_address(change.address)}
    if change.attributes:
        data["attributes"] = [{"name": n, "before": b, "after": a} for n, b, a in change.attributes]
    return data


def _proof(proof: Proof) -> dict[str, Any]:
    data = {"target": proof.target, "server": proof.server, "forward": proof.forward.value, "reason": proof.reason}
    data |= {"undo": proof.undo.value, "undo reason": proof.undo_reason}
    return {k: v for k, v in data.items() if v}


def _step(step: Step) -> dict[str, Any]:
    data: dict[str, Any] = {"id": step.id, "phase": step.phase.word, **_address(step.address)}
    data |= {"title": step.title, "because": step.because}
    fields = listed(step.operation.encode())
    if not fields.keys().isdisjoint(STEP_KEYS):
        raise InternalError(f"an operation of {step.address} encodes to keys of the step: {', '.join(fields)}")
    data |= fields
    if step.locks:
        data["locks"] = [lock._asdict() for lock in step.locks]
    if step.size is not None:
        data["reads"] = step.size._asdict()
    if step.hazards:
        data["hazards"] = [h._asdict() for h in step.hazards]
    if step.probes:
        data["probes"] = [{k: v for k, v in listed(p._asdict()).items() if v != []} for p in step.probes]
    data["done when"] = [_check(check, step) for check in step.done]
    if step.undo is None:
        data["undo"] = IMPOSSIBLE
    elif step.undo:
        data["undo"] = [listed(operation.encode()) for operation in step.undo]
    return data


def _check(check: Check, step: Step) -> dict[str, Any]:
    if check.address[:2] != step.address[:2]:
        raise InternalError(f"a check of {step.address} is about another target: {check.address.target}")
    data: dict[str, Any] = {"present" if check.present else "absent": write_address(check.address)}
    if check.attributes:
        data["with"] = {name: listed(value) for name, value in check.attributes}
    return data


def listed(value: Any) -> Any:
    """Plain data as YAML has it: tuples are lists."""
    if isinstance(value, (list, tuple)):
        return [listed(v) for v in value]
    if isinstance(value, Mapping):
        return {k: listed(v) for k, v in value.items()}
    return value
