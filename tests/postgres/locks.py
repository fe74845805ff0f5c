"""Which locks a step takes, and what it reads or rewrites under them, asked of the server while it runs (law 7).

The rule by which what the server holds is compared with what the step declares, as sets of (mode, relation):

- Relations are tables, views and sequences, and indexes, in schemas of the user; only those that existed before the
  step: nobody can wait for a relation that nobody else sees yet. Of several modes on one, the strongest counts.
- AccessShare, which every query takes, does not count: it stands in the way of nobody but another schema change.
- An index, or a sequence that belongs to a column, is reached through its table only. Its lock is left out where its
  table is locked by the step in the same or a stronger mode; it counts where the step locks it alone (ALTER INDEX).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import psycopg

from reconciler.engines.postgres import execution
from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.step import Lock, Step
from tests.postgres.bench import LIMITS, Bench

MODES = (
    "AccessShare",
    "RowShare",
    "RowExclusive",
    "ShareUpdateExclusive",
    "Share",
    "ShareRowExclusive",
    "Exclusive",
    "AccessExclusive",
)
PATIENCE_SECONDS = 20.0

_RELATIONS = """
    SELECT c.oid, n.nspname, c.relname, coalesce(i.indrelid, d.refobjid, 0)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S'
         AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'reconcile')"""
_WORK = """
    SELECT c.oid, pg_relation_filenode(c.oid), coalesce(s.seq_tup_read, 0)
    FROM pg_class c LEFT JOIN pg_stat_xact_user_tables s ON s.relid = c.oid WHERE c.relkind IN ('r', 'i', 'm')"""
_HELD = """
    SELECT DISTINCT relation, mode FROM pg_locks
    WHERE pid = %s AND locktype = 'relation'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class Seen(NamedTuple):
    """What a step did: the locks it held, and the relations it read from end to end or built anew under a lock that
    keeps writers waiting."""

    locks: frozenset[Lock]
    scanned: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()


class Relation(NamedTuple):
    """A relation that existed before the step, and the table it is reached through (0: it is one itself)."""

    schema: str
    name: str
    table: int


def relations(connection: psycopg.Connection[Any]) -> dict[int, Relation]:
    """All of the user's, by oid."""
    return {oid: Relation(*rest) for oid, *rest in connection.execute(_RELATIONS)}


def held(connection: psycopg.Connection[Any], pid: int, known: dict[int, Relation]) -> dict[int, str]:
    """The strongest mode on each known relation that a server process holds now, or waits for."""
    found: dict[int, str] = {}
    for oid, word in connection.execute(_HELD, (pid,)):
        mode = word.removesuffix("Lock")
        if oid in known and MODES.index(mode) >= MODES.index(found.get(oid, mode)):
            found[oid] = mode
    return found


def counted(found: dict[int, str], known: dict[int, Relation]) -> frozenset[Lock]:
    """What a step has to declare of what it holds; see the rule above."""

    def reached(oid: int) -> bool:
        table = found.get(known[oid].table)
        return table is not None and MODES.index(table) >= MODES.index(found[oid])

    return frozenset(
        Lock(mode, qualified(known[oid].schema, known[oid].name))
        for oid, mode in found.items()
        if mode != "AccessShare" and not reached(oid)
    )


def worked(connection: psycopg.Connection[Any], known: dict[int, Relation]) -> dict[int, tuple[int, int]]:
    """File and rows read of each known table and index, as this transaction sees it."""
    return {oid: (file, rows) for oid, file, rows in connection.execute(_WORK) if oid in known}


def seen(
    known: dict[int, Relation],
    locks: dict[int, str],
    before: dict[int, tuple[int, int]],
    after: dict[int, tuple[int, int]],
) -> Seen:
    """What two looks at the same relations tell."""
    heavy = {oid for oid, mode in locks.items() if MODES.index(mode) >= MODES.index("Share")}
    both = [oid for oid in before.keys() & after.keys() if oid in heavy or known[oid].table in heavy]
    rewritten = {oid for oid in both if before[oid][0] != after[oid][0]}
    scanned = {oid for oid in both if before[oid][1] < after[oid][1]} - rewritten

    def names(oids: set[int]) -> frozenset[str]:
        return frozenset(qualified(known[oid].schema, known[oid].name) for oid in oids)

    return Seen(counted(locks, known), names(scanned), names(rewritten))


def declared(step: Step) -> frozenset[Lock]:
    """What a step says; the strongest mode on each relation, where it joins the work of several."""
    strongest: dict[str, str] = {}
    for lock in step.locks:
        strongest[lock.on] = max(lock.mode, strongest.get(lock.on, lock.mode), key=MODES.index)
    return frozenset(Lock(mode, on) for on, mode in strongest.items())


