"""What the emitters make of changes: statements, phases, hazards, order. Pure."""

from __future__ import annotations

import dataclasses

import pytest

from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.errors import UnsupportedChange
from reconciler.model.hazard import Code
from reconciler.model.kind import Policy
from reconciler.model.step import Phase
from reconciler.planner.build import TargetState, compared, steps_of
from reconciler.planner.graph import Node
from tests.engines.neo4j.pure import ENTERPRISE, OLD_ENTERPRISE, POLICY, address, catalog, planned, statements


def codes(node: Node) -> list[str]:
    return [h.code for h in node.draft.hazards]


STATEMENTS = [
    ("constraints: {u: {node: A, unique: x}}", "CREATE CONSTRAINT `u` FOR (n:`A`) REQUIRE n.`x` IS UNIQUE"),
    (
        "constraints: {u: {relationship: R, unique: [x, y]}}",
        "CREATE CONSTRAINT `u` FOR ()-[n:`R`]-() REQUIRE (n.`x`, n.`y`) IS UNIQUE",
    ),
    ("constraints: {e: {node: A, exists: x}}", "CREATE CONSTRAINT `e` FOR (n:`A`) REQUIRE n.`x` IS NOT NULL"),
    ("constraints: {k: {node: A, key: [x]}}", "CREATE CONSTRAINT `k` FOR (n:`A`) REQUIRE n.`x` IS NODE KEY"),
    (
        "constraints: {k: {relationship: R, key: [x, y]}}",
        "CREATE CONSTRAINT `k` FOR ()-[n:`R`]-() REQUIRE (n.`x`, n.`y`) IS RELATIONSHIP KEY",
    ),
    (
        "constraints: {t: {node: A, property: x, type: 'int | LIST<STRING NOT NULL>'}}",
        "CREATE CONSTRAINT `t` FOR (n:`A`) REQUIRE n.`x` IS :: INTEGER | LIST<STRING NOT NULL>",
    ),
    ("indexes: {i: {node: A, range: [x, y]}}", "CREATE RANGE INDEX `i` FOR (n:`A`) ON (n.`x`, n.`y`)"),
    ("indexes: {i: {relationship: R, text: x}}", "CREATE TEXT INDEX `i` FOR ()-[n:`R`]-() ON (n.`x`)"),
    ("indexes: {i: {nodes: [A, B], fulltext: x}}", "CREATE FULLTEXT INDEX `i` FOR (n:`A`|`B`) ON EACH [n.`x`]"),
    (
        "indexes: {i: {node: A, vector: e, with: y, dimensions: 3}}",
        "CREATE VECTOR INDEX `i` FOR (n:`A`) ON (n.`e`) WITH [n.`y`] OPTIONS {indexConfig: $config}",
    ),
]


@pytest.mark.parametrize(("text", "statement"), STATEMENTS)
def test_statements(text: str, statement: str) -> None:
    (made,) = planned("{}", text)
    (unmade,) = planned(text, "{}")
    assert made.draft.operation.encode()["cypher"] == f"CYPHER 25 {statement}"
    assert made.draft.undo is not None and made.draft.undo[0] == unmade.draft.operation
    assert unmade.draft.undo is not None and unmade.draft.undo[0] == made.draft.operation


def test_options_travel_as_parameters() -> None:
    (node,) = planned("{}", 'indexes: {i: {node: A, fulltext: x, analyzer: "it\'s"}}')
    encoded = node.draft.operation.encode()
    assert encoded["parameters"] == {"config": {"fulltext.analyzer": "it's"}}
    assert encoded["await"] == ["i"]


def test_old_servers_get_no_prefix() -> None:
    (node,) = planned("{}", "indexes: {i: {node: A, range: x}}", server=OLD_ENTERPRISE)
    assert node.draft.operation.encode()["cypher"].startswith("CREATE RANGE INDEX")


def test_an_index_is_expand_whatever_is_there() -> None:
    (node,) = planned("{}", "indexes: {i: {node: A, range: x}}", rows=10**9)
    assert node.phase is Phase.EXPAND and not node.draft.hazards
    assert [(lock.mode, lock.on) for lock in node.draft.locks] == [("EXCLUSIVE", "LABEL A")]


@pytest.mark.parametrize(("rows", "phase"), [(0, Phase.EXPAND), (1, Phase.CONTRACT), (-1, Phase.CONTRACT)])
def test_a_constraint_tightens_where_there_is_data(rows: int, phase: Phase) -> None:
    (node,) = planned("{}", "constraints: {u: {node: A, unique: x}}", rows=rows)
    assert node.phase is phase
    assert codes(node) == ([] if rows == 0 else [Code.OLD_WRITERS.code])
    nobody = ["MATCH (n:`A`) RETURN elementId(n) AS element"]
    assert ([p.query for p in node.draft.probes] == nobody) is (rows == 0)
    assert node.draft.probes and node.draft.reads == address("constraint", "u")


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        (
            "{node: A, unique: x}",
            [
                "MATCH (n:`A`) WHERE n.`x` IS NOT NULL WITH [n.`x`] AS key, count(*) AS copies WHERE copies > 1 "
                "RETURN key, copies"
            ],
        ),
        ("{node: A, exists: x}", ["MATCH (n:`A`) WHERE n.`x` IS NULL RETURN elementId(n) AS element"]),
        (
            "{relationship: R, key: [x, y]}",
            [
                "MATCH ()-[n:`R`]->() WHERE n.`x` IS NULL OR n.`y` IS NULL RETURN elementId(n) AS element",
                "MATCH ()-[n:`R`]->() WHERE n.`x` IS NOT NULL AND n.`y` IS NOT NULL WITH [n.`x`, n.`y`] AS key, "
                "count(*) AS copies WHERE copies > 1 RETURN key, copies",
            ],
        ),
        (
            "{node: A, property: x, type: INTEGER}",
            ["MATCH (n:`A`) WHERE NOT n.`x` IS :: INTEGER RETURN elementId(n) AS element, valueType(n.`x`) AS type"],
        ),
    ],
)
def test_probes_find_what_the_constraint_would_refuse(text: str, queries: list[str]) -> None:
    (node,) = planned("{}", f"constraints: {{c: {text}}}")
    assert [p.query for p in node.draft.probes] == queries


