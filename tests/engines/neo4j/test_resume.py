"""Law 6: whatever happened before, running again finishes; and nothing false is taken for done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.engines.neo4j import lease
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.engines.neo4j.operations import Cypher
from reconciler.errors import StoreError
from reconciler.model.engine import Limits
from reconciler.planfile.store import write
from tests.engines.neo4j.graph import Graph

SOON = Limits(wait_timeout=20)
RANGE = Cypher(("CREATE RANGE INDEX `i` FOR (n:`A`) ON (n.`x`)",), ("i",))
VECTOR = Cypher(
    ("CREATE VECTOR INDEX `v` FOR (n:`A`) ON (n.`e`) OPTIONS {indexConfig: $config}",),
    ("v",),
    (("vector.dimensions", 3), ("vector.quantization.enabled", False)),
)
UNIQUE = Cypher(("CREATE CONSTRAINT `u` FOR (n:`A`) REQUIRE n.`x` IS UNIQUE",))


def execute(graph: Graph, operation: Cypher, said: list[str] | None = None) -> None:
    with graph.session() as session:
        session.execute(operation, SOON, (said if said is not None else []).append, {})


@pytest.mark.parametrize("operation", [RANGE, VECTOR, UNIQUE])
def test_what_ran_before_is_done(any_graph: Graph, operation: Cypher) -> None:
    execute(any_graph, operation)
    before = any_graph.names()
    execute(any_graph, operation)
    assert any_graph.names() == before


@pytest.mark.parametrize(
    ("there", "operation"),
    [
        ("CREATE RANGE INDEX `i` FOR (n:`A`) ON (n.`y`)", RANGE),
        ("CREATE TEXT INDEX `i` FOR (n:`A`) ON (n.`x`)", RANGE),
        ("CREATE CONSTRAINT `i` FOR (n:`A`) REQUIRE n.`y` IS UNIQUE", RANGE),
        ("CREATE RANGE INDEX `other` FOR (n:`A`) ON (n.`x`)", RANGE),
        ("CREATE CONSTRAINT `u` FOR (n:`A`) REQUIRE n.`y` IS UNIQUE", UNIQUE),
        ("CREATE RANGE INDEX `u` FOR (n:`A`) ON (n.`x`)", UNIQUE),
        ("CREATE VECTOR INDEX `v` FOR (n:`A`) ON (n.`e`) OPTIONS {indexConfig: {`vector.dimensions`: 4}}", VECTOR),
        ("CREATE VECTOR INDEX `v` FOR (n:`A`) ON (n.`e`) OPTIONS {indexConfig: {`vector.dimensions`: 3}}", VECTOR),
    ],
)
def test_something_else_of_that_name_is_an_error(graph: Graph, there: str, operation: Cypher) -> None:
    graph.run(there)
    before = graph.names()
    with pytest.raises(StoreError):
        execute(graph, operation)
    assert graph.names() == before


def test_drops_may_be_repeated(graph: Graph) -> None:
    graph.run(UNIQUE.statements[0])
    for _ in range(2):
        execute(graph, Cypher(("DROP CONSTRAINT `u` IF EXISTS",)))
        execute(graph, Cypher(("DROP INDEX `i` IF EXISTS",)))
    assert graph.names() == {}


def test_an_index_that_is_still_being_built_is_waited_for(any_graph: Graph) -> None:
    for _ in range(4):
        any_graph.run("UNWIND range(1, 5000) AS i CREATE (:A {x: 'some words to index ' + i})")
    fulltext = Cypher(("CREATE FULLTEXT INDEX `f` FOR (n:`A`) ON EACH [n.`x`]",), ("f",))
    any_graph.run(fulltext.statements[0])
    planned = any_graph.plan("indexes: {f: {node: A, fulltext: x}}")
    assert [s.title.split(" ")[0] for s in planned.steps] in (["wait"], [])  # it may have been quick
    execute(any_graph, fulltext)
    assert any_graph.run("SHOW INDEXES YIELD name, state WHERE name = 'f'") == [{"name": "f", "state": "ONLINE"}]


def test_how_far_an_index_is_built_is_told(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own percentage, for as long as it takes."""
    told: list[str] = []
    answered = Connection.rows

    def slowly(self: Connection, query: str, *arguments: str, **parameters: Any) -> list[dict[str, Any]]:
        rows = answered(self, query, *arguments, **parameters)
        still = "populationPercent" in query and not told
        return [{**r, "state": "POPULATING", "populationPercent": 41.5} for r in rows] if still else rows

    monkeypatch.setattr(Connection, "rows", slowly)
    execute(graph, RANGE, told)
    assert told == ["index i: 41.5 % populated"]


def test_a_failed_index_is_an_error_then_a_change_and_is_built_again(any_graph: Graph) -> None:
    any_graph.run("CREATE (:A {x: reduce(s = '', i IN range(1, 2000) | s + '0123456789')})")
    plan = any_graph.plan("indexes: {i: {node: A, range: x}}")
    with pytest.raises(StoreError, match=r"could not be built: .*too large") as raised:
        any_graph.apply(plan)
    assert "is there, failed" in raised.value.effect
    assert any(isinstance(r, Index) and r.state == "failed" for r in any_graph.live().resources.values())
    again = any_graph.plan()
    assert [(s.title.split(" ")[0], s.phase.word) for s in again.steps] == [("drop", "expand"), ("create", "expand")]
    any_graph.run("MATCH (n:A) SET n.x = 'short'")
    any_graph.apply(again)
    assert any_graph.plan().empty


KILLED = """
import os, sys
from pathlib import Path
from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.engines.neo4j import lease, schema_statement, session
from reconciler.planfile.store import read
lease.LEASE_SECONDS = 1.0
folder, when, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
run, left = schema_statement.run, [number]
def mortal(*arguments):
    left[0] -= 1
    if left[0] == 0 and when == "before":
        os._exit(9)
    run(*arguments)
    if left[0] == 0:
        os._exit(9)
project = pipeline.load(Options(cwd=folder, environment="dev"), {})
schema_statement.run = mortal
pipeline.apply_plan(project, read(folder / "plan.yaml", project.engines), allow=["*"])
"""


@pytest.mark.parametrize(("when", "number"), [("after", 1), ("before", 2), ("after", 2)])
def test_a_killed_apply_is_finished_by_the_same_plan(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, when: str, number: int
) -> None:
    """Kills around the drop and the create of a replaced index."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 5.0)
    graph.become("indexes: {i: {node: A, vector: e, dimensions: 3}}")
    plan = graph.plan("indexes: {i: {node: A, vector: e, dimensions: 4}}")
    assert len(plan.steps) == 2
    write(graph.folder / "plan.yaml", plan)
    arguments = [sys.executable, "-c", KILLED, str(graph.folder), when, str(number)]
    root = Path(__file__).parents[3]
    assert subprocess.run(arguments, cwd=root, capture_output=True, timeout=60).returncode == 9
    graph.apply(plan)
    assert graph.plan().empty
