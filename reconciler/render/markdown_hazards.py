"""The hazards of a plan in a comment: always all of them, in as much detail as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model.hazard import BY_CODE, Hazard
from reconciler.render import words
from reconciler.render.markup import code, prose
from reconciler.render.view import HazardView

DETAILS = 4
"""0: a line each, with its target. 1: equal messages together. 2: the steps of each code. 3: how many of each code."""


def blocks(hazards: tuple[HazardView, ...], detail: int) -> Iterator[str]:
    """Headline and list."""
    if not hazards:
        return
    blocking = sum(h.hazard.needs_approval for h in hazards)
    approval = f"{blocking:,} to be approved by code" if blocking else "none to be approved"
    yield f"**! {words.count(len(hazards), 'hazard')}**, {approval}"
    yield "\n".join(_lines(hazards, detail))


def _lines(hazards: tuple[HazardView, ...], detail: int) -> Iterable[str]:
    if detail == 0:
        return (_line(h.hazard, f"step {h.step}, {code(h.target)}: {prose(h.hazard.message)}") for h in hazards)
    grouped: dict[Hazard, list[int]] = {}
    for step, _, hazard in hazards:
        grouped.setdefault(hazard if detail == 1 else Hazard(hazard.code, _meaning(hazard)), []).append(step)
    return (_line(h, f"{_steps(numbers, detail)}: {prose(h.message)}") for h, numbers in grouped.items())


def _line(hazard: Hazard, text: str) -> str:
    approval = f" needs {code(f'--allow {hazard.code}')}," if hazard.needs_approval else ""
    return f"- **! {prose(hazard.code)}**{approval} {text}"


def _steps(numbers: list[int], detail: int) -> str:
    if detail == 3:
        return words.count(len(numbers), "step")
    return f"step {words.ranges(numbers)}" if len(numbers) == 1 else f"steps {words.ranges(numbers)}"


def _meaning(hazard: Hazard) -> str:
    known = BY_CODE.get(hazard.code)
    return known.meaning if known else "not in the catalogue of this version"
