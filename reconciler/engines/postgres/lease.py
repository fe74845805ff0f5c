"""The journal and the applier's lock, both in the target itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from reconciler.engines.postgres.inspect import JOURNAL_SCHEMA
from reconciler.errors import LockBusy

WAIT_SECONDS = 5.0
POLL_SECONDS = 0.2

CREATE = f"""
    CREATE SCHEMA IF NOT EXISTS {JOURNAL_SCHEMA};
    CREATE TABLE IF NOT EXISTS {JOURNAL_SCHEMA}.journal (
        target text NOT NULL, key text NOT NULL, value jsonb NOT NULL, PRIMARY KEY (target, key))"""


def _exists(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{JOURNAL_SCHEMA}.journal",)).fetchone()
    return bool(row and row[0])


def read(connection: psycopg.Connection[Any], target: str) -> dict[str, Any]:
    """All entries of a target; nothing is created."""
    if not _exists(connection):
        return {}
    query = f"SELECT key, value FROM {JOURNAL_SCHEMA}.journal WHERE target = %s"
    return dict(connection.execute(query, (target,)).fetchall())


def write(connection: psycopg.Connection[Any], target: str, entries: Mapping[str, Any]) -> None:
    """Write entries, None deletes; in the open transaction, if one is. An empty journal takes its schema along."""
    if not entries:
        return
    if not _exists(connection):
        if all(value is None for value in entries.values()):
            return
        connection.execute(CREATE)
    gone = [k for k, v in entries.items() if v is None]
    kept = [(target, k, json.dumps(v)) for k, v in entries.items() if v is not None]
    if gone:
        query = f"DELETE FROM {JOURNAL_SCHEMA}.journal WHERE target = %s AND key = ANY (%s)"
        connection.execute(query, (target, gone))
        if not kept and not connection.execute(f"SELECT FROM {JOURNAL_SCHEMA}.journal LIMIT 1").fetchone():
            connection.execute(f"DROP SCHEMA {JOURNAL_SCHEMA} CASCADE")
            return
    for row in kept:
        connection.execute(
            f"""INSERT INTO {JOURNAL_SCHEMA}.journal VALUES (%s, %s, %s)
                ON CONFLICT (target, key) DO UPDATE SET value = excluded.value""",
            row,
        )


def lock_key(target: str) -> int:
    """The advisory lock's number: 63 bits of a hash of the target."""
    return int.from_bytes(hashlib.sha256(f"reconcile {target}".encode()).digest()[:8], "big") >> 1


@contextlib.contextmanager
def exclusive(connection: psycopg.Connection[Any], target: str, holder: str) -> Iterator[None]:
    """A session-level advisory lock, polled: a waiting pg_advisory_lock deadlocks with CONCURRENTLY (incident 4).

    The server frees it when the connection ends, however that happens. Raises LockBusy naming the holder.
    """
    key = lock_key(target)
    until = time.monotonic() + WAIT_SECONDS
    while not _tried(connection, key):
        if time.monotonic() > until:
            raise LockBusy(f"another applier holds {target}: {_holder(connection, key)}", hint="wait for it to finish")
        time.sleep(POLL_SECONDS)
    connection.execute("SELECT set_config('application_name', %s, false)", (f"reconcile: {holder}"[:63],))
    try:
        yield
    finally:
        with contextlib.suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%s)", (key,))


def _tried(connection: psycopg.Connection[Any], key: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    return bool(row and row[0])


def _holder(connection: psycopg.Connection[Any], key: int) -> str:
    row = connection.execute(
        """SELECT a.application_name, a.pid, a.backend_start::timestamptz(0)::text
           FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = %s AND l.objid::bigint = %s""",
        (key >> 32, key & 0xFFFFFFFF),
    ).fetchone()
    return f"{row[0]}, server process {row[1]}, since {row[2]}" if row else "it just let go"
