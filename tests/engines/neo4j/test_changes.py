"""Changed definitions on the real server: what Neo4j refuses to have side by side, in the order it takes."""

from __future__ import annotations

import pytest

from reconciler.errors import Blocked, UnsupportedChange
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import merged

PAIRS = {
    "another property": ("indexes: {i@: {node: A@, range: x}}", "indexes: {i@: {node: A@, range: y}}"),
    "another label": ("constraints: {c@: {node: A@, unique: x}}", "constraints: {c@: {node: B@, unique: x}}"),
    "one property more": ("constraints: {c@: {node: A@, unique: x}}", "constraints: {c@: {node: A@, unique: [x, y]}}"),
    "order of properties": ("indexes: {i@: {node: A@, range: [x, y]}}", "indexes: {i@: {node: A@, range: [y, x]}}"),
    "order of labels": (
        "indexes: {i@: {nodes: [A@, B@], fulltext: x}}",
        "indexes: {i@: {nodes: [B@, A@], fulltext: x}}",
    ),
    "node to relationship": (
        "constraints: {c@: {node: A@, unique: x}}",
        "constraints: {c@: {relationship: A@, unique: x}}",
    ),
    "another method": ("indexes: {i@: {node: A@, range: x}}", "indexes: {i@: {node: A@, text: x}}"),
    "analyzer": ("indexes: {i@: {node: A@, fulltext: x}}", "indexes: {i@: {node: A@, fulltext: x, analyzer: german}}"),
    "analyzer gone": (
        "indexes: {i@: {node: A@, fulltext: x, analyzer: german}}",
        "indexes: {i@: {node: A@, fulltext: x}}",
    ),
    "dimensions": (
        "indexes: {i@: {node: A@, vector: x, dimensions: 3}}",
        "indexes: {i@: {node: A@, vector: x, dimensions: 4}}",
    ),
    "similarity": (
        "indexes: {i@: {node: A@, vector: x}}",
        "indexes: {i@: {node: A@, vector: x, similarity: euclidean}}",
    ),
    "bounds": (
        "indexes: {i@: {node: A@, point: x}}",
        "indexes: {i@: {node: A@, point: x, options: {spatial.wgs-84.max: [90, 45]}}}",
    ),
    "index to constraint": ("indexes: {i@: {node: A@, range: x}}", "constraints: {c@: {node: A@, unique: x}}"),
    "index to constraint of its name": (
        "indexes: {i@: {node: A@, range: x}}",
        "constraints: {i@: {node: A@, unique: x}}",
    ),
    "constraint to index": ("constraints: {c@: {node: A@, unique: x}}", "indexes: {i@: {node: A@, range: x}}"),
    "another name for an index": ("indexes: {i@: {node: A@, range: x}}", "indexes: {j@: {node: A@, range: x}}"),
    "another name for a constraint": (
        "constraints: {c@: {node: A@, unique: x}}",
        "constraints: {d@: {node: A@, unique: x}}",
    ),
    "another name and options": (
        "indexes: {i@: {node: A@, vector: x, dimensions: 3}}",
        "indexes: {j@: {node: A@, vector: x, dimensions: 4}}",
    ),
    "names swapped": (
        "indexes: {i@: {node: A@, range: x}, j@: {node: A@, range: y}}",
        "indexes: {i@: {node: A@, range: y}, j@: {node: A@, range: x}}",
    ),
    "names of constraints swapped": (
        "constraints: {c@: {node: A@, unique: x}, d@: {node: A@, unique: y}}",
        "constraints: {c@: {node: A@, unique: y}, d@: {node: A@, unique: x}}",
    ),
    "three names in a circle": (
        "constraints: {c@: {node: A@, unique: x}, d@: {node: A@, unique: y}, e@: {node: A@, unique: z}}",
        "constraints: {c@: {node: A@, unique: z}, d@: {node: A@, unique: x}, e@: {node: A@, unique: y}}",
    ),
    "constraint and index swapped": (
        "constraints: {c@: {node: A@, unique: x}}\nindexes: {i@: {node: A@, range: y}}",
        "constraints: {i@: {node: A@, unique: y}}\nindexes: {c@: {node: A@, range: x}}",
    ),
    "declared renames": (
        "constraints: {c@: {node: A@, unique: x}}\nindexes: {i@: {node: A@, fulltext: y}}",
        "constraints: {d@: {node: A@, unique: x, renamed_from: c@}}\n"
        "indexes: {j@: {node: A@, fulltext: y, renamed_from: i@}}",
    ),
    "renamed and changed": (
        "constraints: {c@: {node: A@, unique: x}}\nindexes: {i@: {node: A@, fulltext: y}}",
        "constraints: {d@: {node: B@, unique: x, renamed_from: c@}}\n"
        "indexes: {j@: {node: A@, fulltext: y, analyzer: german, renamed_from: i@}}",
    ),
    "names passed on": (
        "indexes: {i@: {node: A@, range: x}, j@: {node: A@, range: y}}",
        "indexes: {j@: {node: A@, range: x, renamed_from: i@}, k@: {node: A@, range: y, renamed_from: j@}}",
    ),
    "an old name for another index": (
        "indexes: {i@: {node: A@, range: x}}",
        "indexes: {j@: {node: A@, range: x, renamed_from: i@}, i@: {node: A@, range: y}}",
    ),
}


