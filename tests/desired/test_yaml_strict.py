"""The YAML reader: what it makes of values, what it refuses and where, and that both of its ways give the same."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.desired.positions import locate
from reconciler.desired.strictyaml import MAX_DEPTH, UNSURE, decode, parse, parse_careful, parse_fast
from reconciler.errors import DeclarationError
from reconciler.model.span import Span

FILE = "schemas/payment.yaml"

DECLARATION = """\
# what the payment service wants
service: payment
depends_on: [user]
postgres:
  enums:
    payment_status: [pending, settled, failed]
  tables:
    transactions:
      columns:
        id: {type: uuid, default: gen_random_uuid()}
        amount: {type: "numeric(12,2)", not_null: true}
        status: {type: payment_status, not_null: true, default: "'pending'"}
        note: text
      primary_key: [id]
      checks: {amount_positive: amount > 0 AND amount != 3 AND a && b OR count(*) % 2 = 0}
      indexes:
        transactions_open_idx: {columns: [user_id, {column: created_at, order: desc}], where: status = 'pending'}
"""


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and True, 0.0 from -0.0, minds the order of keys, and knows NaN."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return list(one) == list(other) and all(type(key) is str and same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is float:
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    return bool(one == other)


VALUES: list[tuple[str, object]] = [
    *[(text, text) for text in ("on", "off", "yes", "no", "y", "n", "On", "YES", "tRUE", "nUll", "none", "inf", "nan")],
    *[(text, text) for text in ("12:30", "1:2:3", "1_000", "2024-01-01", "2024-01-01T10:00:00Z", "1.2.3", "0.1-2")],
    *[
        (text, text)
        for text in ("010", "00", "-01", "+007", "0b11", "-0b1", "-0x1", "+0o7", "0o8", "0xg", "1e", "1e400")
    ],
    *[(text, text) for text in ("=", ".", "..", "+", "a b", "a:b", "now()", "x'::text", "0X1", "0O7")],
    *[(text, None) for text in ("", "~", "null", "Null", "NULL")],
    *[(text, True) for text in ("true", "True", "TRUE")],
    *[(text, False) for text in ("false", "False", "FALSE")],
    ("0", 0),
    ("-0", 0),
    ("+5", 5),
    ("-12", -12),
    ("0o17", 15),
    ("0x1F", 31),
    ("9223372036854775808", 2**63),
    ("18446744073709551616", 2**64),
    ("-9223372036854775809", -(2**63) - 1),
    ("9" * 39, 10**39 - 1),
    ("9" * 400, 10**400 - 1),
    ("9" * 5000, "9" * 5000),
    ("0x" + "f" * 40, 16**40 - 1),
    ("0o" + "7" * 50, 8**50 - 1),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("01.5", 1.5),
    ("-0.0", -0.0),
    ("1e3", 1000.0),
    ("1E-3", 0.001),
    ("-.5e+1", -5.0),
    (".inf", math.inf),
    ("+.INF", math.inf),
    ("-.Inf", -math.inf),
    (".nan", math.nan),
    (".NaN", math.nan),
    ("!!str 12", "12"),
    ("!!int 12", 12),
    ("!!float 1.5", 1.5),
    ("!!bool true", True),
    ("!!null ~", None),
    ("!!seq [a]", ["a"]),
    ("!!map {a: b}", {"a": "b"}),
    ("'12'", "12"),
    ('"true"', "true"),
    ('"a\\x00b\\u00e9"', "a\0bé"),
    ("|\n  x\n  y\n", "x\ny\n"),
    (">-\n  x\n  y\n", "x y"),
    ("[a, 1, 'b', ~, ]", ["a", 1, "b", None]),
    ("{a: 1, 'b': , c}", {"a": 1, "b": None, "c": None}),
    ("a != b", "a != b"),
    ("count(*) & 1 % 2", "count(*) & 1 % 2"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_a_value_is_what_yaml_1_2_says(text: str, expected: object) -> None:
    document = f"k: {text}"
    assert same(parse(document, FILE), {"k": expected})
    assert same(parse_careful(document, FILE), {"k": expected})


@pytest.mark.parametrize("key", ["on", "yes", "123", "010", "1.5", "true", "null", "~", "0x1F", "2024-01-01", ".nan"])
def test_a_key_is_the_string_that_was_written(key: str) -> None:
    assert same(parse(f"{key}: 1\nother: {{{key}: 2}}", FILE), {key: 1, "other": {key: 2}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("\n\n", None),
        ("# only a comment\n", None),
        ("---\n", None),
        ("--- a\n...\n", "a"),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ('"": 1\n"<<": 2\n', {"": 1, "<<": 2}),
        ("? a\n: b\n", {"a": "b"}),
        ("a:\tb\t# tab\nc: |\n  x\ty\n", {"a": "b", "c": "x\ty\n"}),
        ("a: é😀\n", {"a": "é😀"}),
    ],
)
def test_whole_documents(text: str, expected: object) -> None:
    assert same(parse(text, FILE), expected)


REFUSED: list[tuple[str, int, int, str, str]] = [
    ("a: 1\nb: 2\na: 3\n", 3, 1, f"'a' is written twice, first at {FILE}:1", "keep one"),
    ("x:\n  {a: 1,\n  'a': 2}\n", 3, 3, f"'a' is written twice, first at {FILE}:2", "keep one"),
    ("1: a\n'1': b\n", 2, 1, f"'1' is written twice, first at {FILE}:1", "keep one"),
    ("a: 1\n\tb: 2\n", 2, 1, "tab", "spaces"),
    ("a:\n\t- b\n", 2, 1, "tab", "spaces"),
    ("a: [\n\tb]\n", 2, 2, "tab", "spaces"),
    ("a: {\n  \tb: 1}\n", 2, 4, "tab", "spaces"),
    ("a: !foo 1\n", 1, 4, "`!foo`", "delete the tag"),
    ("b: 1\na: !!python/object:os.system x", 2, 4, "`!!python/object:os.system`", "delete the tag"),
    ("a: !<tag:x> y", 1, 4, "`tag:x`", "delete the tag"),
    ("a: ! x", 1, 4, "`!`", "delete the tag"),
    ("a: != b", 1, 4, "`!=`", "quote the value"),
    ("a: !!set {b}", 1, 4, "`!!set`", "delete the tag"),
    ("a: !!int x", 1, 4, "not the int", "correct the value"),
    ("!!int 1: x", 1, 1, "`!!int`", "delete the tag"),
    ("a: !!seq {a: 1}", 1, 4, "`!!seq`", "delete the tag"),
    ("a: 1\n---\nb: 2\n", 2, 1, "second document", "one document a file"),
    ("---\n---\n", 2, 1, "second document", "one document a file"),
    ("a: 1\n...\nb", 3, 1, "document start", "one document a file"),
    ("b: &x {c: 1}\na:\n  <<: *x\n", 3, 3, "merge keys", "write the keys out"),
    ("a: {<<: b}", 1, 5, "merge keys", "write the keys out"),
    ("a: *x", 1, 4, "`*x` names nothing", "&x"),
    ("a: &a [*a]", 1, 8, "`*a` names nothing", "&a"),
    ("&a x: 1\n*a : b", 2, 1, "an alias as a key", "write the key out"),
    ("[a]: b", 1, 1, "as a key", "write the key out"),
    ("? {a: b}\n: c", 1, 3, "as a key", "write the key out"),
    ("a: 1\n? \n: b", 2, 2, "a key is missing", "write a key"),
    ("%YAML 1.1\n---\na", 1, 1, "directive", "delete the line"),
    ("%YAML 3.0\n---\na", 1, 1, "incompatible", "delete the %YAML line"),
    ("%TAG ! x:\n---\na", 1, 1, "directive", "delete the line"),
    ("a: b\0c", 1, 5, "U+0000", '"\\x00"'),
    ("ok\n a\x7f", 2, 3, "U+007F", '"\\x7f"'),
    ("a: \x85b", 1, 4, "U+0085", "delete it"),
    ("a:\n  b: \u2028", 2, 6, "U+2028", '"\\u2028"'),
    ("\ufeffa: 1", 1, 1, "byte order mark", "without a BOM"),
    ("a: \ud800", 1, 4, "U+D800", "delete it"),
    ('b: 1\na: "x\nc: 1\n', 2, 4, "end of stream", "close the quote"),
    ("a: [1, 2\nb: 3", 2, 2, "',' or ']' (while parsing a flow sequence, begun at line 1)", "close it with ']'"),
    ("b:\n  a: {x: 1", 2, 6, "',' or '}'", "close it with '}'"),
    ("a: b: c", 1, 5, "mapping values are not allowed", "quote a value that contains ': '"),
    ("a: 1\n  b: 2\n", 2, 4, "mapping values are not allowed", "indentation"),
    ("a:\n  b: 1\n c: 2\n", 3, 2, "expected key", "same column"),
    ("a: 1\n- b", 2, 1, "expected key", "same column"),
    ("a: 'x'::text", 1, 7, "expected key", "as a whole"),
    ("- a\nb", 2, 1, "expected ':'", "`key: value`"),
    ("a: - b", 1, 4, "not allowed", "line of its own"),
    ("a: @x", 1, 4, "'@'", "quote the value"),
    ("a: %x", 1, 4, "'%'", "quote the value"),
    ('a: "\\q"', 1, 5, "escape", "backslash"),
    ('a: "\\xZZ"', 1, 7, "hex", "backslash"),
    ("a: |x\n b", 1, 5, "line break", "after `|`"),
    ("a: ]", 1, 4, "node content", "value"),
    ("a: &", 1, 4, "alphabetic", "'&'"),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "hint"), REFUSED)
def test_what_is_refused_and_where(text: str, line: int, column: int, message: str, hint: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse(text, FILE)
    error = caught.value
    assert error.where == Span(FILE, line, column)
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"\xff\xfea", 1, 1),
        (b"a: 1\nb: \xe9t\xe9\n", 2, 4),
        ("é: ".encode() + b"\xe9", 1, 4),
        (b"a: \xed\xa0\x80", 1, 4),
    ],
)
def test_bytes_that_are_not_utf_8(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(DeclarationError, match="not UTF-8") as caught:
        decode(raw, FILE)
    assert caught.value.where == Span(FILE, line, column)
    assert caught.value.hint


NESTED: dict[str, Callable[[int], str]] = {
    "flow lists": lambda depth: "[" * depth + "]" * depth,
    "flow mappings": lambda depth: "{a: " * depth + "}" * depth,
    "block lists": lambda depth: "- " * depth + "x",
    "block mappings": lambda depth: "".join(f"{'  ' * level}a:\n" for level in range(depth)),
    "aliases": lambda depth: "".join(f"- &a{n} [*a{n - 1}]\n" if n else "- &a0 x\n" for n in range(depth)),
}


@pytest.mark.parametrize("shape", NESTED)
def test_depth_has_a_limit(shape: str) -> None:
    write = NESTED[shape]
    parse(write(MAX_DEPTH), FILE)
    with pytest.raises(DeclarationError, match="nested deeper than 64") as caught:
        parse(write(MAX_DEPTH + 1), FILE)
    assert caught.value.hint


@pytest.mark.parametrize("shape", ["flow lists", "block lists"])
def test_no_depth_exhausts_the_stack(shape: str) -> None:
    with pytest.raises(DeclarationError):
        parse(NESTED[shape](20_000), FILE)
    assert locate(NESTED[shape](20_000), FILE, [0, 0, 0]).line == 1


def test_aliases_are_copies() -> None:
    data: Any = parse("a: &x {k: [1]}\nb: *x\nc: [*x, &y z, *y]\n", FILE)
    assert data == {"a": {"k": [1]}, "b": {"k": [1]}, "c": [{"k": [1]}, "z", "z"]}
    data["a"]["k"].append(2)
    assert data["b"] == {"k": [1]}


def test_an_alias_bomb_is_stopped_early() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.monotonic()
    with pytest.raises(DeclarationError, match="more than 1,000,000 values") as caught:
        parse("\n".join(lines), FILE)
    assert caught.value.where and caught.value.where.line == 6
    assert time.monotonic() - started < 10


def test_an_ordinary_declaration_takes_the_fast_way() -> None:
    assert parse_fast(DECLARATION) is not UNSURE
    assert same(parse_fast(DECLARATION), parse_careful(DECLARATION, FILE))


def test_without_ryaml_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = parse(DECLARATION, FILE)
    monkeypatch.setitem(sys.modules, "ryaml", None)
    assert parse_fast(DECLARATION) is UNSURE
    assert same(parse(DECLARATION, FILE), expected)


def test_garbage_collection_is_as_before() -> None:
    assert gc.isenabled()
    parse("a: 1", FILE)
    with pytest.raises(DeclarationError):
        parse("a: *b", FILE)
    assert gc.isenabled()
    gc.disable()
    try:
        parse("a: 1", FILE)
        assert not gc.isenabled()
    finally:
        gc.enable()


# Pieces that, in a row, reach every rule of YAML and every one of ours; most rows are not valid.
PIECES = """a b key on 1 0 true null ~ - ? : , [ ] { } # & * ! % | > ' " @ ` = . \\ 'x' "y" "a\\x41" 'it''s' "a":
{a: [1, << <<: *a &a &b *b !!str !!int !!map !foo != !<x> --- ... %YAML 0b11 -0b1 -0x1 +0o7 0x1F 0o17 010 -01 1e400 1.5
.5 1. 01.5 1e5 12:30 1_000 2024-01-01 .inf -.INF .nan -0 +1 0.0 deadbeef a:b |- >+ |2 a!=b count(*) a&&b""".split()
PIECES += [
    " ",
    "  ",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    "\n? ",
    ": ",
    ", ",
    " # c",
    "\n---\n",
    "\n...\n",
    "\n%TAG ! x:\n",
]
PIECES += [
    "\t",
    "\n\t",
    " \t",
    "[\n\t",
    "\r",
    "\r\n",
    "\x85",
    "\u2028",
    "\ufeff",
    "\0",
    "\x7f",
    "é",
    "😀",
    "\xa0",
    "a: 1\n",
]
PIECES += [
    "9" * 19,
    "9" * 20,
    "9" * 39,
    "9" * 50,
    "0x" + "f" * 16,
    "0x" + "f" * 33,
    "x: &a y\nz: *a\n",
    "a: {b: !!str 1}\n",
]


def _scalars() -> st.SearchStrategy[str]:
    written = st.sampled_from([text for text, _ in VALUES if "\n" not in text and len(text) < 100])
    words = st.text("abz019 _-+.:eExob~'", max_size=8)
    quoted = st.text(max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'")
    escaped = st.text('ab\\"x01nu ', max_size=8).map(lambda text: f'"{text}"')
    return written | words | quoted | escaped


def _flow(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(_scalars(), inside).map(": ".join)
    props = st.sampled_from(["", "&a ", "&b ", "!!str ", "!!map ", "!x "])
    collection = st.lists(inside, max_size=3).map(lambda items: f"[{', '.join(items)}]") | st.lists(
        pairs, max_size=3
    ).map(lambda items: f"{{{', '.join(items)}}}")
    return st.tuples(props, collection).map("".join) | st.sampled_from(["*a", "*b"])


def _block(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def indent(text: str) -> str:
        return "\n".join("  " + line for line in text.split("\n"))

    literal = st.tuples(st.sampled_from(["|", ">", "|-", ">+", "|2-"]), inside).map(lambda x: f"{x[0]}\n{indent(x[1])}")
    nested = inside.map(lambda text: "\n" + indent(text))
    entry = st.tuples(_scalars(), st.sampled_from([": ", ": &a ", ": !!str ", " : "]), inside | literal | nested)
    mapping = st.lists(entry.map("".join), min_size=1, max_size=3).map("\n".join)
    return mapping | st.lists(inside.map(lambda text: "- " + indent(text)[2:]), min_size=1, max_size=3).map("\n".join)


FLOW = st.recursive(_scalars(), _flow, max_leaves=8)
DOCUMENTS = st.one_of(
    st.recursive(FLOW, _block, max_leaves=8),
    st.lists(st.sampled_from(PIECES), max_size=20).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: DECLARATION + "".join(pieces)),
    st.text("ab01 -:?,[]{}#&*!|>'\"%\n\t.~<x=", max_size=15),
)


@settings(max_examples=1500, deadline=None)
@given(DOCUMENTS)
@example("a: &a 1\n*a : 2")
@example("a: !=x y")
@example("- 0b1\n- -0x1\n- +0o7")
@example("9" * 39)
def test_the_fast_way_never_differs(text: str) -> None:
    fast = parse_fast(text)
    try:
        careful = parse_careful(text, FILE)
    except DeclarationError as error:
        assert fast is UNSURE, f"the fast way accepts {text!r}, but: {error}"
        assert error.hint and error.where and error.where.file == FILE
    else:
        assert fast is UNSURE or same(fast, careful), f"{text!r}: {fast!r} or {careful!r}"
