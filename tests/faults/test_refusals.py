"""What apply refuses, with which exit code, and that nothing ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler import pipeline
from reconciler.errors import Blocked, LockBusy, PartlyApplied, ReconcileError, StalePlan
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.planfile.codec import sealed
from reconciler.results import StepEvent
from tests.memory_engine import Faults
from tests.memory_kinds import Box, Item, made
from tests.projects import Workshop


def refused(shop: Workshop, plan: Plan, error: type[ReconcileError], code: int, *allow: str) -> ReconcileError:
    """Apply is refused with that error, and nothing ran."""
    resources, journal = dict(shop.store().resources), dict(shop.store().journal)
    with pytest.raises(error) as caught:
        shop.apply(plan, *allow)
    assert caught.value.exit_code == code
    assert shop.store().executed == []
    assert (shop.store().resources, shop.store().journal) == (resources, journal)
    assert shop.store().locked == ""
    return caught.value


@pytest.fixture
def plan(shop: Workshop) -> Plan:
    shop.become("boxes: {a: {size: 2}, b: {}}")
    shop.declare("boxes: {a: {size: 1}, c: {}}")
    return shop.plan()


def test_an_edited_plan(shop: Workshop, plan: Plan) -> None:
    edited = replace(plan, steps=plan.steps[:-1])
    assert "edited" in refused(shop, edited, StalePlan, 5).message


def test_a_plan_of_another_version(shop: Workshop, plan: Plan) -> None:
    refused(shop, sealed(replace(plan, tool_version="0.0.0")), StalePlan, 5)


def test_a_plan_for_another_environment(shop: Workshop, plan: Plan) -> None:
    shop.environment = "dev-2"
    assert "dev-2" in refused(shop, plan, StalePlan, 5).message


def test_declarations_that_changed(shop: Workshop, plan: Plan) -> None:
    shop.declare("boxes: {a: {size: 1}, c: {size: 5}}")
    assert "declarations of shop/memory" in refused(shop, plan, StalePlan, 5).message


def test_a_store_that_moved(shop: Workshop, plan: Plan) -> None:
    shop.store().put(made(Item("box", ("intruder",))))
    assert "intruder" in refused(shop, plan, StalePlan, 5).message


def test_a_store_that_moved_in_one_attribute(shop: Workshop, plan: Plan) -> None:
    found = shop.store().resources["box", ("b",)]
    assert isinstance(found, Box)
    shop.store().put(replace(found, colour="green"))
    refused(shop, plan, StalePlan, 5)


def test_what_is_informational_may_move(shop: Workshop, plan: Plan) -> None:
    found = shop.store().resources["box", ("b",)]
    assert isinstance(found, Box)
    shop.store().put(replace(found, weight=99))
    assert shop.apply(plan).outcome == "applied"


def test_another_version_of_the_server(shop: Workshop, plan: Plan) -> None:
    shop.store().version = (3, 0)
    assert "3.0" in refused(shop, plan, StalePlan, 5).message


def test_a_busy_lock(shop: Workshop, plan: Plan) -> None:
    shop.store().faults = Faults(held_by="eve@host pid 1")
    assert "eve@host" in refused(shop, plan, LockBusy, 4).message


def test_hazards_nobody_approved(shop: Workshop, plan: Plan) -> None:
    error = refused(shop, plan, Blocked, 3, "RC1204")
    assert "RC1103" in error.message
    assert "RC1101" in error.message
    assert error.hint is not None
    assert "RC1101,RC1103" in error.hint
    refused(shop, plan, Blocked, 3, "RC1101")
    assert shop.apply(plan, "RC1101", "RC1103").outcome == "applied"


def test_an_environment_may_approve(shop: Workshop, plan: Plan) -> None:
    shop.configure(
        """
        connections: {"*": {memory: {}}}
        environments: {dev: {allow: [RC1101, RC1103]}}
        """
    )
    assert shop.apply(plan, "RC1204").outcome == "applied"


def test_expanding_needs_no_approval_of_what_contract_does(shop: Workshop, plan: Plan) -> None:
    result = pipeline.apply_plan(shop.project(), plan, through=Phase.EXPAND)
    assert result.outcome == "stopped"
    assert result.stopped_before == Phase.CONTRACT
    assert [s.title for s in result.ran] == ["make box c"]


def test_data_that_breaks_the_rule(shop: Workshop) -> None:
    shop.become("boxes: {a: {}}")
    shop.declare("boxes: {a: {rule: size > 3}}")
    plan = shop.plan()
    shop.store().violations["content of a"] = ("x1", "x2")
    error = refused_at_step(shop, plan)
    assert "2 × break the rule, such as x1, x2" in error.message
    assert error.hint is not None
    assert "content of a" in error.hint
    shop.store().violations.clear()
    assert shop.apply(plan).outcome == "applied"


def refused_at_step(shop: Workshop, plan: Plan) -> Blocked:
    with pytest.raises(Blocked) as caught:
        shop.apply(plan)
    assert shop.store().executed == []
    return caught.value


def test_one_target_that_fails_stops_later_phases_only(shop: Workshop) -> None:
    for service in ("left", "right"):
        shop.become("boxes: {a: {size: 1}}", service)
    for service in ("left", "right"):
        shop.declare("boxes: {a: {size: 2, colour: red}, b: {}}", service)
    plan = shop.plan()
    left, right = shop.store("left"), shop.store("right")
    left.faults = Faults(fail_at=frozenset({1}))
    with pytest.raises(PartlyApplied):
        shop.apply(plan)
    assert len(right.executed) == 2  # all of expand, nothing of migrate
    left.faults = Faults()
    assert shop.apply(plan).outcome == "applied"
    assert shop.plan().empty


def test_an_intruder_during_the_apply_is_found_by_the_proof(shop: Workshop, plan: Plan) -> None:
    store = shop.store()

    def intrude(event: StepEvent) -> None:
        if event.state == "done":
            store.put(made(Item("label", ("a", "late"))))

    with pytest.raises(PartlyApplied, match="late"):
        pipeline.apply_plan(shop.project(), plan, allow=["*"], listen=intrude)


def test_an_interrupt_lets_the_step_end(shop: Workshop, plan: Plan) -> None:
    shop.store().faults = Faults(interrupt_at=1)
    with pytest.raises(KeyboardInterrupt):
        shop.apply(plan)
    assert len(shop.store().executed) == 1
    assert shop.store().locked == ""
    shop.store().faults = Faults()
    result = shop.apply(plan)
    assert [s.id for s in result.skipped] == [1]
    assert shop.plan().empty


def test_of_two_appliers_at_once_one_is_told_the_other(shop: Workshop, plan: Plan) -> None:
    """The second comes while the first is between two steps."""
    second: list[BaseException | str] = []

    def come(event: StepEvent) -> None:
        if event.state == "started" and not second:
            try:
                second.append(shop.apply(plan).outcome)
            except LockBusy as error:
                second.append(error)

    assert pipeline.apply_plan(shop.project(), plan, allow=["*"], listen=come).outcome == "applied"
    assert isinstance(second[0], LockBusy)
    assert "pid" in str(second[0])
