"""Values of properties survive a snapshot to the last bit."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import pytz  # type: ignore[import-untyped]
from neo4j.spatial import CartesianPoint, WGS84Point
from neo4j.time import Date, DateTime, Duration, Time
from neo4j.vector import Vector

from reconciler.engines.neo4j.values import decoded, encoded
from reconciler.errors import StoreError

BERLIN = pytz.timezone("Europe/Berlin")
SUMMER = DateTime(2020, 10, 25, 0, 30, 0, 1, tzinfo=pytz.utc).as_timezone(BERLIN)
WINTER = DateTime(2020, 10, 25, 1, 30, 0, 1, tzinfo=pytz.utc).as_timezone(BERLIN)
VALUES = [
    None,
    True,
    -(2**63),
    0.1 + 0.2,
    -0.0,
    5e-324,
    math.inf,
    "$ and \U0001f600 and \u202e",
    "",
    b"\x00\xff",
    [],
    [1, None, "x"],
    [Date(1, 1, 1), Date(9999, 12, 31)],
    {"a": 1, "$": [b"x"], "v": {"deep": 1.5}},
    Time(23, 59, 59, 999_999_999),
    Time(1, 2, 3, 4, pytz.FixedOffset(-330)),
    DateTime(2020, 2, 29, 23, 59, 59, 999_999_999),
    DateTime(1969, 12, 31, 23, 0, 0, 1, tzinfo=pytz.FixedOffset(90)),
    SUMMER,
    WINTER,
    Duration(months=14, days=-3, seconds=5, nanoseconds=7),
    CartesianPoint((1.5, -2.5)),
    CartesianPoint((1.0, 2.0, 3.0)),
    WGS84Point((12.5, 55.5)),
    WGS84Point((12.5, 55.5, 3.0)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_there_and_back(value: Any) -> None:
    again = decoded(json.loads(json.dumps(encoded(value), allow_nan=False)))
    assert again == value and repr(again) == repr(value) and type(again) is type(value)


def test_the_hour_that_comes_twice() -> None:
    assert encoded(SUMMER) != encoded(WINTER)
    assert [decoded(encoded(v)).utc_offset().total_seconds() for v in (SUMMER, WINTER)] == [7200, 3600]


def test_not_a_number() -> None:
    assert math.isnan(decoded(encoded(math.nan)))


@pytest.mark.parametrize("kind", ["i8", "i16", "i32", "i64", "f32", "f64"])
def test_vectors(kind: Any) -> None:
    """No Community server stores them: this is the driver's own type."""
    value = Vector([float(n) if kind.startswith("f") else n for n in (1, 2, 100)], kind)
    again = decoded(json.loads(json.dumps(encoded(value))))
    assert again.raw() == value.raw() and again.dtype == value.dtype == kind


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(StoreError, match="of the type object cannot be kept"):
        encoded([object()])
