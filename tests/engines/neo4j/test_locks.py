"""Schema statements beside live transactions: writers never queue for longer than the lock timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import neo4j
import pytest

from reconciler.engines.neo4j.operations import Cypher
from reconciler.errors import StoreError
from reconciler.model.engine import Limits
from tests.engines.neo4j.graph import Graph

CREATE = Cypher(("CREATE RANGE INDEX `i` FOR (n:`A`) ON (n.`x`)",), ("i",))
DROP = Cypher(("DROP INDEX `i` IF EXISTS",))
SLACK = 0.6
"""Seconds that a write may take beside waiting; on a busy machine, more: see the control."""


@contextmanager
def open_writer(graph: Graph, label: str = "A") -> Iterator[neo4j.Transaction]:
    """A write transaction on a label that nobody ends."""
    with graph.driver.session() as session, session.begin_transaction() as transaction:
        transaction.run(f"CREATE (:{label} {{x: 0}})").consume()
        yield transaction


class Writers(threading.Thread):
    """Writes one node after the other and notes how long the slowest took."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(daemon=True)
        self.graph, self.slowest, self.written, self.over = graph, 0.0, 0, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            started = time.monotonic()
            self.graph.run("CREATE (:A {x: 1})")
            self.slowest, self.written = max(self.slowest, time.monotonic() - started), self.written + 1
            time.sleep(0.01)


def in_thread(graph: Graph, operation: Cypher, limits: Limits) -> tuple[threading.Thread, list[str], list[Exception]]:
    said: list[str] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            with graph.session() as session:
                session.execute(operation, limits, said.append, {})
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, said, failed


@pytest.mark.parametrize("operation", [CREATE, DROP])
def test_writers_never_wait_longer_than_the_lock_timeout(any_graph: Graph, operation: Cypher) -> None:
    if operation is DROP:
        any_graph.run(CREATE.statements[0])
    limits = Limits(lock_timeout=0.3, lock_retries=100)
    writers = Writers(any_graph)
    writers.start()
    time.sleep(0.7)
    control, writers.slowest = writers.slowest, 0.0
    with open_writer(any_graph) as transaction:
        thread, said, failed = in_thread(any_graph, operation, limits)
        time.sleep(2.5)
        assert thread.is_alive() and said, "the statement was not blocked, so nothing was tried"
        transaction.rollback()
    thread.join(20)
    writers.over.set()
    writers.join(5)
    assert not failed and not thread.is_alive()
    assert "open transactions hold the lock (neo4j-transaction-" in said[0] or "[neo4j-transaction-" in said[0]
    assert writers.slowest < limits.lock_timeout + SLACK + 5 * control
    assert writers.written > 10
    assert ("i" in any_graph.names()) is (operation is CREATE)


def test_a_transaction_that_never_ends_is_named(graph: Graph) -> None:
    with open_writer(graph), graph.session() as session:
        with pytest.raises(StoreError, match=r"blocked 2 times .*neo4j-transaction-\d+") as raised:
            session.execute(CREATE, Limits(lock_timeout=0.2, lock_retries=2), lambda _: None, {})
        assert "SHOW TRANSACTIONS" in (raised.value.hint or "")
    assert graph.names() == {}


def test_other_labels_are_not_touched(graph: Graph) -> None:
    with open_writer(graph, "Other"), graph.session() as session:
        session.execute(CREATE, Limits(lock_timeout=0.2, lock_retries=1), lambda _: None, {})
    assert set(graph.names()) == {"i"}


def test_a_statement_that_works_is_not_ended_for_being_slow(graph: Graph) -> None:
    """A uniqueness constraint reads its data for longer than the lock timeout, and blocks nobody meanwhile."""
    for part in range(5):
        graph.run("UNWIND range(1, 8000) AS i CREATE (:A {x: i + $part * 8000})", part=part)
    operation = Cypher(("CREATE CONSTRAINT `u` FOR (n:`A`) REQUIRE n.`x` IS UNIQUE",))
    with graph.session() as session:
        session.execute(operation, Limits(lock_timeout=0.05, lock_retries=1), lambda _: None, {})
    assert set(graph.names()) == {"u"}


def test_deadlocks_are_tried_again(graph: Graph) -> None:
    """Six at once want the same constraint; two or three of them meet a deadlock on a bare server."""
    operation = Cypher(("CREATE CONSTRAINT `u` FOR (n:`A`) REQUIRE n.`x` IS UNIQUE",))
    started = [in_thread(graph, operation, Limits()) for _ in range(6)]
    for thread, _, failed in started:
        thread.join(30)
        assert not failed
    assert set(graph.names()) == {"u"}
