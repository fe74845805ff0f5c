"""What a plan did to the data of a graph is taken back: from snapshots, exactly, killed or not."""

from __future__ import annotations

import gzip
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.apply.undo import Limit
from reconciler.engines.neo4j import lease
from reconciler.engines.neo4j.connection import Connection
from reconciler.errors import Blocked, ConfigError, StoreError
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.planfile.store import write
from reconciler.results import UndoResult
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.test_graph_changes import LABEL, NAME, PARTS, TYPE

EVERYTHING = """
    CREATE (a:Person:Tutor {id: 1, name: 'Ada Lovelace', born: date('1815-12-10'), at: time('10:00:00.000000001+02:00'),
        local: localtime('23:59:59.999999999'), then: localdatetime('2020-01-01T00:00:00.123456789'),
        autumn: datetime('2020-10-25T02:30:00.5+01:00[Europe/Berlin]'),
        summer: datetime('2020-10-25T02:30:00.5+02:00[Europe/Berlin]'), fixed: datetime('2020-01-01T00:00:00-05:30'),
        took: duration('P1Y2M3DT4H5M6.000000007S'), flat: point({x: 1.5, y: -2.5}),
        globe: point({longitude: 12.5, latitude: 55.5, height: 3}), deep: point({x: 1, y: 2, z: 3}),
        many: [1, 2, 3], texts: ['a', 'ü\U0001f600'], none: [], days: [date('2020-02-29')], third: 1.0 / 3,
        nan: 0.0 / 0.0,
        big: 9223372036854775807, yes: true, bytes: $bytes})
    CREATE (b:Person {id: 1, name: 'Alan Turing', only: 'his'}), (c:Tutor:Instructor {id: 2}), (d:Instructor {id: 3})
    CREATE (a)-[:INSTRUCTS {since: date('2020-01-01')}]->(b), (b)-[:INSTRUCTS]->(a), (b)-[:SELF]->(b),
        (c)-[:KNOWS]->(b),
        (a)-[:INSTRUCTS]->(c), (a)-[:INSTRUCTS]->(c)
"""
MERGED = "constraints: {p: {node: Person, unique: id, deduplicate: {others: merge, keep: n.name}}}"
SECTIONS = [
    LABEL,
    TYPE,
    NAME,
    PARTS,
    "properties: {k: {node: Person, from: name, into: {copy: n.name}, keep: true}}",
    "constraints: {p: {node: Person, unique: id, deduplicate: {others: delete, keep: n.name}}}",
    "constraints: {p: {node: Person, unique: id, deduplicate: {others: delete, keep: n.name DESC}}}",
    "constraints: {p: {node: Person, unique: id, deduplicate: {others: clear}}}",
    "constraints: {p: {relationship: INSTRUCTS, unique: since, deduplicate: delete}}",
    MERGED,
    LABEL + "\n" + TYPE + "\n" + NAME + "\n" + MERGED + "\nindexes: {i: {node: Tutor, range: id}}",
]


def filled(graph: Graph) -> None:
    graph.run(EVERYTHING, bytes=b"\x00\xff")
    graph.run(
        "MATCH (a:Person {name: 'Ada Lovelace'}), (b:Person {name: 'Alan Turing'}) "
        "CREATE (a)-[:INSTRUCTS {since: date('2020-01-01')}]->(b)"
    )


def content(graph: Graph) -> tuple[list[str], list[str]]:
    """All nodes and relationships as texts, without their ids; what is reconcile's own is none of it."""
    own = "NONE(l IN labels(n) WHERE l STARTS WITH '_Reconcile')"
    nodes = graph.run(f"MATCH (n) WHERE {own} RETURN labels(n) AS l, properties(n) AS p")
    ties = graph.run(
        "MATCH (a)-[r]->(b) RETURN properties(a) AS a, type(r) AS t, properties(r) AS p, properties(b) AS b"
    )
    return (
        sorted(f"{sorted(r['l'])} {text(r['p'])}" for r in nodes),
        sorted(f"{text(r['a'])} {r['t']} {text(r['p'])} {text(r['b'])}" for r in ties),
    )


def text(properties: dict[str, Any]) -> str:
    return repr(sorted((k, repr(v)) for k, v in properties.items()))


def undo(graph: Graph, plan: Plan, limit: Limit | None = None) -> UndoResult:
    return pipeline.undo_plan(graph.project(), plan, limit=limit, allow=["*"])


MANY = [pytest.param(s, marks=pytest.mark.matrix) if i in (3, 4, 6, 7, 8) else s for i, s in enumerate(SECTIONS)]


@pytest.mark.parametrize("section", MANY)
def test_there_and_back(any_graph: Graph, section: str) -> None:
    filled(any_graph)
    start = content(any_graph)
    plan = any_graph.become(section)
    done = content(any_graph)
    assert done != start
    assert undo(any_graph, plan).outcome == "undone"
    assert content(any_graph) == start
    any_graph.apply(plan)
    assert content(any_graph) == done


def test_several_plans_in_a_row(graph: Graph) -> None:
    """What comes back has other ids than the snapshots of the plan before know it by."""
    filled(graph)
    sections = [TYPE, TYPE + "\n" + NAME, TYPE + "\n" + NAME + "\n" + MERGED]
    before, plans = [], []
    for section in sections:
        before.append(content(graph))
        plans.append(graph.become(section))
    for plan, start in reversed(list(zip(plans, before, strict=True))):
        assert undo(graph, plan).outcome == "undone"
        assert content(graph) == start


@pytest.mark.parametrize("section", [LABEL, TYPE, NAME, MERGED])
def test_after_migrate_alone(graph: Graph, section: str) -> None:
    filled(graph)
    start = content(graph)
    plan = graph.plan(section)
    graph.apply(plan, through=Phase.MIGRATE)
    assert undo(graph, plan).outcome == "undone"
    assert content(graph) == start


