"""The whole of each format, as files to read. `pytest tests/render --update-goldens` writes them anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.model.plan import Plan
from reconciler.render.json import plan_json
from reconciler.render.markdown import plan_markdown
from reconciler.render.terminal import plan_text

from . import samples

Golden = Callable[[str, str], None]
PLANS = {
    "usual": samples.usual(),
    "nothing": samples.nothing(),
    "deferred-only": samples.nothing(deferred=True),
}


@pytest.mark.parametrize("name", PLANS)
def test_text(name: str, golden: Golden) -> None:
    golden(f"{name}.txt", plan_text(PLANS[name]) + "\n")


@pytest.mark.parametrize("name", PLANS)
def test_markdown(name: str, golden: Golden) -> None:
    golden(f"{name}.md", plan_markdown(PLANS[name], source="plans/change.yaml"))


@pytest.mark.parametrize("name", PLANS)
def test_json(name: str, golden: Golden) -> None:
    golden(f"{name}.json", plan_json(PLANS[name]) + "\n")


def test_text_in_colour(golden: Golden) -> None:
    golden("usual.ansi", plan_text(PLANS["usual"], colour=True) + "\n")


def test_a_plan_too_long_for_a_comment(golden: Golden) -> None:
    golden("long.md", plan_markdown(samples.big(60, 9), limit=6_000, source="plans/change.yaml"))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_format_is_the_same_twice(plan: Plan) -> None:
    assert (plan_text(plan), plan_markdown(plan), plan_json(plan)) == (
        plan_text(plan),
        plan_markdown(plan),
        plan_json(plan),
    )
