"""What there is to say about a plan, in the words and the order that every format shares.

The terminal, Markdown and JSON interpret this one form: a format decides where a fact stands and how it is marked,
never whether it exists. Texts are as they came; each format makes foreign characters harmless in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.hazard import Hazard
from reconciler.model.plan import Plan, Proof, Verdict
from reconciler.model.step import Check, Operation, Phase, Probe, Step
from reconciler.planner.expand import shown
from reconciler.render import words

PROMISES = {
    Phase.EXPAND: "adds; all old code keeps working",
    Phase.MIGRATE: "moves and fills data; all old code keeps working",
    Phase.CONTRACT: "tightens or removes; may break old code",
}
_LANGUAGES = ("sql", "cypher")


class Code(NamedTuple):
    """A statement or a call: its language (empty for a call), its lines, and how it is run beyond once and plainly."""

    language: str
    lines: tuple[str, ...]
    manner: tuple[str, ...] = ()


class Fact(NamedTuple):
    """A labelled line about a step, with what belongs below it."""

    label: str
    text: str
    below: tuple[str, ...] = ()


class HazardView(NamedTuple):
    """A hazard with its step."""

    step: int
    target: str
    hazard: Hazard


@dataclass(frozen=True, slots=True)
class StepView:
    """One step, ready to be shown."""

    step: Step
    action: Action
    code: Code
    facts: tuple[Fact, ...]
    undo: tuple[Code, ...] | None

    @property
    def id(self) -> int:
        """Its number in the plan."""
        return self.step.id


class Group(NamedTuple):
    """Consecutive steps of a phase in one target."""

    target: str
    steps: tuple[StepView, ...]


class PhaseView(NamedTuple):
    """One phase: `gate` says why `apply` stops before it, and is empty where it does not."""

    phase: Phase
    position: str
    gate: str
    groups: tuple[Group, ...]

    @property
    def size(self) -> int:
        """How many steps it has."""
        return sum(len(g.steps) for g in self.groups)


class Remark(NamedTuple):
    """A line of a list beside the steps."""

    target: str
    subject: str
    text: str


class Aside(NamedTuple):
    """A list beside the steps: what is proven, deferred, unmanaged, forgotten, or worth a note."""

    name: str
    title: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A whole plan, ready to be shown."""

    plan: Plan
    summary: str
    hazards: tuple[HazardView, ...]
    phases: tuple[PhaseView, ...]
    asides: tuple[Aside, ...]

    @property
    def touched(self) -> frozenset[str]:
        """The targets in which something changes, if only in the journal, or could not be compared."""
        changes, deferred = self.plan.changes, self.plan.deferred
        return frozenset(a.target for a in (*(c.address for c in changes), *(d.address for d in deferred)))


def view(plan: Plan) -> PlanView:
    """Everything there is to say about a plan."""
    actions = {change.address: change.action for change in plan.changes}
    hazards = sorted((HazardView(s.id, s.target, h) for s, h in plan.hazards), key=_most_severe_first)
    return PlanView(plan, summary(plan), tuple(hazards), tuple(_phases(plan, actions)), tuple(_asides(plan)))


def _most_severe_first(found: HazardView) -> tuple[bool, int]:
    return not found.hazard.needs_approval, found.step


def summary(plan: Plan) -> str:
    """`12 to add, 3 to change, 1 to delete; 15 steps in 3 phases on 4 targets`, or that there is nothing to do."""
    if plan.empty:
        return nothing_to_do(plan)
    tally = {action: plan.count(action) for action in Action}
    parts = [
        f"{tally[Action.CREATE]:,} to add",
        f"{tally[Action.UPDATE]:,} to change",
        *(f"{tally[a]:,} to {a.value}" for a in (Action.REPLACE, Action.MOVE) if tally[a]),
        f"{tally[Action.DELETE]:,} to delete",
        *(f"{tally[a]:,} to {a.value}" for a in (Action.FORGET,) if tally[a]),
    ]
    return f"{', '.join(parts)}; {extent(plan)}"


def extent(plan: Plan) -> str:
    """`15 steps in 3 phases on 4 targets`."""
    if not plan.steps:
        return "no steps to run"
    return (
        f"{words.count(len(plan.steps), 'step')} in {words.count(len(plan.phases), 'phase')}"
        f" on {words.count(len({s.target for s in plan.steps}), 'target')}"
    )


def nothing_to_do(plan: Plan) -> str:
    """No changes, and whether that is the whole truth (law 3: never a false "no changes")."""
    if plan.deferred:
        return f"no changes found, but {words.count(len(plan.deferred), 'resource')} could not be compared"
    if not plan.targets:
        return "no changes; there are no targets"
    if len(plan.targets) == 1:
        return "no changes; the target is as declared"
    return f"no changes; all {len(plan.targets):,} targets are as declared"


