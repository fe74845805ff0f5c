"""Schemas made by statements of their authors: read, written as YAML, nothing to do. Those of `schemas/` are our own;
beside this repository there may be more, which nobody here wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.lift import lift
from reconciler.diff.structural import diff
from reconciler.engines.neo4j import ENGINE
from tests.engines.neo4j.graph import Graph

OWN = Path(__file__).parent / "schemas"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "neo4j"
SCRIPTS = sorted(p for folder in (OWN, CORPUS) for p in folder.glob("*.cypher"))


def statements(script: Path) -> list[str]:
    """One a line; what the Community edition refuses, and old syntax, stands in comments."""
    lines = (line.strip() for line in script.read_text().splitlines())
    return [line.rstrip(";") for line in lines if line and not line.startswith("//")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_schema_is_read_lifted_and_lowered(any_graph: Graph, script: Path) -> None:
    with any_graph.driver.session() as session, session.begin_transaction() as transaction:
        for statement in statements(script):
            transaction.run(statement).consume()
        transaction.commit()
    any_graph.run("CALL db.awaitIndexes(30)")
    live = any_graph.live()
    assert len(live.resources) == len(any_graph.names()) > 0
    assert not live.unmanaged
    assert not diff(any_graph.lifted(), live, ENGINE.kinds)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imported_without_a_server_describes_what_it_makes(graph: Graph, script: Path) -> None:
    with graph.driver.session() as session, session.begin_transaction() as transaction:
        for statement in statements(script):
            transaction.run(statement).consume()
        transaction.commit()
    graph.run("CALL db.awaitIndexes(30)")
    found = ENGINE.translated({script.name: script.read_text()}, "graph", "", {})
    assert not found.unmanaged
    plan = graph.plan(lift(ENGINE, found))
    assert plan.empty and plan.complete and not plan.unmanaged
