"""What becomes of an item, without a store."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from reconciler.engines.dynamodb.keys import Key, KeyAttribute
from reconciler.engines.dynamodb.migration import options
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, decoded, digest, encoded
from reconciler.engines.dynamodb.migration.copying import Pace, Slice, print_of, statement
from reconciler.engines.dynamodb.migration.expression import ExpressionError, parsed, reference, value
from reconciler.engines.dynamodb.migration.options import Options

ITEM: dict[str, Any] = {
    "id": {"S": "12"},
    "n": {"N": "1.50"},
    "name": {"S": "Ann#Bob"},
    "odd name": {"S": "x"},
    "address": {"M": {"city": {"S": "Ulm"}}},
    "blob": {"B": b"\x00"},
}


def key(*pairs: str) -> Key:
    return tuple(KeyAttribute(*p.split()) for p in pairs)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id", {"S": "12"}),
        ('"odd name"', {"S": "x"}),
        ("address.city", {"S": "Ulm"}),
        ("address.street", None),
        ("'it''s'", {"S": "it's"}),
        ("-1.5", {"N": "-1.5"}),
        ("number(id)", {"N": "12"}),
        ("string(n)", {"S": "1.50"}),
        ("upper(address.city)", {"S": "ULM"}),
        ("concat(id, '#', lower(name), n)", {"S": "12#ann#bob1.50"}),
        ("concat(id, gone)", None),
        ("part(name, '#', 1)", {"S": "Bob"}),
        ("part(name, '#', 2)", None),
        ("coalesce(gone, address.street, 'none')", {"S": "none"}),
    ],
)
def test_expressions(text: str, wanted: Any) -> None:
    assert value(parsed(text), ITEM) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "something is missing"),
        ("concat(id", "is not closed"),
        ("concat(id)", "concat takes at least 2, not 1"),
        ("number(id, id)", "number takes 1, not 2"),
        ("eval(id)", "there is no function eval"),
        ("id id", "'id' is too much"),
        ("id + 1", r"cannot read '\+ 1'"),
        (")", "is not expected there"),
    ],
)
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parsed(text)


@pytest.mark.parametrize("text", ["number(name)", "string(blob)", "lower(address)", "number('NaN')"])
def test_values_of_the_wrong_type(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(parsed(text), ITEM)


def test_what_keeps_a_value() -> None:
    assert [reference(t) for t in ("id", "number(id)")] == ["id", "id"]
    assert [reference(t) for t in ("lower(id)", "address.city", "'id'")] == [None] * 3


def test_a_key_that_changes_its_type_keeps_its_text_or_is_refused() -> None:
    conversion = options.conversion(key("id S"), key("id N"), (), Options())
    assert conversion.fixed and conversion.contained
    assert conversion.converted(ITEM)["id"] == {"N": "12"}
    assert conversion.converted({"id": {"S": "100"}})["id"] == {"N": "100"}
    for text in ("012", "12.0", "x"):
        with pytest.raises(Unfit):
            conversion.converted({"id": {"S": text}})
    back = options.conversion(key("id N"), key("id S"), (), Options())
    assert back.converted({"id": {"N": "100"}})["id"] == {"S": "100"}
    assert conversion.moved_key({"id": {"S": "7"}}) == {"id": {"N": "7"}}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"id": {"S": "1"}}, "id=1: the new item has no at"),
        ({"id": {"S": "1"}, "at": {"S": ""}}, "at is empty"),
        ({"id": {"S": "1"}, "at": {"S": "x" * 1025}}, "at is too long for a key"),
        ({"id": {"S": "1"}, "at": {"N": "1"}}, "at is of type N, not S"),
        ({"id": {"S": "1"}, "at": {"S": "1"}, "who": {"N": "1"}}, "who is of type N, not S"),
    ],
)
def test_what_does_not_fit(item: Any, message: str) -> None:
    conversion = options.conversion(key("id S"), key("id S", "at S"), key("who S"), Options())
    with pytest.raises(Unfit, match=message):
        conversion.converted(item)


def test_a_conversion_survives_a_plan_file_and_a_trip_to_another_process() -> None:
    said = Options((("pk", "concat(id, n)"), ("was", "b")), ("b",))
    conversion = options.conversion(key("b S", "a N"), key("pk S", "a N"), key("who S"), said)
    assert dict(conversion.kept) == {"b": "was", "a": "a"}
    shuffled = dict(sorted(encoded(conversion).items(), reverse=True))
    shuffled["KeepsOldKeyIn"] = dict(sorted(shuffled["KeepsOldKeyIn"].items()))
    assert decoded(shuffled) == conversion
    work = Slice((("region", "x"),), "old", "new", conversion, 0, 4)
    assert pickle.loads(pickle.dumps(work)) == work


def test_equal_items_have_equal_digests_and_others_have_not() -> None:
    same: list[Any] = [
        {"a": {"N": "100"}, "b": {"SS": ["x", "y"]}, "c": {"NS": ["1", "20"]}},
        {"c": {"NS": ["2E1", "1.0"]}, "b": {"SS": ["y", "x"]}, "a": {"N": "1E2"}},
    ]
    assert digest(same[0]) == digest(same[1])
    different: list[Any] = [
        {"a": {"S": "1"}},
        {"a": {"N": "1"}},
        {"a": {"B": b"1"}},
        {"a": {"L": [{"S": "1"}]}},
        {"a": {"L": [{"S": "1"}, {"S": "1"}]}},
        {"a": {"SS": ["1"]}},
        {"a": {"SS": ["1", "1x"]}},
        {"a": {"M": {"1": {"NULL": True}}}},
        {"a": {"M": {"1": {"BOOL": True}}}},
        {"a": {"M": {"1": {"BOOL": False}}}},
        {"a": {"M": {}}},
        {},
    ]
    assert len({digest(i) for i in different}) == len(different)


def test_two_keys_that_look_alike_are_told_apart() -> None:
    conversion = Conversion((), key("a S", "b S"))
    one = {"a": {"S": "x, b=q"}, "b": {"S": "y"}}
    other = {"a": {"S": "x"}, "b": {"S": "q, b=y"}}
    assert print_of(conversion, one) != print_of(conversion, other)


def test_statements_quote_names() -> None:
    assert statement("t", {"a": {}, "it's": {}}) == """INSERT INTO "t" VALUE {'a': ?, 'it''s': ?}"""


def test_a_pace_holds_back() -> None:
    waits: list[float] = []
    pace = Pace(10.0, lambda: 0.0)
    for units in (5, 10):
        pace.spend(units, waits.append)
    assert waits == [0.5, 1.5]
    Pace(0.0).spend(1e9, waits.append)
    assert len(waits) == 2
