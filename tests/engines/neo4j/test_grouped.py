"""Creations about labels without elements share transactions, some of them side by side; the outcome is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import neo4j
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import pipeline
from reconciler.engines.neo4j import grouped, schema_statement
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.operations import cypher
from reconciler.errors import PartlyApplied
from reconciler.model.engine import Limits
from reconciler.model.step import Phase, Step
from reconciler.results import StepEvent
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import address

LABELS = 60


def declared(labels: int = LABELS) -> dict[str, Any]:
    """A constraint, an index and a share of a full-text index for each label; every fourth index is of two labels."""
    constraints = {f"c{i:02}": {"node": f"L{i:02}", "unique": "id"} for i in range(labels)}
    indexes: dict[str, Any] = {f"r{i:02}": {"node": f"L{i:02}", "range": "name"} for i in range(labels)}
    for i in range(0, labels // 2, 4):
        indexes[f"t{i:02}"] = {"nodes": [f"L{i:02}", f"L{labels - 1 - i:02}"], "fulltext": "text"}
    return {"constraints": constraints, "indexes": indexes}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each transaction of many statements."""
    seen: list[int] = []
    transaction = schema_statement.transaction

    @contextmanager
    def counted(connection: Connection, limits: Limits) -> Iterator[neo4j.Transaction]:
        seen.append(1)
        with transaction(connection, limits) as inner:
            yield inner

    monkeypatch.setattr(schema_statement, "transaction", counted)
    return seen


def test_many_at_once(any_graph: Graph, opened: list[int]) -> None:
    plan = any_graph.become(declared())
    assert 3 <= len(opened) < len(plan.steps) / 4
    done = [e.step.id for e in any_graph.events if e.state == "done" and e.step]
    assert done == [s.id for s in plan.steps], "told in the order of the plan"
    opened.clear()
    any_graph.become({})
    assert any_graph.names() == {} and opened


def test_what_cannot_be_made_stops_at_its_own_step(graph: Graph) -> None:
    """Somebody takes a name while the first transaction runs: what shares it is rolled back and made one by one."""
    plan = graph.plan(declared())
    events: list[StepEvent] = []

    def listen(event: StepEvent) -> None:
        if event.state == "started" and not any(e.state == "started" for e in events):
            graph.run("CREATE RANGE INDEX c07 FOR (n:Other) ON (n.x)")
        events.append(event)

    with pytest.raises(PartlyApplied, match="c07"):
        pipeline.apply_plan(graph.project(), plan, allow=("*",), listen=listen)
    (failed,) = [e.step for e in events if e.state == "failed" and e.step]
    assert failed.address.name == "c07"
    assert [e.step.id for e in events if e.state == "done" and e.step] == [*range(1, failed.id)]
    graph.run("DROP INDEX c07")
    graph.apply(plan)
    assert graph.plan().empty


def test_elements_on_one_of_the_labels(graph: Graph, opened: list[int]) -> None:
    graph.run("CREATE (:L03 {id: 1}), (:L03 {id: 2})")
    graph.become(declared())
    with_data = [e.step for e in graph.events if e.state == "started" and e.step and e.step.address.name == "c03"]
    assert len(with_data) == 1 and opened


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=40))
def test_no_label_is_in_two_transactions(of: list[set[str]]) -> None:
    steps = [_step(i) for i in range(len(of))]
    pairs = [(s, ("node", tuple(sorted(labels)))) for s, labels in zip(steps, of, strict=True)]
    shares = grouped._shared(pairs)
    ran = sorted(s.id for share in shares for s in share)
    assert ran == [s.id for s in steps[: len(ran)]], "the first ones, each once"
    homes = [{label for s in share for label in of[s.id]} for share in shares]
    assert sum(map(len, homes)) == len(set().union(*homes))
    assert all([s.id for s in share] == sorted(s.id for s in share) for share in shares)


def _step(number: int) -> Step:
    return Step(number, Phase.EXPAND, address("index", f"i{number}"), "create", "", cypher(""))
