"""Changes of the graph itself: old and new side by side after migrate, only new after contract; killed and resumed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.desired.lift import lift
from reconciler.engines.neo4j import ENGINE, lease
from reconciler.engines.neo4j.batches import Batches
from reconciler.engines.neo4j.render import quoted
from reconciler.errors import DeclarationErrors, PartlyApplied
from reconciler.model.step import Phase
from reconciler.planfile.store import write
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import catalog, lowered

LABEL = "labels: {Instructor: {renamed_from: Tutor}}"
TYPE = "relationship_types: {TEACHES: {renamed_from: INSTRUCTS}}"
NAME = "properties: {full: {node: Person, property: full_name, renamed_from: name}}"
PARTS = """
    properties:
      parts:
        node: Person
        from: name
        into: {first: "split(n.name, ' ')[0]", last: "split(n.name, ' ')[1]"}
"""
WHOLE = """
    properties:
      whole: {node: Person, from: [first, last], into: {name: "n.first + ' ' + n.last"}}
"""


def count(graph: Graph, pattern: str) -> int:
    found: int = graph.run(f"MATCH {pattern} RETURN count(*) AS n")[0]["n"]
    return found


def test_a_label(any_graph: Graph) -> None:
    any_graph.become("constraints: {t: {node: Tutor, unique: id}}")
    any_graph.run("UNWIND range(1, 6000) AS id CREATE (:Tutor {id: id})")
    plan = any_graph.plan(LABEL + "\nconstraints: {i: {node: Instructor, unique: id}}")
    assert [(s.phase.word, s.title) for s in plan.steps] == [
        ("expand", "require that Instructor.id is unique"),
        ("migrate", "keep which nodes are :Instructor already, for undo"),
        ("migrate", "label :Tutor also as :Instructor"),
        ("contract", "no longer require that Tutor.id is unique"),
        ("contract", "take the label :Tutor away"),
    ]
    any_graph.apply(plan, through=Phase.MIGRATE)
    assert count(any_graph, "(n:Tutor:Instructor)") == 6000
    any_graph.run("CREATE (:Tutor {id: 0})")  # old code goes on
    any_graph.apply(plan)
    assert count(any_graph, "(n:Instructor)") == 6001 and count(any_graph, "(n:Tutor)") == 0
    again = any_graph.plan()
    assert again.empty and not again.unmanaged
    assert any_graph.become("constraints: {i: {node: Instructor, unique: id}}").empty  # done is done
    any_graph.become("labels: {Tutor: {renamed_from: Instructor}}")
    assert count(any_graph, "(n:Tutor)") == 6001 and count(any_graph, "(n:Instructor)") == 0


def test_a_relationship_type(any_graph: Graph) -> None:
    any_graph.run("UNWIND range(1, 300) AS i CREATE (a:A {i: i})-[:INSTRUCTS {since: i}]->(:B {i: i})")
    any_graph.run("MATCH (a:A {i: 1})-[r]->(b) CREATE (a)-[:INSTRUCTS {since: 1}]->(b), (a)-[:INSTRUCTS]->(a)")
    plan = any_graph.plan(TYPE)
    any_graph.apply(plan, through=Phase.MIGRATE)
    assert count(any_graph, "()-[n:INSTRUCTS]->()") == count(any_graph, "()-[n:TEACHES]->()") == 302
    any_graph.run("MATCH (:A {i: 2})-[r:INSTRUCTS]->() DELETE r")  # old code goes on
    any_graph.run("MATCH (:A {i: 5})-[r:TEACHES]->() DELETE r")  # new code begins
    any_graph.run("MATCH (a:A {i: 3}), (b:B {i: 4}) CREATE (a)-[:INSTRUCTS {since: 34}]->(b)")
    any_graph.apply(plan)
    assert count(any_graph, "()-[n:INSTRUCTS]->()") == 0
    assert count(any_graph, "()-[n:TEACHES]->()") == 301
    assert count(any_graph, "(:A {i: 2})-[n:TEACHES]->()") == count(any_graph, "(:A {i: 5})-[n:TEACHES]->()") == 0
    assert count(any_graph, "(:A {i: 3})-[n:TEACHES {since: 34}]->(:B {i: 4})") == 1
    assert count(any_graph, "()-[n]->() WHERE any(k IN keys(n) WHERE k STARTS WITH '_reconcile')") == 0
    assert any_graph.plan().empty


def test_relationships_that_differ_by_now_are_told(graph: Graph) -> None:
    graph.run("CREATE (:A)-[:INSTRUCTS {since: 1}]->(:B)")
    plan = graph.plan(TYPE)
    graph.apply(plan, through=Phase.MIGRATE)
    graph.run("MATCH ()-[r:INSTRUCTS]->() SET r.since = 2")
    with pytest.raises(PartlyApplied, match="1 × INSTRUCTS that differ from their twins"):
        graph.apply(plan)
    graph.become(TYPE.replace("INSTRUCTS}", "INSTRUCTS, differing: old}"))
    assert count(graph, "()-[n:TEACHES {since: 2}]->()") == 1


def test_a_property(any_graph: Graph) -> None:
    any_graph.run("UNWIND range(1, 6000) AS i CREATE (:Person {name: 'n' + i})")
    any_graph.run("CREATE (:Person), (:Other {name: 'other'})")
    plan = any_graph.plan(NAME + "\nconstraints: {c: {node: Person, unique: full_name}}")
    assert [s.title.partition(" ")[0] for s in plan.steps] == ["keep", "fill", "keep", "fill", "require"]
    any_graph.apply(plan, through=Phase.MIGRATE)
    assert count(any_graph, "(n:Person) WHERE n.full_name = n.name") == 6000
    any_graph.run("CREATE (:Person {name: 'late'})")
    any_graph.apply(plan)
    assert count(any_graph, "(n:Person) WHERE n.full_name IS NOT NULL AND n.name IS NULL") == 6001
    assert count(any_graph, "(n:Other) WHERE n.name = 'other'") == 1
    assert any_graph.plan().empty


def test_a_property_split_and_merged_again(any_graph: Graph) -> None:
    any_graph.run("UNWIND ['Ada Lovelace', 'Alan Turing'] AS name CREATE (:Person {name: name})")
    any_graph.become(PARTS)
    found = any_graph.run("MATCH (n:Person) RETURN properties(n) AS p ORDER BY n.first")
    assert [r["p"] for r in found] == [{"first": "Ada", "last": "Lovelace"}, {"first": "Alan", "last": "Turing"}]
    any_graph.become(WHOLE)
    found = any_graph.run("MATCH (n:Person) RETURN properties(n) AS p ORDER BY n.name")
    assert [r["p"] for r in found] == [{"name": "Ada Lovelace"}, {"name": "Alan Turing"}]


def test_what_would_be_lost_is_told_and_stays(graph: Graph) -> None:
    graph.run("UNWIND ['Ada Lovelace', 'Plato'] AS name CREATE (:Person {name: name})")
    plan = graph.plan(PARTS)
    with pytest.raises(PartlyApplied, match="1 × Person whose name gives nothing"):
        graph.apply(plan)
    assert count(graph, "(n:Person) WHERE n.name IS NOT NULL") == 2


def test_two_values_are_told_or_settled_as_declared(graph: Graph) -> None:
    graph.run("CREATE (:Person {name: 'old', full_name: 'new'})")
    with pytest.raises(PartlyApplied, match="1 × Person that have another value by now"):
        graph.apply(graph.plan(NAME))
    graph.become(NAME.replace("name}", "name, differing: new}"))
    assert graph.run("MATCH (n:Person) RETURN properties(n) AS p") == [{"p": {"full_name": "new"}}]


def test_label_and_property_in_one_plan(graph: Graph) -> None:
    graph.run("UNWIND range(1, 10) AS i CREATE (:Tutor {name: 'n' + i})")
    graph.become(LABEL + "\nproperties: {full: {node: Instructor, property: full_name, renamed_from: name}}")
    assert count(graph, "(n:Instructor) WHERE n.full_name IS NOT NULL AND n.name IS NULL") == 10


@pytest.mark.parametrize(
    ("section", "setup", "check"),
    [
        (LABEL, "UNWIND range(1, 40) AS i CREATE (:Tutor)", "(n:Instructor) WHERE NOT n:Tutor"),
        (TYPE, "UNWIND range(1, 40) AS i CREATE ()-[:INSTRUCTS {i: i}]->()", "()-[n:TEACHES]->()"),
        (NAME, "UNWIND range(1, 40) AS i CREATE (:Person {name: i})", "(n:Person) WHERE n.full_name > 0"),
    ],
)
def test_killed_in_any_batch_and_run_again(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, section: str, setup: str, check: str
) -> None:
    """Rounds of ten, of which each later one fails: plan anew or go on, nothing is done twice."""
    from reconciler.engines.neo4j import batches

    monkeypatch.setattr(batches, "FIRST", 10)
    monkeypatch.setattr(batches, "MOST", 10)
    graph.run(setup)
    rows, rounds = Batches.statement, [0]

    def mortal(self: Batches, limit: str = "$limit") -> str:
        rounds[0] += limit == "$limit"
        if rounds[0] % 4 == 3:
            rounds[0] += 1
            raise RuntimeError("killed")
        return rows(self, limit)

    monkeypatch.setattr(Batches, "statement", mortal)
    plan = graph.plan(section)
    for turn in range(20):
        plan = graph.plan() if turn % 3 == 2 else plan
        try:
            graph.apply(plan)
        except Exception as error:
            assert "killed" in str(error)
        else:
            break
    assert graph.plan().empty
    assert count(graph, check) == 40


HOSTILE = ["a`b", "n) DETACH DELETE n //", "\\u0060", "'" + '"', "名前 \u202e\U0001f600"]
LONG = "x" * 60_000


def test_hostile_names_are_only_names(graph: Graph) -> None:
    graph.run("CREATE (:Witness)")
    section: dict[str, dict[str, Any]] = {"labels": {}, "relationship_types": {}, "properties": {}}
    for number, old in enumerate(HOSTILE):
        new = f"{old}2"
        said = quoted(old)
        graph.run(f"CREATE (:{said} {{{said}: {number}}})-[:{said}]->()")
        section["labels"][new] = section["relationship_types"][new] = {"renamed_from": old}
        section["properties"][f"p{number}"] = {"node": new, "property": new, "renamed_from": old}
    graph.run(f"CREATE (:{quoted(LONG)})")
    section["labels"]["short"] = {"renamed_from": LONG}
    graph.become(section)
    for number, old in enumerate(HOSTILE):
        new = quoted(f"{old}2")
        assert count(graph, f"(n:{new})-[:{new}]->() WHERE n.{new} = {number} AND size(keys(n)) = 1") == 1
    assert count(graph, "(n:Witness)") == count(graph, "(n:short)") == 1


KILLED = """
import os, sys
from pathlib import Path
from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.engines.neo4j import batches, lease
from reconciler.planfile.store import read
lease.LEASE_SECONDS = 1.0
batches.FIRST = batches.MOST = 100
folder, left = Path(sys.argv[1]), [int(sys.argv[2])]
rounds = batches.Batches.statement
def mortal(self, limit="$limit"):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    return rounds(self, limit)
project = pipeline.load(Options(cwd=folder, environment="dev"), {})
plan = read(folder / "plan.yaml", project.engines)
batches.Batches.statement = mortal
pipeline.apply_plan(project, plan, allow=["*"])
"""


@pytest.mark.matrix
@pytest.mark.parametrize("kill", [1, 4, 12, 15])
def test_a_killed_process_is_finished(graph: Graph, monkeypatch: pytest.MonkeyPatch, kill: int) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 5.0)
    graph.run("UNWIND range(1, 1000) AS i CREATE (:A {i: i})-[:INSTRUCTS {i: i}]->(:B)")
    plan = graph.plan(TYPE)
    write(graph.folder / "plan.yaml", plan)
    arguments = [sys.executable, "-c", KILLED, str(graph.folder), str(kill)]
    root = Path(__file__).parents[3]
    assert subprocess.run(arguments, cwd=root, capture_output=True, timeout=90).returncode == 9
    graph.apply(plan)
    assert graph.plan().empty
    assert count(graph, "(a)-[n:TEACHES]->() WHERE n.i = a.i AND size(keys(n)) = 1") == 1000
    assert count(graph, "()-[n]->()") == 1000


def test_what_was_done_is_imported(graph: Graph) -> None:
    section = LABEL + "\n" + TYPE + "\n" + NAME
    graph.become(section)
    live = graph.live()
    assert lift(ENGINE, live) == yaml.safe_load(section)
    assert lowered(live).resources == live.resources


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"labels": {"A": {"renamed_from": "A"}}}, "renamed from its own name"),
        ({"labels": {"A": {"renamed_from": "_ReconcileLock"}}}, "it is reconcile's own"),
        ({"properties": {"p": {"node": "A", "property": "x"}}}, "not said in full"),
        ({"properties": {"p": {"node": "A"}}}, "says both, or nothing"),
        ({"properties": {"p": {"node": "A", "from": "x", "into": {"x": "n.x"}}}}, "made of itself"),
        ({"properties": {"p": {"node": "A", "from": "x", "into": {"y": "n.x }"}}}}, "no single Cypher expression"),
    ],
)
def test_changes_that_make_no_sense(section: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationErrors) as raised:
        catalog(section)
    assert message in raised.value.message
