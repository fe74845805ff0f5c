"""Emptying the graph of a development environment, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler import pipeline
from reconciler.apply.destroy import Doomed
from reconciler.cli.main import cli
from reconciler.config.options import Options
from reconciler.errors import Blocked
from tests.engines.neo4j.graph import Graph

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
