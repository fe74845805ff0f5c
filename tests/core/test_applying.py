"""Phases, gates, the journal, drift and import, on the memory engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.errors import PartlyApplied, StalePlan
from reconciler.model.step import Check, Phase
from reconciler.planfile.codec import sealed
from reconciler.results import ImportResult
from tests.memory_engine import MemoryEngine
from tests.memory_kinds import Box, Item, made
from tests.projects import Workshop

CHANGE = "boxes: {a: {size: 3, colour: red, labels: {x: hi}}}"


@pytest.fixture
def production(shop: Workshop) -> Workshop:
    shop.environment = "production"
    shop.become("boxes: {a: {}, b: {}}")
    shop.declare(CHANGE)
    return shop


def test_production_stops_before_contract_and_goes_on_when_told(production: Workshop) -> None:
    plan = production.plan()
    assert plan.stop_before is Phase.CONTRACT
    first = production.apply(plan)
    assert (first.outcome, first.stopped_before) == ("stopped", Phase.CONTRACT)
    assert {s.phase for s in first.remaining} == {Phase.CONTRACT}
    again = production.apply(plan)
    assert (again.outcome, again.ran) == ("stopped", ())
    last = production.apply(plan, through=Phase.CONTRACT)
    assert (last.outcome, {s.phase for s in last.ran}) == ("applied", {Phase.CONTRACT})
    assert production.apply(plan).outcome == "already applied"
    assert production.plan().empty


def test_phase_by_phase(production: Workshop) -> None:
    plan = production.plan()
    ran = [production.apply(plan, through=phase).ran for phase in Phase]
    assert [{s.phase for s in steps} for steps in ran] == [{phase} for phase in Phase]
    assert production.plan().empty


def test_between_the_phases_nothing_may_move(production: Workshop) -> None:
    plan = production.plan()
    production.apply(plan, through=Phase.EXPAND)
    found = production.store().resources["box", ("b",)]
    assert isinstance(found, Box)
    production.store().put(replace(found, colour="pink"))
    with pytest.raises(StalePlan, match="box b"):
        production.apply(plan, through=Phase.MIGRATE)


def test_an_applied_plan_is_stale_when_the_store_moved_after_it(shop: Workshop) -> None:
    shop.declare("boxes: {a: }")
    plan = shop.plan()
    shop.apply(plan)
    shop.store().drop("box", "a")
    with pytest.raises(StalePlan, match="box a"):
        shop.apply(plan)


def test_an_empty_plan_takes_over_what_is_there(shop: Workshop) -> None:
    shop.store().put(made(Item("box", ("a",))))
    shop.declare("boxes: {a: }")
    plan = shop.plan()
    assert plan.empty
    assert shop.apply(plan).outcome == "applied"
    shop.declare("boxes: {}")
    assert [s.title for s in shop.plan().steps] == ["throw box a away"]


def test_a_target_that_no_file_declares_any_more_is_told_until_the_next_apply(shop: Workshop) -> None:
    shop.declare("boxes: {a: }", service="old")
    shop.declare("boxes: {b: }")
    shop.apply()
    file = shop.folder / "schemas" / "old.yaml"
    text = file.read_text()
    file.unlink()
    plan = shop.plan()
    assert [n.target for n in plan.notes] == ["old/memory"] and plan.empty
    assert "give service old a section 'memory:' with nothing in it" in plan.notes[0].message
    drift = pipeline.drift(shop.project())
    assert ([n.target for n in drift.notes], drift.exit_code) == (["old/memory"], 0)
    assert "a" in {r.address.name for r in shop.store("old").resources.values()}
    shop.apply(plan)
    assert not shop.plan().notes
    file.write_text(text.partition("memory:")[0] + "memory:\n")
    assert [str(s.address) for s in shop.plan().steps] == ["box a"]


def test_a_service_that_was_not_chosen_is_still_declared(shop: Workshop) -> None:
    shop.declare("boxes: {a: }", service="other")
    shop.declare("boxes: {b: }")
    shop.apply()
    assert not shop.plan("shop").notes
    options = Options(cwd=shop.folder, environment=shop.environment, service="shop")
    assert not pipeline.make_plan(pipeline.load(options, {}, {"memory": shop.engine})).plan.notes


def test_events_tell_the_story(shop: Workshop) -> None:
    shop.declare("boxes: {a: }")
    shop.apply()
    assert [(e.state, e.step and e.step.id) for e in shop.events] == [
        ("locked", None),
        ("started", 1),
        ("waiting", 1),
        ("done", 1),
        ("verified", None),
    ]


def test_before_contract_is_told_what_is_proven_and_what_is_to_come(production: Workshop) -> None:
    plan = production.plan()
    left = plan.steps_of(Phase.CONTRACT)
    for through, remaining in ((None, tuple(left)), (Phase.CONTRACT, ())):
        production.events.clear()
        production.apply(plan, through=through)
        assert [e.remaining for e in production.events if e.state == "verified"] == [remaining]


def test_a_step_that_leaves_no_trace_is_noticed_though_more_steps_are_to_come(production: Workshop) -> None:
    plan = production.plan()
    first = [s for s in plan.steps if s.phase < Phase.CONTRACT][-1]
    assert first.done, "the case needs a step that shows in the store"
    forged = replace(first, done=(Check(first.address, present=False),))
    plan = sealed(replace(plan, steps=tuple(forged if s is first else s for s in plan.steps)))
    with pytest.raises(PartlyApplied, match="live still differs"):
        production.apply(plan)


def test_drift_tells_whose_change_it_is(shop: Workshop) -> None:
    shop.become("boxes: {a: {labels: {x: hi}}, b: {}, c: {}, d: {}}")
    assert pipeline.drift(shop.project()).exit_code == 0
    store = shop.store()
    found = store.resources["box", ("a",)]
    assert isinstance(found, Box)
    store.put(replace(found, colour="pink"))
    store.drop("box", "b")
    store.put(made(Item("label", ("c", "late"))))
    store.put(made(Item("box", ("intruder",))))
    shop.declare("boxes: {a: {labels: {x: hi}}, b: {}, c: {}, d: {size: 7}}")
    result = pipeline.drift(shop.project())
    assert [(str(f.address), f.what, f.cause, f.attributes) for f in result.of("shop/memory")] == [
        ("box a", "changed", "live", (("colour", "white", "pink"),)),
        ("box b", "missing", "live", ()),
        ("box d", "changed", "declaration", (("size", "7", "1"),)),
        ("label c.late", "extra", "live", ()),
        ("box intruder", "new", "live", ()),
    ]
    assert result.exit_code == 2
    assert [f.where.line if f.where else None for f in result.findings] == [3, 3, 3, None, None]


def test_what_was_beside_us_at_the_last_apply_is_no_drift(shop: Workshop) -> None:
    shop.store().put(made(Item("box", ("old",))))
    shop.become("boxes: {a: {}}")
    result = pipeline.drift(shop.project())
    assert (result.exit_code, [u.address.name for u in result.unmanaged]) == (0, ["old"])


def test_before_the_first_apply_nobody_knows_the_cause(shop: Workshop) -> None:
    shop.declare("boxes: {a: {labels: {x: hi}}}")
    assert [(str(f.address), f.what, f.cause) for f in pipeline.drift(shop.project()).findings] == [
        ("box a", "missing", "unknown")
    ]


def imported(shop: Workshop) -> ImportResult:
    project = pipeline.load(Options(cwd=shop.folder, environment="dev", service="shop"), {}, {"memory": shop.engine})
    return pipeline.import_live(project)


def test_a_plan_right_after_an_import_is_empty(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 4, rule: x > 1, labels: {x: hi, y: {after: x}}, lid: {}}, b: }")
    result = imported(shop)
    assert (result.exit_code, result.differences, result.resources) == (0, (), {"shop/memory": 5})
    (text,) = result.files.values()
    (shop.folder / "schemas" / "shop.yaml").write_text(text)
    assert shop.plan().empty


def test_what_an_import_loses_is_told(shop: Workshop) -> None:
    shop.become("boxes: {a: }")
    found = shop.store().resources["box", ("a",)]
    assert isinstance(found, Box)
    shop.store().put(replace(found, undercoat="green"))
    result = imported(shop)
    assert result.exit_code == 1
    assert [(str(d.address), d.attributes) for d in result.differences] == [
        ("box a", (("undercoat", "green", "nothing"),))
    ]


def test_two_appliers(shop: Workshop) -> None:
    """The second one, who waited for the lock, finds that the store moved."""
    shop.declare("boxes: {a: }")
    first, second = shop.plan(), shop.plan()
    assert shop.apply(first).outcome == "applied"
    assert first == second
    assert shop.apply(second).outcome == "already applied"
    shop.declare("boxes: {a: {size: 2}}")
    first = shop.plan()
    shop.declare("boxes: {a: {size: 3}}")
    second = shop.plan()
    shop.declare("boxes: {a: {size: 2}}")
    shop.apply(first)
    shop.declare("boxes: {a: {size: 3}}")
    with pytest.raises(StalePlan):
        shop.apply(second)


def test_the_project_goes_through_the_real_registry_without_drivers() -> None:
    import subprocess
    import sys

    drivers = "('psycopg', 'boto3', 'neo4j', 'botocore')"
    program = f"import reconciler.pipeline, sys; print([m for m in {drivers} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_engine_is_one_object(shop: Workshop) -> None:
    from reconciler.model.engine import Engine

    assert isinstance(MemoryEngine(), Engine)
