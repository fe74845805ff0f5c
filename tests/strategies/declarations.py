"""Random declarations that a server accepts, from few names, so that two of them overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.strategies.families import COMPOSITE, families, kept, marked, stored
from tests.strategies.values import Node

# What a server accepts: a column's name tells its family, so that whatever is said of it fits both versions of a table.

FAMILIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # name: (types, defaults, conditions)
    "n": (
        ("smallint", "int", "bigint", "numeric", "numeric(10,2)", "numeric(12,2)", "double precision"),
        ("0", "1 + 1", "-5", "abs(-3)"),
        ("n > 0", "n IN (1, 2)", "n BETWEEN 1 AND 10", "n IS NOT NULL"),
    ),
    "S t": (
        ("text", "varchar", "varchar(20)", "varchar(50)"),
        ("'x'", "upper('y')", "'a' || 'b'", "'it''s 100%'"),
        ("\"S t\" <> ''", 'lower("S t") = "S t"', "\"S t\" IN ('a', 'b')", "\"S t\" LIKE '%x'"),
    ),
    "at": (
        ("timestamptz", "timestamptz(3)", "timestamp", "date"),
        ("now()", "CURRENT_TIMESTAMP", "'2020-01-01'"),
        ("at > '2000-01-01'",),
    ),
    "uuid": (("uuid",), ("gen_random_uuid()",), ("uuid IS NOT NULL",)),
    "doc": (("jsonb",), ("'{}'", "'[]'::jsonb"), ("doc <> '{}'",)),
    "flag": (("boolean",), ("true", "NOT true"), ("flag", "flag IS NOT TRUE")),
    "tags": (("text[]",), ("'{}'", "ARRAY['a']"), ("tags <> '{}'",)),
    "mood": (("mood", "text"), ("'glad'",), ("mood <> 'glad'", "mood IN ('sad', 'glad')")),
}
TABLES = ("users", "orders", 'Odd "t".x')
REFERENCES = ("user_id", "order_id")


@st.composite
def declarations(draw: st.DrawFn, enum: tuple[str, ...] = ()) -> Node:
    """The engine's section. `enum` are values that the enum `mood` has at least."""
    extra = [v for v in ("first", "between", "last") if v in enum or draw(st.booleans())]
    values = [v for v in ("first", "sad", "between", "glad", "last") if v in ("sad", "glad") or v in extra]
    section: Node = {"enums": {"mood": values}}
    extensions = [e for e in ("pg_trgm", "citext") if draw(st.integers(0, 3)) == 0]
    if extensions:
        section["extensions"] = {e: {} for e in extensions}
    if draw(st.booleans()):
        section["sequences"] = {"tickets": draw(sequence_nodes()), 'odd "seq"': draw(sequence_nodes())}
    public = {name: draw(table_nodes(extensions)) for name in TABLES if draw(st.integers(0, 3))}
    link(draw, public, public, None)
    section["tables"] = public
    section["tables"] = public | draw(families())
    section["composites"] = COMPOSITE
    if draw(st.booleans()):
        app = {name: draw(table_nodes(extensions)) for name in TABLES[:2] if draw(st.booleans())}
        link(draw, app, public, "public")
        renamed(app)
        section["schemas"] = {'App "x"': {"tables": app}}
    return section


@st.composite
def sequence_nodes(draw: st.DrawFn) -> Node:
    node: Node = {}
    if draw(st.booleans()):
        node |= {"start": draw(st.integers(1, 100)), "increment": draw(st.integers(1, 5)), "max": 100000}
    return node | ({"cycle": True} if draw(st.booleans()) else {})


@st.composite
def table_nodes(draw: st.DrawFn, extensions: list[str]) -> Node:
    key: Any = draw(
        st.sampled_from(
            ["bigint", "int", {"type": "bigint", "identity": "always"}, {"type": "int", "identity": "by_default"}]
        )
    )
    chosen = [name for name in FAMILIES if draw(st.booleans())]
    columns: Node = {"id": key} | {name: draw(column_nodes(name, extensions)) for name in chosen}
    columns |= {name: draw(st.sampled_from(["bigint", "int"])) for name in REFERENCES if draw(st.booleans())}
    if "n" in chosen and draw(st.integers(0, 3)) == 0:
        columns["double"] = {"type": "numeric", "generated": "n::numeric * 2"}
    node: Node = {"columns": columns}
    if draw(st.integers(0, 5)) == 0:
        node["unlogged"] = True
    keys = [{"columns": ["id"], "name": "The key of %s"}, {"columns": ["id"], "deferrable": True}]
    pairs_of_columns = [["id", "n"]] if "n" in chosen else []
    primary: Any = draw(st.sampled_from([None, ["id"], ["id"], *keys, *pairs_of_columns]))
    if primary is not None:
        node["primary_key"] = primary
    node["checks"] = {f"check {n}": draw(check_nodes(n)) for n in chosen if draw(st.booleans())}
    node["uniques"] = {f"%s_{n}_key": draw(unique_nodes(n)) for n in ("id", *chosen) if draw(st.integers(0, 3)) == 0}
    node["indexes"] = {
        f"%s {n} idx": draw(index_nodes(n, chosen, extensions)) for n in ("id", *chosen) if draw(st.booleans())
    }
    return node


