"""The one applier's lock: a node with a lease, kept alive by a heartbeat and judged by the server's clock.

A killed applier stops its heartbeat, so the next one waits until the lease is over and takes it; a living holder is
recognised by a lease that moves on, and is reported at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.engines.neo4j import schema_statement
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.kind import OWN
from reconciler.errors import LockBusy, ReconcileError
from reconciler.model.engine import Limits

LEASE_SECONDS = 20.0
BEATS = 5
"""Heartbeats in the time of one lease."""

_GUARD = f"CREATE CONSTRAINT {OWN} FOR (n:_ReconcileLock) REQUIRE n.name IS UNIQUE"
# MERGE under the uniqueness constraint makes one node. Each query writes to it first, which takes its lock, and reads
# it then. The node is never deleted: one who waits for the lock of a node that goes away meanwhile reads it as free
# (measured: up to seven holders at once).
_TAKE = """
MERGE (lock:_ReconcileLock {name: $name})
SET lock.asked = datetime.realtime()
WITH lock, lock.token IS NULL OR lock.expires < datetime.realtime() AS free
FOREACH (_ IN CASE WHEN free THEN [1] ELSE [] END |
  SET lock.token = $token, lock.holder = $holder, lock.since = datetime.realtime(),
      lock.expires = datetime.realtime() + duration({milliseconds: $lease}))
WITH lock, datetime.realtime() AS now
RETURN lock.token = $token AS taken, lock.holder AS holder, toString(lock.since) AS since,
       toString(lock.expires) AS expires, duration.inSeconds(now, lock.expires).milliseconds AS left
"""
_MINE = """
MATCH (lock:_ReconcileLock {name: $name})
SET lock.asked = datetime.realtime()
WITH lock WHERE lock.token = $token
"""
_BEAT = f"""{_MINE}
SET lock.expires = datetime.realtime() + duration({{milliseconds: $lease}})
RETURN lock.name AS name
"""
_FREE = f"""{_MINE}
SET lock.token = null, lock.holder = null, lock.since = null, lock.expires = null
"""


class Lease:
    """A lock that is held. `lost` is set when somebody else could take it: nothing may be changed from then on."""

    def __init__(self, connection: Connection, name: str, holder: str, seconds: float) -> None:
        self.lost = threading.Event()
        self._connection = connection
        self._parameters = {"name": name, "token": uuid.uuid4().hex, "lease": int(seconds * 1000)}
        self._holder = holder
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="reconcile-neo4j-lease", daemon=True)

    def take(self) -> None:
        """Take the lock, after the end of a dead holder's lease if need be. Raises LockBusy naming a living one."""
        deadline = time.monotonic() + self._seconds * 1.5
        expires: str | None = None
        while True:
            found = self.tried()
            if found["taken"]:
                self._thread.start()
                return
            if expires not in (None, found["expires"]) or time.monotonic() > deadline:
                raise LockBusy(
                    f"{found['holder']} is applying to this target since {found['since']}",
                    hint="wait until that is over; the lock of a killed one ends by itself",
                )
            expires = found["expires"]
            time.sleep(min(self._seconds / BEATS / 2, max(found["left"] / 1000, 0.0) + 0.05))

    def tried(self) -> dict[str, Any]:
        """One attempt: whether it was `taken`, and whose it is: `holder`, `since`, `expires`, `left` (milliseconds)."""
        return self._connection.rows(_TAKE, "taking the lock", holder=self._holder, **self._parameters)[0]

    def give_back(self) -> None:
        """Stop the heartbeat and let others in. A server that is gone frees the lock when the lease ends."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._connection.rows(_FREE, "giving back the lock", **self._parameters)
        except ReconcileError:
            return

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(self._seconds / BEATS):
            try:
                if not self._connection.rows(_BEAT, "keeping the lock", **self._parameters):
                    self.lost.set()
                    return
                renewed = time.monotonic()
            except ReconcileError:
                if time.monotonic() - renewed > self._seconds:
                    self.lost.set()
                    return


def guard(connection: Connection) -> None:
    """The uniqueness constraint that makes the lock node one, created on first use."""
    found = connection.rows("SHOW CONSTRAINTS YIELD name WHERE name = $name", name=OWN)
    if not found:
        schema_statement.run(connection, connection.prefix + _GUARD, {}, Limits(), lambda _: None)


@contextmanager
def held(connection: Connection, name: str, holder: str, seconds: float) -> Iterator[Lease]:
    """Hold the lock of this name, on a lease of so many seconds. Raises LockBusy while a living applier has it."""
    guard(connection)
    lease = Lease(connection, name, holder, seconds)
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()
