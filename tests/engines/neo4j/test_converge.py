"""Law 1 and 2 on the real server: every kind and option of the Community edition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neo4j.exceptions
import pytest
import yaml

from reconciler.diff.structural import diff
from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.connection import Connection
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from tests.engines.neo4j.graph import SERVICE, Graph
from tests.engines.neo4j.pure import merged

CASES = {
    "unique": "constraints: {u@: {node: A@, unique: x}}",
    "unique composite": "constraints: {u@: {node: A@, unique: [x, y]}, v@: {node: A@, unique: [y, x]}}",
    "unique relationship": "constraints: {u@: {relationship: R@, unique: x}, v@: {relationship: R@, unique: [x, y]}}",
    "range": "indexes: {i@: {node: A@, range: x}, j@: {node: A@, range: [x, y]}, k@: {node: A@, range: [y, x]}}",
    "range relationship": "indexes: {i@: {relationship: R@, range: [x, y]}}",
    "text": "indexes: {i@: {node: A@, text: x}, j@: {relationship: R@, text: x}}",
    "point": "indexes: {i@: {node: A@, point: x}, j@: {relationship: R@, point: x}}",
    "point bounds": """
        indexes:
          i@: {node: A@, point: x, options: {spatial.cartesian.min: [-10, -5], spatial.wgs-84-3d.max: [90, 45.5, 900]}}
          j@: {node: B@, point: x, options: {spatial.cartesian.min: [-1000000, -1000000]}}
        """,
    "three methods": "indexes: {r@: {node: A@, range: x}, t@: {node: A@, text: x}, p@: {node: A@, point: x}}",
    "text beside a constraint": "constraints: {u@: {node: A@, unique: x}}\nindexes: {t@: {node: A@, text: x}}",
    "fulltext": """
        indexes:
          one@: {node: A@, fulltext: x}
          many@: {nodes: [A@, B@], fulltext: [x, y]}
          turned@: {nodes: [B@, A@], fulltext: [x, y]}
          types@: {relationships: [R@, S@], fulltext: [x]}
          english@: {node: C@, fulltext: x, analyzer: english, eventually_consistent: true}
          defaults@: {node: D@, fulltext: x, analyzer: standard-no-stop-words, eventually_consistent: false}
        """,
    "vector": """
        indexes:
          plain@: {node: A@, vector: x}
          sized@: {node: B@, vector: x, dimensions: 384}
          said@: {node: C@, vector: x, dimensions: 3, similarity: cosine}
          other@: {relationship: R@, vector: x, dimensions: 1536, similarity: euclidean}
          tuned@: {node: D@, vector: x, options: {vector.hnsw.m: 8, vector.hnsw.ef_construction: 50}}
          default@: {node: E@, vector: x, options: {vector.hnsw.m: 16, vector.quantization.enabled: true}}
          raw@: {node: F@, vector: x, options: {vector.quantization.enabled: false}}
        """,
}


def test_declared_becomes_live_and_nothing_is_left_to_do(any_graph: Graph) -> None:
    section = merged(CASES.values())
    plan = any_graph.become(section)
    lines = [line for s in plan.steps for o in (s.operation, *(s.undo or ())) for line in o.lines()]
    assert lines and not any("IF NOT EXISTS" in line for line in lines), "it takes anything of that name for done"
    assert set(any_graph.names()) == {name for nodes in section.values() for name in nodes}
    assert not diff(any_graph.lifted(), any_graph.live(), ENGINE.kinds)  # law 2
    any_graph.become("{}")
    assert any_graph.names() == {}


def test_a_plan_without_changes_asks_twice_however_much_there_is(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """One SHOW for all constraints and one for all indexes; nothing is asked of one alone."""
    asked: list[str] = []
    answered = Connection.rows

    def noted(self: Connection, query: str, *arguments: str, **parameters: Any) -> list[dict[str, Any]]:
        asked.append(query)
        return answered(self, query, *arguments, **parameters)

    def counted(number: int) -> tuple[list[str], int]:
        graph.become({
            "constraints": {f"c{i}": {"node": f"A{i}", "unique": "x"} for i in range(number)},
            "indexes": {f"i{i}": {"node": f"B{i}", "range": "x"} for i in range(number)},
        })  # fmt: skip
        asked.clear()
        assert graph.plan().empty
        return [q for q in asked if "SHOW" in q], len(asked)

    monkeypatch.setattr(Connection, "rows", noted)
    shows, few = counted(1)
    assert sorted(shows) == ["SHOW CONSTRAINTS YIELD *", "SHOW INDEXES YIELD *"]
    assert counted(6) == (shows, few)


def test_what_only_newer_servers_have(graph: Graph) -> None:
    graph.become("""
        indexes:
          several: {nodes: [A, B], vector: x}
          filtered: {node: A, vector: y, with: [year, kind], dimensions: 3}
          scalar: {node: C, vector: x, options: {vector.quantization.type: scalar}}
          wider: {node: D, vector: x, options: {vector.default_search_expansion_factor: 2}}
    """)
    assert not diff(graph.lifted(), graph.live(), ENGINE.kinds)


def test_no_server_lets_a_provider_be_chosen(any_graph: Graph) -> None:
    """What `options` rests on: if this fails one day, providers can be declared."""
    options = "OPTIONS {indexProvider: 'text-1.0'}"
    try:
        any_graph.run(f"CREATE TEXT INDEX chosen FOR (n:A) ON (n.x) {options}")
    except neo4j.exceptions.CypherSyntaxError as error:
        assert "indexProvider" in str(error)
    else:
        rows = any_graph.run("SHOW INDEXES YIELD name, indexProvider AS p WHERE name = 'chosen' RETURN p")
        assert rows[0]["p"] > "text-1.0"


def test_the_example_of_the_repository(any_graph: Graph) -> None:
    path = Path(__file__).parents[3] / "schemas" / "tutor-matching.yaml"
    section = yaml.safe_load(path.read_text())["neo4j"]
    any_graph.become(section)
    assert len(any_graph.names()) == sum(map(len, section.values()))
    assert not diff(any_graph.lifted(), any_graph.live(), ENGINE.kinds)


def test_undo_brings_back_what_was(graph: Graph) -> None:
    before = "constraints: {u: {node: A, unique: x}}\nindexes: {f: {node: A, fulltext: x, analyzer: english}}"
    after = "constraints: {w: {node: B, unique: y}}\nindexes: {f: {node: A, fulltext: x}, r: {node: C, range: z}}"
    graph.become(before)
    old = graph.live()
    plan = graph.become(after)
    undo(graph, plan)
    assert graph.live().resources == old.resources


def undo(graph: Graph, plan: Plan) -> None:
    from reconciler.model.engine import Limits

    with graph.session() as session:
        for step in reversed(plan.steps):
            for operation in step.undo or ():
                session.execute(operation, Limits(), lambda _: None, {})


def test_old_readers_and_writers_work_after_expand(graph: Graph) -> None:
    """Law 5: the old unique rule still holds after expand, and writes that the new one would refuse still pass."""
    graph.become("constraints: {u: {node: A, unique: x}}\nindexes: {f: {node: A, fulltext: x}}")
    graph.run("CREATE (:A {x: 'one', y: 1})")
    plan = graph.plan("constraints: {v: {node: A, unique: y}}\nindexes: {g: {node: A, text: y}}")
    graph.apply(plan, through=Phase.MIGRATE)
    assert set(graph.names()) == {"u", "f", "g"}
    assert graph.run("CALL db.index.fulltext.queryNodes('f', 'one') YIELD node RETURN node.x AS x") == [{"x": "one"}]
    graph.run("MATCH (n:A) SET n.z = 1")
    graph.run("CREATE (n:A {x: 'two', y: 1}) DETACH DELETE n")  # y twice: the old rules allow it
    graph.apply(plan)
    assert set(graph.names()) == {"v", "g"}


def test_scope_leaves_out_what_is_ignored_and_what_is_its_own(graph: Graph) -> None:
    graph.become("indexes: {mine: {node: A, range: x}, theirs_1: {node: B, range: x}}")
    assert {a.name for a in graph.live("theirs_*").resources} == {"mine"}
    rows = graph.run("SHOW CONSTRAINTS YIELD name")
    assert [r["name"] for r in rows] == ["_reconcile_lock"]
    assert {a.name for a in graph.live().resources} == {"mine", "theirs_1"}
    assert len(graph.run("SHOW INDEXES YIELD type WHERE type = 'LOOKUP'")) == 2


def test_planning_writes_nothing(graph: Graph) -> None:
    graph.plan("constraints: {u: {node: A, unique: x}}")
    assert graph.run("SHOW CONSTRAINTS YIELD name") == []
    assert graph.run("MATCH (n) RETURN count(n) AS n") == [{"n": 0}]


def test_automatic_names_are_kept(graph: Graph) -> None:
    graph.run("CREATE CONSTRAINT FOR (n:A) REQUIRE n.x IS UNIQUE")
    (name,) = graph.names()
    assert name.startswith("constraint_")
    assert [a.name for a in graph.live().resources] == [name]
    assert graph.plan(f"constraints: {{{name}: {{node: A, unique: x}}}}").empty


@pytest.mark.parametrize("rule", ["{node: A, exists: x}", "{node: A, key: x}", "{node: A, property: x, type: INTEGER}"])
def test_enterprise_rules_are_refused_before_anything_runs(graph: Graph, rule: str) -> None:
    from reconciler.errors import DeclarationErrors

    with pytest.raises(DeclarationErrors, match="Enterprise") as raised:
        graph.plan(f"constraints: {{c: {rule}}}\nindexes: {{i: {{node: A, range: y}}}}")
    assert raised.value.errors[0].where is not None and SERVICE in raised.value.errors[0].where.file
    assert graph.names() == {}