@st.composite
def column_nodes(draw: st.DrawFn, name: str, extensions: list[str]) -> Any:
    types, fillings, _ = FAMILIES[name]
    kinds = (*types, "citext") if name == "S t" and "citext" in extensions else types
    node: Node = {"type": draw(st.sampled_from(kinds))}
    if draw(st.booleans()):
        node["not_null"] = True
    if draw(st.booleans()):
        node["default"] = draw(st.sampled_from(fillings))
    if name == "S t" and node["type"] == "text" and draw(st.integers(0, 3)) == 0:
        node["collation"] = "C"
    node |= draw(kept(node["type"]))
    return node if len(node) > 1 else node["type"]


@st.composite
def check_nodes(draw: st.DrawFn, name: str) -> Any:
    condition = draw(st.sampled_from(FAMILIES[name][2]))
    return {"check": condition, "no_inherit": True} if draw(st.integers(0, 3)) == 0 else condition


@st.composite
def unique_nodes(draw: st.DrawFn, name: str) -> Any:
    alone: bool = name == "id" or draw(st.booleans())
    columns: list[str] = [name] if alone else [name, "id"]
    if name == "id" or draw(st.booleans()):
        return columns
    return {"columns": columns, "deferrable": True} if draw(st.booleans()) else {"columns": columns}


@st.composite
def index_nodes(draw: st.DrawFn, name: str, chosen: list[str], extensions: list[str]) -> Any:
    if name == "doc":
        opclass = draw(st.sampled_from([{}, {"opclass": "jsonb_path_ops"}]))
        return {"columns": [{"column": "doc", **opclass}], "method": "gin"}
    if name == "S t" and "pg_trgm" in extensions and draw(st.booleans()):
        return {"columns": [{"expression": '"S t"::text', "opclass": "gin_trgm_ops"}], "method": "gin"}
    key: Any = draw(st.sampled_from([name, {"column": name, "order": "desc"}, {"column": name, "nulls": "first"}]))
    if name == "S t" and draw(st.booleans()):
        key = {"expression": draw(st.sampled_from(['lower("S t")', "\"S t\" || 'x'"]))}
    node: Node = {"columns": [key]}
    if draw(st.integers(0, 2)) == 0:
        node["unique"] = True
    if draw(st.integers(0, 2)) == 0 and name != "id":
        node["include"] = ["id"]
    about = [n for n in chosen if n != "at"]  # text to a time zone is not immutable
    if len(about) > 0 and draw(st.booleans()):
        node["where"] = draw(st.sampled_from(FAMILIES[draw(st.sampled_from(about))][2]))
    if draw(st.integers(0, 4)) == 0:
        node["with"] = {"fillfactor": 70}
    return node


def link(draw: st.DrawFn, tables: Node, targets: Node, schema: str | None) -> None:
    """Foreign keys to tables whose `id` alone is a key that can be referred to; names made the tables' own."""
    fit = [name for name, node in targets.items() if keyed(node) and "unlogged" not in node]
    for name, node in tables.items():
        node["foreign_keys"] = {
            f"%s {column} fkey": draw(foreign_key_nodes(column, fit, schema))
            for column in REFERENCES
            if column in node["columns"] and fit and draw(st.booleans())
        }
        named(name, node)
        node |= draw(stored()) | draw(marked(node))


def keyed(node: Node) -> bool:
    """Whether a foreign key can refer to `id`: a deferrable key cannot be referred to."""
    key = node.get("primary_key")
    return key == ["id"] or (isinstance(key, dict) and "name" in key) or "%s_id_key" in node.get("uniques", {})


def named(name: str, node: Node) -> None:
    """Put the table's name into the names of what shares the schema's name space."""
    for section in ("uniques", "indexes", "foreign_keys"):
        node[section] = {k.replace("%s", name): v for k, v in node[section].items()}
    if isinstance(node.get("primary_key"), dict) and "name" in node["primary_key"]:
        node["primary_key"] = {**node["primary_key"], "name": f"The key of {name}"}


def renamed(tables: Node) -> None:
    """Types of another schema are written with their schema."""
    for node in tables.values():
        mood = node["columns"].get("mood")
        if isinstance(mood, dict) and mood["type"] == "mood":
            mood["type"] = "public.mood"


@st.composite
def foreign_key_nodes(draw: st.DrawFn, column: str, fit: list[str], schema: str | None) -> Node:
    target: Node = {"table": draw(st.sampled_from(fit)), "columns": ["id"]}
    node: Node = {"columns": [column], "references": {"schema": schema, **target} if schema else target}
    for word in ("on_delete", "on_update"):
        if draw(st.booleans()):
            node[word] = draw(st.sampled_from(["cascade", "restrict", "set_null", "set_default", "no_action"]))
    if draw(st.integers(0, 2)) == 0:
        node["deferrable"] = draw(st.sampled_from([True, "initially_deferred"]))
    return node


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Node, Node]:
    """Two declarations of one database, before and after; values of an enum only ever come."""
    before = draw(declarations())
    return before, draw(declarations(enum=tuple(before["enums"]["mood"])))


@st.composite
def shuffled(draw: st.DrawFn, node: Any) -> Any:
    """The same with the entries of every mapping in another order, but for columns and attributes, where it counts."""
    if not isinstance(node, dict):
        return node
    keys = draw(st.permutations(sorted(node)))
    return {k: node[k] if k in ("columns", "attributes") else draw(shuffled(node[k])) for k in keys}
