"""JSON Schema (2020-12) of what `--json` and `--format json` print.

Every document says its `kind` and `version`. Programs should ignore fields they do not know: fields are added, and
never changed or removed without another version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.change import Action
from reconciler.model.plan import Verdict
from reconciler.model.step import Phase

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
PHASE: Schema = {"enum": [p.word for p in Phase]}
VERDICT: Schema = {"enum": [v.value for v in Verdict]}
ACTION: Schema = {"enum": [a.value for a in Action]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


ADDRESS = _object({"service": TEXT, "engine": TEXT, "kind": TEXT, "path": {**_list(TEXT), "minItems": 1}})
ATTRIBUTE = _object({"name": TEXT, "before": TEXT, "after": TEXT})
CHANGE = _object({"address": ADDRESS, "action": ACTION, "attributes": _list(ATTRIBUTE)})
LEFT_ALONE = _object({"address": ADDRESS, "reason": TEXT})
OPERATION = _object({"fields": {"type": "object"}, "lines": _list(TEXT)})
HAZARD = _object({"code": TEXT, "message": TEXT, "needs_approval": FLAG})
SIZE = _object({"rows": {"type": "integer", "minimum": -1}, "bytes": {"type": "integer", "minimum": -1}})
STEP = _object(
    {
        "id": {"type": "integer", "minimum": 1},
        "phase": PHASE,
        "target": TEXT,
        "address": ADDRESS,
        "action": ACTION,
        "title": TEXT,
        "because": TEXT,
        "operation": OPERATION,
        "locks": _list(_object({"mode": TEXT, "on": TEXT})),
        "hazards": _list(HAZARD),
        "reads": {"anyOf": [SIZE, {"type": "null"}]},
        "first": _list(_object({"message": TEXT, "query": TEXT, "parameters": {"type": "object"}})),
        "done_when": _list(TEXT),
        "undo": {"anyOf": [_list(OPERATION), {"type": "null"}]},
    }
)
PROOF = _object(
    {"target": TEXT, "server": TEXT, "forward": VERDICT, "reason": TEXT, "undo": VERDICT, "undo_reason": TEXT}
)
SUMMARY = _object(
    {
        "text": TEXT,
        **{action.value: COUNT for action in Action},
        "steps": COUNT,
        "phases": _list(PHASE),
        "needs_approval": _list(TEXT),
    }
)
WHERE = {"anyOf": [_object({"file": TEXT, "line": COUNT}), {"type": "null"}]}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
REFERENCE = _object({"id": COUNT, "phase": PHASE, "target": TEXT, "title": TEXT})


def _document(kind: str, properties: Mapping[str, Schema]) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind} of reconcile",
        **_object({"kind": {"const": kind}, "version": {"const": 1}, **properties}),
    }


NOTE = _object({"target": TEXT, "message": TEXT})
PLAN = _document(
    "plan",
    {
        "tool_version": TEXT,
        "environment": TEXT,
        "digest": TEXT,
        "changed": FLAG,
        "complete": FLAG,
        "summary": SUMMARY,
        "targets": _list(_object({"target": TEXT, "server": TEXT, "scope": TEXT, "live": TEXT, "desired": TEXT})),
        "hazards": _list(_object({**HAZARD["properties"], "step": COUNT, "target": TEXT})),
        "gates": _list(_object({"before": PHASE, "message": TEXT})),
        "changes": _list(CHANGE),
        "steps": _list(STEP),
        "deferred": _list(LEFT_ALONE),
        "unmanaged": _list(LEFT_ALONE),
        "notes": _list(NOTE),
        "proofs": _list(PROOF),
    },
)
"""`plan` and `show`."""
APPLY = _document(
    "apply",
    {
        "environment": TEXT,
        "digest": TEXT,
        "outcome": {"enum": ["applied", "stopped", "already applied"]},
        "summary": TEXT,
        "ran": _list(REFERENCE),
        "skipped": _list(REFERENCE),
        "remaining": _list(REFERENCE),
        "stopped_before": {"anyOf": [PHASE, {"type": "null"}]},
    },
)
"""`apply`."""
FINDING = _object(
    {
        "address": ADDRESS,
        "target": TEXT,
        "what": {"enum": ["changed", "missing", "extra", "new"]},
        "cause": {"enum": ["live", "declaration", "unknown"]},
        "message": TEXT,
        "attributes": _list(_object({"name": TEXT, "declared": TEXT, "live": TEXT})),
        "where": WHERE,
    }
)
DRIFT = _document(
    "drift",
    {
        "environment": TEXT,
        "drifted": FLAG,
        "complete": FLAG,
        "summary": TEXT,
        "targets": _list(_object({"target": TEXT, "label": TEXT})),
        "findings": _list(FINDING),
        "deferred": _list(LEFT_ALONE),
        "unmanaged": _list(LEFT_ALONE),
        "notes": _list(NOTE),
    },
)
"""`drift`."""
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
VALIDATE = _document(
    "validate",
    {"valid": FLAG, "summary": TEXT, "services": _list(TEXT), "files": _list(TEXT), "resources": COUNTS},
)
"""`validate`."""
IMPORT = _document(
    "import",
    {
        "summary": TEXT,
        "files": _list(_object({"name": TEXT, "path": MAYBE_TEXT, "text": MAYBE_TEXT})),
        "resources": COUNTS,
        "unmanaged": _list(LEFT_ALONE),
        "deferred": _list(LEFT_ALONE),
        "differences": _list(CHANGE),
    },
)
"""`import`."""
ERROR = _document(
    "error",
    {
        "exit_code": COUNT,
        "errors": {
            **_list(_object({"code": TEXT, "message": TEXT, "hint": MAYBE_TEXT, "where": WHERE, "effect": TEXT})),
            "minItems": 1,
        },
    },
)
"""Any command that fails."""