def test_a_changed_constraint_is_dropped_and_created_after_the_data_was_checked() -> None:
    nodes = planned("constraints: {u: {node: A, unique: x}}", "constraints: {u: {node: A, unique: [x, y]}}", rows=0)
    assert [n.draft.slot for n in nodes] == ["drop", "create"]
    assert [n.phase for n in nodes] == [Phase.CONTRACT, Phase.CONTRACT]
    assert [codes(n) for n in nodes] == [[Code.LOOSENS.code], [Code.OLD_WRITERS.code]]
    assert nodes[0].draft.probes and not nodes[1].draft.probes
    assert not nodes[0].draft.done  # once the name stands again, nothing shows that the drop was done


@pytest.mark.parametrize("text", ["node: B, range: x", "node: A, range: [x, y]", "node: A, text: x"])
def test_a_changed_index_leaves_a_gap(text: str) -> None:
    nodes = planned("indexes: {i: {node: A, range: x}}", f"indexes: {{i: {{{text}}}}}")
    assert [(n.draft.slot, n.phase) for n in nodes] == [("drop", Phase.CONTRACT), ("create", Phase.CONTRACT)]
    assert codes(nodes[0]) == [Code.INDEX_GAP.code]
    assert "another name" in nodes[0].draft.hazards[0].message


def test_dropping_an_index_that_queries_name_breaks_them() -> None:
    fulltext, range_ = "indexes: {i: {node: A, fulltext: x}}", "indexes: {i: {node: A, range: x}}"
    assert [codes(n) for n in planned(fulltext, "{}")] == [[Code.OLD_READERS.code]]
    assert [codes(n) for n in planned(range_, "{}")] == [[]]


def test_a_new_name_for_the_same_constraint_waits_for_the_old_one() -> None:
    nodes = planned("constraints: {old: {node: A, unique: x}}", "constraints: {new: {node: A, unique: x}}", rows=0)
    assert [n.draft.slot for n in nodes] == ["drop", "create"]
    assert nodes[1].phase is Phase.CONTRACT  # raised along the edge


def test_an_index_gives_way_to_a_constraint_and_back() -> None:
    index, constraint = "indexes: {i: {node: A, range: x}}", "constraints: {u: {node: A, unique: x}}"
    assert statements(planned(index, constraint, rows=0))[0].startswith("DROP INDEX `i`")
    assert statements(planned(constraint, index))[0].startswith("DROP CONSTRAINT `u`")


def test_an_index_becomes_a_constraint_of_its_name() -> None:
    nodes = planned("indexes: {a: {node: A, range: x}}", "constraints: {a: {node: B, unique: y}}", rows=0)
    assert statements(nodes)[0].startswith("DROP INDEX `a`")


def test_swapped_names() -> None:
    nodes = planned(
        "indexes: {a: {node: A, range: x}, b: {node: A, range: y}}",
        "indexes: {a: {node: A, range: y}, b: {node: A, range: x}}",
    )
    assert [n.draft.slot for n in nodes] == ["drop", "drop", "create", "create"]


def test_three_names_moved_in_a_circle() -> None:
    def named(*names: str) -> str:
        pairs = zip(names, "xyz", strict=True)
        return "constraints: {" + ", ".join(f"{n}: {{node: A, unique: {p}}}" for n, p in pairs) + "}"

    nodes = planned(named("a", "b", "c"), named("b", "c", "a"))
    ran = statements(nodes)
    for name, held in (("b", "a"), ("c", "b"), ("a", "c")):  # who takes over what stood under whose name
        create = next(s for s in ran if s.startswith(f"CREATE CONSTRAINT `{name}`"))
        assert {ran.index(f"DROP CONSTRAINT `{n}` IF EXISTS") < ran.index(create) for n in (name, held)} == {True}


def test_what_is_not_ours_stands_in_the_way() -> None:
    with pytest.raises(UnsupportedChange) as raised:
        planned(
            "indexes: {theirs: {node: A, range: x}}",
            "constraints: {ours: {node: A, unique: x}}",
            policy=Policy("dev", prune="managed"),
        )
    assert "index theirs" in raised.value.message and "'theirs'" in (raised.value.hint or "")
    assert raised.value.where is not None


@pytest.mark.parametrize(("state", "slots"), [("failed", ["drop", "create"]), ("populating", ["wait"])])
def test_an_index_that_is_not_online_is_mended_in_expand(state: str, slots: list[str]) -> None:
    wanted = catalog("indexes: {i: {node: A, range: x}}")
    at = address("index", "i")
    index = wanted.get(at, Index)
    assert index is not None
    live = wanted.with_resources({at: dataclasses.replace(index, state=state)})
    nodes = steps_of(compared(TargetState(ENGINE, wanted, live, ENTERPRISE, POLICY)))
    assert [n.draft.slot for n in nodes] == slots
    assert {n.phase for n in nodes} == {Phase.EXPAND}
    assert nodes[-1].draft.operation.encode()["await"] == ["i"]


def test_names_of_many_characters_do_not_fill_titles() -> None:
    long = "x" * 60_000
    (node,) = planned("{}", f"indexes: {{i: {{node: {long}, range: {long}}}}}")
    assert len(node.draft.title) < 200 and all(len(lock.on) < 200 for lock in node.draft.locks)
