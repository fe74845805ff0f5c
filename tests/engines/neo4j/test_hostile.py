"""Names that try to be more than names, on the real server: quoted so that they come back, or refused."""

from __future__ import annotations

from reconciler.diff.structural import diff
from reconciler.engines.neo4j import ENGINE
from tests.engines.neo4j.graph import Graph

NAMES = [
    "a`b",
    "`) FOR (m:X) ON (m.y) //",
    "a\\u0060) FOR (m:X) ON (m.y) //",
    "\\",
    "ends in \\",
    "\\\\u0060",
    'it\'s "quoted"',
    "größe 😱",
    "line\nbreak\ttab\rend",
    "\x7f\x01\x1b[31mred",
    "\u202eright to left\u2066",
    "a.b.c",
    "$name",
    "FOR",
    "IF NOT EXISTS",
    "e\u0301",
    "é",
    "inner space",
    "x" * 60_000,
]


def test_hostile_names_come_back_as_they_are(any_graph: Graph) -> None:
    any_graph.run("CREATE (:Victim)")
    section = {
        "constraints": {n: {"node": n, "unique": [n, "other"]} for n in NAMES},
        "indexes": {f"{n} i": {"relationship": n, "fulltext": n} for n in NAMES[:4]},
    }
    any_graph.become(section)
    assert set(any_graph.names()) == {*NAMES, *(f"{n} i" for n in NAMES[:4])}
    live = any_graph.live()
    assert {r.label for r in live.resources.values() if r.address.kind == "constraint"} == {*NAMES}  # type: ignore[attr-defined]
    assert not diff(any_graph.lifted(), live, ENGINE.kinds)
    any_graph.run("MATCH (n:Victim) SET n.x = 1")
    any_graph.become("{}")
    assert any_graph.names() == {}
    assert any_graph.run("MATCH (n:Victim) RETURN count(n) AS n") == [{"n": 1}]


def test_hostile_names_in_probes(graph: Graph) -> None:
    """The data is checked under such names too, and nothing else is."""
    name = "`) DETACH DELETE n //\\u0060"
    graph.become({"constraints": {"c": {"node": name, "unique": "a"}}})
    quoted = "`" + name.replace("`", "``").replace("\\", "\\u005c") + "`"
    graph.run(f"CREATE (:{quoted} {{a: 1, b: 1}}), (:{quoted} {{a: 2, b: 2}})")
    graph.become({"constraints": {"c": {"node": name, "unique": ["a", "b"]}}})
    assert graph.run(f"MATCH (n:{quoted}) RETURN count(n) AS n") == [{"n": 2}]