def test_one_definition_becomes_the_other(any_graph: Graph) -> None:
    before, after = (merged(pair[side] for pair in PAIRS.values()) for side in (0, 1))
    any_graph.become(before)
    labels = [f"{letter}{number}" for number in range(len(PAIRS)) for letter in "AB"]
    for label in labels:
        any_graph.run(f"CREATE (:{label} {{x: 1, y: 2}})-[:{label} {{x: 1, y: 2}}]->()")
    plan = any_graph.become(after)
    assert {int("".join(c for c in change.address.name if c.isdigit())) for change in plan.changes} == {
        *range(len(PAIRS))
    }


def test_what_is_not_ours_is_never_dropped_for_ours(graph: Graph) -> None:
    graph.run("CREATE INDEX theirs FOR (n:A) ON (n.x)")
    graph.prune = "managed"
    with pytest.raises(UnsupportedChange, match="index theirs, which is not managed"):
        graph.plan("constraints: {ours: {node: A, unique: x}}")
    plan = graph.plan("constraints: {ours: {node: A, unique: y}}")
    graph.apply(plan)
    assert set(graph.names()) == {"theirs", "ours"}
    assert [u.address.name for u in graph.plan().unmanaged] == ["theirs"]
    graph.plan("{}")
    graph.apply(graph.plan())
    assert set(graph.names()) == {"theirs"}


def test_a_rebuilt_index_needs_approval(graph: Graph) -> None:
    graph.become("indexes: {i: {node: A, vector: x, dimensions: 3}}")
    plan = graph.plan("indexes: {i: {node: A, vector: x, dimensions: 4}}")
    with pytest.raises(Blocked, match="RC1203"):
        graph.apply(plan, "RC1206")
    graph.apply(plan, "RC1203")
    assert graph.plan().empty


def test_what_is_there_under_another_name_is_taken_as_it_is(any_graph: Graph) -> None:
    """`name: any` adopts: nothing is dropped, it is managed from then on, and options are still compared."""
    any_graph.run("CREATE CONSTRAINT FOR (n:A) REQUIRE n.x IS UNIQUE")
    any_graph.run("CREATE FULLTEXT INDEX theirs FOR (n:A) ON EACH [n.y]")
    any_graph.prune = "managed"
    wanted = """
        constraints: {c: {node: A, unique: x, name: any}}
        indexes: {f: {node: A, fulltext: y, name: any}, new: {node: B, range: x, name: any}}
    """
    before = set(any_graph.names())
    plan = any_graph.become(wanted)
    assert [c.address.name for c in plan.changes] == ["new"]
    assert set(any_graph.names()) == {*before, "new"}
    plan = any_graph.become(wanted.replace("fulltext: y", "fulltext: y, analyzer: german"))
    assert [(c.address.name, c.action.value) for c in plan.changes] == [("theirs", "replace")]
    any_graph.become("{}")
    assert any_graph.names() == {}


def test_a_rename_is_a_drop_and_a_creation_in_contract(graph: Graph) -> None:
    graph.run("CREATE INDEX theirs FOR (n:A) ON (n.x)")
    graph.prune = "managed"
    plan = graph.become("indexes: {ours: {node: A, range: x, renamed_from: theirs}}")
    assert [(s.phase.word, s.title.split(" ")[0]) for s in plan.steps] == [("contract", "drop"), ("contract", "create")]
    assert [h.code for h in plan.steps[0].hazards] == ["RC1203"]
    assert set(graph.names()) == {"ours"}
