"""An engine that lives in memory: proves that an engine is one plug-in, and fails where a test tells it to.

It has boxes with labels and a lid, and links between boxes. Its store can be killed before, inside and after any step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.errors import LockBusy, StoreError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.engine import Limits, Progress, Scope, ScratchServer, Server, Target
from reconciler.model.expr import Expr
from reconciler.model.kind import Kind, Place
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Probe, Size, Violations
from tests.memory_kinds import KINDS, Box, MemoryOperation

Path = tuple[str, ...]


class Killed(BaseException):
    """The process died: nothing may catch it."""


@dataclass
class Faults:
    """What goes wrong, at which execution (from 1). `kill_between`: the change is in, the journal is not."""

    fail_at: frozenset[int] = frozenset()
    kill_before: int = 0
    kill_between: int = 0
    kill_after: int = 0
    held_by: str = ""
    interrupt_at: int = 0
    refuse_to_record: bool = False


@dataclass
class Store:
    """One live database. `resources` are by (kind, path), so that services do not matter to it."""

    resources: dict[tuple[str, Path], Resource] = field(default_factory=dict)
    journal: dict[str, Any] = field(default_factory=dict)
    violations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    version: tuple[int, ...] = (2, 0)
    locked: str = ""
    faults: Faults = field(default_factory=Faults)
    executed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def put(self, resource: Resource) -> None:
        """Make something live without a plan: as an intruder, or as the past."""
        self.resources[resource.address.kind, resource.address.path] = resource

    def drop(self, kind: str, *path: str) -> None:
        """Remove something without a plan."""
        del self.resources[kind, path]


class MemorySession:
    """All I/O with one store."""

    def __init__(self, store: Store, target: Target) -> None:
        self.store = store
        self.target = target
        self.server = Server("Memory", store.version)

    def inspect(self, scope: Scope) -> Catalog:
        self.store.asked.append("inspect")
        found: dict[Address, Resource] = {}
        unmanaged: list[Unmanaged] = []
        for (kind, path), resource in sorted(self.store.resources.items(), key=lambda item: item[0]):
            address = Address(self.target.service, "memory", kind, path)
            if path[0].startswith("_"):
                unmanaged.append(Unmanaged(address, "starts with an underscore"))
            elif path[0] not in scope.ignore:
                found[address] = replace(resource, address=address)
        return Catalog(self.target.service, "memory", found, tuple(unmanaged))

    def canonicalise(self, desired: Catalog, live: Catalog) -> Catalog:
        resources = dict(desired.resources)
        deferred: list[Deferred] = []
        for address, resource in desired.resources.items():
            if not isinstance(resource, Box) or resource.rule is None:
                continue
            known = live.get(address, Box)
            if known is not None and known.rule is not None and known.rule.text == resource.rule.source:
                resources[address] = replace(resource, rule=Expr(resource.rule.source, known.rule.text))
            elif "?" in resource.rule.source:
                deferred.append(Deferred(address, "the rule holds a question"))
            else:
                self.store.asked.append(f"canonical {resource.rule.source}")
                resources[address] = replace(resource, rule=Expr(resource.rule.source, canonical(resource.rule.source)))
        return desired.with_resources(resources, deferred)

    def measure(self, addresses: Iterable[Address]) -> Mapping[Address, Size]:
        self.store.asked.append("measure")
        return {a: Size(10, 1000) for a in addresses if a.kind == "box"}

    def probe(self, probe: Probe) -> Violations:
        sample = self.store.violations.get(probe.query, ())
        return Violations(len(sample), sample[:3])

    def execute(self, operation: Operation, limits: Limits, progress: Progress, journal: Mapping[str, Any]) -> None:
        assert isinstance(operation, MemoryOperation)
        faults, number = self.store.faults, len(self.store.executed) + 1
        if number == faults.kill_before:
            raise Killed
        if number == faults.interrupt_at:
            import _thread

            _thread.interrupt_main()
        self.store.executed.append(operation.lines()[0])
        if number in faults.fail_at:
            raise StoreError(f"execution {number} is refused", hint="try again")
        progress("working")
        operation.run(self.store.resources)
        if number == faults.kill_between:
            raise Killed
        self._write(journal)
        if number == faults.kill_after:
            raise Killed

    @contextmanager
    def exclusive(self, holder: str) -> Iterator[None]:
        busy = self.store.faults.held_by or self.store.locked
        if busy:
            raise LockBusy(f"{self.target.name} is being applied by {busy}", hint="wait for it")
        self.store.locked = holder
        try:
            yield
        finally:
            self.store.locked = ""

    def journal(self) -> Mapping[str, Any]:
        return copy.deepcopy(self.store.journal)

    def record(self, entries: Mapping[str, Any]) -> None:
        if self.store.faults.refuse_to_record:
            raise StoreError("the journal cannot be written")
        self._write(entries)

    def _write(self, entries: Mapping[str, Any]) -> None:
        for key, value in entries.items():
            if value is None:
                self.store.journal.pop(key, None)
            else:
                self.store.journal[key] = copy.deepcopy(value)


def canonical(source: str) -> str:
    """How the server spells a rule."""
    return "(" + " ".join(source.lower().split()) + ")" if not source.startswith("(") else source


@dataclass
class MemoryEngine:
    """The pure half, with the stores it can open by target name."""

    stores: dict[str, Store] = field(default_factory=dict)
    name: str = "memory"
    kinds: Mapping[str, Kind[Any]] = field(default_factory=lambda: KINDS)
    default_parents: Mapping[str, str] = field(default_factory=dict)

    def decode(self, fields: Mapping[str, Any]) -> Operation:
        return MemoryOperation.decode(fields)

    def complete(self, resources: dict[Address, Resource], place: Place) -> None:
        return

    def check(self, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
        return (
            (box.address, f"{box.address} has the size 13", "choose another size")
            for box in catalog.of_kind(Box)
            if box.size == 13
        )

    def unsupported(self, catalog: Catalog, server: Server) -> Iterable[tuple[Address, str, str]]:
        if server.version < (2,):
            return [(a, f"{a} needs version 2", "upgrade") for a in catalog.resources if a.kind == "lid"]
        return []

    def roots(self, catalog: Catalog) -> frozenset[str]:
        return frozenset(a.path[0] for a in catalog.resources if a.kind == "box")

    @contextmanager
    def open(self, target: Target) -> Iterator[MemorySession]:
        yield MemorySession(self.stores.setdefault(target.connection.get("store", target.name), Store()), target)


@dataclass
class ScratchMemoryEngine(MemoryEngine):
    """The same with scratch stores; `scratches` are those that were made, `faults` what goes wrong in the next one."""

    scratches: list[Store] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    scratch_version: tuple[int, ...] = (2, 0)

    def release(self, server: Server) -> str:
        return str(server.version[0])

    def reaching(self, catalog: Catalog) -> frozenset[Address]:
        return frozenset()

    @contextmanager
    def scratch(self, server: ScratchServer, live: Target, catalogs: Iterable[Catalog]) -> Iterator[Target]:
        name = f"scratch {len(self.scratches)} of {live.name}"
        self.stores[name] = Store(version=self.scratch_version, faults=self.faults)
        self.scratches.append(self.stores[name])
        try:
            yield replace(live, connection={"store": name})
        finally:
            del self.stores[name]
