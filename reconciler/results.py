"""What commands end with: one object each, from which text, JSON and the exit code are made alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.plan import Note, Plan, PlannedChange
from reconciler.model.span import Span
from reconciler.model.step import Phase, Step

CHANGES = 2
"""Exit code of `plan --detailed-exitcode` and `drift` when there is something."""


@dataclass(frozen=True, slots=True)
class ValidateResult:
    """Declarations that are right. `resources` counts what each target declares, by target name."""

    services: tuple[str, ...]
    files: tuple[str, ...]
    resources: Mapping[str, int]
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A plan and where its targets are. `labels` says where each target lives, without secrets, by target name.

    `plan.digest` is empty when there are no changes and nobody asked for a file: fingerprints cost time. `proving` says
    how many seconds the proof of each target took, by its name.
    """

    plan: Plan
    labels: Mapping[str, str]
    proving: Mapping[str, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """2 when there are changes, else 0: the detailed exit code."""
        return 0 if self.plan.empty else CHANGES


class StepEvent(NamedTuple):
    """Told to the listener of an apply, from the thread of the target, one at a time.

    `started`, `done`, `skipped` (done by an earlier run), `failed`, `waiting` (a long operation says what it is at),
    and, without a step, `locked`, `verified`, `stopping`. `verified`: live equals declared, but for what the steps
    `remaining` will do, and for `deferred` resources that could not be compared.
    """

    state: Literal["started", "done", "skipped", "failed", "waiting", "locked", "verified", "stopping"]
    target: str
    step: Step | None = None
    message: str = ""
    remaining: tuple[Step, ...] = ()
    deferred: int = 0


Listener = Callable[[StepEvent], None]


def nobody(_event: StepEvent) -> None:
    """The listener that hears nothing."""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """An apply that ended well; every other end is an error of `reconciler.errors`.

    `outcome`: `applied` (live equals declared, proven), `stopped` (before the phase `stopped_before`; `remaining` are
    the steps left), `already applied` (this very plan ran before, nothing was done now). `ran` are the steps that this
    run executed, `skipped` those that an earlier run had done.
    """

    plan: Plan
    outcome: Literal["applied", "stopped", "already applied"]
    ran: tuple[Step, ...]
    skipped: tuple[Step, ...] = ()
    remaining: tuple[Step, ...] = ()
    stopped_before: Phase | None = None
    exit_code: int = 0


Outcome = Literal["planned", "undone", "undone in part", "not applied"]


@dataclass(frozen=True, slots=True)
class UndoResult:
    """An undo, or what one would do.

    `outcome`: `planned` (nothing was run yet), `undone` (live is what it was before the plan, proven), `undone in part`
    (`kept` are the steps of the plan that stay), `not applied` (live is what it was before the plan already). `steps`
    are those of the undo, with numbers of their own; `lasting` steps of the plan are those that nothing takes back.
    """

    plan: Plan
    outcome: Outcome
    steps: tuple[Step, ...]
    kept: tuple[Step, ...] = ()
    lasting: tuple[Step, ...] = ()
    exit_code: int = 0


class Finding(NamedTuple):
    """One difference between live and declared, seen from the declaration.

    `what`: `changed`, `missing` (declared, not there), `extra` (there, not declared, and ours), `new` (not ours, and
    not there at the last apply). `cause`: `live` when the store moved since the last apply, `declaration` when it did
    not, so the declaration was edited and not applied yet, `unknown` when nothing was applied yet.
    `attributes` are (name, declared, live).
    """

    address: Address
    what: Literal["changed", "missing", "extra", "new"]
    cause: Literal["live", "declaration", "unknown"]
    attributes: tuple[tuple[str, str, str], ...] = ()
    where: Span | None = None


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What lives otherwise than it is declared, by target; `deferred` could not be compared."""

    environment: str
    labels: Mapping[str, str]
    findings: tuple[Finding, ...]
    unmanaged: tuple[Unmanaged, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def exit_code(self) -> int:
        """2 when something drifted, or could not be compared, else 0."""
        return CHANGES if self.findings or self.deferred else 0

    def of(self, target: str) -> tuple[Finding, ...]:
        """The findings of one target."""
        return tuple(f for f in self.findings if f.address.target == target)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Declarations of what is live: text by file name.

    `differences` is what a plan right after would still change: empty, or a defect worth reporting. `partial`: what is
    deferred was read from files of another tool, not understood, and is missing in the declarations.
    """

    files: Mapping[str, str]
    resources: Mapping[str, int]
    unmanaged: tuple[Unmanaged, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    differences: tuple[PlannedChange, ...] = ()
    partial: bool = False

    @property
    def exit_code(self) -> int:
        """1 when the declarations do not say all of it, else 0."""
        return 1 if self.differences or self.partial else 0


def names(addresses: Iterable[Address], limit: int = 5) -> str:
    """Some addresses in words: the first few, and how many more."""
    found = sorted({f"{a} in {a.target}" for a in addresses})
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(found[:limit]) + more
