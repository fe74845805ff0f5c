"""Data that breaks a new rule: reported when a plan is made, mended by what the declaration says, or nothing is run."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.neo4j.batches import Batches
from reconciler.engines.neo4j.engine import ENGINE
from reconciler.engines.neo4j.snapshot import Snapshot
from reconciler.errors import Blocked, DeclarationErrors
from reconciler.model.engine import Limits
from reconciler.model.step import Phase
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import ENTERPRISE, catalog, planned

UNIQUE = "constraints: {c: {node: A, unique: x}}"


def test_a_plan_that_data_blocks_says_so_and_runs_nothing(any_graph: Graph) -> None:
    any_graph.run("UNWIND [1, 1, 2, 3, 3, 3] AS x CREATE (:A {x: x})")
    plan = any_graph.plan(UNIQUE + "\nindexes: {i: {node: A, range: y}}")
    (note,) = plan.notes
    assert "blocked: 2 × several A of one x, such as key [" in note.message
    assert "find them with: MATCH (n:`A`)" in note.message
    with pytest.raises(Blocked, match="2 × several A of one x") as raised:
        any_graph.apply(plan)
    assert raised.value.effect == "nothing was changed"
    assert any_graph.names() == {}  # not even the index, which comes before
    any_graph.run("MATCH (n:A) WITH n.x AS x, collect(n) AS ns UNWIND tail(ns) AS n DETACH DELETE n")
    any_graph.apply(plan)
    assert any_graph.plan().empty and not any_graph.plan().notes


def test_copies_are_deleted_but_for_the_one_to_keep(any_graph: Graph) -> None:
    any_graph.run("UNWIND range(1, 700) AS i CREATE (:A {x: i % 300, at: i})-[:R]->(:B)")
    section = "constraints: {c: {node: A, unique: x, deduplicate: {others: delete, keep: n.at DESC}}}"
    plan = any_graph.plan(section)
    assert [(s.phase, s.title.split(" ")[0]) for s in plan.steps] == [
        (Phase.MIGRATE, "keep"),
        (Phase.MIGRATE, "copies"),
        (Phase.CONTRACT, "require"),
    ]
    assert "to be mended by the steps before" in plan.notes[0].message
    with pytest.raises(Blocked, match="RC1101"):
        any_graph.apply(plan, "RC1204")
    any_graph.become(section)
    kept = any_graph.run("MATCH (n:A) RETURN count(*) AS count, min(n.at) AS first, max(n.at) AS last")
    assert kept == [{"count": 300, "first": 401, "last": 700}]
    assert any_graph.run("MATCH (n:B) RETURN count(n) AS n") == [{"n": 700}]


def test_copies_are_merged_with_their_relationships(any_graph: Graph) -> None:
    any_graph.run("""
        CREATE (one:A {x: 1, at: 1, own: 'kept'}), (two:A:More {x: 1, at: 2, own: 'lost', rest: 'taken'}),
               (three:A {x: 1, at: 3}), (other:B {name: 'other'}), (single:A {x: 2})
        CREATE (two)-[:TO {p: 1}]->(other), (other)-[:FROM {p: 2}]->(three), (two)-[:PAIR]->(three),
               (one)-[:NEXT]->(two), (three)-[:SELF]->(three), (single)-[:TO]->(other)
    """)
    any_graph.become("constraints: {c: {node: A, unique: x, deduplicate: {others: merge, keep: n.at}}}")
    assert any_graph.run("MATCH (n:A {x: 1}) RETURN properties(n) AS p, labels(n) AS l") == [
        {"p": {"x": 1, "at": 1, "own": "kept", "rest": "taken"}, "l": ["A", "More"]}
    ]
    found = any_graph.run("""
        MATCH (a)-[r]->(b) RETURN type(r) AS t, a.x AS a, b.x AS b, r.p AS p ORDER BY t, a
    """)
    assert [(r["t"], r["a"], r["b"], r["p"]) for r in found] == [
        ("FROM", None, 1, 2), ("NEXT", 1, 1, None), ("PAIR", 1, 1, None), ("SELF", 1, 1, None), ("TO", 1, None, 1),
        ("TO", 2, None, None),
    ]  # fmt: skip


def test_copies_lose_the_value(graph: Graph) -> None:
    graph.run("UNWIND [1, 1, 2] AS x CREATE ()-[:R {x: x, y: 1}]->()")
    graph.become("constraints: {c: {relationship: R, unique: x, deduplicate: clear}}")
    assert graph.run("MATCH ()-[r:R]->() RETURN count(r) AS all, count(r.x) AS x") == [{"all": 3, "x": 2}]


def run(graph: Graph, operation: Batches) -> None:
    with graph.session() as session:
        session.execute(operation, Limits(), graph.events_as_text.append, {})


def test_a_backfill_runs_in_batches(any_graph: Graph) -> None:
    """The rules that need one are the Enterprise edition's, which cannot be had here: only their steps are run."""
    any_graph.run(
        "UNWIND range(1, 12000) AS i CREATE (:A {i: i, age: CASE WHEN i % 2 = 0 THEN toString(i) ELSE i END})"
    )
    fixes = planned("{}", """
        constraints:
          e: {node: A, exists: x, backfill: n.i * 2}
          t: {node: A, property: age, type: INTEGER, backfill: toInteger(n.age)}
        """, rows=12000, server=ENTERPRISE)  # fmt: skip
    operations = [n.draft.operation for n in fixes if n.phase is Phase.MIGRATE]
    assert [type(o) for o in operations] == [Snapshot, Batches] * 2
    for operation in operations:
        if isinstance(operation, Batches):
            run(any_graph, operation)
        assert ENGINE.decode(operation.encode()) == operation
    assert any_graph.run("MATCH (n:A) RETURN count(n.x) AS x, sum(n.x - 2 * n.i) AS wrong") == [
        {"x": 12000, "wrong": 0}
    ]
    assert any_graph.run("MATCH (n:A) WHERE NOT n.age IS :: INTEGER RETURN count(n) AS n") == [{"n": 0}]
    assert any_graph.events_as_text == ["changed 12,000", "changed 6,000"]


