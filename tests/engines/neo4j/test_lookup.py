"""What a database has beside constraints and plain indexes: lookup indexes, analyzers, a graph type."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.desired.lift import lift
from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.connection import Connection
from reconciler.errors import Blocked, DeclarationErrors, UnsupportedChange
from reconciler.model.engine import Server
from tests.engines.neo4j.graph import Graph
from tests.engines.neo4j.pure import COMMUNITY, ENTERPRISE, catalog, lowered

BOTH = "lookup_indexes: {labels: {for: node, name: any}, types: {for: relationship, name: any}}"


def lookups(graph: Graph) -> dict[str, str]:
    found = graph.run("SHOW INDEXES YIELD name, type, entityType WHERE type = 'LOOKUP' RETURN name, entityType AS e")
    return {r["e"].lower(): r["name"] for r in found}


def test_those_of_a_new_database_are_left_alone(any_graph: Graph) -> None:
    """Though all that is undeclared goes: everything here is pruned."""
    before = lookups(any_graph)
    plan = any_graph.plan("{}")
    assert plan.empty and not plan.unmanaged
    any_graph.become("indexes: {i: {node: A, range: x}}")
    assert lookups(any_graph) == before and len(before) == 2
    assert any_graph.plan(BOTH + "\nindexes: {i: {node: A, range: x}}").empty


def test_one_under_another_name(any_graph: Graph) -> None:
    name = lookups(any_graph)["node"]
    with pytest.raises(UnsupportedChange, match="cannot be created beside"):
        any_graph.plan("lookup_indexes: {labels: node}")
    plan = any_graph.plan({"lookup_indexes": {"labels": {"for": "node", "renamed_from": name}}})
    assert [s.title for s in plan.steps] == [
        "drop lookup index of nodes by label",
        "create lookup index of nodes by label",
    ]
    assert "RC1203" in {h.code for _, h in plan.hazards}
    any_graph.apply(plan)
    assert lookups(any_graph)["node"] == "labels"
    assert any_graph.plan("lookup_indexes: {labels: node}").empty
    assert lift(ENGINE, any_graph.live()) == {"lookup_indexes": {"labels": "node"}}
    assert lowered(any_graph.live()).resources == any_graph.live().resources


def test_one_that_is_not_there_is_created_and_a_managed_one_dropped(graph: Graph) -> None:
    from reconciler.engines.neo4j.render import quoted

    graph.prune = "managed"
    graph.run(f"DROP INDEX {quoted(lookups(graph)['relationship'])}")
    graph.become("lookup_indexes: {types: relationship}")
    assert lookups(graph)["relationship"] == "types"
    plan = graph.plan("{}")
    assert [s.title for s in plan.steps] == ["drop lookup index of relationships by type"]
    with pytest.raises(Blocked, match="RC1203"):
        graph.apply(plan, "RC1101")
    graph.apply(plan)
    assert set(lookups(graph)) == {"node"}


def test_an_analyzer_that_the_server_does_not_have(any_graph: Graph) -> None:
    with pytest.raises(DeclarationErrors) as raised:
        any_graph.plan("indexes: {f: {node: A, fulltext: x, analyzer: englsh}}")
    (error,) = raised.value.errors
    assert error.message == "the server has no analyzer 'englsh'" and error.where is not None
    assert error.hint and "english" in error.hint
    any_graph.become("indexes: {f: {node: A, fulltext: x, analyzer: english}}")


def test_a_graph_type_is_an_error_with_the_alternative(graph: Graph) -> None:
    with pytest.raises(DeclarationErrors, match="need the Enterprise edition") as raised:
        graph.plan("graph_types: {current: '(:Person => {name :: STRING})'}")
    assert (
        raised.value.errors[0].hint
        == "declare what it demands one by one: 'constraints' of rule key, exists, unique and type"
    )


def test_where_graph_types_are(monkeypatch: pytest.MonkeyPatch, graph: Graph) -> None:
    """The Enterprise edition cannot be had here: this reply is made up after its documentation, and only that is."""
    declared = catalog("graph_types: {current: '(:Person)'}")
    for server, message in ((ENTERPRISE, "read and not changed here"), (COMMUNITY, "need the Enterprise edition")):
        (found,) = ENGINE.unsupported(declared, server)
        assert message in found[1]
    rows = Connection.rows

    def answering(self: Connection, query: str, doing: str = "", **parameters: Any) -> Any:
        if query == "SHOW CURRENT GRAPH TYPE":
            return [{"specification": "{(:Person => {name :: STRING})}"}]
        return rows(self, query, doing, **parameters)

    monkeypatch.setattr(Connection, "rows", answering)
    with graph.session() as session:
        session.server = Server("Neo4j", (2026, 9, 0), "enterprise")
        (left,) = session._graph_type()
    assert str(left.address) == "graph_type current" and "(:Person => {name :: STRING})" in left.reason
