"""The YAML writer: that everything reads back, that only what must be is quoted, and what it looks like."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.desired.emit import dump
from reconciler.desired.strictyaml import MAX_DEPTH, parse

LAYOUT = """\
service: payment
depends_on: [user]
postgres:
  tables:
    transactions:
      columns:
        id: {type: uuid, default: gen_random_uuid()}
        amount: {type: "numeric(12,2)", not_null: true}
        status: {type: payment_status, default: "'pending'", values: [a, b]}
        note: text
      primary_key: [id]
      indexes:
        open_idx:
          columns:
            - user_id
            - {column: created_at, order: desc}
          where: status = 'pending'
      nothing: {}
      nobody: []
  functions:
    touch:
      body: |
        BEGIN
        \tNEW.touched = now();

          RETURN NEW;
        END
      trimmed: |-
        a
        b
      kept: |+
        a

      indented: |2
          a
        b
steps:
  - id: 7
    sql: |
      SELECT 1
    locks:
      - {mode: Share, "on": t}
  - - 1
    - - 2
      - a: {b: 1}
        c: |
          x
          y
"""


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, 0.0 from -0.0, minds the order of keys, and knows NaN."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is float:
        return repr(one) == repr(other)
    return bool(one == other)


def check(data: object, **options: int) -> str:
    """Return the text of `data`, after reading it back with every reader there is."""
    text = dump(data, **options)
    assert same(parse(text, "f"), data), text
    assert same(yaml.safe_load(text), data), text
    assert same(yaml.load(text, Loader=yaml.CSafeLoader), data), text
    return text


def test_layout_is_as_people_write_it() -> None:
    data = parse(LAYOUT, "f")
    data["steps"][1] = [1, [2, {"a": {"b": 1}, "c": "x\ny\n"}]]  # type: ignore[index]
    assert check(data) == LAYOUT


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("a", "a\n"),
        ("a\nb", "|-\n  a\n  b\n"),
        (None, "null\n"),
        ({}, "{}\n"),
        ([], "[]\n"),
        ([1, "a"], "[1, a]\n"),
        ([[1]], "- [1]\n"),
        ([{"a": {}}], "- {a: {}}\n"),
        ({"a": {"b": {"c": 1}}}, "a:\n  b: {c: 1}\n"),
        ({"a": {"b": "x\ny"}}, "a:\n  b: |-\n    x\n    y\n"),
    ],
)
def test_small_documents(data: object, text: str) -> None:
    assert check(data) == text


def test_flow_style_ends_at_the_width() -> None:
    data = {"key": {"a": "x" * 10, "b": ["y" * 10, 1]}}
    line = f"key: {{a: {'x' * 10}, b: [{'y' * 10}, 1]}}\n"
    assert check(data, flow_width=len(line) - 1) == line
    block = f"key:\n  a: {'x' * 10}\n  b: [{'y' * 10}, 1]\n"
    assert check(data, flow_width=len(line) - 2) == block
    assert check(data, flow_width=0) == block
    assert check({"k": ["a" * 94, ""]}) == f'k:\n  - {"a" * 94}\n  - ""\n'
    assert check({"k": ["a" * 91, ""]}) == f'k: [{"a" * 91}, ""]\n'


PLAIN = [
    *"a ab uuid now() it's a#b a:b now()::date -x 1a 1.2.3 ?x :x é /api a\\b e1 x-1 <= $1 ^a$ 0x 0b2x 1-2-3 1e".split(),
    *"-- --x ---x ...x +x _ .a inf nan nope one a} b,c x[1]".split(),
    *["amount > 0", "status = 'pending'", 'say "x"', "9.1 GB", "a, b", "(1, 2)", "null x", "a - b", "a ? b"],
]
QUOTED = [
    *"~ null Null true TRUE yes No on OFF y N = << 1 -1 +1 010 1_0 1.5 .5 1. 1e3 1E+3 0x1F 0o17 0b1 -0x1 .inf".split(),
    *"-.INF .nan 12:30 1:2:3 1:2.5 2024-01-01 2024-1-1 2024-01-01T10:00:00Z a: : ? - [a ] { } ,a &a *a !a".split(),
    *"| > 'a %a @a `a --- ... #a".split(),
    *["", " ", "2024-01-01 10:00", "a: b", "- a", "? a", ": a", "a #b", " a", "a ", '"a', "--- a", "\t", "a\tb", "\n"],
    *[" \n", "a\r\nb", "\0", "\x7f", "\x85", "\xa0", "\u2028", "\u202e", "\ufeff", "\ufffe", "\U000e0001", "\x1b[0m"],
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_needs_no_quotes_has_none(text: str) -> None:
    assert check({"k": text}) == f"k: {text}\n"


@pytest.mark.parametrize("text", QUOTED)
def test_what_needs_quotes_has_them(text: str) -> None:
    line = check({"k": text})
    assert line[3] in "'\"" and line.count("\n") == 1
    check([text])
    check({text: text})
    check(text)


def test_the_quotes_that_need_fewer_escapes() -> None:
    assert check(["'a'", '"a"', "a\\: ", "'a\": \"b'", "a,\n"]) == (
        "- \"'a'\"\n- '\"a\"'\n- 'a\\: '\n- '''a\": \"b'''\n- |\n  a,\n"
    )


@pytest.mark.parametrize(
    "number", [0, -1, 2**63, 2**64, -(2**70), 10**2000, 0.0, -0.0, 0.1, 1e16, 1e-7, 5e-324, 1.5e300]
)
def test_numbers(number: float) -> None:
    check(number)
    check({"a": number, "b": [number]})


def test_numbers_that_are_none() -> None:
    assert dump([math.inf, -math.inf, math.nan]) == "[.inf, -.inf, .nan]\n"
    check([math.inf, -math.inf, math.nan])


@pytest.mark.parametrize("data", [(1,), {1: "a"}, {None: 1}, b"x", {"a": {1}}, [object()], {"a": {"b": ("x",)}}])
def test_other_types_are_refused(data: object) -> None:
    with pytest.raises(TypeError, match="cannot be written as YAML"):
        dump(data)


def nested(depth: int, kind: str) -> Any:
    data: Any = "x"
    for _ in range(depth):
        data = {"a": data} if kind == "dict" else [data]
    return data


@pytest.mark.parametrize("kind", ["dict", "list"])
@pytest.mark.parametrize("innermost", ["x", [], {}, ["x"], {"a": 1}, {"a": ["x"]}])
def test_no_deeper_than_what_can_be_read(kind: str, innermost: Any) -> None:
    below = {"x": 0, "[]": 1, "{}": 1}.get(str(innermost), 1 + (innermost == {"a": ["x"]}))

    def build(depth: int) -> Any:
        data = innermost
        for _ in range(depth - below):
            data = {"a": data} if kind == "dict" else [data]
        return data

    check(build(MAX_DEPTH))
    check(build(MAX_DEPTH), flow_width=0)
    for width in (0, 1000):
        with pytest.raises(ValueError, match="nested deeper"):
            dump(build(MAX_DEPTH + 1), flow_width=width)


def test_cycles_and_unreadable_values_are_refused() -> None:
    data: list[Any] = []
    data.append(data)
    with pytest.raises(ValueError, match="nested deeper"):
        dump(data)
    with pytest.raises(ValueError, match="surrogate"):
        dump("\ud800")
    with pytest.raises(ValueError, match="longer than"):
        dump(10**4000)


def test_long_keys() -> None:
    for key in ("k" * 1000, "k" * 1001, "k" * 5000, "k: " * 2000, "é" * 1020, "\n" * 600):
        for value in (1, [1, 2], {"a": {"b": 1}}, "x\ny\n", [[1], {"a": "b\nc"}]):
            check({"a": 1, key: value, "z": 2})
            check([{key: value}, {"a": {key: value}}], flow_width=10**6)


WORDS = [
    "on",
    "null",
    "12:30",
    "2024-01-01",
    "1_000",
    "~",
    "<<",
    "=",
    "- a",
    "a: b",
    "#",
    "a #b",
    "---",
    "|",
    ": ",
    "\t",
]
TEXT = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=20),
    st.text("ab01 -:?,[]{}#&*!|>'\"%@`\\\n\t.~<=_+xeE", max_size=12),
    st.text(" \n\ta", max_size=8),
    st.lists(st.sampled_from(["SELECT", " ", "  ", "\n", "\t", ";", "'x'", "--", "#", ": "]), max_size=12).map("".join),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
DATA = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT, inside, max_size=4),
    max_leaves=20,
)


@settings(max_examples=1000, deadline=None)
@given(DATA, st.sampled_from([0, 20, 100, 10_000]))
@example(["\n a", {"\n": "  \n \n"}], 100)
@example({"a": "x\n\n", "b": "x\n \n", "c": "\n\nx", "d": "\tx\n\ty"}, 0)
def test_everything_reads_back(data: object, flow_width: int) -> None:
    text = check(data, flow_width=flow_width)
    assert text.endswith("\n")
    assert text == dump(data, flow_width=flow_width)


@settings(max_examples=500, deadline=None)
@given(TEXT.filter(lambda text: "\n" not in text))
def test_quotes_are_never_idle(text: str) -> None:
    """A quoted string, written without its quotes, is no longer itself to one of the readers (or is invisible)."""
    if dump({"k": text})[3] in "'\"" and text.isprintable() and text.lower() not in ("y", "n"):
        for read in (lambda plain: parse(plain, "f"), yaml.safe_load):
            try:
                if read(f"k: {text}") != {"k": text} or read(text) != text:
                    return
            except Exception:
                return
        raise AssertionError(f"{text!r} needs no quotes")


def test_a_large_document_is_fast() -> None:
    columns = {f"c{n}": {"type": "uuid", "default": "gen_random_uuid()"} for n in range(10)}
    data = {"tables": {f"t{n}": {"columns": columns, "primary_key": ["c0"]} for n in range(5000)}}
    started = time.perf_counter()
    text = dump(data)
    assert time.perf_counter() - started < 4  # about 0.2 s; the rest is for a busy machine
    assert text.count("\n") == 65_001
    assert parse(text, "f") == data
