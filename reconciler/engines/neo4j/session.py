"""All I/O with one Neo4j database."""

from __future__ import annotations

import dataclasses
import fnmatch
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from reconciler.engines.neo4j import (
    analyzers,
    batches,
    grouped,
    lease,
    migration_script,
    options,
    reset,
    restoring,
    revival,
    schema_statement,
)
from reconciler.engines.neo4j.batches import PREFIX, Batches
from reconciler.engines.neo4j.claims import adopted
from reconciler.engines.neo4j.connection import OUT_OF_MEMORY, Connection, connected
from reconciler.engines.neo4j.engine import KINDS, NAME
from reconciler.engines.neo4j.journal import Journal
from reconciler.engines.neo4j.kind import OWN_LABELS, Reading, Row
from reconciler.engines.neo4j.kinds import graph_type
from reconciler.engines.neo4j.kinds.index import FAILED, ONLINE, Index, raw_config
from reconciler.engines.neo4j.migration_script import Migration
from reconciler.engines.neo4j.operations import Cypher
from reconciler.engines.neo4j.render import one_line, shortened
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.errors import InternalError, LockBusy, ReconcileError, StoreError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.engine import Audited, Checked, Journalled, Limits, Progress, Scope, Target
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Probe, Size, Step, Violations

SAMPLE = 5
_TELL_FROM = 0.2
"""Waits shorter than this, in seconds, are not worth a word."""
_SETTINGS = {"db.index.fulltext.default_analyzer": options.ANALYZER}
_SETTINGS |= {"db.index.fulltext.eventually_consistent": options.EVENTUALLY}


@contextmanager
def opened(target: Target) -> Iterator[Neo4jSession]:
    """A session with a target, closed at the end. Raises ConnectionFailed."""
    with connected(target) as connection:
        yield Neo4jSession(connection, target)


