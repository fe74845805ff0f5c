"""The two halves of an engine: what it knows without a connection, and a session with one target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Kind, Place, Policy
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Lock, Operation, Probe, Size, Step, Violations

Progress = Callable[[str], None]
"""Told in words what a long operation is at; printed to stderr."""


class Server(NamedTuple):
    """What answers: `product` and `edition` for people, `version` to compare. Part of the plan's stamp."""

    product: str
    version: tuple[int, ...]
    edition: str = ""

    def __str__(self) -> str:
        return " ".join(p for p in (self.product, ".".join(map(str, self.version)), self.edition) if p)


ANY = "{table}"
"""What a pattern of names says for any name."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a target is ours (DESIGN section 5b).

    - `roots`: names that are in scope because they are declared or managed: schemas in PostgreSQL, physical table
      names in DynamoDB.
    - `everything`: the whole target, as in ad hoc mode.
    - `naming`: pattern of physical names with `{table}` in it; what matches it is in scope.
    - `ignore`: shell patterns of names that are left alone.
    """

    service: str
    environment: str
    roots: frozenset[str] = frozenset()
    everything: bool = False
    naming: str = ANY
    ignore: tuple[str, ...] = ()

    def __str__(self) -> str:
        whole = self.everything or (not self.roots and self.naming == ANY)
        names = "everything" if whole else ", ".join(self._names())
        return names + (f", but not {', '.join(self.ignore)}" if self.ignore else "")

    def _names(self) -> list[str]:
        """The pattern, if there is one, and the names that do not follow from it: `logical=physical` never does."""
        if self.naming == ANY:
            return sorted(self.roots)
        prefix, _, suffix = self.naming.partition(ANY)
        implied = {r for r in self.roots if r.startswith(prefix) and r.endswith(suffix) and "=" not in r}
        return [f"{prefix}*{suffix}", *sorted(self.roots - implied)]


@dataclass(frozen=True, slots=True)
class Target:
    """One live database of one service in one environment. `connection` may hold secrets and is never printed."""

    service: str
    engine: str
    environment: str
    connection: Mapping[str, str] = field(repr=False)
    label: str = ""
    """The connection for people, without secrets: `127.0.0.1:5432/payment`."""
    source: str = ""
    """Where the connection was found, for whoever has to correct it: names of variables, a place in a file."""
    snapshots: str = ""
    """The folder of what is kept before it is taken away; empty for the engine's default."""

    @property
    def name(self) -> str:
        """`payment/postgres`."""
        return f"{self.service}/{self.engine}"


class Limits(NamedTuple):
    """How long an operation may wait or run, in seconds; 0 is no limit."""

    lock_timeout: float = 2.0
    lock_retries: int = 30
    statement_timeout: float = 0.0
    wait_timeout: float = 3600.0


class Session(Protocol):
    """All I/O with one target."""

    server: Server

    def inspect(self, scope: Scope) -> Catalog:
        """Everything in scope, read in a fixed number of set-based queries; no side effects; sorted."""
        ...

    def canonicalise(self, desired: Catalog, live: Catalog) -> Catalog:
        """Desired expressions as the server spells them; those that equal the live text already are not asked for.

        What cannot be compared comes back as deferred. Leaves no trace in the target. Idempotent.
        """
        ...

    def measure(self, addresses: Iterable[Address]) -> Mapping[Address, Size]:
        """Estimated rows and bytes of what plan steps read or rewrite."""
        ...

    def probe(self, probe: Probe) -> Violations:
        """How many violate what a step will enforce, and a sample of keys."""
        ...

    def execute(self, operation: Operation, limits: Limits, progress: Progress, journal: Mapping[str, Any]) -> None:
        """Run one operation to its end, waits included, and write the journal entries: in the same transaction where
        the store has one, right after it elsewhere. Safe to repeat after a kill.

        Raises StoreError when the store refuses.
        """
        ...

    def exclusive(self, holder: str) -> AbstractContextManager[None]:
        """The one applier's lock on this target and service; freed by a kill. Raises LockBusy with the holder."""
        ...

    def journal(self) -> Mapping[str, Any]:
        """The journal entries of the target: plain data by key; empty where nothing was ever applied."""
        ...

    def record(self, entries: Mapping[str, Any]) -> None:
        """Write journal entries, creating the journal on first use; None deletes an entry."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """An engine that can write the whole of a target to a file, and make it again."""

    def about(self, path: str) -> Mapping[str, str]:
        """What such a file says of itself: `what`, `target`, `environment`, `rows`. Raises ConfigError for another."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A session whose undo may need files that were kept when the plan was applied."""

    def lacking(self, operations: Iterable[Operation]) -> list[str]:
        """What these would need and is not there, in words."""
        ...


