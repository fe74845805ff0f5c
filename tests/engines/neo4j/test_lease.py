"""The applier's lock and the journal."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from reconciler.engines.neo4j import lease
from reconciler.engines.neo4j.operations import Cypher
from reconciler.errors import LockBusy, StoreError
from reconciler.model.engine import Limits
from tests.engines.neo4j.graph import Graph

LEASE = 3.0
"""Short for a test, and still longer than a busy machine needs for a heartbeat."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", LEASE)


def test_one_at_a_time_and_the_holder_is_named(any_graph: Graph) -> None:
    with any_graph.session() as one, any_graph.session() as other:
        with one.exclusive("ann on laptop"), pytest.raises(LockBusy, match="ann on laptop"), other.exclusive("bob"):
            pass
        with other.exclusive("bob"):
            pass
    assert any_graph.run("MATCH (n:_ReconcileLock) RETURN n.token AS token, n.holder AS holder") == [
        {"token": None, "holder": None}
    ]


def test_a_heartbeat_keeps_it_for_longer_than_a_lease(graph: Graph) -> None:
    with graph.session() as one, graph.session() as other, one.exclusive("ann"):
        time.sleep(LEASE + 0.5)
        with pytest.raises(LockBusy), other.exclusive("bob"):
            pass


def test_a_dead_holder_is_waited_for_and_taken_over(graph: Graph) -> None:
    with graph.session() as one, one.exclusive("warm up"):
        pass
    graph.run(
        "MATCH (n:_ReconcileLock) SET n.token = 'dead', n.holder = 'killed', n.since = datetime(),"
        " n.expires = datetime.realtime() + duration({milliseconds: 700})"
    )
    started = time.monotonic()
    with graph.session() as one, one.exclusive("ann"):
        assert time.monotonic() - started > 0.4
        assert graph.run("MATCH (n:_ReconcileLock) RETURN n.holder AS holder") == [{"holder": "ann"}]


def test_a_lost_lock_stops_everything(graph: Graph) -> None:
    with graph.session() as session, session.exclusive("ann"):
        graph.run("MATCH (n:_ReconcileLock) SET n.token = 'somebody else'")
        held = session._lease
        assert held is not None and held.lost.wait(LEASE)
        with pytest.raises(LockBusy, match="lost"):
            session.execute(Cypher(("CREATE INDEX `i` FOR (n:A) ON (n.x)",)), Limits(), lambda _: None, {})
    assert graph.names() == {}
    assert graph.run("MATCH (n:_ReconcileLock) RETURN n.token AS token") == [{"token": "somebody else"}]


def test_many_at_once_get_in_one_after_the_other(any_graph: Graph) -> None:
    """Each asks again and again, so that many wait for the lock's node while it is given back."""
    inside: list[str] = []
    most: list[int] = []
    with any_graph.session() as session, session.exclusive("make the guard"):
        pass

    def work(name: str) -> None:
        with any_graph.session() as session:
            for _ in range(20):
                one = lease.Lease(session._connection, "graph in dev", name, 30.0)
                if one.tried()["taken"]:
                    inside.append(name)
                    most.append(len(inside))
                    time.sleep(0.002)
                    inside.remove(name)
                    one.give_back()

    threads = [threading.Thread(target=work, args=(f"worker {i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(most) == {1}


def test_reading_an_empty_journal_creates_nothing(graph: Graph) -> None:
    with graph.session() as session:
        assert session.journal() == {}
    assert graph.run("MATCH (n) RETURN count(n) AS n") == [{"n": 0}]


def test_entries_are_kept_by_service_and_environment(any_graph: Graph) -> None:
    entries: dict[str, Any] = {
        "managed": [["index", "a.b"], ["index", "größe`'"]],
        "n": 1.5,
        "deep": {"x": [None, True]},
    }
    with any_graph.session() as session:
        session.record({**entries, "gone": "soon"})
        session.record({"gone": None, "never": None})
        assert session.journal() == entries
        for number in range(3):  # an entry that is written again and again, and once behind the journal's back
            session.record({"n": number})
            assert session.journal()["n"] == number
        any_graph.run("MATCH (n:_ReconcileJournal {key: 'n'}) DELETE n")
        session.record({"n": 7})
        assert session.journal() == {**entries, "n": 7}
    assert any_graph.run("MATCH (n:_ReconcileJournal) RETURN DISTINCT n.service AS s, n.environment AS e") == [
        {"s": "graph", "e": "dev"}
    ]


def test_the_journal_is_written_after_the_statement(graph: Graph) -> None:
    with graph.session() as session:
        operation = Cypher(("CREATE INDEX `i` FOR (n:A) ON (n.x)",), ("i",))
        session.execute(operation, Limits(), lambda _: None, {"progress": {"done": 3}})
        assert session.journal() == {"progress": {"done": 3}}
        with pytest.raises(StoreError):
            session.execute(Cypher(("NONSENSE",)), Limits(), lambda _: None, {"progress": {"done": 4}})
        assert session.journal() == {"progress": {"done": 3}}