class Neo4jSession:
    """Implements `model.engine.Session`."""

    def __init__(self, connection: Connection, target: Target) -> None:
        self.server = connection.server
        self._connection = connection
        self._target = target
        self._journal = Journal(connection, target.service, target.environment)
        self._known: dict[Address, Resource] = {}
        self._settings: dict[str, Any] | None = None
        self._lease: lease.Lease | None = None
        self._entries: Mapping[str, Any] | None = None
        self._alone = False
        """Something went wrong in a group: run each step alone."""

    def inspect(self, scope: Scope) -> Catalog:
        """All constraints and indexes but reconcile's own and those `scope.ignore` names; each SHOW is asked once."""
        resources: dict[Address, Resource] = {}
        unmanaged = self._graph_type()
        shown: dict[str, list[Row]] = {}
        for kind in KINDS.values():
            if kind.read is None:
                continue
            if kind.show not in shown:
                shown[kind.show] = [*self._connection.rows(kind.show, f"reading the {kind.section}")]
            rows = shown[kind.show]
            fulltext = any(row["type"] == "FULLTEXT" for row in rows)
            reading = Reading(self._target.service, self._fulltext_defaults() if fulltext else {})
            for row in sorted(rows, key=lambda r: str(r["name"])):
                found = kind.read(row, reading) if self._in_scope(row, scope) else None
                if isinstance(found, Unmanaged):
                    unmanaged.append(found)
                elif found is not None:
                    resources[found.address] = found
        resources |= self._recorded()
        self._known |= resources
        return Catalog(self._target.service, NAME, resources, tuple(sorted(unmanaged)))

    def _graph_type(self) -> list[Unmanaged]:
        """The graph type, where the server has one and it holds something."""
        if not graph_type.exists(self.server):
            return []
        try:
            said = graph_type.specification(self._connection.rows(graph_type.SHOW, "reading the graph type"))
        except StoreError as error:
            said = error.message
        address = Address(self._target.service, NAME, "graph_type", ("current",))
        reason = f"graph types are read and not changed here: {one_line(said, 200)}"
        return [Unmanaged(address, reason)] if said else []

    def _recorded(self) -> dict[Address, Resource]:
        """What the journal records of changes of data; it was read before in most cases."""
        entries = self._entries if self._entries is not None else self.journal()
        reading = Reading(self._target.service, {})
        found: list[Resource] = []
        for key in sorted(k for k in entries if k.startswith(PREFIX)):
            kind, _, name = key.removeprefix(PREFIX).partition("/")
            if kind in KINDS and (recorded := KINDS[kind].recorded) is not None and entries[key].get("finished", True):
                found.append(recorded(name, entries[key], reading))
        return {r.address: r for r in found}

    def _in_scope(self, row: Row, scope: Scope) -> bool:
        own = any(label in OWN_LABELS for label in row["labelsOrTypes"] or ())
        return not own and not any(fnmatch.fnmatchcase(row["name"], p) for p in scope.ignore)

    def _fulltext_defaults(self) -> Mapping[str, Any]:
        """The options that the server's configuration gives new full-text indexes; asked for once.

        Empty where the user may not read the configuration: then only what is declared is compared.
        """
        if self._settings is None:
            names = ", ".join(f"'{name}'" for name in _SETTINGS)
            try:
                rows = self._connection.rows(f"SHOW SETTINGS {names} YIELD name, value", "reading the settings")
            except StoreError:
                rows = []
            found: dict[str, Any] = {_SETTINGS[row["name"]]: row["value"] for row in rows}
            if options.EVENTUALLY in found:
                found[options.EVENTUALLY] = found[options.EVENTUALLY] == "true"
            self._settings = found
        return self._settings

    def canonicalise(self, desired: Catalog, live: Catalog) -> Catalog:
        """Declared options without those that this server, or the live index, has by default; what is declared with
        `name: any` at the address of what is there for the same label and properties."""
        desired = _at_live_names(desired, live)
        fulltext = any(isinstance(r, Index) and r.method == "fulltext" for r in desired.resources.values())
        settings = self._fulltext_defaults() if fulltext else {}
        analyzers.check(self._connection, desired, live)
        resources = {
            address: KINDS[address.kind].canonical(resource, live.resources.get(address), self.server, settings)
            for address, resource in desired.resources.items()
        }
        self._known |= resources
        return desired.with_resources(resources)

    def measure(self, addresses: Iterable[Address]) -> Mapping[Address, Size]:
        """Elements of the label or type, from the server's own counts; of what was inspected or canonicalised here.

        Nothing is known where the user may not read the counts.
        """
        wanted = {a: where for a in addresses if (where := grouped.elements(self._known.get(a))) is not None}
        count = grouped.counts(self._connection, [*wanted.values()]) if wanted else None
        if count is None:
            return {}
        return {
            address: Size(sum(count.get((element, label), 0) for label in labels), -1)
            for address, (element, labels) in wanted.items()
        }

    def probe(self, probe: Probe) -> Violations:
        """What violates a rule. The query has a row for each violation; clean data is read once.

        Data too big for the server's memory limit counts as clean: creating the constraint checks it again.
        Raises StoreError.
        """
        try:
            rows = self._connection.rows(f"{probe.query} LIMIT {SAMPLE}", "checking data", **dict(probe.parameters))
            if not rows:
                return Violations(0, ())
            counting = f"CALL {{ {probe.query} }} RETURN count(*) AS violations"
            count = self._connection.rows(counting, "counting what is wrong", **dict(probe.parameters))
        except StoreError as error:
            if OUT_OF_MEMORY in error.message:
                return Violations(0, ())
            raise
        sample = (", ".join(f"{k} {shortened(str(v), 80)}" for k, v in row.items()) for row in rows)
        return Violations(count[0]["violations"], tuple(sample))

    def audit(self, steps: Iterable[Checked], moved: Mapping[Address, Address]) -> list[Audited]:
        """`model.engine.Auditing`: what is wrong now; it may be mended where data is changed before.

        Raises StoreError for a migration that is no Cypher.
        """
        wanted = list(steps)
        clean = grouped.clean(self._connection, [p for step in wanted for p in step.probes], self._known.values())
        found: list[Audited] = []
        certain = True
        for step in wanted:
            if isinstance(step.operation, Migration):
                migration_script.parse(self._connection, step.operation)
            certain &= not isinstance(step.operation, Batches | Migration)
            found += [Audited(p, v, certain) for p in step.probes if p not in clean and (v := self.probe(p)).count]
        return found

    def execute(self, operation: Operation, limits: Limits, progress: Progress, journal: Mapping[str, Any]) -> None:
        """Run the statements one by one, or the batches; wait until the indexes are online, then write the journal.

        Schema and data cannot be changed in one Neo4j transaction; a repeat finds what is there already.
        Raises StoreError; LockBusy when the lock was lost.
        """
        if isinstance(operation, Batches):
            batches.run(self._connection, operation, progress, self._still_locked)
            journal = {**journal, **(operation.record.entries() if operation.record else {})}
        elif isinstance(operation, Migration):
            ran = (self._connection, operation, self._journal, limits, progress, self._still_locked)
            journal = {**journal, **migration_script.run(*ran)}
        elif isinstance(operation, Snapshot):
            plan = str((journal.get("progress") or {}).get("digest", ""))
            journal = {**journal, **restoring.take(self._connection, operation, self._target, plan, progress)}
        elif isinstance(operation, Restore):
            journal = {**journal, **self._restored(operation, progress)}
        elif isinstance(operation, Cypher):
            for statement in operation.statements:
                self._still_locked()
                schema_statement.run(self._connection, statement, operation.parameters, limits, progress)
            self._await([operation], limits, progress)
        else:
            raise InternalError(f"{type(operation).__name__} is no Neo4j operation")
        if journal:
            self._still_locked()
            self._written(journal)

    def _restored(self, operation: Restore, progress: Progress) -> dict[str, Any]:
        ran = (self._connection, operation, self._target, self.journal(), self.record, progress, self._still_locked)
        return restoring.restore(*ran)

    def lacking(self, operations: Iterable[Operation]) -> list[str]:
        """`model.engine.Keeping`: snapshots that are not there."""
        entries = self.journal()
        found = (restoring.lacking(o, self._target, entries) for o in operations if isinstance(o, Restore))
        return sorted({text for text in found if text})

    def execute_first(
        self, steps: Sequence[Step], limits: Limits, begin: Callable[[Step], None], journal: Journalled
    ) -> int:
        """`model.engine.Grouping`: creations, or drops, of what is about labels without a single element.

        What several transactions made is waited for and noted together: each look at the indexes makes the server plan
        its query again. What a kill leaves unnoted is found when it is run again.
        """
        wanted = [] if self._alone else grouped.shares(self._connection, steps, self._known)
        if not wanted:
            return 0
        ran = grouped.run(self._connection, wanted, limits, begin, self._still_locked)
        self._alone = len(ran) < sum(map(len, wanted))  # what failed comes again, and is the error of one step
        done = [*takewhile(lambda s: s.id in ran, steps)]
        return self._noted(done, limits, journal) if done else 0

    def _noted(self, done: Sequence[Step], limits: Limits, journal: Journalled) -> int:
        try:
            self._await([s.operation for s in done if isinstance(s.operation, Cypher)], limits, lambda _: None)
        except StoreError:  # it is told again of the one step
            self._alone = True
            return 0
        self._still_locked()
        self.record(journal(done[-1]))
        return len(done)

    def _still_locked(self) -> None:
        if self._lease is not None and self._lease.lost.is_set():
            raise LockBusy(
                "the lock on this target was lost: the server did not answer for longer than the lease",
                hint="run the plan again; it goes on where it stopped",
            )

    def _written(self, journal: Mapping[str, Any]) -> None:
        try:
            self.record(journal)
        except ReconcileError as error:
            error.effect = "the schema statement was run; running the plan again notes it"
            raise

    def _await(self, operations: Iterable[Cypher], limits: Limits, progress: Progress) -> None:
        awaited = {name: operation for operation in operations for name in operation.awaits}
        waiting = set(awaited)
        deadline = time.monotonic() + (limits.wait_timeout or float("inf"))
        delay = 0.02
        while waiting:
            rows = self._connection.rows(
                "SHOW INDEXES YIELD name, state, populationPercent, options, failureMessage WHERE name IN $names",
                "waiting for indexes",
                names=sorted(waiting),
            )
            waiting -= {row["name"] for row in rows if _settled(row, awaited[row["name"]])}
            if gone := waiting - {row["name"] for row in rows}:
                raise StoreError(f"index '{shortened(min(gone))}' disappeared while it was built")
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise StoreError(
                    f"index '{shortened(min(waiting))}' is not built after {limits.wait_timeout:g} s",
                    hint="the server goes on building it; run the plan again to go on waiting",
                    effect=f"the index '{shortened(min(waiting))}' is being built",
                )
            for row in rows:
                if row["name"] in waiting and delay > _TELL_FROM:
                    progress(f"index {shortened(row['name'])}: {row['populationPercent']:.1f} % populated")
            time.sleep(delay)
            delay = min(delay * 1.5, 1.0)

    def holdings(self, services: frozenset[str]) -> str:
        """`model.engine.Destroying`: what the graph holds. Raises Blocked where it belongs to others too."""
        return reset.holdings(self._connection, self._target.environment, services)

    def destroy(self, progress: Progress, *, keep: bool) -> str:
        """Empty the graph: data, journal, constraints and indexes. Gives the path of its snapshot, if there is one."""
        noted = None
        if keep:
            noted = revival.keep(self._connection, self._target, progress, self.journal().get(revival.DESTROYING))
            self.record({revival.DESTROYING: noted})
        reset.empty(self._connection, progress, self._still_locked)
        self.record({revival.DESTROYING: None})
        return str(restoring.folder_of(self._target) / noted["file"]) if noted else ""

    def revive(self, path: str, progress: Progress) -> None:
        """`model.engine.Destroying`: make the graph of a snapshot again."""
        key = restoring.PROGRESS + revival.WHAT

        def note(entry: Mapping[str, Any]) -> None:
            self._still_locked()
            self.record({key: entry})

        ran = (self._connection, self._target, Path(path), self.journal().get(key), note, progress, self._still_locked)
        revival.revive(*ran)
        self.record({key: None})

    @contextmanager
    def exclusive(self, holder: str) -> Iterator[None]:
        """Hold the lock of this service and environment. Raises LockBusy naming a living holder."""
        name = f"{self._target.service} in {self._target.environment}"
        with lease.held(self._connection, name, holder, lease.LEASE_SECONDS) as held:
            self._lease = held
            try:
                yield
            finally:
                self._lease = None

    def journal(self) -> Mapping[str, Any]:
        """The journal entries; empty where nothing was ever applied."""
        self._entries = self._journal.read()
        return self._entries

    def record(self, entries: Mapping[str, Any]) -> None:
        """Write journal entries; None deletes one. Raises StoreError."""
        self._entries = None
        self._journal.write(entries)


def _at_live_names(desired: Catalog, live: Catalog) -> Catalog:
    there = adopted(desired, live)
    if not there:
        return desired
    declared = {new: old for old, new in there.items()}
    resources = {}
    for address, resource in desired.resources.items():
        name = there.get(address, address)
        resources[name] = resource if name == address else dataclasses.replace(resource, address=name)
    return dataclasses.replace(desired, resources=resources, origin=lambda a: desired.origin(declared.get(a, a)))


def _settled(row: Row, operation: Cypher) -> bool:
    """Whether an awaited index is online. Raises StoreError for one that failed, or that has other options."""
    name = shortened(row["name"])
    if row["state"].lower() == FAILED:
        cause = str(row["failureMessage"]).partition("\n")[0]
        raise StoreError(
            f"index {name!r} could not be built: {one_line(cause)}",
            hint="mend the data and make the plan again; it builds the index anew",
            effect=f"the index {name!r} is there, failed",
        )
    if operation.config and not options.shown_as(dict(operation.config), raw_config(row)):
        raise StoreError(
            f"index {name!r} is there already, with other options",
            hint="somebody else created it meanwhile; make the plan again",
        )
    return bool(row["state"].lower() == ONLINE)
