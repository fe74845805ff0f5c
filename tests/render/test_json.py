"""The shape of the JSON is the one that is documented."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from reconciler.render.json import plan_data, plan_json
from reconciler.render.schema import PLAN

from . import samples

PLANS = {
    "usual": samples.usual(),
    "nothing": samples.nothing(),
    "deferred": samples.nothing(deferred=True),
    "big": samples.big(50, 5),
}


@pytest.mark.parametrize("name", PLANS)
def test_json_follows_its_schema(name: str) -> None:
    jsonschema_rs.meta.validate(PLAN)
    jsonschema_rs.Draft202012Validator(PLAN).validate(json.loads(plan_json(PLANS[name])))


@pytest.mark.parametrize("part", ["steps", "hazards", "summary", "digest", "deferred"])
def test_the_schema_notices_what_is_missing(part: str) -> None:
    data = {k: v for k, v in plan_data(samples.usual()).items() if k != part}
    assert not jsonschema_rs.Draft202012Validator(PLAN).is_valid(data)


def test_names_come_back_as_they_were() -> None:
    name = 'a"b\\c\x1b\u202e\udc80\n\U000e0041'
    plan = samples.single(f"create {name}", address=samples.pg("table", "public", name))
    (step,) = json.loads(plan_json(plan))["steps"]
    assert step["title"] == f"create {name}"
    assert step["address"]["path"] == ["public", name]
    assert "\x1b" not in plan_json(plan)
