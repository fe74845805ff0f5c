"""Many creations in one transaction, where nobody can wait for their locks.

A step in a transaction of its own costs a commit and several round trips, which is most of the time that a large schema
takes to be made. A transaction of many steps holds all their locks until it ends, so only what locks nothing but
relations that this session made goes into one; what a view reads is locked as by a reader. What fails is rolled back
and run step by step, where the error belongs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from reconciler.engines.postgres.execution import limited
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.engine import Limits
from reconciler.model.step import Step

SIZE = 50
"""Most steps of one transaction: each table takes half a dozen entries of the server's lock table."""
_LOCKS_NOTHING = ("CREATE ", "COMMENT ", "GRANT ", "REVOKE ")
"""Statements of which a step without locks may consist: an ALTER TYPE says no lock, and its value is not to be used in
the transaction that adds it."""


class Newcomers:
    """The relations that one session made in groups, and how many steps are to be run alone after a failure."""

    def __init__(self) -> None:
        self._made: set[str] = set()
        self._alone = 0

    def first(self, steps: Sequence[Step]) -> list[Step]:
        """Those of the steps that may share a transaction, from the first on; fewer than two are none."""
        if self._alone:
            self._alone -= 1
            return []
        made = set(self._made)
        found: list[Step] = []
        for step in steps[:SIZE]:
            if not _plain(step) or not made.issuperset(lock.on for lock in step.locks):
                break
            made |= _making(step)
            found.append(step)
        return found if len(found) > 1 else []

    def run(
        self,
        connection: psycopg.Connection[Any],
        steps: Sequence[Step],
        limits: Limits,
        begin: Callable[[Step], None],
        journal: Callable[[Step], None],
    ) -> int:
        """Run the steps of `first`, or those that fit into the time a lock may be waited for: how many. 0: none."""
        enough = time.monotonic() + (limits.lock_timeout or float("inf"))
        done = 0
        try:
            with connection.transaction():
                limited(connection, limits)
                while done < len(steps) and time.monotonic() < enough:
                    begin(steps[done])
                    for statement in _statements(steps[done]):
                        connection.execute(statement)
                    done += 1
                journal(steps[done - 1])
        except psycopg.Error:
            self._alone = len(steps)
            return 0
        self._made.update(name for step in steps[:done] for name in _making(step))
        return done


def _plain(step: Step) -> bool:
    operation = step.operation
    if not isinstance(operation, Sql) or not operation.transaction or operation.batches or step.probes:
        return False
    return bool(step.locks) or all(s.startswith(_LOCKS_NOTHING) for s in operation.statements)


def _statements(step: Step) -> tuple[str, ...]:
    return step.operation.statements if isinstance(step.operation, Sql) else ()


def _making(step: Step) -> set[str]:
    """The relation that a step makes: (schema, name), which it does not lock as nobody knows it."""
    path = step.address.path
    if len(path) != 2 or not any(s.startswith("CREATE ") for s in _statements(step)[:1]):
        return set()
    return {qualified(*path)} - {lock.on for lock in step.locks}
