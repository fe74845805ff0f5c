"""Declarations of tables that belong together: partitions, children and tables of a type; and how tables are kept.

The names are few and the shapes different, so that a table is a partition in one declaration and stands alone in the
other. A column means the same everywhere, whatever its table is.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.values import Node

KEYS: Node = {"id": {"range": ["id"]}, "note": {"list": ["note"]}, "both": {"hash": ["id", "note"]}}
"""How `events` is partitioned."""
ROWS: dict[str, tuple[tuple[Node, ...], ...]] = {
    "id": (
        ({"from": "minvalue", "to": 10}, {"from": 1, "to": 10}, {"from": 5, "to": 10}),
        ({"from": 10, "to": 20}, {"from": 10, "to": "maxvalue"}),
        ({"default": True},),
    ),
    "note": (
        ({"in": ["a"]}, {"in": ["a", "it's"]}, {"in": ["it's", "a"]}),
        ({"in": ["b", None]}, {"in": ["b"]}),
        ({"default": True},),
    ),
    "both": (
        ({"modulus": 2, "remainder": 0}, {"modulus": 4, "remainder": 0}),
        ({"modulus": 2, "remainder": 1}, {"modulus": 4, "remainder": 3}),
        (),
    ),
}
"""The rows that each of its partitions may hold, by the key; those of different partitions never meet."""
PARTITIONS = ("events_1", 'Events "2"', "events_rest")
STORED = {"fillfactor": (50, 70), "autovacuum_enabled": (False,), "parallel_workers": (4,)}
LONG = ("text", "varchar", "varchar(20)", "varchar(50)", "jsonb", "text[]")
COMPOSITE = {"Pair": {"attributes": {"id": "bigint", "note": "text"}}}


@st.composite
def stored(draw: st.DrawFn) -> Node:
    """Storage parameters of a table that holds rows."""
    if draw(st.integers(0, 3)):
        return {}
    name = draw(st.sampled_from(sorted(STORED)))
    return {"with": {name: draw(st.sampled_from(STORED[name]))}}


@st.composite
def kept(draw: st.DrawFn, type_of: str) -> Node:
    """How a column of a type is stored and sampled."""
    node: Node = {}
    if type_of in LONG and draw(st.integers(0, 3)) == 0:
        node["storage"] = draw(st.sampled_from(["plain", "external", "main"]))
    if type_of in LONG and draw(st.integers(0, 4)) == 0:
        node["compression"] = "pglz"
    if draw(st.integers(0, 4)) == 0:
        node["statistics"] = draw(st.sampled_from([0, 500]))
    if draw(st.integers(0, 4)) == 0:
        node["options"] = {"n_distinct": draw(st.sampled_from([-0.5, 100]))}
    return node


@st.composite
def marked(draw: st.DrawFn, node: Node) -> Node:
    """What of old rows goes to replicas, and what the table is to be clustered on: indexes that can be that."""
    found: Node = {}
    plain = [n for n, i in node.get("indexes", {}).items() if "where" not in i and "method" not in i]
    if draw(st.integers(0, 3)) == 0:
        key = node.get("primary_key")
        own = isinstance(key, dict) and "name" in key
        found["replica_identity"] = (
            {"index": key["name"]} if own and key else draw(st.sampled_from(["full", "nothing"]))
        )
    if plain and draw(st.integers(0, 3)) == 0:
        found["cluster_on"] = draw(st.sampled_from(plain))
    return found


@st.composite
def columns_of_family(draw: st.DrawFn) -> Node:
    """`id` and `note`, and what more the members of a family may have."""
    required = {"not_null": True} if draw(st.booleans()) else {}
    note: Node = {"type": "text", **draw(kept("text"))}
    if draw(st.booleans()):
        note["default"] = draw(st.sampled_from(["'x'", "upper('y')"]))
    columns: Node = {"id": {"type": "bigint", **required, **draw(kept("bigint"))}, "note": note}
    if draw(st.booleans()):
        columns["amount"] = draw(st.sampled_from(["numeric", "bigint", {"type": "bigint", "default": "0"}]))
    return columns


@st.composite
def checks_of_family(draw: st.DrawFn, inherit: bool) -> Node:
    """Checks that go to every member, or stay with the parent where that can be."""
    node: Node = {}
    if draw(st.booleans()):
        node["positive"] = draw(st.sampled_from(["id > 0", "id > 1"]))
    if inherit and draw(st.integers(0, 2)) == 0:
        node["noted"] = {"check": "note <> ''", "no_inherit": draw(st.booleans())}
    return node


@st.composite
def partitioned(draw: st.DrawFn) -> Node:
    """`events` with partitions; some of those stand alone, or are not there."""
    key = draw(st.sampled_from(sorted(KEYS)))
    parent: Node = {"columns": draw(columns_of_family()), "partition_by": KEYS[key]}
    parent["checks"] = draw(checks_of_family(inherit=False))
    if draw(st.booleans()):
        parent["indexes"] = {"events amount idx": {"columns": [draw(st.sampled_from(["id", "note"]))]}}
    if draw(st.integers(0, 2)) == 0:
        parent["uniques"] = {"events_key": ["id", "note"]}
    tables: Node = {"events": parent}
    for name, rows in zip(PARTITIONS, ROWS[key], strict=True):
        choice = draw(st.sampled_from(["partition", "partition", "alone", "nothing"]))
        if choice == "partition" and rows:
            tables[name] = {"partition_of": "events", **draw(st.sampled_from(rows)), **draw(stored())}
            own = draw(st.sampled_from([{}, {}, {"note": {"default": "'own'"}}, {"id": {"statistics": 7}}]))
            tables[name] |= {"columns": own} if own else {}
        elif choice == "alone":
            tables[name] = {"columns": draw(columns_of_family()), "checks": draw(checks_of_family(inherit=True))}
    return tables


@st.composite
def children(draw: st.DrawFn) -> Node:
    """`base`, and what inherits from it and perhaps from `extra` too, or stands alone."""
    base: Node = {"columns": draw(columns_of_family()), "checks": draw(checks_of_family(inherit=True))}
    tables: Node = {"base": base, "extra": {"columns": {"flag": "boolean"}}}
    for name in ("child", 'Odd "child"'):
        parents = draw(st.sampled_from([["base"], ["base"], ["base", "extra"], ["extra"], []]))
        own: Node = {"own": "integer"}
        if "base" in parents:
            own |= draw(
                st.sampled_from([{}, {"note": {"default": "'own'"}}, {"note": "text"}, {"id": {"not_null": True}}])
            )
        if "base" not in parents and draw(st.booleans()):
            own |= draw(columns_of_family())
        tables[name] = {"columns": own, **({"inherits": parents} if parents else {}), **draw(stored())}
        if draw(st.integers(0, 2)) == 0:
            tables[name]["indexes"] = {f"{name} idx": {"columns": ["own"]}}
    return tables


@st.composite
def typed(draw: st.DrawFn) -> Node:
    """`pairs`, of the type or with the same columns of its own."""
    if draw(st.booleans()):
        own = draw(st.sampled_from([{}, {"note": {"not_null": True}}, {"note": {"default": "'x'"}}]))
        return {"pairs": {"of": "Pair", **({"columns": own} if own else {})}}
    return {"pairs": {"columns": {"id": "bigint", "note": {"type": "text", **draw(kept("text"))}}}}


@st.composite
def families(draw: st.DrawFn) -> Node:
    """Tables by their names."""
    found: Node = {}
    for family in (partitioned(), children(), typed()):
        if draw(st.integers(0, 2)) == 0:
            found |= draw(family)
    return found
