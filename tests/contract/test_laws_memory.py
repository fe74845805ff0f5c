"""The laws of DESIGN section 3 on the memory engine: whoever writes an engine can read here what it owes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.apply.verify import done
from reconciler.diff.structural import diff
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine, Limits, Scope, Session
from reconciler.model.plan import Plan
from reconciler.model.resource import Role, attributes_of
from reconciler.model.step import Phase, Step
from reconciler.planfile.codec import listed
from reconciler.planfile.fingerprint import top_digests
from tests.memory_engine import MemorySession, Store
from tests.memory_kinds import KINDS
from tests.projects import Workshop

BEFORE = """
boxes:
  a: {size: 2, labels: {x: hello, y: {text: t, after: x}}, lid: {tight: true}}
  b: {material: tin, tags: [p, q]}
links: {l: {source: a, sink: b}}
"""
AFTER = """
boxes:
  a: {size: 1, colour: red, rule: Size > 2, labels: {y: {text: t2, required: true}, z: new}}
  b: {material: wood, tags: [q]}
  c: {labels: {first: x}, lid: {}}
links: {m: {source: c, sink: b}}
"""
SCOPE = Scope("shop", "dev")


@pytest.fixture
def plan(shop: Workshop) -> Plan:
    shop.become(BEFORE)
    shop.declare(AFTER)
    return shop.plan()


def session(shop: Workshop) -> Session:
    return MemorySession(shop.store(), shop.project().connect("shop", "memory"))


def live(shop: Workshop) -> Catalog:
    return session(shop).inspect(SCOPE)


def desired(shop: Workshop) -> Catalog:
    return pipeline._declared(shop.project(), ("shop", "memory")).desired


def test_law_1_convergence(shop: Workshop, plan: Plan) -> None:
    assert diff(live(shop), live(shop), KINDS) == {}
    shop.apply(plan)
    assert shop.plan().empty


def test_law_2_canonicalise_is_idempotent_and_leaves_live_alone(shop: Workshop, plan: Plan) -> None:
    there = session(shop)
    once = there.canonicalise(desired(shop), live(shop))
    assert dict(there.canonicalise(once, live(shop)).resources) == dict(once.resources)
    assert dict(there.canonicalise(live(shop), live(shop)).resources) == dict(live(shop).resources)


def test_law_2_inspect_is_pure_and_sorted(shop: Workshop, plan: Plan) -> None:
    before = copy.deepcopy(shop.store().resources)
    assert list(live(shop).resources) == sorted(live(shop).resources)
    assert shop.store().resources == before


def test_law_3_every_mutable_attribute_is_covered() -> None:
    for kind in KINDS.values():
        covered = {name for rule in kind.rules for name in rule.attributes}
        mutable = {a.name for a in attributes_of(kind.resource) if a.role is Role.MUTABLE}
        assert covered == mutable


def test_law_4_operations_read_back_from_the_file(shop: Workshop, plan: Plan) -> None:
    for step in plan.steps:
        for operation in (step.operation, *(step.undo or ())):
            assert shop.engine.decode(_from_file(listed(operation.encode()))) == operation


def _from_file(fields: Any) -> Any:
    return copy.deepcopy(fields)


def test_law_5_only_contract_takes_away(shop: Workshop, plan: Plan) -> None:
    before = dict(live(shop).resources)
    shop.apply(plan, through=Phase.MIGRATE)
    after = live(shop).resources
    assert before.keys() <= after.keys()
    assert not any(a.kind == "label" and getattr(after[a], "required", False) for a in before)


def test_law_6_each_step_is_done_when_its_checks_say_so(shop: Workshop, plan: Plan) -> None:
    there = session(shop)
    for step in plan.steps:
        assert not done(step, there.inspect(SCOPE)), f"step {step.id} ({step.title}) says it is done before it ran"
        run(there, step)
        assert done(step, there.inspect(SCOPE)), f"step {step.id} ({step.title}) is not done after it ran"


def test_law_6_a_step_may_run_twice(shop: Workshop, plan: Plan) -> None:
    there = session(shop)
    for step in plan.steps:
        run(there, step)
        once = copy.deepcopy(shop.store().resources)
        run(there, step)
        assert shop.store().resources == once, f"step {step.id} ({step.title})"


def test_undo_brings_the_old_state_back(shop: Workshop, plan: Plan) -> None:
    there = session(shop)
    for step in plan.steps:
        before = top_digests(there.inspect(SCOPE), KINDS)
        run(there, step)
        if step.undo:
            for operation in step.undo:
                there.execute(operation, Limits(), lambda _: None, {})
            assert top_digests(there.inspect(SCOPE), KINDS) == before, f"step {step.id} ({step.title})"
            run(there, step)


def run(there: Session, step: Step) -> None:
    there.execute(step.operation, Limits(), lambda _: None, {})


def test_law_8_the_same_input_gives_the_same_plan(shop: Workshop, plan: Plan) -> None:
    assert shop.plan() == plan


def test_law_9_what_a_connection_holds_shows_nowhere(shop: Workshop, plan: Plan) -> None:
    target = replace(shop.project().connect("shop", "memory"), connection={"password": "hunter2"})
    assert "hunter2" not in repr(target)


def test_the_journal_takes_and_gives_plain_data(shop: Workshop) -> None:
    shop.declare("boxes: {}")
    there = session(shop)
    there.record({"a": {"b": [1, "x", None]}, "c": True})
    there.record({"c": None})
    assert there.journal() == {"a": {"b": [1, "x", None]}}


def test_the_engine_fits_the_protocol(shop: Workshop) -> None:
    assert isinstance(shop.engine, Engine)
    assert isinstance(shop.store(), Store)