def test_what_an_expression_does_not_give_stays_and_the_step_ends(graph: Graph) -> None:
    graph.run("CREATE (:A {i: 1}), (:A)")
    run(graph, Batches("MATCH (n:`A`)\nWHERE n.`x` IS NULL AND (n.i) IS NOT NULL", "SET n.`x` = (n.i)"))
    assert graph.run("MATCH (n:A) RETURN count(n.x) AS x") == [{"x": 1}]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"node": "A", "unique": "x", "backfill": "1"}, "'backfill' is for exists, key and type"),
        ({"node": "A", "exists": "x", "deduplicate": "delete"}, "'deduplicate' is for unique and key"),
        ({"node": "A", "key": ["x", "y"], "backfill": "1"}, "there are several properties"),
        ({"node": "A", "key": ["x", "y"], "backfill": {"z": "1"}}, "'z' is no property of the constraint"),
        ({"node": "A", "key": "x", "deduplicate": "clear"}, "the others cannot be told to 'clear'"),
        ({"relationship": "R", "unique": "x", "deduplicate": "merge"}, "the others cannot be told to 'merge'"),
        ({"node": "A", "exists": "x", "backfill": "1) DETACH DELETE n //"}, "is no single Cypher expression"),
        ({"node": "A", "exists": "x", "backfill": "1; MATCH (n) DELETE n"}, "is no single Cypher expression"),
        ({"node": "A", "exists": "x", "backfill": "'open"}, "is no single Cypher expression"),
        ({"node": "A", "exists": "x", "backfill": "1 } MATCH (m) DELETE m {"}, "is no single Cypher expression"),
    ],
)
def test_fixes_that_make_no_sense(node: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationErrors) as raised:
        catalog({"constraints": {"c": node}})
    assert message in raised.value.message
