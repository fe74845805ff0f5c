"""What is shown is what runs: every format has every step, in the order of the plan, with the same facts."""

from __future__ import annotations

import json
import re

from reconciler.model.change import Action
from reconciler.model.plan import PlannedChange
from reconciler.model.step import Phase
from reconciler.render.json import plan_data, plan_json
from reconciler.render.markdown import plan_markdown
from reconciler.render.terminal import plan_text
from reconciler.render.view import gate, summary, view

from . import samples

PLAN = samples.usual()


def places(text: str, wanted: list[str]) -> list[int]:
    """Where each one stands, the first after the one before."""
    found, start = [], 0
    for part in wanted:
        start = text.index(part, start)
        found.append(start)
    return found


def test_steps_and_statements_stand_in_the_order_of_the_plan() -> None:
    for step in PLAN.steps:
        first, *_ = step.operation.lines()
        for text in (plan_text(PLAN), plan_markdown(PLAN)):
            assert places(text, [step.title, first])
    titles = [s.title for s in PLAN.steps]
    assert places(plan_text(PLAN), titles) and places(plan_markdown(PLAN), titles)
    assert [s["title"] for s in plan_data(PLAN)["steps"]] == titles


def test_no_line_of_a_statement_is_lost() -> None:
    for text in (plan_text(PLAN), plan_markdown(PLAN)):
        shown = {line.strip() for line in text.splitlines()}
        for step in PLAN.steps:
            assert {line.strip() for line in step.operation.lines()} <= shown


def test_every_lock_size_check_and_undo_is_in_every_format() -> None:
    for text in (plan_text(PLAN), plan_markdown(PLAN)):
        assert text.count("AccessExclusive on public.transactions") == 2
        assert "about 48.2 million rows, 9.1 GB" in text
        assert "table public.invoices is present" in text
        assert "not_null = true" in text
        assert "rows without a currency" in text and "WHERE currency IS NULL" in text
        assert "DROP TABLE public.invoices;" in text
        assert "nothing brings the old state back" in text
        assert "transaction: no" in text
    steps = {s["id"]: s for s in plan_data(PLAN)["steps"]}
    assert steps[2]["reads"] == {"rows": 48_210_334, "bytes": 9_100_000_000}
    assert steps[5]["locks"] == [{"mode": "AccessExclusive", "on": "public.transactions"}]
    assert steps[6]["undo"] is None and steps[4]["undo"] == []


def test_hazards_stand_before_every_step_and_those_to_approve_before_the_others() -> None:
    for text in (plan_text(PLAN), plan_markdown(PLAN)):
        assert text.index("RC1101") < text.index("RC1401") < text.index("create table")
    assert [h["code"] for h in plan_data(PLAN)["hazards"]] == ["RC1101", "RC1401", "RC1204", "RC1205"]


def test_the_gate_stands_before_contract_and_nowhere_else() -> None:
    assert [bool(p.gate) for p in view(PLAN).phases] == [False, False, True]
    assert "production" in gate(PLAN, Phase.CONTRACT) and "--phase contract" in gate(PLAN, Phase.CONTRACT)
    for text in (plan_text(PLAN), plan_markdown(PLAN)):
        assert text.lower().count("gate:") == 1
        assert text.index("fill transactions.currency") < text.lower().index("gate:") < text.index("require a value")
    assert [g["before"] for g in plan_data(PLAN)["gates"]] == ["contract"]


def test_the_summary_counts_changes_and_steps() -> None:
    assert summary(PLAN) == (
        "2 to add, 2 to change, 1 to replace, 1 to delete, 1 to forget; 7 steps in 3 phases on 3 targets"
    )
    assert summary(samples.single()) == "1 to add, 0 to change, 0 to delete; 1 step in 1 phase on 1 target"


def test_no_changes_is_said_only_when_everything_was_compared() -> None:
    assert summary(samples.nothing()) == "no changes; all 2 targets are as declared"
    assert summary(samples.nothing(deferred=True)) == "no changes found, but 1 resource could not be compared"


def test_a_plan_that_only_forgets_has_no_steps_and_says_what() -> None:
    plan = samples.nothing()
    plan = type(plan)(
        plan.tool_version, "dev", plan.targets, (PlannedChange(samples.ARCHIVE, Action.FORGET),), plan.steps
    )
    for text in (plan_text(plan), plan_markdown(plan)):
        assert "1 to forget; no steps to run" in text and "table archive" in text


def test_lists_beside_the_steps_are_in_every_format() -> None:
    for text in (plan_text(PLAN), plan_markdown(PLAN)):
        for part in ("view public.totals", "table archive", "another order than declared", "table public.scratch"):
            assert part in text
    data = json.loads(plan_json(PLAN))
    assert len(data["deferred"]) == len(data["unmanaged"]) == len(data["notes"]) == 1


def test_text_is_understood_without_colour() -> None:
    coloured = plan_text(PLAN, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plan_text(PLAN)


def test_nothing_is_cut() -> None:
    title = "create table " + "very_" * 200 + "long"
    assert title in plan_text(samples.single(title)) and title in plan_markdown(samples.single(title))
