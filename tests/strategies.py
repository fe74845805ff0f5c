"""Random PostgreSQL resources and declarations.

`RESOURCES` draws one resource of a kind with any values that its declaration can say, names of every sort included; no
server has to accept it. `declarations` draws what a server does accept, from few names, so that two of them overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from reconciler.engines.postgres.column_parts import LIMITS, Generated, Identity, defaults
from reconciler.engines.postgres.index_parts import Part
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.enum import Enum
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.foreign_key import ACTIONS, ForeignKey
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.kinds.unique import Unique
from reconciler.engines.postgres.quoting import MAX_BYTES
from reconciler.engines.postgres.types import canonical
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.resource import Resource

SERVICE = "shop"
HOSTILE = (
    "select", "user", "Mixed Case", 'with "quotes"', "with.dot", "it's", "größe", "100%", "%(x)s", "{0}", " ",
    '"; drop table t; --', "a\\b", "tab\there", "日本", "$1", "/* c */", "-- c", "null", "true", "1", "~", "a: b", "#x",
)  # fmt: skip
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
names = st.sampled_from(HOSTILE) | st.text(CHARACTERS, min_size=1, max_size=15).filter(
    lambda t: len(t.encode()) <= MAX_BYTES
)
plain_names = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
texts = st.text(CHARACTERS, min_size=1, max_size=30)
expressions = (st.sampled_from(["a > 0", "now()", "'x'", 'lower("A b")', "a IN ('p', 'q')"]) | texts).map(Expr)
TYPES = tuple(
    map(
        canonical,
        "text int bigint smallint numeric(12,2) varchar(20) timestamptz timestamptz(3) uuid jsonb text[] bool char(3) "
        "interval bytea date inet int4range bit(3) time".split(),
    )
)
column_lists = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)
some_columns = st.lists(names, max_size=2, unique=True).map(tuple)
timings = st.sampled_from([(False, False), (True, False), (True, True)])
collations = st.none() | st.tuples(st.sampled_from(["pg_catalog", "public", "Odd schema"]), names.filter(str.strip))


def address(kind: str, *path: str) -> Address:
    """An address in the service of the tests."""
    return Address(SERVICE, "postgres", kind, path)


@st.composite
def identities(draw: st.DrawFn, kind: str, generated: tuple[str, ...]) -> Identity:
    """Options that a sequence of the type can have."""
    increment = draw(st.integers(-5, 5).filter(bool))
    base = defaults(draw(st.sampled_from(generated)), kind, increment)
    if draw(st.booleans()):
        return base
    low = draw(st.integers(1, 100) if increment > 0 else st.integers(-100, -50))
    high = draw(st.integers(200, LIMITS[kind]) if increment > 0 else st.integers(-20, -1))
    start = draw(st.integers(low, high))
    cache, cycle = draw(st.integers(1, 50)), draw(st.booleans())
    return Identity(base.generated, start, increment, low, high, cache, cycle)


@st.composite
def columns(draw: st.DrawFn) -> Column:
    where = address("column", draw(names), draw(names), draw(names))
    filled = draw(st.sampled_from(["nothing", "default", "identity", "generated"]))
    kind = draw(st.sampled_from(sorted(LIMITS) if filled == "identity" else TYPES))
    return Column(
        where,
        kind,
        draw(st.booleans()) or filled == "identity",
        draw(expressions) if filled == "default" else None,
        draw(identities(kind, ("always", "by_default"))) if filled == "identity" else None,
        Generated(draw(expressions), draw(st.booleans())) if filled == "generated" else None,
        draw(collations) if filled != "identity" else None,
    )


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    kind = draw(st.sampled_from(sorted(LIMITS)))
    owner = draw(st.none() | st.tuples(names, names.filter(lambda n: "." not in n)))
    where, options = address("sequence", draw(names), draw(names)), draw(identities(kind, ("",)))
    return Sequence(where, kind, options, owner, draw(st.booleans()))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    expression = draw(st.none() | expressions)
    return Part(
        "" if expression else draw(names),
        expression,
        draw(st.sampled_from(["", "text_pattern_ops", "gist_trgm_ops (siglen=32)"])),
        draw(collations),
        draw(st.booleans()),
        draw(st.booleans()),
    )


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    keys = tuple(draw(st.lists(parts(), min_size=1, max_size=3)))
    include = draw(some_columns)
    return Index(
        address("index", draw(names), draw(names), draw(names)),
        draw(st.sampled_from(["btree", "gin", "hash", "brin"])),
        keys,
        include,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.none() | expressions),
        tuple(sorted(draw(st.dictionaries(plain_names, plain_names, max_size=2)).items())),
        uses=(*(p.column for p in keys if p.column), *include),
    )


@st.composite
def foreign_keys(draw: st.DrawFn) -> ForeignKey:
    here = draw(column_lists)
    there = draw(st.lists(names, min_size=len(here), max_size=len(here), unique=True))
    deferrable, deferred = draw(timings)
    action = st.sampled_from(sorted(ACTIONS.values()))
    enforced = draw(st.booleans())
    return ForeignKey(
        address("foreign_key", draw(names), draw(names), draw(names)),
        here,
        (draw(names), draw(names)),
        tuple(there),
        draw(action),
        draw(action),
        draw(some_columns),
        draw(st.booleans()),
        deferrable,
        deferred,
        draw(st.booleans()) and enforced,
        enforced,
        draw(st.booleans()),
    )


@st.composite
def uniques(draw: st.DrawFn) -> Unique:
    where = address("unique", draw(names), draw(names), draw(names))
    listed = draw(column_lists)
    periods = draw(st.booleans()) and len(listed) > 1
    return Unique(where, listed, draw(some_columns), draw(st.booleans()), *draw(timings), periods)


@st.composite
def primary_keys(draw: st.DrawFn) -> PrimaryKey:
    where = address("primary_key", draw(names), draw(names))
    listed = draw(column_lists)
    periods = draw(st.booleans()) and len(listed) > 1
    return PrimaryKey(where, draw(names), listed, draw(some_columns), *draw(timings), periods)


@st.composite
def extensions(draw: st.DrawFn) -> Extension:
    return Extension(address("extension", draw(names)), draw(st.none() | names), draw(st.none() | texts))


@st.composite
def checks(draw: st.DrawFn) -> Check:
    where = address("check", draw(names), draw(names), draw(names))
    return Check(where, draw(expressions), draw(st.booleans()), draw(st.booleans()))


RESOURCES: Mapping[str, st.SearchStrategy[Resource]] = {
    "schema": names.map(lambda n: Schema(address("schema", n))),
    "extension": extensions(),
    "enum": st.builds(
        lambda s, n, values: Enum(address("enum", s, n), tuple(values)),
        names,
        names,
        st.lists(names, max_size=4, unique=True),
    ),
    "sequence": sequences(),
    "table": st.builds(lambda s, n, u: Table(address("table", s, n), u), names, names, st.booleans()),
    "column": columns(),
    "primary_key": primary_keys(),
    "unique": uniques(),
    "check": checks(),
    "foreign_key": foreign_keys(),
    "index": indexes(),
}
"""A strategy for every kind."""


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
Node = dict[str, Any]


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
    """The same with the entries of every mapping in another order, but for columns, whose order means something."""
    if not isinstance(node, dict):
        return node
    keys = draw(st.permutations(sorted(node)))
    return {k: node[k] if k == "columns" else draw(shuffled(node[k])) for k in keys}
