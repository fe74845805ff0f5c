"""A plan as a pull request comment: hazards first and all of them, then steps, in no more than GitHub accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reconciler.model.plan import Plan
from reconciler.render import markdown_hazards, words
from reconciler.render.markup import code, fence, prose
from reconciler.render.view import PROMISES, Aside, Code, Fact, Group, PhaseView, PlanView, Remark, StepView, view

LIMIT = 65_536
"""GitHub refuses longer comments. It counts characters; counting bytes is never less."""
MARKER = "<!-- reconcile plan -->"
"""The first line, by which a bot finds its earlier comment."""
_MARGIN = 1_024
_ROWS = 12_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a plan is shown: steps by number and asides by how many remarks. None is all."""

    hazard_detail: int = 0
    titles: frozenset[int] | None = None
    bodies: frozenset[int] | None = None
    remarks: dict[str, int] = field(default_factory=dict)

    def title(self, step: StepView) -> bool:
        """Whether the step is named."""
        return self.titles is None or step.id in self.titles

    def body(self, step: StepView) -> bool:
        """Whether the step is shown in full."""
        return self.bodies is None or step.id in self.bodies


def plan_markdown(plan: Plan, *, source: str = "PLAN", limit: int = LIMIT) -> str:
    """The plan as a comment of at most `limit` characters; `source` is where all of it can be read.

    What does not fit is left out in this order: lists beside the steps, bodies of steps, titles of steps, details of
    hazards. What is left out is counted in the text.
    """
    shown = view(plan)
    text = _compose(shown, Kept(), source)
    room = limit
    while _cost(text) > limit and room > -limit:
        kept = _choose(shown, room, source)
        text = _compose(shown, kept, source)
        room -= max(_cost(text) - limit, 0) + _MARGIN
    return text


def _cost(text: str) -> int:
    return len(text.encode()) + 2


def _choose(shown: PlanView, limit: int, source: str) -> Kept:
    """What fits: hazards in the greatest detail possible, then titles, then bodies, then the rest."""
    detail, room = _hazard_detail(shown, limit - _MARGIN, source)
    remarks = {aside.name: 0 for aside in shown.asides}
    first = [aside for aside in shown.asides if aside.name in ("proofs", "deferred")]
    for aside in first:
        remarks[aside.name], room = _fit_remarks(aside, room)
    steps = sorted(_steps(shown), key=lambda s: (not s.step.hazards, s.id))
    titles, room = _fit(_title_costs(steps), room)
    bodies: frozenset[int] = frozenset()
    if len(titles) == len(steps):
        bodies, room = _fit(((s.id, sum(map(_cost, _body(s)))) for s in steps), room)
    for aside in shown.asides:
        if aside not in first:
            remarks[aside.name], room = _fit_remarks(aside, room)
    return Kept(detail, titles, bodies, remarks)


