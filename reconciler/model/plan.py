"""The plan: everything that will happen, decided beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.change import Action
from reconciler.model.hazard import Hazard
from reconciler.model.step import Phase, Step

FORMAT = 1
"""Version of the plan file. A plan of another format is refused."""


class TargetStamp(NamedTuple):
    """What a target looked like when the plan was made; the guard compares it before anything runs."""

    target: str
    server: str
    scope: str
    live: str
    desired: str


class Note(NamedTuple):
    """Something a reviewer should know that is no step, such as a column order that differs."""

    target: str
    message: str


class Verdict(Enum):
    """What a proof came to; the value is the word in a plan file."""

    PROVEN = "proven"
    UNPROVEN = "not proven"
    """It could not be tried: the scratch server lacks something."""
    REFUTED = "refuted"
    """It was tried and is wrong: a defect of the plan, or a declaration that the store refuses."""
    IMPOSSIBLE = "impossible"
    """There is nothing to try: the engine has no scratch databases, or a step has no undo."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What running the steps of one target on a scratch database showed.

    `forward`: from the live schema the steps lead to the declared one. `undo`: from there their undo leads back.
    `server` is what they ran on, empty where nothing ran. `reason` and `undo_reason` say why a verdict is not proven,
    `reason` of a proven one what was left out.
    """

    target: str
    forward: Verdict
    undo: Verdict
    server: str = ""
    reason: str = ""
    undo_reason: str = ""

    @property
    def refuted(self) -> bool:
        """The steps, or their undo, are wrong."""
        return Verdict.REFUTED in (self.forward, self.undo)

    @property
    def untried(self) -> bool:
        """Something that could be proven elsewhere was not."""
        return Verdict.UNPROVEN in (self.forward, self.undo)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change as the plan file keeps it: values already in words."""

    address: Address
    action: Action
    attributes: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The reviewable file (DESIGN section 8)."""

    tool_version: str
    environment: str
    targets: tuple[TargetStamp, ...]
    changes: tuple[PlannedChange, ...]
    steps: tuple[Step, ...]
    unmanaged: tuple[Unmanaged, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    notes: tuple[Note, ...] = ()
    proofs: tuple[Proof, ...] = ()
    stop_before: Phase | None = None
    digest: str = ""

    @property
    def empty(self) -> bool:
        """No changes. What is deferred is not "no changes"."""
        return not self.changes and not self.steps

    @property
    def complete(self) -> bool:
        """Everything declared could be compared and planned."""
        return not self.deferred

    @property
    def hazards(self) -> Iterator[tuple[Step, Hazard]]:
        """Every hazard with its step."""
        return ((step, hazard) for step in self.steps for hazard in step.hazards)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Phases that have steps, in order."""
        return tuple(sorted({step.phase for step in self.steps}))

    def steps_of(self, phase: Phase, target: str | None = None) -> tuple[Step, ...]:
        """Steps of a phase (and target), in order."""
        return tuple(s for s in self.steps if s.phase == phase and target in (None, s.target))

    def count(self, action: Action) -> int:
        """How many changes do this."""
        return sum(c.action is action for c in self.changes)
