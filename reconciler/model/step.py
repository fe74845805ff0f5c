"""Steps: what a plan does, one ordered operation at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from reconciler.model.address import Address
from reconciler.model.hazard import Hazard


class Phase(IntEnum):
    """expand < migrate < contract. After expand and migrate all old code still works; contract may break it."""

    EXPAND = 1
    MIGRATE = 2
    CONTRACT = 3

    @property
    def word(self) -> str:
        """As plans write it."""
        return self.name.lower()


class Operation(Protocol):
    """What an engine runs in one step. The plan file holds exactly this (law 4)."""

    def encode(self) -> dict[str, Any]:
        """The plan-file fields, plain data; `Engine.decode` reads them back."""
        ...

    def lines(self) -> list[str]:
        """The same for a person to read: SQL, Cypher or the call, line by line."""
        ...


@runtime_checkable
class Partial(Protocol):
    """An operation of which a kill may leave a part behind; its undo, if it has one, may run though it never began."""

    @property
    def partial(self) -> bool:
        """Whether this one is like that."""
        ...


class Lock(NamedTuple):
    """A lock a step takes, in the store's own words, and on what."""

    mode: str
    on: str


class Size(NamedTuple):
    """What the store knows about how big something is: row estimate and bytes; -1 where it does not know."""

    rows: int
    bytes: int


class Check(NamedTuple):
    """A fact about the live store: the address is present (with these attribute values) or absent."""

    address: Address
    present: bool = True
    attributes: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        if not self.present:
            return f"{self.address} is absent"
        return f"{self.address} is present" + "".join(f", {n} = {v}" for n, v in self.attributes)


class Probe(NamedTuple):
    """A query that has to find nothing before the step may run; what it finds violates what the step will enforce."""

    message: str
    query: str
    parameters: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Violations:
    """What a probe found: how many, and a few of them for the report. Samples are keys, not whole rows (law 9).

    `unknown` is why that cannot be told; then the step itself finds what there is.
    """

    count: int
    sample: tuple[str, ...]
    unknown: str = ""


class Ref(NamedTuple):
    """A draft of another change that has to run first; `slot` None means all its drafts of no later phase."""

    address: Address
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A step before it has a place in the order. Rules and emitters return these.

    `slot` names the draft within its change. `undo` is None where nothing brings the old state back, and empty where
    there is nothing to bring back. `provides` marks the draft after which the resource exists with its new definition,
    `removes` one after which the old definition is gone. `late`: what its text mentions is looked up only when somebody
    uses it, so where mentions go in circles it comes first. `releases`: what the old definition alone refers to is free
    after it, though more drafts follow. `renames`: what goes by the new name comes after. `awaited`: what requires the
    resource, and no draft by name, waits for this one too.
    """

    slot: str
    phase: Phase
    title: str
    operation: Operation
    locks: tuple[Lock, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    probes: tuple[Probe, ...] = ()
    done: tuple[Check, ...] = ()
    undo: tuple[Operation, ...] | None = None
    reads: Address | None = None
    requires: tuple[Ref, ...] = ()
    provides: bool = False
    removes: bool = False
    late: bool = False
    releases: bool = False
    renames: bool = False
    awaited: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a plan, in its place. `size` is what `Draft.reads` of all its parts was measured at."""

    id: int
    phase: Phase
    address: Address
    title: str
    because: str
    operation: Operation
    locks: tuple[Lock, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    probes: tuple[Probe, ...] = ()
    done: tuple[Check, ...] = ()
    undo: tuple[Operation, ...] | None = None
    size: Size | None = None

    @property
    def target(self) -> str:
        """The target it runs in: `payment/postgres`."""
        return self.address.target
