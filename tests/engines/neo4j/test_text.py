"""Cypher text: quoting of any name, property types, options, and what steps look like in a plan."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engines.neo4j import ENGINE, options
from reconciler.engines.neo4j.operations import Cypher
from reconciler.engines.neo4j.property_types import canonical
from reconciler.engines.neo4j.render import dialect, kept, quoted, refusal, shortened
from reconciler.errors import InternalError, StalePlan


def read_back(text: str) -> str:
    """What the server makes of a quoted name: first its Unicode escapes, then the doubled backticks."""
    assert text[0] == text[-1] == "`"
    out, i = [], 0
    while i < len(text):
        if text.startswith("\\u", i):
            out.append(chr(int(text[i + 2 : i + 6], 16)))
            i += 6
        else:
            out.append(text[i])
            i += 1
    decoded = "".join(out).encode("utf-16", "surrogatepass").decode("utf-16")
    inner = decoded[1:-1]
    assert "`" not in inner.replace("``", "")
    return inner.replace("``", "`")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_quoted_so_that_it_comes_back(name: str) -> None:
    assert read_back(quoted(name)) == name


@pytest.mark.parametrize("name", ["a\\u0060) DETACH DELETE n //", "`) //", "\\", "\\\\u0060", "a\u202eb", "x" * 60_000])
def test_hostile_names_stay_inside_their_quotes(name: str) -> None:
    text = quoted(name)
    assert read_back(text) == name
    assert text.isprintable()
    assert "\\u0060" not in text


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "a\udfff"])
def test_names_that_neo4j_cannot_have(name: str) -> None:
    assert refusal(name)
    with pytest.raises(InternalError):
        quoted(name)


def test_names_that_the_server_would_cut_are_known() -> None:
    assert not any(map(kept, [" ", "\t\x01\x1f", "\u2028", " a", "a\n", "\x01a"]))
    assert all(map(kept, ["a b", "\u2028a", "a\u00a0"]))


def test_titles_cannot_steer_a_terminal() -> None:
    assert shortened("\x1b[31m\u202ered") == "\\u001b[31m\\u202ered"
    assert len(shortened("x" * 60_000)) == 60


@pytest.mark.parametrize(
    ("version", "prefix"),
    [
        ((5, 26, 30), ""),
        ((5, 27), "CYPHER 25 "),
        ((2025, 5), ""),
        ((2025, 6), "CYPHER 25 "),
        ((2026, 9, 0), "CYPHER 25 "),
    ],
)
def test_the_newest_language_a_server_speaks(version: tuple[int, ...], prefix: str) -> None:
    assert dialect(version) == prefix


ALL = (
    "BOOLEAN | STRING | UUID | INTEGER | FLOAT | DATE | LOCAL TIME | ZONED TIME | LOCAL DATETIME | ZONED DATETIME"
    " | DURATION | POINT | VECTOR<INTEGER8 NOT NULL>(2) | VECTOR<INTEGER8 NOT NULL>(10) | VECTOR<INTEGER16 NOT NULL>(2)"
    " | VECTOR<INTEGER32 NOT NULL>(2) | VECTOR<INTEGER NOT NULL>(3) | VECTOR<FLOAT32 NOT NULL>(2)"
    " | VECTOR<FLOAT NOT NULL>(4) | LIST<BOOLEAN NOT NULL> | LIST<STRING NOT NULL> | LIST<POINT NOT NULL>"
)
"""In the order in which 2026.09 stores it."""


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" | ".join(reversed(ALL.split(" | "))), ALL),
        ("int|bool", "BOOLEAN | INTEGER"),
        ("ANY<INTEGER | STRING>", "STRING | INTEGER"),
        ("array < varchar not null >", "LIST<STRING NOT NULL>"),
        ("timestamp  with timezone", "ZONED DATETIME"),
        ("STRING | STRING", "STRING"),
        ("VECTOR<INT8>(3)", "VECTOR<INTEGER8 NOT NULL>(3)"),
    ],
)
def test_types_as_the_server_spells_them(written: str, stored: str) -> None:
    assert canonical(written) == stored
    assert canonical(stored) == stored


@pytest.mark.parametrize(
    "text",
    ["", "LIST<STRING>", "STRING NOT NULL", "LIST<LIST<INT NOT NULL> NOT NULL>", "MAP", "VECTOR", "VECTOR(3)", "|"],
)
def test_what_is_no_property_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical(text)


NEW, OLD = "vector-2026.08", "vector-2.0"


@pytest.mark.parametrize(
    ("declared", "live", "provider", "settled"),
    [
        ({"vector.similarity_function": "cosine"}, {}, OLD, {}),
        ({}, {"vector.similarity_function": "euclidean"}, OLD, {}),  # a difference: the default is declared
        ({"vector.quantization.enabled": True}, {}, OLD, {}),
        ({"vector.quantization.enabled": True}, {}, NEW, {}),
        ({"vector.quantization.enabled": False}, {}, NEW, {"vector.quantization.type": "NONE"}),
        ({"vector.quantization.type": "SCALAR", "vector.default_search_expansion_factor": 1.5}, {}, NEW,
         {"vector.quantization.type": "SCALAR"}),
        ({}, {"vector.quantization.type": "SCALAR", "vector.hnsw.m": 24}, "vector-2030.01",
         {"vector.quantization.type": "SCALAR", "vector.hnsw.m": 24}),  # nobody knows its defaults
        ({"vector.hnsw.m": 8}, {"vector.hnsw.m": 24}, "vector-2030.01", {"vector.hnsw.m": 8}),
        ({}, {"vector.dimensions": 3}, "vector-2030.01", {}),
    ],
)  # fmt: skip
def test_declared_options_as_the_server_shows_them(
    declared: dict[str, Any], live: dict[str, Any], provider: str, settled: dict[str, Any]
) -> None:
    assert options.settled(declared, live, provider, {}) == settled
    assert options.settled(settled, live, provider, {}) == settled


def test_fulltext_defaults_are_those_of_the_server() -> None:
    german = {options.ANALYZER: "german", options.EVENTUALLY: False}
    assert options.settled({}, {}, "fulltext-2.0", german) == {}
    assert options.settled({options.ANALYZER: "german"}, {}, "fulltext-2.0", german) == {}
    assert options.settled({}, {options.ANALYZER: "english"}, "fulltext-2.0", german) == {}
    unknown = options.settled({}, {options.ANALYZER: "english"}, "fulltext-2.0", {})
    assert unknown == {options.ANALYZER: "english"}


@pytest.mark.parametrize(
    ("wanted", "shown", "same"),
    [
        ({"vector.dimensions": 3}, {"vector.dimensions": 3, "vector.hnsw.m": 16}, True),
        ({"vector.dimensions": 3}, {"vector.dimensions": 4}, False),
        ({"vector.similarity_function": "cosine"}, {"vector.similarity_function": "COSINE"}, True),
        ({"vector.quantization.enabled": False}, {"vector.quantization.type": "NONE"}, True),
        ({"vector.quantization.enabled": False}, {"vector.quantization.type": "BINARY"}, False),
        ({"spatial.cartesian.min": (-1.0, -2.0)}, {"spatial.cartesian.min": [-1.0, -2.0]}, True),
        ({"fulltext.analyzer": "english"}, {}, False),
    ],
)
def test_an_index_is_recognised_by_its_options(wanted: dict[str, Any], shown: dict[str, Any], same: bool) -> None:
    assert options.shown_as(wanted, shown) is same


@pytest.mark.parametrize(
    "operation",
    [
        Cypher(("DROP INDEX `a` IF EXISTS",)),
        Cypher(("DROP INDEX `a`", "DROP INDEX `b`")),
        Cypher(awaits=("a",)),
        Cypher(("CREATE …",), ("a",), (("spatial.cartesian.min", (-1.0, 2.0)), ("vector.dimensions", 3))),
    ],
)
def test_operations_survive_the_plan_file(operation: Cypher) -> None:
    assert ENGINE.decode(operation.encode()) == operation
    assert operation.lines()


@pytest.mark.parametrize("fields", [{}, {"sql": "SELECT 1"}, {"cypher": None}, {"cypher": "x", "parameters": 3}])
def test_other_operations_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(StalePlan):
        ENGINE.decode(fields)


def test_lines_can_be_pasted_into_cypher_shell() -> None:
    config = (("fulltext.analyzer", "it's"), ("fulltext.eventually_consistent", True))
    lines = Cypher(("CREATE FULLTEXT INDEX `f` … OPTIONS {indexConfig: $config}",), ("f",), config).lines()
    assert lines[0] == ":param config => {`fulltext.analyzer`: 'it\\'s', `fulltext.eventually_consistent`: true}"
    assert lines[1].endswith("$config};")