def _phases(plan: Plan, actions: Mapping[Address, Action]) -> Iterator[PhaseView]:
    present = plan.phases
    for number, phase in enumerate(present, 1):
        groups = tuple(
            Group(target, tuple(step_view(s, actions.get(s.address, Action.UPDATE)) for s in steps))
            for target, steps in groupby(plan.steps_of(phase), key=lambda s: s.target)
        )
        yield PhaseView(phase, f"phase {number} of {len(present)}", gate(plan, phase), groups)


def gate(plan: Plan, phase: Phase) -> str:
    """Why `apply` stops before a phase; empty where it goes on."""
    if (
        plan.stop_before is None
        or phase < plan.stop_before
        or any(plan.stop_before <= earlier < phase for earlier in plan.phases)
    ):
        return ""
    return (
        f"apply stops here in {plan.environment} until no running code needs the old schema;"
        f" then run it with --phase {phase.word}"
    )


def step_view(step: Step, action: Action) -> StepView:
    """One step, ready to be shown."""
    undo = None if step.undo is None else tuple(_code(o) for o in step.undo)
    return StepView(step, action, _code(step.operation), tuple(_facts(step)), undo)


def _code(operation: Operation) -> Code:
    fields = operation.encode()
    language = next((name for name in _LANGUAGES if name in fields), "")
    manner = tuple(f"{n}: {_plain(v)}" for n, v in list(fields.items())[1:] if language and n != language)
    return Code(language, tuple(operation.lines()), manner)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ".".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _facts(step: Step) -> Iterator[Fact]:
    """What is known of a step beside its title, reason, statement, hazards and undo."""
    for mode, on in step.locks:
        yield Fact("locks", f"{mode} on {on}")
    if step.size is not None:
        yield Fact("reads", words.size(step.size))
    for probe in step.probes:
        yield Fact("first", f"this must find nothing: {probe.message}", _query(probe))
    for check in step.done:
        yield Fact("done when", done_when(check))


def done_when(check: Check) -> str:
    """`column a.b is present, not_null = true`."""
    if not check.present:
        return f"{check.address} is absent"
    return ", ".join([f"{check.address} is present", *(f"{n} = {_delimited(v)}" for n, v in check.attributes)])


def _delimited(value: Any) -> str:
    """A text that holds the comma of the list it stands in has quotes."""
    text = shown(value)
    return f'"{text}"' if isinstance(value, str) and ", " in text else text


def _query(probe: Probe) -> tuple[str, ...]:
    return (*probe.query.split("\n"), *(line for p in probe.parameters for line in _parameter(*p)))


def _parameter(name: str, value: Any) -> Iterator[str]:
    """`TableName: rooms`; alternatives one a line below the name; so are (name, value) and (name, type, value)."""
    if isinstance(value, tuple) and all(isinstance(v, tuple) for v in value):
        yield f"{name}:"
        yield from (f"  {v[0]} = {v[-1]}" + (f" ({', '.join(v[1:-1])})" if v[1:-1] else "") for v in value)
    elif isinstance(value, str) and " OR (" in value:
        yield f"{name}:"
        yield from (f"  {line}" for line in value.replace(" OR (", "\nOR (").split("\n"))
    else:
        yield f"{name}: {value if isinstance(value, str) else repr(value)}"


def proof_text(proof: Proof) -> str:
    """`steps proven, undo impossible: 1 step cannot be undone (4); on PostgreSQL 18.6, empty tables`."""
    if proof.forward is Verdict.IMPOSSIBLE:
        return f"cannot be proven: {proof.reason}"
    if proof.forward is not Verdict.PROVEN:
        return f"steps {proof.forward.value}: {proof.reason}"
    undo = ": ".join(filter(None, (proof.undo.value, proof.undo_reason)))
    without = f"; {proof.reason}" if proof.reason else ""
    return f"steps proven, undo {undo}; on {proof.server}, with empty tables{without}"


def _asides(plan: Plan) -> Iterator[Aside]:
    lists: Iterable[tuple[str, str, Iterable[Remark]]] = (
        ("proofs", "proofs on scratch databases", (Remark(p.target, "", proof_text(p)) for p in plan.proofs)),
        (
            "deferred",
            "deferred: could not be compared or planned",
            (Remark(d.address.target, str(d.address), d.reason) for d in plan.deferred),
        ),
        (
            "forgotten",
            "forgotten: left as it is, no longer managed",
            (Remark(c.address.target, str(c.address), "") for c in plan.changes if c.action is Action.FORGET),
        ),
        ("notes", "worth knowing", (Remark(n.target, "", n.message) for n in plan.notes)),
        (
            "unmanaged",
            "unmanaged: live, and left alone",
            (Remark(u.address.target, str(u.address), u.reason) for u in plan.unmanaged),
        ),
    )
    for name, title, remarks in lists:
        found = tuple(remarks)
        if found:
            yield Aside(name, title, found)
