"""Data is checked before a rule is made: how many violate it, and which. Also where the edition lacks the rule."""

from __future__ import annotations

import pytest

from reconciler.errors import Blocked, ConnectionFailed, PartlyApplied, ReconcileError
from reconciler.model.step import Phase, Probe, Size, Violations
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import address, catalog, planned


def probed(graph: Graph, constraint: str) -> list[Violations]:
    (node,) = planned("{}", f"constraints: {{c: {constraint}}}")
    with graph.session() as session:
        return [session.probe(p) for p in node.draft.probes]


def test_duplicates_are_counted_and_shown(any_graph: Graph) -> None:
    any_graph.run("UNWIND range(1, 20) AS i CREATE (:A {x: i % 10, y: 'v' + i}), (:A {y: 'only'})")
    assert probed(any_graph, "{node: A, unique: y}") == [Violations(1, ("key ['only'], copies 20",))]
    (found,) = probed(any_graph, "{node: A, unique: x}")
    assert found.count == 10 and len(found.sample) == 5
    assert probed(any_graph, "{node: A, unique: [x, y]}") == [Violations(0, ())]


def test_numbers_that_are_equal_are_duplicates(graph: Graph) -> None:
    graph.run("CREATE (:A {x: 1}), (:A {x: 1.0})")
    assert probed(graph, "{node: A, unique: x}")[0].count == 1


def test_missing_properties_and_wrong_types_are_found(any_graph: Graph) -> None:
    any_graph.run("CREATE (:A {x: 1, y: ['a']}), (:A {x: 'one'}), (:B)-[:R {x: 1}]->(:B)-[:R]->(:B)")
    assert [v.count for v in probed(any_graph, "{node: A, exists: y}")] == [1]
    assert [v.count for v in probed(any_graph, "{relationship: R, exists: x}")] == [1]
    assert [v.count for v in probed(any_graph, "{relationship: R, key: [x]}")] == [1, 0]
    (found,) = probed(any_graph, "{node: A, property: x, type: INTEGER}")
    assert found.count == 1 and "type STRING" in found.sample[0]
    assert [v.count for v in probed(any_graph, "{node: A, property: y, type: LIST<STRING NOT NULL>}")] == [0]
    assert [v.count for v in probed(any_graph, "{node: A, property: y, type: STRING | INTEGER}")] == [1]


def test_nothing_is_changed_when_data_would_be_refused(graph: Graph) -> None:
    graph.become("constraints: {u: {node: A, unique: x}}")
    graph.run("CREATE (:A {x: 1, y: 'twice'}), (:A {x: 2, y: 'twice'})")
    plan = graph.plan("constraints: {u: {node: A, unique: y}}")
    with pytest.raises(ReconcileError, match="1 × several A of one y, such as key") as raised:
        graph.apply(plan)
    assert isinstance(raised.value, Blocked | PartlyApplied)
    assert "twice" in raised.value.message
    assert [c.properties for c in graph.live().resources.values()] == [("x",)]  # type: ignore[attr-defined]
    graph.run("MATCH (n:A {x: 2}) SET n.y = 'once'")
    graph.apply(plan)
    assert graph.plan().empty


def test_a_constraint_of_elements_that_nobody_wrote_is_refused_once_somebody_has(graph: Graph) -> None:
    plan = graph.plan("constraints: {u: {node: A, unique: x}}")
    graph.run("CREATE (:A {x: 1})")
    with pytest.raises(Blocked, match="there was none when this was planned: plan again"):
        graph.apply(plan)
    again = graph.plan("constraints: {u: {node: A, unique: x}}")
    assert [s.phase for s in again.steps] == [Phase.CONTRACT]
    graph.apply(again)
    assert graph.plan().empty


def test_sizes_come_from_the_count_store(any_graph: Graph) -> None:
    any_graph.run("UNWIND range(1, 30) AS i CREATE (:A)-[:R]->(:B)")
    any_graph.run("CREATE (:B)")
    wanted = catalog("""
        constraints: {c: {node: A, unique: x}, d: {relationship: R, unique: x}, e: {node: Nobody, unique: x}}
        indexes: {i: {nodes: [A, B, Nobody], fulltext: x}}
    """)
    with any_graph.session() as session:
        session.canonicalise(wanted, wanted.with_resources({}))
        found = session.measure([*wanted.resources, address("index", "unknown")])
    assert {a.name: size for a, size in found.items()} == {
        "c": Size(30, -1), "d": Size(30, -1), "e": Size(0, -1), "i": Size(61, -1)
    }  # fmt: skip


@pytest.mark.matrix
def test_what_is_too_big_to_check_is_left_to_the_server(graph: Graph) -> None:
    """The server's limit for the memory of transactions ends the query; creating the constraint checks it anyway."""
    greedy = Probe("…", "UNWIND range(1, 100000000) AS i WITH collect(toString(i)) AS all UNWIND all AS x RETURN x")
    with graph.session() as session:
        assert session.probe(greedy) == Violations(0, ())


def test_a_probe_that_is_no_cypher_is_an_error(graph: Graph) -> None:
    with graph.session() as session, pytest.raises(ReconcileError, match="checking data") as raised:
        session.probe(Probe("…", "NONSENSE"))
    assert not isinstance(raised.value, ConnectionFailed)
