"""Emptying the graph of a development environment, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reconciler import pipeline
from reconciler.apply.destroy import Doomed
from reconciler.cli.main import cli
from reconciler.config.options import Options
from reconciler.engines.neo4j import batches, revival
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.snapshot_file import header
from reconciler.errors import Blocked
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.test_undo import EVERYTHING, content, files

SECTION = "constraints: {c: {node: A, unique: x}}\nindexes: {i: {node: A, range: y}}"


def filled(graph: Graph) -> None:
    graph.become(SECTION)
    graph.run("UNWIND range(1, 100) AS i CREATE (:A {x: i})-[:R]->(:B)")


def test_everything_goes_but_the_lookup_indexes(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(graph)
    graph.project()
    monkeypatch.chdir(graph.folder)
    refused = CliRunner().invoke(cli, ["destroy", "-e", "dev"])
    assert isinstance(refused.exception, Blocked) or refused.exit_code == 3
    assert graph.run("MATCH (n:A) RETURN count(n) AS n") == [{"n": 100}]
    told = CliRunner().invoke(cli, ["destroy", "-e", "dev", "--auto-approve"])
    assert told.exit_code == 0, told.output
    assert "1 constraint, 1 index, 200 nodes, 100 relationships" in told.output
    assert graph.names() == {}
    assert graph.run("MATCH (n) WHERE NOT n:_ReconcileLock RETURN count(n) AS n") == [{"n": 0}]
    assert len(graph.run("SHOW INDEXES YIELD type WHERE type = 'LOOKUP'")) == 2
    graph.become(SECTION)


def test_what_belongs_to_others_too_is_not_touched(graph: Graph) -> None:
    filled(graph)
    graph.run("CREATE (:_ReconcileJournal {service: 'chat', environment: 'dev', key: 'managed', value: '[]'})")
    with pytest.raises(Blocked, match="this graph is also that of chat in dev"):
        pipeline.destroy(graph.project(), (), agree, lambda _: None)
    assert graph.run("MATCH (n:A) RETURN count(n) AS n") == [{"n": 100}]


def test_only_where_the_environment_lets_it(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "a.yaml").write_text("service: a\nneo4j: {indexes: {i: {node: A, range: x}}}\n")
    (tmp_path / "reconcile.yaml").write_text("environments: {staging: {}}\n")
    project = pipeline.load(Options(cwd=tmp_path, environment="staging"), {})
    with pytest.raises(Blocked, match="staging keeps what is removed"):
        pipeline.destroy(project, (), agree, lambda _: None)


def agree(found: list[Doomed]) -> None:
    assert found


def test_a_destroyed_graph_is_made_again(any_graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    any_graph.become(SECTION + "\nlabels: {A: {renamed_from: B}}")
    any_graph.run(EVERYTHING, bytes=b"\x00\xff")
    start, names = content(any_graph), any_graph.names()
    monkeypatch.chdir(any_graph.folder)
    told = CliRunner().invoke(cli, ["destroy", "-e", "dev", "--auto-approve"])
    assert told.exit_code == 0 and content(any_graph) == ([], [])
    (path,) = [p for p in files(any_graph) if p.name.startswith("destroyed-")]
    assert f"reconcile undo {path}" in told.output
    refused = CliRunner().invoke(cli, ["undo", str(path)])
    assert isinstance(refused.exception, Blocked) or refused.exit_code == 3
    made = CliRunner().invoke(cli, ["undo", str(path), "--auto-approve"])
    assert made.exit_code == 0, made.output
    assert content(any_graph) == start and any_graph.names() == names
    assert any_graph.plan().empty
    again = CliRunner().invoke(cli, ["undo", str(path), "--auto-approve"])
    assert isinstance(again.exception, Blocked) or again.exit_code == 3


def test_killed_while_it_is_destroyed_and_while_it_is_made_again(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    graph.become(SECTION)
    graph.run("UNWIND range(1, 400) AS i CREATE (:A {x: i})-[:R {i: i}]->(:B {i: i})")
    start, names = content(graph), graph.names()
    monkeypatch.setattr(batches, "FIRST", 50)
    monkeypatch.setattr(batches, "MOST", 50)
    monkeypatch.setattr(revival, "_AGAIN", replace(revival._AGAIN, rows=50))
    once, left = Connection._once, [0]

    def mortal(self: Connection, query: str, parameters: Any) -> Any:
        found = once(self, query, parameters)
        left[0] -= "CALL (" in query or "UNWIND $rows" in query or "DROP" in query
        if left[0] == 0:
            raise RuntimeError("killed")
        return found

    monkeypatch.setattr(Connection, "_once", mortal)

    def until_done(act: Callable[[], object]) -> int:
        for deaths in range(100):
            left[0] = 5 + deaths
            try:
                act()
                return deaths
            except RuntimeError:
                continue
        raise AssertionError("never done")

    assert until_done(lambda: pipeline.destroy(graph.project(), (), agree, lambda _: None)) > 1
    assert content(graph) == ([], [])
    (path,) = files(graph)  # the first one, of the whole graph
    about = header(path).about
    assert until_done(lambda: pipeline.revive(graph.project(), path, about, lambda _: None)) > 1
    assert content(graph) == start and graph.names() == names


def test_without_a_snapshot(graph: Graph) -> None:
    filled(graph)
    (gone,) = pipeline.destroy(graph.project(), (), agree, lambda _: None, keep=False)
    assert gone.kept == "" and files(graph) == []