@runtime_checkable
class Destroying(Protocol):
    """A session that can take away all that its target holds."""

    def holdings(self, services: frozenset[str]) -> str:
        """What would go, in words. Raises Blocked where something of it belongs to other services than these."""
        ...

    def destroy(self, progress: Progress, *, keep: bool) -> str:
        """Take all of it away, data and journal included; may be killed and repeated. The caller holds the lock.

        `keep`: write it to a file first, whose path is given; else "".
        """
        ...

    def revive(self, path: str, progress: Progress) -> None:
        """Make again what such a file holds, in an empty target; may be killed and repeated. The caller holds the lock.

        Raises Blocked for a file of something else and for a target that is not empty, ConfigError for a damaged one.
        """
        ...


@runtime_checkable
class Stamping(Protocol):
    """A session with a store that can tell, cheaper than by being inspected, that nothing has changed."""

    def stamp(self) -> str:
        """A digest of all that any `inspect` could read, made of content: equal stamps, equal catalogs. "" for none."""
        ...

    def moment(self) -> str:
        """The same as long as nothing that anybody has written to the store became visible; "" where it cannot tell."""
        ...


class Checked(NamedTuple):
    """What a step, or a draft at an address, runs; what has to be true before, and what it locks."""

    address: Address
    operation: Operation
    probes: tuple[Probe, ...] = ()
    locks: tuple[Lock, ...] = ()


class Audited(NamedTuple):
    """A probe that found something, or may not be asked. `certain`: no step before it changes data and so mends it."""

    probe: Probe
    found: Violations
    certain: bool


@runtime_checkable
class Auditing(Protocol):
    """A session that looks at the data before anything is run: when a plan is made, and again when one is applied."""

    def audit(self, steps: Iterable[Checked], moved: Mapping[Address, Address]) -> list[Audited]:
        """What the steps, in their order, would refuse now; `moved`: live address → the one that their probes go by."""
        ...


Journalled = Callable[[Step], Mapping[str, Any]]
"""The journal entries that say a step is done."""


@runtime_checkable
class Grouping(Protocol):
    """A session that can run several steps in one go where that is quicker and makes nobody wait longer."""

    def execute_first(
        self, steps: Sequence[Step], limits: Limits, begin: Callable[[Step], None], journal: Journalled
    ) -> int:
        """Run the first of the steps together, probes, waits and journal included; tell `begin` of each before.

        Gives how many were done; 0 where the first one is to be run alone. What fails has no effect and is no error
        here: it is the error of the step that is run alone next.
        """
        ...


class Rehearsal(NamedTuple):
    """Renames to try out beside the real things, without a trace.

    `needed` is what is built: live resources; `roots` names further schemas that have to be there; `build` gives the
    operations that make a catalog where another one is; `renames` are those that rename.
    """

    needed: Catalog
    roots: frozenset[str]
    build: Callable[[Catalog, Catalog], list[Operation]]
    renames: list[Operation]


class Rehearsed(NamedTuple):
    """What was built, read before and after the renames, and where what was at an address before is after them: the
    types that a routine takes are part of its name.
    """

    before: Catalog
    after: Catalog
    follows: Mapping[Address, Address]


@runtime_checkable
class Rehearsing(Protocol):
    """A session with a store that can rename, and can say beforehand what that does to all that uses the name."""

    def rehearsed(self, rehearsal: Rehearsal) -> AbstractContextManager[Rehearsed]:
        """What the renames did; as long as the block lasts `canonicalise` finds the new names."""
        ...


