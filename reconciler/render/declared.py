"""What `validate` and `import` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.render import words
from reconciler.render.json import change, left_alone
from reconciler.render.paint import ACTION_ROLES, Piece, Role, Sheet, heading, muted
from reconciler.results import ImportResult, ValidateResult

LISTED = 12
"""Written files that are named."""


def validated_text(result: ValidateResult, *, colour: bool = False) -> str:
    """Declarations that are right."""
    sheet = Sheet(colour)
    sheet.add(0, heading(validated_headline(result)))
    _counts(sheet, result.resources)
    return sheet.text()


def validated_headline(result: ValidateResult) -> str:
    """`Valid: 8 services in 9 files declare 240 resources on 14 targets`."""
    services = words.count(len(result.services), "service")
    files = words.count(len(result.files), "file")
    resources = words.count(sum(result.resources.values()), "resource")
    targets = words.count(len(result.resources), "target")
    return f"Valid: {services} in {files} declaring {resources} on {targets}"


def validated_data(result: ValidateResult) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "kind": "validate",
        "version": 1,
        "valid": True,
        "summary": validated_headline(result),
        "services": list(result.services),
        "files": list(result.files),
        "resources": dict(result.resources),
    }


def imported_text(result: ImportResult, written: Mapping[str, str], *, colour: bool = False) -> str:
    """What was imported; `written` says where each file went, by file name."""
    sheet = Sheet(colour)
    sheet.add(0, heading(imported_headline(result)))
    places = [written[name] for name in result.files if name in written]
    for place in places[:LISTED]:
        sheet.add(2, f"wrote {place}")
    if len(places) > LISTED:
        sheet.add(2, f"wrote {words.count(len(places) - LISTED, 'more file')}")
    _counts(sheet, result.resources)
    deferred = "Not understood: missing in the declarations" if result.partial else "Deferred"
    for title, left in (("Unmanaged: not in the declarations", result.unmanaged), (deferred, result.deferred)):
        if left:
            sheet.blank()
            sheet.add(0, heading(title), f" ({len(left):,})")
            for found in left:
                sheet.add(2, f"{found.address.target}: {found.address}: {found.reason}")
    if result.differences:
        sheet.blank()
        sheet.add(0, Piece(Role.ERROR, "The declarations do not say all of it; a plan would still change:"))
        for planned in result.differences:
            sheet.add(2, Piece(ACTION_ROLES[planned.action], planned.action.symbol), f" {planned.address}")
            for name, before, after in planned.attributes:
                sheet.add(6, muted(f"{name}: "), f"live {before}, declared {after}")
    return sheet.text()


def imported_headline(result: ImportResult) -> str:
    """`Imported 34 resources of 1 target into 1 file`."""
    resources = words.count(sum(result.resources.values()), "resource")
    targets = words.count(len(result.resources), "target")
    return f"Imported {resources} of {targets} into {words.count(len(result.files), 'file')}"


def imported_data(result: ImportResult, written: Mapping[str, str]) -> dict[str, Any]:
    """The same as plain data; `text` is there where nothing was written."""
    files = [
        {"name": name, "path": written.get(name), "text": None if name in written else text}
        for name, text in result.files.items()
    ]
    return {
        "kind": "import",
        "version": 1,
        "summary": imported_headline(result),
        "files": files,
        "resources": dict(result.resources),
        "unmanaged": [left_alone(u) for u in result.unmanaged],
        "deferred": [left_alone(d) for d in result.deferred],
        "differences": [change(c) for c in result.differences],
    }


def _counts(sheet: Sheet, resources: Mapping[str, int]) -> None:
    wide = max(map(len, resources), default=0)
    for target, number in resources.items():
        sheet.add(2, f"{target:<{wide}}  ", muted(words.count(number, "resource")))
