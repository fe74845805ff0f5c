"""What a plan did is taken back: whole or in part, applied whole or in part, killed at any moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.apply.journal import UNDONE_IN_A_ROW
from reconciler.apply.undo import Limit
from reconciler.errors import Blocked, LockBusy, PartlyApplied, StalePlan
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.planfile.codec import sealed
from reconciler.results import UndoResult
from tests.memory_engine import Faults, Killed, Store
from tests.projects import Workshop

BEFORE = """
boxes:
  a: {size: 2, labels: {x: hello, y: {text: t, after: x}}, lid: {tight: true}}
  b: {material: tin, tags: [p, q]}
links: {l: {source: a, sink: b}}
"""
AFTER = """
boxes:
  a: {size: 3, colour: red, labels: {x: hello, y: {text: t2, after: x}, z: new}, lid: {tight: true}}
  b: {material: tin, tags: [p, q]}
  c: {labels: {first: x}}
links: {m: {source: c, sink: b}}
"""


def planned(shop: Workshop) -> Plan:
    """A plan of which every step can be undone, so that the whole can."""
    shop.become(BEFORE)
    shop.declare(AFTER)
    plan = shop.plan()
    assert all(step.undo is not None for step in plan.steps)
    return plan


def fault(when: str, step: int) -> Faults:
    faults = Faults()
    setattr(faults, when, step)
    return faults


def undo(shop: Workshop, plan: Plan, limit: Limit | None = None, *allow: str) -> UndoResult:
    allowed = allow or ("*",)
    return pipeline.undo_plan(shop.project(), plan, limit=limit, allow=allowed)


def state(store: Store) -> tuple[Any, ...]:
    """What is live and what the journal says."""
    return dict(store.resources), dict(store.journal)


def test_all_of_a_plan(shop: Workshop) -> None:
    plan = planned(shop)
    start = state(shop.store())
    shop.apply(plan)
    assert state(shop.store()) != start
    result = undo(shop, plan)
    assert result.outcome == "undone" and not result.kept
    assert next(s.title for s in result.steps).startswith(f"undo of step {plan.steps[-1].id}: ")
    assert state(shop.store()) == start
    assert undo(shop, plan).outcome == "not applied"
    assert shop.apply(plan).outcome == "applied"  # the very same plan once more
    assert shop.plan().empty


@pytest.mark.parametrize("step", range(1, 9))
def test_a_plan_that_was_applied_in_part(shop: Workshop, step: int) -> None:
    plan = planned(shop)
    start = state(shop.store())
    for when in ("kill_before", "kill_between", "kill_after"):
        shop.store().executed.clear()
        shop.store().faults = fault(when, step)
        with pytest.raises(Killed):
            shop.apply(plan)
        shop.store().faults = Faults()
        assert undo(shop, plan).outcome == "undone"
        assert state(shop.store()) == start, when


@pytest.mark.parametrize("when", ["kill_before", "kill_between", "kill_after"])
def test_an_undo_that_is_killed_goes_on(shop: Workshop, when: str) -> None:
    plan = planned(shop)
    start = state(shop.store())
    many = len(plan.steps)
    for number in range(1, many + 1):
        shop.apply(plan)
        shop.store().executed.clear()
        shop.store().faults = fault(when, number)
        with pytest.raises(Killed):
            undo(shop, plan)
        shop.store().faults = Faults()
        with pytest.raises(StalePlan, match="an undo of this plan was begun"):
            shop.apply(plan)
        assert undo(shop, plan).outcome == "undone"
        assert state(shop.store()) == start, number


def test_up_to_a_gate_and_back(shop: Workshop) -> None:
    plan = planned(shop)
    start = state(shop.store())
    shop.apply(plan, through=Phase.EXPAND)
    assert undo(shop, plan).outcome == "undone"
    assert state(shop.store()) == start


def test_only_the_last_steps_and_forward_again(shop: Workshop) -> None:
    plan = planned(shop)
    last = plan.steps_of(Phase.EXPAND)[-1].id
    shop.apply(plan, through=Phase.EXPAND)
    there = dict(shop.store().resources)
    shop.apply(plan)
    result = undo(shop, plan, Limit(after=last))
    assert result.outcome == "undone in part" and [s.id for s in result.kept] == list(range(1, last + 1))
    assert dict(shop.store().resources) == there
    assert [s.id for s in shop.apply(plan).skipped] == list(range(1, last + 1))
    assert shop.plan().empty
    undo(shop, plan, Limit(after=last))
    assert undo(shop, plan).outcome == "undone"


def lasting(plan: Plan, number: int) -> Plan:
    """The same plan, of which nothing takes back one step."""
    steps = tuple(replace(s, undo=None) if s.id == number else s for s in plan.steps)
    return sealed(replace(plan, steps=steps))


def test_what_nothing_takes_back_is_refused_by_name(shop: Workshop) -> None:
    plan = lasting(planned(shop), 3)
    shop.apply(plan)
    there = state(shop.store())
    with pytest.raises(Blocked) as caught:
        undo(shop, plan)
    assert f"step 3 of shop/memory ({plan.steps[2].title})" in caught.value.message
    assert caught.value.hint and "--after 3" in caught.value.hint and "--leave 3" in caught.value.hint
    assert state(shop.store()) == there
    preview = pipeline.undo_preview(shop.project(), plan)
    assert preview.outcome == "planned" and [s.id for s in preview.lasting] == [3]
    assert undo(shop, plan, Limit(leave=frozenset({3}))).outcome == "undone in part"
    assert not shop.plan().empty


def test_left_steps_stay_left_after_a_kill(shop: Workshop) -> None:
    plan = lasting(planned(shop), 3)
    shop.apply(plan)
    shop.store().executed.clear()
    shop.store().faults = Faults(kill_between=4)
    with pytest.raises(Killed):
        undo(shop, plan, Limit(leave=frozenset({3})))
    shop.store().faults = Faults()
    result = undo(shop, plan)
    assert result.outcome == "undone in part" and [s.id for s in result.kept] == [3]


def test_hazards_of_what_goes_again_need_approval(shop: Workshop) -> None:
    shop.become("boxes: {a: }")
    shop.declare("boxes: {a: , b: }")
    plan = shop.plan()
    shop.apply(plan)
    with pytest.raises(Blocked, match="not approved: step 1"):
        undo(shop, plan, None, "RC1401")
    assert undo(shop, plan).outcome == "undone"


def test_nobody_else_may_have_changed_anything(shop: Workshop) -> None:
    plan = planned(shop)
    shop.apply(plan)
    shop.store().drop("link", "m")
    there = state(shop.store())
    with pytest.raises(StalePlan, match="changed since the plan was applied: link m"):
        undo(shop, plan)
    assert state(shop.store()) == there


def test_only_the_plan_that_was_applied_last(shop: Workshop) -> None:
    plan = planned(shop)
    shop.apply(plan)
    shop.apply(shop.plan())  # without changes: leaves it the last one that did something
    preview = pipeline.undo_preview(shop.project(), plan)
    assert preview.outcome == "planned" and preview.steps
    shop.declare(AFTER.replace("size: 3", "size: 7"))
    shop.apply()
    with pytest.raises(StalePlan, match="another plan was applied to it since"):
        undo(shop, plan)


def several(shop: Workshop, number: int) -> tuple[list[Plan], list[tuple[Any, ...]]]:
    """Plans applied one after the other, each with a box more and another size, and what was there before each."""
    shop.become(BEFORE)
    plans, states = [], []
    for i in range(1, number + 1):
        boxes = "".join(f"  c{k}: {{size: {i}}}\n" for k in range(i))
        shop.declare(BEFORE.replace("links:", f"{boxes}links:"))
        states.append(state(shop.store()))
        plans.append(shop.plan())
        shop.apply(plans[-1])
    return plans, states


@pytest.mark.parametrize("when", ["kill_before", "kill_between", "kill_after"])
def test_several_plans_in_a_row(shop: Workshop, when: str) -> None:
    """The last first, each to what was there before it, journal included, by the declarations of the last."""
    plans, states = several(shop, 4)
    shop.apply(shop.plan())  # without changes: it is none of them
    for plan, before in reversed(list(zip(plans, states, strict=True))):
        if plan is not plans[0]:
            with pytest.raises(StalePlan, match="another plan was applied"):
                undo(shop, plans[0])
        shop.store().executed.clear()
        shop.store().faults = fault(when, 1)
        with pytest.raises(Killed):
            undo(shop, plan)
        shop.store().faults = Faults()
        assert undo(shop, plan).outcome == "undone"
        assert state(shop.store()) == before


def test_no_further_back_than_what_was_done_from_outside(shop: Workshop) -> None:
    plans, _ = several(shop, 2)
    shop.store().drop("box", "c1")
    third = shop.plan()
    shop.apply(third)
    undo(shop, third)
    with pytest.raises(StalePlan, match="is not as this plan left it"):
        undo(shop, plans[1])


def test_the_journal_keeps_some_of_them_and_of_each_what_differs(shop: Workshop) -> None:
    plans, _ = several(shop, UNDONE_IN_A_ROW + 2)
    kept, entry = [], shop.store().journal["before"]
    while entry:
        kept.append(entry)
        entry = entry.get("earlier")
    assert [e["digest"] for e in kept] == [p.digest for p in reversed(plans[2:])]
    assert not any(word in repr(e | {"earlier": 0}) for e in kept[1:] for word in ("'a'", "box/b", "link")), "unchanged"


def test_after_a_plan_without_changes(shop: Workshop) -> None:
    plan = planned(shop)
    start = dict(shop.store().resources)
    shop.apply(plan)
    shop.apply(shop.plan())
    assert undo(shop, plan).outcome == "undone"
    assert dict(shop.store().resources) == start


def test_a_busy_target_and_a_step_that_fails(shop: Workshop) -> None:
    plan = planned(shop)
    start = state(shop.store())
    shop.apply(plan)
    shop.store().faults = Faults(held_by="somebody")
    with pytest.raises(LockBusy):
        undo(shop, plan)
    shop.store().executed.clear()
    shop.store().faults = Faults(fail_at=frozenset({4}))
    with pytest.raises(PartlyApplied, match="undo of step") as caught:
        undo(shop, plan)
    assert caught.value.hint == "try again"
    shop.store().faults = Faults()
    assert undo(shop, plan).outcome == "undone"
    assert state(shop.store()) == start


def test_several_targets_phase_by_phase(shop: Workshop) -> None:
    for service in ("shop", "depot"):
        shop.declare(BEFORE, service)
    shop.apply(through=Phase.CONTRACT)
    starts = {s: state(shop.store(s)) for s in ("shop", "depot")}
    for service in ("shop", "depot"):
        shop.declare(AFTER, service)
    plan = shop.plan()
    shop.store("depot").executed.clear()
    shop.store("depot").faults = Faults(fail_at=frozenset({5}))
    with pytest.raises(PartlyApplied):
        shop.apply(plan)
    shop.store("depot").faults = Faults()
    result = undo(shop, plan)
    phases = [s.phase for s in result.steps]
    assert result.outcome == "undone" and phases == sorted(phases, reverse=True)
    assert {s: state(shop.store(s)) for s in ("shop", "depot")} == starts


def test_an_edited_plan_is_refused(shop: Workshop) -> None:
    plan = planned(shop)
    shop.apply(plan)
    with pytest.raises(StalePlan, match="edited"):
        undo(shop, replace(plan, steps=plan.steps[:-1]))