def _hazard_detail(shown: PlanView, limit: int, source: str) -> tuple[int, int]:
    """The greatest detail that fits, and the room it leaves; naming every target is not worth all the steps."""
    nothing = {aside.name: 0 for aside in shown.asides}
    room = 0
    for detail in range(markdown_hazards.DETAILS):
        least = _compose(shown, Kept(detail, frozenset(), frozenset(), nothing), source)
        room = limit - _cost(least)
        if room > (limit // 3 if detail == 0 else 0):
            break
    return detail, room


def _title_costs(steps: Iterable[StepView]) -> Iterator[tuple[int, int]]:
    """Each title's cost; the first of a target in a phase pays for the heading."""
    headings = set()
    for shown in steps:
        cost = _cost(_title(shown))
        where = (shown.step.phase, shown.step.target)
        if where not in headings:
            headings.add(where)
            cost += _cost(code(shown.step.target)) + 20
        yield shown.id, cost


def _fit(costs: Iterable[tuple[int, int]], room: int) -> tuple[frozenset[int], int]:
    kept = []
    for number, cost in costs:
        if cost <= room:
            kept.append(number)
            room -= cost
    return frozenset(kept), room


def _fit_remarks(aside: Aside, room: int) -> tuple[int, int]:
    for number, remark in enumerate(aside.remarks):
        cost = _cost(_remark(remark))
        if cost > room:
            return number, room
        room -= cost
    return len(aside.remarks), room


def _steps(shown: PlanView) -> Iterator[StepView]:
    return (s for phase in shown.phases for group in phase.groups for s in group.steps)


def _compose(shown: PlanView, kept: Kept, source: str) -> str:
    blocks = [
        MARKER,
        _headline(shown),
        *markdown_hazards.blocks(shown.hazards, kept.hazard_detail),
        *_table(shown),
        *_left_out(shown, kept, source),
        *(block for phase in shown.phases for block in _phase(phase, kept)),
        *(block for aside in shown.asides for block in _aside(aside, kept.remarks.get(aside.name))),
    ]
    return "\n\n".join(blocks) + "\n"


def _headline(shown: PlanView) -> str:
    environment = f" for {code(shown.plan.environment)}" if shown.plan.environment else ""
    return f"### Plan{environment}: {shown.summary}"


def _table(shown: PlanView) -> list[str]:
    """Steps by target and phase."""
    phases = shown.plan.phases
    if not phases:
        return []
    counts: dict[str, list[int]] = {}
    for step in shown.plan.steps:
        counts.setdefault(step.target, [0] * len(phases))[phases.index(step.phase)] += 1
    rows = [_row(code(target), numbers) for target, numbers in counts.items()]
    shown_rows, _ = _fit(((n, _cost(row)) for n, row in enumerate(rows)), _ROWS)
    others = [numbers for n, numbers in enumerate(counts.values()) if n not in shown_rows]
    lines = [
        f"| target | {' | '.join(p.word for p in phases)} |",
        f"|---|{'---:|' * len(phases)}",
        *(row for n, row in enumerate(rows) if n in shown_rows),
        *([_row(words.count(len(others), "more target"), _sums(others))] if others else []),
        *([_row("all", _sums(counts.values()))] if len(counts) > 1 else []),
    ]
    return ["\n".join(lines)]


def _row(name: str, numbers: Iterable[int]) -> str:
    return f"| {name} | {' | '.join(f'{n:,}' if n else '' for n in numbers)} |"


def _sums(rows: Iterable[list[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _left_out(shown: PlanView, kept: Kept, source: str) -> list[str]:
    total = len(shown.plan.steps)
    untitled = 0 if kept.titles is None else total - len(kept.titles)
    bodiless = 0 if kept.bodies is None else total - len(kept.bodies) - untitled
    remarks = sum(len(a.remarks) - kept.remarks.get(a.name, len(a.remarks)) for a in shown.asides)
    parts = [
        f"{words.count(bodiless, 'step')} by title only" if bodiless else "",
        f"{words.count(untitled, 'step')} only counted" if untitled else "",
        "hazards in short" if kept.hazard_detail else "",
        f"{words.count(remarks, 'line')} of the lists below the steps left out" if remarks else "",
    ]
    told = words.listing([p for p in parts if p]) if any(parts) else ""
    return [f"> Too long for one comment, so here are {told}. All of it: {code(f'reconcile show {source}')}"] * bool(
        told
    )


def _phase(shown: PhaseView, kept: Kept) -> Iterator[str]:
    if shown.gate:
        yield f"> **Gate:** {prose(shown.gate)}"
    steps = words.count(shown.size, "step")
    yield f"<details><summary>{shown.position}: <b>{shown.phase.word}</b>, {steps}: {PROMISES[shown.phase]}</summary>"
    missing = 0
    for group in shown.groups:
        missing += sum(not kept.title(s) for s in group.steps)
        yield from _group(group, kept)
    if missing:
        yield f"*and {words.count(missing, 'more step')} in this phase*"
    yield "</details>"


def _group(group: Group, kept: Kept) -> Iterator[str]:
    named = [s for s in group.steps if kept.title(s)]
    if named:
        yield f"**target** {code(group.target)}"
    for shown in named:
        yield _title(shown)
        if kept.body(shown):
            yield from _body(shown)


def _title(shown: StepView) -> str:
    step = shown.step
    marks = "".join(f" **! {prose(c)}**" for c in dict.fromkeys(h.code for h in step.hazards))
    return f"**{step.id}**{marks} {code(f'{shown.action.symbol} {step.title}')}"


def _body(shown: StepView) -> Iterator[str]:
    step = shown.step
    hazards = [f"- **! {prose(h.code)}** {prose(h.message)}" for h in step.hazards]
    because = [f"- because: {code(step.because)}"] if step.because else []
    facts = [f for f in (*(Fact("run", m) for m in shown.code.manner), *shown.facts) if not f.below]
    undo = [] if shown.undo else [f"- undo: {'nothing brings the old state back' if shown.undo is None else 'nothing'}"]
    yield "\n".join([*hazards, *because, *(f"- {f.label}: {code(f.text)}" for f in facts), *undo])
    yield fence(shown.code.language, shown.code.lines)
    for fact in shown.facts:
        if fact.below:
            yield f"{fact.label}: {code(fact.text)}"
            yield fence(shown.code.language, fact.below)
    for number, undone in enumerate(shown.undo or ()):
        yield from _undo(undone, "undo" if number == 0 else "undo, then")


def _undo(undone: Code, label: str) -> Iterator[str]:
    manner = f" ({', '.join(map(code, undone.manner))})" if undone.manner else ""
    yield f"{label}{manner}:"
    yield fence(undone.language, undone.lines)


def _aside(aside: Aside, limit: int | None) -> Iterator[str]:
    remarks = aside.remarks if limit is None else aside.remarks[:limit]
    missing = len(aside.remarks) - len(remarks)
    yield f"<details><summary>{len(aside.remarks):,} {aside.title}</summary>"
    if remarks:
        yield "\n".join(map(_remark, remarks))
    if missing:
        yield f"*and {missing:,} more*"
    yield "</details>"


def _remark(remark: Remark) -> str:
    subject = f" {code(remark.subject)}" if remark.subject else ""
    text = f": {prose(remark.text)}" if remark.text else ""
    return f"- {code(remark.target)}{subject}{text}"