@runtime_checkable
class Noting(Protocol):
    """An engine that can tell what its store does by itself when a plan runs, and what no plan can change."""

    def notes(
        self, desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]], drafts: Iterable[Draft]
    ) -> Iterable[str]:
        """What whoever reads the plan has to know of that, in sentences."""
        ...


@runtime_checkable
class Laned(Protocol):
    """An engine whose steps may run side by side where they are about different things: tables of DynamoDB, each of
    which may take days."""

    lanes: int
    """How many at a time."""

    def lane(self, step: Step) -> str:
        """What a step is about: steps of one lane run in their order, those of different ones do not wait."""
        ...


@runtime_checkable
class Translating(Protocol):
    """What an engine adds that understands files of other tools, without a store; found by type. For
    `import --from`."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of such files end: `.cypher`."""
        ...

    def translated(self, files: Mapping[str, str], service: str, naming: str, given: Mapping[str, str]) -> Catalog:
        """What the texts, by file name and in their order, declare, as if it were live; what is not understood is
        unmanaged or deferred. `given` are values that they leave open. Raises ConfigError for what is of no tool.
        """
        ...


@runtime_checkable
class Adopting(Protocol):
    """An engine whose declarations imply something in some environments: an import has to say that it is not so."""

    def adopted(self, live: Catalog, policy: Policy) -> Catalog:
        """What is live, with what a declaration in that environment has to say of it beyond that."""
        ...


@runtime_checkable
class Engine(Protocol):
    """The pure half. Importing an engine imports no driver; `open` does."""

    name: str

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """The kinds by name, in their order."""
        ...

    @property
    def default_parents(self) -> Mapping[str, str]:
        """Sections allowed at the top of the engine's declaration though their kind has a parent: kind → its name."""
        ...

    def decode(self, fields: Mapping[str, Any]) -> Operation:
        """The operation a plan file holds; the inverse of `Operation.encode`."""
        ...

    def complete(self, resources: dict[Address, Resource], place: Place) -> None:
        """Add what a declaration implies (a primary key's columns are not null), in place."""
        ...

    def check(self, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
        """What is wrong in a declaration beyond its schema, without a connection: (address, message, hint)."""
        ...

    def unsupported(self, catalog: Catalog, server: Server) -> Iterable[tuple[Address, str, str]]:
        """What this server cannot have though it is declared (an edition, a version): (address, message, hint)."""
        ...

    def roots(self, catalog: Catalog) -> frozenset[str]:
        """Names that the declaration puts in scope (`Scope.roots`)."""
        ...

    def open(self, target: Target) -> AbstractContextManager[Session]:
        """Connect. Raises ConnectionFailed without the password in the message."""
        ...


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """A server on which a scratch database may be made. `connection` may hold secrets and is never printed.

    `own`: it was started for this alone and goes away afterwards, so that more than a database may be made on it.
    """

    connection: Mapping[str, str] = field(repr=False)
    label: str
    own: bool = False


@runtime_checkable
class Scratch(Protocol):
    """What an engine adds that can build a schema in a database made for that alone; found by type. For `plan --prove`.

    The local store of the engine's name (`reconciler.local`) has to be of the same kind.
    """

    def release(self, server: Server) -> str:
        """The version, as the local store takes it, of servers that build the same as this one: `18` for 18.6."""
        ...

    def reaching(self, catalog: Catalog) -> frozenset[Address]:
        """What would reach for other servers once it was built; a proof leaves it out, and says so."""
        ...

    def scratch(
        self, server: ScratchServer, live: Target, catalogs: Iterable[Catalog]
    ) -> AbstractContextManager[Target]:
        """An empty database like that of `live`, in which what the catalogs hold can be built.

        It is gone when the block ends, however it ends, and nothing else of the server is touched unless it is `own`.
        Raises StoreError or ConnectionFailed where this server cannot stand in for the live one, saying what it lacks.
        """
        ...
