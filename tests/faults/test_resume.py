"""A kill at any moment: the same plan, run again, finishes (law 6)."""

from __future__ import annotations

import itertools

import pytest

from reconciler.errors import PartlyApplied, StalePlan, StoreError
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from tests.memory_engine import Faults, Killed
from tests.projects import Workshop

BEFORE = """
boxes:
  a: {size: 2, labels: {x: hello, y: {text: t, after: x}}, lid: {tight: true}}
  b: {material: tin, tags: [p, q]}
links: {l: {source: a, sink: b}}
"""
AFTER = """
boxes:
  a: {size: 1, colour: red, rule: Size > 2, labels: {y: {text: t2}, z: new}}
  b: {material: wood, tags: [q]}
  c: {labels: {first: x}}
links: {m: {source: c, sink: b}}
"""
STEPS = 14


def fault(when: str, step: int) -> Faults:
    faults = Faults()
    setattr(faults, when, step)
    return faults


def planned(shop: Workshop) -> Plan:
    shop.become(BEFORE)
    shop.declare(AFTER)
    return shop.plan()


def test_the_plan_has_steps_in_every_phase(shop: Workshop) -> None:
    plan = planned(shop)
    assert plan.phases == tuple(Phase)
    assert len(plan.steps) == STEPS


@pytest.mark.parametrize("when", ["kill_before", "kill_between", "kill_after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_killed_at_any_step_the_same_plan_finishes(shop: Workshop, when: str, step: int) -> None:
    plan = planned(shop)
    store = shop.store()
    store.faults = fault(when, step)
    with pytest.raises(Killed):
        shop.apply(plan)
    store.faults = Faults()
    result = shop.apply(plan)
    assert result.outcome == "applied"
    assert shop.plan().empty
    assert len(result.ran) + len(result.skipped) == len(plan.steps)
    assert shop.apply(plan).outcome == "already applied"


def test_killed_again_and_again(shop: Workshop) -> None:
    plan = planned(shop)
    store = shop.store()
    for when in itertools.cycle(["kill_before", "kill_between", "kill_after"]):
        store.faults = fault(when, len(store.executed) + 1)
        try:
            shop.apply(plan)
            break
        except Killed:
            continue
    store.faults = Faults()
    assert shop.apply(plan).outcome == "already applied"
    assert shop.plan().empty


@pytest.mark.parametrize("step", range(2, STEPS))
def test_after_a_kill_planning_anew_finishes_too(shop: Workshop, step: int) -> None:
    plan = planned(shop)
    store = shop.store()
    store.faults = Faults(kill_after=step)
    with pytest.raises(Killed):
        shop.apply(plan)
    store.faults = Faults()
    shop.apply()
    assert shop.plan().empty


def test_a_failing_step_says_what_ran_and_goes_on_later(shop: Workshop) -> None:
    plan = planned(shop)
    store = shop.store()
    store.faults = Faults(fail_at=frozenset({4}))
    with pytest.raises(PartlyApplied) as caught:
        shop.apply(plan)
    assert caught.value.exit_code == 6
    assert caught.value.ran == ("step 1", "step 2", "step 3")
    assert "step 4" in caught.value.message
    assert "execution 4 is refused" in caught.value.message
    assert "step 3" in caught.value.effect
    store.faults = Faults()
    result = shop.apply(plan)
    assert [s.id for s in result.skipped] == [1, 2, 3]
    assert shop.plan().empty


def test_a_first_step_that_fails_is_the_stores_own_error(shop: Workshop) -> None:
    plan = planned(shop)
    shop.store().faults = Faults(fail_at=frozenset({1}))
    with pytest.raises(StoreError):
        shop.apply(plan)
    shop.store().faults = Faults()
    assert shop.apply(plan).outcome == "applied"


def test_between_kill_and_resume_nothing_else_may_move(shop: Workshop) -> None:
    shop.become("boxes: {a: {}, b: {}, other: {}}")
    shop.declare("boxes: {a: {size: 3}, b: {colour: red}, other: {}}")
    plan = shop.plan()
    store = shop.store()
    store.faults = Faults(kill_after=1)
    with pytest.raises(Killed):
        shop.apply(plan)
    store.faults = Faults()
    other = store.resources["box", ("other",)]
    shop.store().drop("box", "other")
    with pytest.raises(StalePlan, match="other"):
        shop.apply(plan)
    store.put(other)
    assert shop.apply(plan).outcome == "applied"


def test_what_the_last_step_did_must_still_be_there(shop: Workshop) -> None:
    shop.become("boxes: {a: {}, b: {}}")
    shop.declare("boxes: {a: {size: 3}, b: {size: 4}}")
    plan = shop.plan()
    store = shop.store()
    before = dict(store.resources)
    store.faults = Faults(kill_after=1)
    with pytest.raises(Killed):
        shop.apply(plan)
    store.resources = before
    store.faults = Faults()
    with pytest.raises(StalePlan, match="step 1"):
        shop.apply(plan)