def test_an_undo_that_dies_at_every_statement(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(graph)
    start = content(graph)
    plan = graph.become(SECTIONS[-1])
    once = Connection._once
    left = [0]

    def mortal(self: Connection, query: str, parameters: Any) -> Any:
        found = once(self, query, parameters)
        if "CALL (" in query or "UNWIND $rows" in query or "SET entry" in query:
            left[0] -= 1
            if left[0] == 0:
                raise RuntimeError("killed")
        return found

    monkeypatch.setattr(Connection, "_once", mortal)
    deaths = 0
    for turn in range(1, 200):
        left[0] = 2 + turn % 7
        try:
            outcome = undo(graph, plan).outcome
        except Exception as error:
            assert "killed" in str(error)
            deaths += 1
        else:
            assert outcome == "undone"
            break
    assert deaths > 5
    left[0] = 0
    assert content(graph) == start


def files(graph: Graph) -> list[Path]:
    return sorted((graph.folder / ".reconcile" / "snapshots" / "dev" / "graph").glob("*.jsonl.gz"))


def test_the_file_is_private_and_says_what_it_holds(graph: Graph) -> None:
    filled(graph)
    graph.become(TYPE)
    (path,) = files(graph)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"
    with gzip.open(path, "rt") as lines:
        header, *rows = map(json.loads, lines)
    assert header["about"]["what"] == "relationship type TEACHES" and header["about"]["target"] == "graph/neo4j"
    assert header["rows"] == len(rows) == 5
    assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", path.name]  # nothing half written


def test_without_its_file_nothing_is_undone(graph: Graph) -> None:
    filled(graph)
    plan = graph.become(TYPE)
    done = content(graph)
    (path,) = files(graph)
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(Blocked, match="is not there, and nothing else has what it kept"):
        undo(graph, plan)
    damaged = gzip.decompress(kept).replace(b"since", b"until")
    path.write_bytes(gzip.compress(damaged))
    with pytest.raises((ConfigError, StoreError), match="not the one that was written"):
        undo(graph, plan)
    assert content(graph) == done
    path.write_bytes(kept)
    assert undo(graph, plan).outcome == "undone"


def test_what_was_written_since_stays(graph: Graph) -> None:
    graph.run("UNWIND range(1, 3) AS i CREATE (:Person {name: 'n' + i})")
    plan = graph.become(NAME)
    graph.run("CREATE (:Person {full_name: 'since'})")
    undo(graph, plan)
    found = graph.run("MATCH (n:Person) RETURN n.name AS old, n.full_name AS new ORDER BY old")
    assert [(r["old"], r["new"]) for r in found] == [("n1", None), ("n2", None), ("n3", None), (None, "since")]


def test_many_rows_in_little_memory(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows travel one by one into the file, and five thousand at a time back."""
    graph.run("UNWIND range(1, 6000) AS i CREATE (:Person {name: 'n' + i})")
    plan = graph.become(NAME)
    most = [0]
    rows = Connection.rows

    def counted(self: Any, query: str, doing: str = "", **parameters: Any) -> Any:
        most[0] = max(most[0], len(parameters.get("rows", ())))
        return rows(self, query, doing, **parameters)

    monkeypatch.setattr(Connection, "rows", counted)
    undo(graph, plan)
    assert most == [5000]
    assert graph.run("MATCH (n:Person) WHERE n.name STARTS WITH 'n' AND n.full_name IS NULL RETURN count(*) AS n") == [
        {"n": 6000}
    ]


def test_a_migration_is_refused_by_name(graph: Graph) -> None:
    plan = graph.become(
        {"migrations": {"V001__x": {"cypher": "CREATE (:X);"}}, "indexes": {"i": {"node": "X", "range": "y"}}}
    )
    with pytest.raises(Blocked, match=r"run the migration V001__x\): nothing brings the old state back"):
        undo(graph, plan)
    number = next(s.id for s in plan.steps if "migration" in s.title)
    assert undo(graph, plan, Limit(leave=frozenset({number}))).outcome == "undone in part"
    assert graph.names() == {} and graph.run("MATCH (n:X) RETURN count(n) AS n") == [{"n": 1}]


KILLED = """
import os, sys
from pathlib import Path
from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.engines.neo4j import lease
from reconciler.engines.neo4j import lease
from reconciler.engines.neo4j.connection import Connection
from reconciler.planfile.store import read
lease.LEASE_SECONDS = 1.0
folder, left = Path(sys.argv[1]), [int(sys.argv[2])]
once = Connection._once
def mortal(self, query, parameters):
    left[0] -= "UNWIND $rows" in query or "CALL (" in query
    if not left[0]:
        os.kill(os.getpid(), 9)
    return once(self, query, parameters)
Connection._once = mortal
project = pipeline.load(Options(cwd=folder, environment="dev"), {})
pipeline.undo_plan(project, read(folder / "plan.yaml", project.engines), allow=["*"])
"""


@pytest.mark.matrix
@pytest.mark.parametrize("kill", [1, 3, 6, 9])
def test_a_killed_process_is_finished(graph: Graph, monkeypatch: pytest.MonkeyPatch, kill: int) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 5.0)
    filled(graph)
    start = content(graph)
    plan = graph.become(SECTIONS[-1])
    write(graph.folder / "plan.yaml", plan)
    arguments = [sys.executable, "-c", KILLED, str(graph.folder), str(kill)]
    done = subprocess.run(arguments, cwd=Path(__file__).parents[3], capture_output=True, timeout=90)
    assert done.returncode == -9, done.stderr
    assert undo(graph, plan).outcome == "undone"
    assert content(graph) == start
