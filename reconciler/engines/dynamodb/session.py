"""All I/O with one target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.engines.dynamodb import faults, introspect, local_edition, succession
from reconciler.engines.dynamodb.connect import Connection, connect
from reconciler.engines.dynamodb.execute import Runner
from reconciler.engines.dynamodb.lease import Lease
from reconciler.engines.dynamodb.migration.moving import Mover
from reconciler.engines.dynamodb.migration.operations import Moving
from reconciler.engines.dynamodb.migration.records import Known, Move, Records
from reconciler.engines.dynamodb.naming import STATE_TABLE, Claim, Ours, in_scope, outright_roots
from reconciler.engines.dynamodb.newcomers import SCAN
from reconciler.engines.dynamodb.operations import Call, Calls
from reconciler.engines.dynamodb.settled import held, settled
from reconciler.engines.dynamodb.statetable import StateTable
from reconciler.engines.dynamodb.succession import Succession
from reconciler.errors import InternalError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.engine import Limits, Progress, Rehearsal, Rehearsed, Scope, Target
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Probe, Size, Violations

SAMPLE = 5


@contextmanager
def opened(target: Target) -> Iterator[DynamoDBSession]:
    """A session with a target. Raises ConnectionFailed."""
    connection = connect(target.connection)
    try:
        yield DynamoDBSession(target, connection)
    finally:
        connection.close()


class DynamoDBSession:
    """Implements `model.engine.Session`."""

    def __init__(self, target: Target, connection: Connection) -> None:
        self.target = target
        self.connection = connection
        self.client = connection.client
        self.server = connection.server
        self.state = StateTable(self.client, target.service, target.environment)
        self.records = Records(self.state, lambda: self._lease.guard() if self._lease else None)
        self._sizes: dict[Address, Size] = {}
        self._arns: dict[Address, str] = {}
        self._claim: Claim | None = None
        self._recorded: Claim | None = None
        self._lease: Lease | None = None

    def inspect(self, scope: Scope) -> Catalog:
        """The tables in scope (see `naming`), sorted by address; what is out of scope is listed but not described.

        ListTables, one Query if there is a state table, for each table DescribeTable and what the store has of
        `aspects.EACH`, and once the lists of contributor insights and, where units are provisioned, of autoscaling.
        Raises StoreError.
        """
        names = introspect.names(self.client)
        claims = self.state.claims() if STATE_TABLE in names else []
        known = self.records.known() if STATE_TABLE in names else Known()
        ours, shadowed = in_scope(names, scope, claims, known.remembered)
        self._remember(scope, claims, known)
        resources: dict[Address, Resource] = {}
        deferred: list[Deferred] = []
        unmanaged = [self._shadowed(table) for table in shadowed]
        self._sizes, self._arns = {}, {}
        for table, reading in introspect.read_all(self.connection, ours):
            address = self._table(table.logical)
            row = reading.row._replace(base=table.base)
            resources |= {r.address: r for r in introspect.resources(row, address)}
            if table.logical in known.moves:
                found = self._succession(address, known.moves[table.logical])
                resources[found.address] = found
            deferred += introspect.deferred(reading, address)
            unmanaged += introspect.unmodelled(reading.row, address)
            self._sizes |= introspect.sizes(reading.row, address)
            self._arns |= introspect.arns(reading.row, address)
        unmanaged += [self._kept(name, logical) for name, logical in known.kept.items() if name in names]
        ordered = {address: resources[address] for address in sorted(resources)}
        return Catalog(scope.service, self.target.engine, ordered, tuple(sorted(unmanaged)), tuple(sorted(deferred)))

    def _table(self, name: str) -> Address:
        return Address(self.target.service, self.target.engine, "table", (name,))

    def _shadowed(self, table: Ours) -> Unmanaged:
        reason = f"its name reads as the table {table.logical}, which has another physical name"
        return Unmanaged(self._table(table.physical), reason)

    def _kept(self, name: str, logical: str) -> Unmanaged:
        return Unmanaged(self._table(name), f"it was {logical} before another table took its place; delete it yourself")

    def _succession(self, table: Address, move: Move) -> Succession:
        """A move that is under way, with what can be seen of its tables."""
        old, new = (introspect.describe(self.client, name) or {} for name in (move.old, move.new))
        return succession.of(
            move,
            table.sibling("succession", table.path),
            built=new.get("TableStatus", "CREATING") not in ("CREATING", "DELETING"),
            protected=bool(old.get("DeletionProtectionEnabled")),
        )

    def _remember(self, scope: Scope, claims: Iterable[Claim], known: Known) -> None:
        """What `record` will leave on record about this service: its pattern, and the tables that are its own whatever
        their names look like."""
        names = {**dict(outright_roots(scope)), **{f"{n}#": n for n in known.own}}
        self._claim = Claim(scope.service, scope.environment, scope.naming, names)
        self._recorded = next((c for c in claims if c[:2] == self._claim[:2]), None)

    def canonicalise(self, desired: Catalog, live: Catalog) -> Catalog:
        """The declaration as this store can have it, in the words it would use (see `settled`); the name of a table is
        that of the one that took its place."""
        possible = local_edition.possible(held(succession.named(desired, live), live), live, self.connection)
        return settled(possible, live, self.connection, self._arns)

    @contextmanager
    def rehearsed(self, rehearsal: Rehearsal) -> Iterator[Rehearsed]:
        """Nothing has to be tried: no text of one table names another."""
        nothing = rehearsal.needed.with_resources({})
        yield Rehearsed(nothing, nothing, {})

    def measure(self, addresses: Iterable[Address]) -> Mapping[Address, Size]:
        """Items and bytes of tables and indexes, from the descriptions of the last `inspect`: no call is made."""
        return {address: self._sizes[address] for address in addresses if address in self._sizes}

    def probe(self, probe: Probe) -> Violations:
        """Run a scan to its end: how many items match, and the keys of the first few. Raises StoreError."""
        from botocore.exceptions import BotoCoreError, ClientError

        if probe.query != SCAN:
            raise InternalError(f"no probe of DynamoDB is called {probe.query!r}")
        given = dict(probe.parameters)
        table = given["TableName"]
        described = introspect.describe(self.client, table)
        if described is None:
            return Violations(0, ())
        keys = [element["AttributeName"] for element in described["KeySchema"]]
        own = {f"#own{number}": key for number, key in enumerate(keys)}
        request = {
            "TableName": table,
            "FilterExpression": given["FilterExpression"],
            "ExpressionAttributeNames": {**dict(given["ExpressionAttributeNames"]), **own},
            "ExpressionAttributeValues": {name: {kind: v} for name, kind, v in given["ExpressionAttributeValues"]},
            "ProjectionExpression": ", ".join(own),
        }
        count, sample = 0, list[str]()
        try:
            for page in self.client.get_paginator("scan").paginate(**request):
                count += page["Count"]
                sample += [_shown(item, keys) for item in page["Items"][: SAMPLE - len(sample)]]
        except (BotoCoreError, ClientError) as error:
            raise faults.refused("Scan", table, error) from None
        return Violations(count, tuple(sample))

    def execute(self, operation: Operation, limits: Limits, progress: Progress, journal: Mapping[str, Any]) -> None:
        """Run a call (or calls) to its end, waits included, then write the journal entries.

        Safe to repeat: see `execute`. `limits.wait_timeout` holds for each wait. Raises StoreError, LockBusy,
        and Blocked where a move finds items that it must not touch.
        """
        runner = Runner(self.connection, limits, progress, self._held)
        if isinstance(operation, Moving):
            self.state.create()
            Mover(self.connection, self.target.connection, self.records, runner, progress, self._held).run(operation)
        elif isinstance(operation, (Call, Calls)):
            runner.run(operation)
        else:
            raise InternalError(f"not an operation of DynamoDB: {type(operation).__name__}")
        if journal:
            self.record(journal)

    def _held(self) -> None:
        if self._lease is not None:
            self._lease.check()

    @contextmanager
    def exclusive(self, holder: str) -> Iterator[None]:
        """The one applier's lock on this service and environment. Creates the state table on first use.

        Raises LockBusy with the holder; a holder that died is succeeded when its lease of 30 s has run out.
        """
        self.state.create()
        with Lease(self.client, self.state.owner, holder) as self._lease:
            if self.records.known().names:
                self.records.forget_gone(introspect.names(self.client))
            try:
                yield
            finally:
                self._lease = None

    def journal(self) -> Mapping[str, Any]:
        """The entries of this service and environment; nothing is created to read them. Raises StoreError."""
        return self.state.journal()

    def record(self, entries: Mapping[str, Any]) -> None:
        """Write entries, None to delete one; under the lock only as long as it is still ours.

        Raises StoreError, LockBusy.
        """
        self.state.create()
        claim = self._claim if self._claim != self._recorded else None
        self.state.write(entries, claim, self._lease.guard() if self._lease else None)
        self._recorded = self._claim


def _shown(item: Mapping[str, Mapping[str, Any]], keys: Iterable[str]) -> str:
    """The key of an item for people: no other attribute of it is shown (law 9)."""
    return ", ".join(f"{key}={next(iter(item[key].values()))}" for key in keys if key in item)
