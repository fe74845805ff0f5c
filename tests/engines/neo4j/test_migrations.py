"""Versioned migrations: each statement once, in order, noted in the graph; told when they change or come too late."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from reconciler import pipeline
from reconciler.apply.undo import Limit
from reconciler.desired.lift import lift
from reconciler.engines.neo4j import ENGINE, migration_script
from reconciler.errors import Blocked, DeclarationErrors, StoreError, UnsupportedChange
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import catalog, lowered

SECTION = "migrations: moves\nindexes: {i: {node: Role, range: name}}"


@pytest.fixture
def moves(graph: Graph) -> Path:
    folder = graph.folder / "schemas" / "moves"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.cypher").write_text(dedent(text))


def roles(graph: Graph) -> list[str]:
    return [r["name"] for r in graph.run("MATCH (n:Role) RETURN n.name AS name ORDER BY name")]


def test_each_runs_once_in_the_order_of_versions(graph: Graph, moves: Path) -> None:
    write(moves, "V2__second", "MATCH (n:Role {name: 'one'}) CREATE (:Role {name: n.name + ' and two'})")
    write(moves, "V10__third", "// phase: contract\nMATCH (n:Role) WHERE n.name = 'one' DELETE n;")
    write(moves, "V1__first", "/* a; */ CREATE (:Role {name: 'one'});\nCREATE (:Role {name: 'x;  y'}) // ;")
    plan = graph.plan(SECTION)
    assert [(s.phase.word, s.title) for s in plan.steps] == [
        ("expand", "create range index on Role (name)"),
        ("migrate", "run the migration V1__first"),
        ("migrate", "run the migration V2__second"),
        ("contract", "run the migration V10__third"),
    ]
    with pytest.raises(Blocked, match="RC1101"):
        graph.apply(plan, "RC1204")
    graph.apply(plan)
    assert roles(graph) == ["one and two", "x;  y"]
    assert graph.plan().empty
    write(moves, "V1__first", "CREATE (:Role {name: 'one'}); // another comment\n\nCREATE (:Role {name:'x;  y'});")
    assert graph.plan().empty
    (moves / "V2__second.cypher").unlink()  # squashed: what ran, ran
    write(moves, "V11__fourth", "CREATE (:Role {name: 'four'})")
    graph.become(SECTION)
    assert roles(graph) == ["four", "one and two", "x;  y"]


def test_one_that_ran_cannot_change_and_an_older_one_cannot_come(graph: Graph, moves: Path) -> None:
    write(moves, "V2__a", "CREATE (:Role {name: 'a'})")
    graph.become(SECTION)
    write(moves, "V2__a", "CREATE (:Role {name: 'b'})")
    with pytest.raises(UnsupportedChange, match="V2__a ran, and its text has changed"):
        graph.plan()
    write(moves, "V2__a", "CREATE (:Role {name: 'a'})")
    write(moves, "V1__late", "CREATE (:Role {name: 'late'})")
    with pytest.raises(UnsupportedChange, match="V1__late comes before V2__a, which ran already"):
        graph.plan()


def test_schema_and_batches_run_outside_a_transaction(any_graph: Graph) -> None:
    folder = any_graph.folder / "schemas" / "moves"
    folder.mkdir(parents=True)
    write(folder, "V1__all", """
        CREATE INDEX by_rank FOR (n:Role) ON (n.rank);
        UNWIND range(1, 100) AS i CALL (i) { CREATE (:Role {name: 'n' + i}) } IN TRANSACTIONS OF 10 ROWS;
        MATCH (n:Role) SET n.rank = 1
        """)  # fmt: skip
    any_graph.prune = "managed"
    any_graph.become(SECTION)
    assert any_graph.run("MATCH (n:Role) RETURN count(n.rank) AS n") == [{"n": 100}]
    assert set(any_graph.names()) == {"i", "by_rank"}


def test_killed_between_statements_it_goes_on_where_it_was(
    graph: Graph, moves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(moves, "V1__many", ";\n".join(f"CREATE (:Role {{name: '{n}'}})" for n in "abcd"))
    plan = graph.plan(SECTION)
    once, turns = migration_script._statement, [0]

    def mortal(*arguments: object) -> None:
        turns[0] += 1
        if turns[0] in (2, 4):
            raise StoreError("killed")
        once(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(migration_script, "_statement", mortal)
    for _ in range(3):
        try:
            graph.apply(plan)
        except Exception as error:
            assert "killed" in str(error)
    assert roles(graph) == ["a", "b", "c", "d"]
    assert graph.plan().empty


def test_a_statement_and_its_note_are_one(graph: Graph, moves: Path) -> None:
    """A statement that fails leaves neither effect nor note; what ran before it is not run again."""
    write(moves, "V1__half", "CREATE (:Role {name: 'a'}); CREATE (:Role {name: 1 / 0}); CREATE (:Role {name: 'c'})")
    with pytest.raises(Exception, match="by zero"):
        graph.apply(graph.plan(SECTION))
    assert roles(graph) == ["a"]
    with graph.session() as session:
        noted = session.journal()["change/migration/V1__half"]
    assert (noted["done"], noted["finished"]) == (1, False)
    write(moves, "V1__half", "CREATE (:Role {name: 'z'})")
    with pytest.raises(Exception, match="was begun with another text, and 1 statements of it ran"):
        graph.apply(graph.plan())


def test_what_ran_is_imported_by_its_checksum(graph: Graph, moves: Path) -> None:
    write(moves, "V1__a", "CREATE (:Role {name: 'a'})")
    graph.become(SECTION)
    live = graph.live()
    assert set(lift(ENGINE, live)["migrations"]) == {"V1__a"}
    assert lowered(live).resources == live.resources
    assert graph.plan(lift(ENGINE, live)).empty


@pytest.mark.parametrize(
    ("name", "node", "message"),
    [
        ("first", "{cypher: CREATE (n)}", "no name of a migration"),
        ("V1_first", "{cypher: CREATE (n)}", "no name of a migration"),
        ("V1__a", "{}", "says both, or nothing"),
        ("V1__a", "{cypher: '// nothing'}", "holds no statement"),
        ("V1__a", '{cypher: "// phase: later\\nCREATE (n)"}', "no such phase: later"),
    ],
)
def test_wrong_migrations(name: str, node: str, message: str) -> None:
    with pytest.raises(DeclarationErrors) as raised:
        catalog(f"migrations: {{{name}: {node}}}")
    assert message in raised.value.message


def test_a_folder_that_is_not_there(graph: Graph) -> None:
    with pytest.raises(DeclarationErrors, match="there is no such folder") as raised:
        graph.plan(SECTION)
    assert raised.value.errors[0].where is not None and raised.value.errors[0].where.line == 3


def test_what_is_no_cypher_is_told_when_it_is_planned(any_graph: Graph) -> None:
    section = {"migrations": {"V001__x": {"cypher": "CREATE (:X); MATCH (n:X SET n.y = 1;"}}}
    with pytest.raises(StoreError, match="reading statement 2 of the migration V001__x: Invalid input 'SET'"):
        any_graph.plan(section)
    assert any_graph.run("MATCH (n) RETURN count(n) AS n") == [{"n": 0}]
    batches = "CREATE (:X); MATCH (n:X) CALL (n) { SET n.y = 1 } IN TRANSACTIONS OF 10 ROWS;"
    any_graph.become({"migrations": {"V001__x": {"cypher": batches}}})


def test_one_that_ran_in_part_is_not_undone_silently(graph: Graph) -> None:
    plan = graph.plan({"migrations": {"V001__x": {"cypher": "CREATE (:X {y: 0}); MATCH (n:X) SET n.y = 1 / n.y;"}}})
    with pytest.raises(StoreError, match="zero"):
        graph.apply(plan)
    assert graph.run("MATCH (n:X) RETURN count(n) AS n") == [{"n": 1}]
    with pytest.raises(Blocked, match=r"run the migration V001__x\): nothing brings the old state back"):
        pipeline.undo_plan(graph.project(), plan, allow=["*"])
    kept = pipeline.undo_plan(graph.project(), plan, limit=Limit(leave=frozenset({1})), allow=["*"])
    assert kept.outcome == "undone in part"
