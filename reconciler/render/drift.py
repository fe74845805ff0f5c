"""What drifted, resource by resource: what it is declared to be, what it is, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from reconciler.render import words
from reconciler.render.json import address, left_alone
from reconciler.render.paint import Piece, Role, Sheet, heading, muted
from reconciler.results import DriftResult, Finding

_MARKS = {
    "changed": ("~", Role.CHANGE),
    "missing": ("-", Role.DELETE),
    "extra": ("+", Role.GOOD),
    "new": ("+", Role.MUTED),
}
_STORY = {
    ("changed", "live"): "changed in the store since the last apply",
    ("changed", "declaration"): "the declaration was edited and is not applied yet",
    ("changed", "unknown"): "differs from its declaration; nothing was applied here yet",
    ("missing", "live"): "removed from the store since the last apply",
    ("missing", "declaration"): "declared, and not applied yet",
    ("missing", "unknown"): "declared, not there; nothing was applied here yet",
    ("extra", "live"): "added in the store since the last apply",
    ("extra", "declaration"): "no longer declared, and not applied yet",
    ("extra", "unknown"): "there, not declared; nothing was applied here yet",
}
_NEW = "new since the last apply, and not managed here"


def drift_text(result: DriftResult, *, colour: bool = False) -> str:
    """The result as text."""
    sheet = Sheet(colour)
    sheet.add(0, heading(headline(result)))
    for target, found in groupby(_by_target(result.findings), key=lambda f: f.address.target):
        sheet.blank()
        label = result.labels.get(target)
        sheet.add(0, heading(target), muted(f"  {label}") if label else "")
        for finding in found:
            _finding(sheet, finding)
    _list(
        sheet,
        "Deferred: could not be compared",
        [(d.address.target, str(d.address), d.reason) for d in result.deferred],
    )
    _list(
        sheet,
        "Unmanaged: live, and left alone",
        [(u.address.target, str(u.address), u.reason) for u in result.unmanaged],
    )
    _list(sheet, "Worth knowing", [(n.target, "", n.message) for n in result.notes])
    return sheet.text()


def headline(result: DriftResult) -> str:
    """`Drift in production: 3 resources on 2 targets`."""
    where = f" in {result.environment}" if result.environment else ""
    if result.findings:
        targets = words.count(len({f.address.target for f in result.findings}), "target")
        return f"Drift{where}: {words.count(len(result.findings), 'resource')} on {targets}"
    if result.deferred:
        return f"No drift found{where}, but {words.count(len(result.deferred), 'resource')} could not be compared"
    return f"No drift{where}: {words.count(len(result.labels), 'target')} as declared"


def drift_data(result: DriftResult) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "kind": "drift",
        "version": 1,
        "environment": result.environment,
        "drifted": bool(result.findings),
        "complete": not result.deferred,
        "summary": headline(result),
        "targets": [{"target": target, "label": label} for target, label in result.labels.items()],
        "findings": [_data(f) for f in _by_target(result.findings)],
        "deferred": [left_alone(d) for d in result.deferred],
        "unmanaged": [left_alone(u) for u in result.unmanaged],
        "notes": [n._asdict() for n in result.notes],
    }


def story(finding: Finding) -> str:
    """What happened, in words."""
    return _NEW if finding.what == "new" else _STORY[finding.what, finding.cause]


def _by_target(findings: Iterable[Finding]) -> list[Finding]:
    """One block a target, in the order in which targets first appear."""
    order: dict[str, int] = {}
    found = list(findings)
    for finding in found:
        order.setdefault(finding.address.target, len(order))
    return sorted(found, key=lambda f: order[f.address.target])


def _finding(sheet: Sheet, finding: Finding) -> None:
    symbol, role = _MARKS[finding.what]
    sheet.add(2, Piece(role, symbol), f" {finding.address}: {story(finding)}")
    for name, declared, live in finding.attributes:
        sheet.add(6, muted(f"{name}: "), f"declared {declared}, live {live}")
    if finding.where:
        sheet.add(6, muted(f"declared at {finding.where}"))


def _list(sheet: Sheet, title: str, rows: list[tuple[str, str, str]]) -> None:
    if rows:
        sheet.blank()
        sheet.add(0, heading(title), f" ({len(rows):,})")
        for target, subject, reason in rows:
            sheet.add(2, ": ".join(filter(None, (target, subject, reason))))


def _data(finding: Finding) -> dict[str, Any]:
    where = finding.where
    return {
        "address": address(finding.address),
        "target": finding.address.target,
        "what": finding.what,
        "cause": finding.cause,
        "message": story(finding),
        "attributes": [{"name": n, "declared": declared, "live": live} for n, declared, live in finding.attributes],
        "where": None if where is None else {"file": where.file, "line": where.line},
    }