def observed(bench: Bench, step: Step) -> Seen:
    """Run the step's operation and tell what it did."""
    bench.moved()
    operation = step.operation
    if isinstance(operation, Sql) and operation.transaction:
        return _before_commit(bench, operation)
    if isinstance(operation, Sql) and not any("CONCURRENTLY" in s or "VACUUM" in s for s in operation.statements):
        rehearsed = _rehearsed(bench, operation)
        bench.execute(operation)
        return Seen(rehearsed)
    return Seen(_while_it_waits(bench, step))


def _before_commit(bench: Bench, operation: Sql) -> Seen:
    known = relations(bench.connection)
    if bench.session.server.version >= (15,):
        bench.connection.execute("SELECT pg_stat_force_next_flush()")  # counts of what ran before do not count
    before = worked(bench.connection, known)
    bench.connection.execute("SET enable_seqscan = off")  # of a large table an index would be used
    found: list[Seen] = []

    def journal() -> None:
        locks = held(bench.connection, bench.connection.info.backend_pid, known)
        found.append(seen(known, locks, before, worked(bench.connection, known)))

    execution.execute(bench.connection, operation, LIMITS, bench.told.append, journal)
    return found[-1]


def _rehearsed(bench: Bench, operation: Sql) -> frozenset[Lock]:
    """What a statement that commits by itself holds, in a transaction that is rolled back."""
    known = relations(bench.connection)
    with bench.connection.transaction(force_rollback=True):
        for statement in operation.statements:
            bench.connection.execute(statement.encode())
        found = held(bench.connection, bench.connection.info.backend_pid, known)
    return counted(found, known)


def _while_it_waits(bench: Bench, step: Step) -> frozenset[Lock]:
    """Block the step by a transaction in its way, look from a third connection, let go.

    A concurrent build or drop waits for whoever has written to the table, a backfill for a locked row, VACUUM FULL for
    everybody. DETACH CONCURRENTLY has a second transaction, which waits for the readers of what refers to the table.
    """
    table = qualified(*step.address.path[:2])
    if isinstance(step.operation, Backfill):
        column = ident(step.operation.column)
        blocking = f"SELECT FROM {table} WHERE {column} IS NULL LIMIT 1 FOR UPDATE"
    elif step.address.kind == "materialized_view_index":  # no statement locks a materialized view, but queries do
        blocking = f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM {table}"
    else:
        blocking = f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"
    pid = bench.connection.info.backend_pid
    later = [held.on for held in step.locks if held.mode == "AccessExclusive" and held.on != table]
    with psycopg.connect(bench.uri, autocommit=True) as witness, psycopg.connect(bench.uri) as blocker:
        reader = psycopg.connect(bench.uri)
        known = relations(witness)
        blocker.execute(blocking.encode())
        for relation in later:
            reader.execute(f"LOCK TABLE {relation} IN ACCESS SHARE MODE".encode())
        failures: list[BaseException] = []
        worker = threading.Thread(target=_caught, args=(failures, lambda: bench.execute(step.operation)))
        worker.start()
        try:
            _until(lambda: failures or _waits(witness, pid))
            found = held(witness, pid, known)
            blocker.rollback()
            if later:
                _until(lambda: failures or _waits(witness, pid, later[0]))
                found = _strongest(found, held(witness, pid, known))
        finally:
            blocker.rollback()
            reader.close()
            worker.join()
    if failures:
        raise failures[0]
    return counted(found, known)


def _caught(failures: list[BaseException], run: Callable[[], None]) -> None:
    try:
        run()
    except BaseException as error:  # handed to the test's own thread
        failures.append(error)


def _waits(witness: psycopg.Connection[Any], pid: int, relation: str = "") -> bool:
    """Whether the backend waits for anything, or for a lock on the relation."""
    where = "AND relation = %(relation)s::text::regclass" if relation else ""
    query = f"SELECT count(*) FROM pg_locks WHERE pid = %(pid)s AND NOT granted {where}"
    row = witness.execute(query, {"pid": pid, "relation": relation}).fetchone()
    return bool(row and row[0])


def _strongest(first: dict[int, str], second: dict[int, str]) -> dict[int, str]:
    both = {**first, **second}
    return {r: max(both[r], first.get(r, both[r]), key=MODES.index) for r in both}


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the step never came to wait"
        time.sleep(0.005)


def words(locks: Iterable[Lock]) -> list[str]:
    """Locks for a failing test."""
    return sorted(f"{lock.mode} {lock.on}" for lock in locks)
