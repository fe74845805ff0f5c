"""Running one operation: short lock waits with retries, concurrent builds that repair themselves, batches."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.errors import InternalError
from reconciler.model.engine import Limits, Progress
from reconciler.model.step import Operation

RETRIED = (errors.LockNotAvailable, errors.DeadlockDetected)
BACKOFF_SECONDS = (0.1, 10.0)


def execute(
    connection: psycopg.Connection[Any],
    operation: Operation,
    limits: Limits,
    progress: Progress,
    journal: Callable[[], None],
) -> None:
    """Run it to its end. `journal` writes the entries: in the step's own transaction where it has one."""
    if isinstance(operation, Backfill):
        _backfill(connection, operation, limits, progress)
        journal()
    elif not isinstance(operation, Sql):
        raise InternalError(f"{type(operation).__name__} is no PostgreSQL operation")
    elif operation.transaction:
        _retried(connection, limits, progress, lambda: _transaction(connection, operation, limits, journal))
    else:
        _retried(connection, limits, progress, lambda: _alone(connection, operation, progress))
        journal()


def _transaction(
    connection: psycopg.Connection[Any], operation: Sql, limits: Limits, journal: Callable[[], None]
) -> None:
    with connection.transaction():
        limited(connection, limits)
        for statement in operation.statements:
            connection.execute(statement)
        journal()


def limited(connection: psycopg.Connection[Any], limits: Limits) -> None:
    """Let no statement of the open transaction wait for locks, or run, longer than it may."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{int(limits.lock_timeout * 1000)}ms",))
    if limits.statement_timeout:
        limit = f"{int(limits.statement_timeout * 1000)}ms"
        connection.execute("SELECT set_config('statement_timeout', %s, true)", (limit,))


def _alone(connection: psycopg.Connection[Any], operation: Sql, progress: Progress) -> None:
    """No lock_timeout here: it would leave an invalid index behind (incident 3)."""
    for statement in operation.statements:
        repair(connection, operation, progress)
        try:
            connection.execute(statement)
        except psycopg.Error:
            if not connection.closed and not connection.broken:
                repair(connection, operation, progress)
            raise


def repair(connection: psycopg.Connection[Any], operation: Sql, progress: Progress) -> None:
    """Drop the invalid index that an interrupted run of the same step left (row 32)."""
    if operation.repairs is None:
        return
    row = connection.execute(
        """SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s""",
        operation.repairs,
    ).fetchone()
    if row is not None and not row[0]:
        progress(f"dropping the invalid index {'.'.join(operation.repairs)} of an interrupted build")
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(*operation.repairs)}")


def _retried(connection: psycopg.Connection[Any], limits: Limits, progress: Progress, run: Callable[[], None]) -> None:
    """Give way to live traffic: after each lock time-out wait longer, with jitter, then try again."""
    low, high = BACKOFF_SECONDS
    for attempt in range(limits.lock_retries + 1):
        try:
            run()
        except RETRIED:
            if attempt == limits.lock_retries:
                raise
            pause = min(high, low * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            progress(f"no lock within {limits.lock_timeout:g} s; try {attempt + 2} in {pause:.1f} s")
            time.sleep(pause)
        else:
            return


def _backfill(connection: psycopg.Connection[Any], operation: Backfill, limits: Limits, progress: Progress) -> None:
    """Passes over the table in page ranges, a transaction each, until a whole pass finds nothing to fill."""
    relation, statement = qualified(operation.schema, operation.table), operation.statement()
    filled, changed = 0, -1
    while changed:
        changed = 0
        pages = _pages(connection, relation)
        for first in range(0, pages, operation.pages):
            ends = {"first": f"({first},0)", "end": f"({first + operation.pages},0)"}
            changed += _batch(connection, statement, ends, limits, progress)
            progress(f"filled {filled + changed} rows, page {min(first + operation.pages, pages)} of {pages}")
        filled += changed


def _pages(connection: psycopg.Connection[Any], relation: str) -> int:
    size = "pg_relation_size(%s::regclass) / current_setting('block_size')::int"
    row = connection.execute(f"SELECT {size}", (relation,)).fetchone()
    return int(row[0]) if row else 0


def _batch(
    connection: psycopg.Connection[Any], statement: str, ends: dict[str, str], limits: Limits, progress: Progress
) -> int:
    count = 0

    def run() -> None:
        nonlocal count
        with connection.transaction():  # refused where row level security would leave rows without a value
            connection.execute("SET LOCAL row_security = off")
            count = connection.execute(statement, ends).rowcount

    _retried(connection, limits, progress, run)
    return count
