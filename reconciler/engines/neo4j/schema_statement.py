"""Running one schema statement beside live writers.

CREATE and DROP wait for every open write transaction on their label, and new writers queue behind the waiting
statement (measured on 5.26 and 2026.09). The driver's timeout does not end that wait; terminating the transaction
does, at once. So a watch looks whether the statement is blocked, ends it after `lock_timeout` seconds, and it is tried
again later: no writer ever waits longer for it. A statement that runs, such as a constraint that reads its data, is
left alone.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.engines.neo4j.connection import Connection, pause, transient, translated
from reconciler.engines.neo4j.render import shortened
from reconciler.errors import ReconcileError, StoreError
from reconciler.model.engine import Limits, Progress

if TYPE_CHECKING:
    from neo4j import Transaction

EXISTS_ALREADY = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"
_LOOK_EVERY = 0.25
_LOOK_AT_MANY = 1.0
"""Each look makes the server plan a query again, since every schema statement makes it forget its plans."""
_MINE = "SHOW TRANSACTIONS YIELD transactionId, status, metaData WHERE metaData.reconcile = $mark"


def run(
    connection: Connection, statement: str, parameters: Mapping[str, Any], limits: Limits, progress: Progress
) -> None:
    """Run a schema statement in a transaction of its own; one that has been run before is done already.

    That is what the server itself says of an equal name and schema; its answer leaves out options, which the caller
    checks. Raises StoreError when the server refuses, or when other transactions kept blocking it.
    """
    doing = f"running {shortened(statement.removeprefix(connection.prefix), 200)}"
    with translated(doing):
        for attempt in range(max(limits.lock_retries, 1)):
            watch = _Watch(connection, limits)
            try:
                with _watched(connection, watch) as opened:
                    opened.run(statement, dict(parameters)).consume()
            except Exception as error:
                if getattr(error, "code", None) == EXISTS_ALREADY:
                    return
                if watch.ended is None and not transient(error):
                    raise
                if watch.ended == _TOO_LONG:
                    raise StoreError(f"{doing} took longer than {limits.statement_timeout:g} s") from None
                progress(_why(watch, statement, attempt, limits))
                pause(attempt)
            else:
                return
    raise _given_up(watch, doing, limits)


@contextmanager
def transaction(connection: Connection, limits: Limits) -> Iterator[Transaction]:
    """A transaction of many statements that is watched, and committed at the end. Raises what the driver does."""
    with _watched(connection, _Watch(connection, limits, every=_LOOK_AT_MANY)) as opened:
        yield opened


@contextmanager
def _watched(connection: Connection, watch: _Watch) -> Iterator[Transaction]:
    with (
        connection.driver.session(database=connection.database) as session,
        session.begin_transaction(metadata={"reconcile": watch.mark}, timeout=0) as opened,
        watch,
    ):
        yield opened
        opened.commit()


def _why(watch: _Watch, statement: str, attempt: int, limits: Limits) -> str:
    what = shortened(statement, 60)
    if watch.ended is None:
        return f"{what}: a deadlock, trying again"
    return f"{what}: open transactions hold the lock ({watch.ended}), try {attempt + 1} of {limits.lock_retries}"


def _given_up(watch: _Watch, doing: str, limits: Limits) -> ReconcileError:
    holders = f" of {watch.ended}" if watch.ended else ""
    return StoreError(
        f"{doing} was blocked {limits.lock_retries} times by open transactions{holders}",
        hint="SHOW TRANSACTIONS says what they are; run the plan again when they are over",
    )


_TOO_LONG = "statement timeout"


class _Watch:
    """Ends the statement of one attempt when it is blocked for too long. `ended` says why it did: the blockers."""

    def __init__(self, connection: Connection, limits: Limits, every: float = _LOOK_EVERY) -> None:
        self._every = every
        self.mark = uuid.uuid4().hex
        self.ended: str | None = None
        self._connection = connection
        self._limits = limits
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="reconcile-neo4j-watch", daemon=True)

    def __enter__(self) -> None:
        if self._limits.lock_timeout or self._limits.statement_timeout:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        lock, whole = self._limits.lock_timeout, self._limits.statement_timeout
        started = free = time.monotonic()
        while not self._over.wait(min(self._every, max(free + (lock or 1e9) - time.monotonic(), 0.01))):
            try:
                mine = self._connection.rows(_MINE, mark=self.mark)
            except ReconcileError:
                continue  # the statement itself will say what is wrong
            now = time.monotonic()
            status = mine[0]["status"] if mine else ""
            if not status.startswith("Blocked"):
                free = now
            blocked = bool(lock) and now - free >= lock
            late = bool(whole) and now - started >= whole
            if mine and (blocked or late) and self._end(mine[0]["transactionId"], status if blocked else _TOO_LONG):
                return

    def _end(self, transaction: str, why: str) -> bool:
        self.ended = why.removeprefix("Blocked by: ")
        try:
            self._connection.rows("TERMINATE TRANSACTION $id", doing="ending our own statement", id=transaction)
        except ReconcileError:
            self.ended = None
        return self.ended is not None
