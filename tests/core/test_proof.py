"""The proof of a plan on scratch stores of the memory engine, with kinds that are wrong in one way each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.apply.reverse import undoing
from reconciler.config.project import Project
from reconciler.model.change import Change
from reconciler.model.engine import ScratchServer
from reconciler.model.kind import Context, Kind, Rule
from reconciler.model.plan import Plan, Proof, Verdict
from reconciler.model.step import Draft
from reconciler.planfile.codec import digest_of
from tests.memory_engine import Faults, MemoryEngine, ScratchMemoryEngine
from tests.memory_kinds import BOX, KINDS, Item, MemoryOperation, item, made
from tests.projects import Workshop

PROVEN, UNPROVEN, REFUTED, IMPOSSIBLE = Verdict
Change_ = Callable[[Draft, Change[Any]], Draft]


@pytest.fixture
def engine() -> ScratchMemoryEngine:
    return ScratchMemoryEngine()


@pytest.fixture
def shop(tmp_path: Path, engine: ScratchMemoryEngine, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project whose targets are proven on the memory engine."""
    monkeypatch.setattr(Project, "scratch", lambda _project, _target: ScratchServer({}, "memory"))
    return Workshop(tmp_path, engine=engine)


def planned(shop: Workshop) -> Plan:
    """The plan, proven; of the scratch stores nothing is left, and nothing happened to the live ones."""
    before = {name: (dict(s.resources), dict(s.journal), list(s.executed)) for name, s in shop.engine.stores.items()}
    plan = pipeline.make_plan(shop.project(), stamped=True, prove=lambda _text: None).plan
    after = {name: (dict(s.resources), dict(s.journal), list(s.executed)) for name, s in shop.engine.stores.items()}
    assert {n: s for n, s in after.items() if n in before} == before
    assert not any("scratch" in name for name in after)
    assert digest_of(plan) == plan.digest
    return plan


def proof(shop: Workshop) -> Proof:
    (found,) = planned(shop).proofs
    return found


def wrong(kind: Kind[Any], attribute: str, change: Change_) -> Kind[Any]:
    """The kind with one rule whose drafts are changed."""

    def spoilt(rule: Rule[Any]) -> Rule[Any]:
        def emit(found: Change[Any], context: Context) -> list[Draft]:
            return [change(draft, found) for draft in rule.emit(found, context)]

        return replace(rule, emit=emit) if attribute in rule.attributes else rule

    return replace(kind, rules=tuple(map(spoilt, kind.rules)))


def with_box(shop: Workshop, kind: Kind[Any]) -> None:
    shop.engine.kinds = {**KINDS, "box": kind}


def resized(by: int) -> Change_:
    def change(draft: Draft, found: Change[Any]) -> Draft:
        return replace(draft, operation=MemoryOperation("set", (item(found.desired, size=found.desired.size + by),)))

    return change


def test_the_steps_and_their_undo_are_proven(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: {size: 2, rule: X > 1, labels: {x: hi}}, b: {}}\nlinks: {l: {source: a, sink: b}}")
    shop.declare(
        "boxes: {a: {size: 3, colour: red, rule: X > 1, labels: {x: ho, y: new}}, b: {}, c: {}}\n"
        "links: {l: {source: a, sink: b}}"
    )
    plan = planned(shop)
    assert plan.proofs == (Proof("shop/memory", PROVEN, PROVEN, "Memory 2.0"),)
    (scratch,) = engine.scratches
    assert {k for k, _ in scratch.resources} == {"box", "label", "link"}, "what was live is there again"
    ran = [s.operation.lines()[0] for s in plan.steps]
    assert "\n".join(ran) in "\n".join(scratch.executed), "the executor ran these steps in their order"
    assert list(map(str, scratch.journal)) == ["progress"]


def test_every_target_has_its_own_proof(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.declare("boxes: {a: }")
    shop.declare("boxes: {b: }", service="cart")
    assert [p.target for p in planned(shop).proofs] == ["cart/memory", "shop/memory"]
    assert len(engine.scratches) == 2


def test_without_steps_there_is_nothing_to_prove(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: }")
    assert planned(shop).proofs == () and engine.scratches == []


def test_steps_that_do_not_converge_are_caught(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")
    with_box(shop, wrong(BOX, "size", resized(-1)))
    found = proof(shop)
    assert (found.forward, found.undo) == (REFUTED, UNPROVEN)
    assert found.reason == "all steps ran, and these differ from what is declared: box a (size)"


def test_a_step_that_fails_is_caught(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")
    engine.faults = Faults(fail_at=frozenset({2}))  # the first one builds what is live
    found = proof(shop)
    assert found.forward is REFUTED
    assert found.reason == "step 1 (make box a bigger) failed: execution 2 is refused"


def test_an_undo_that_does_not_restore_is_caught(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")
    with_box(shop, wrong(BOX, "size", lambda draft, _change: replace(draft, undo=())))
    found = proof(shop)
    assert (found.forward, found.undo) == (PROVEN, REFUTED)
    assert found.undo_reason == "all steps were undone, and these differ from before: box a (size)"


def test_an_undo_that_leaves_something_behind_is_caught(shop: Workshop) -> None:
    shop.become("boxes: {a: }")
    shop.declare("boxes: {a: , b: }")

    def create(change: Change[Any], context: Context) -> list[Draft]:
        return [replace(d, undo=()) for d in BOX.create(change, context)]

    with_box(shop, replace(BOX, create=create))
    found = proof(shop)
    assert (found.undo, found.undo_reason.rpartition(": ")[2]) == (REFUTED, "box b (delete)")


def test_an_undo_that_fails_is_caught(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")
    engine.faults = Faults(fail_at=frozenset({3}))
    found = proof(shop)
    assert (found.forward, found.undo) == (PROVEN, REFUTED)
    assert found.undo_reason == "undo of step 1: make box a bigger failed: execution 3 is refused"


def test_steps_without_an_undo_are_named(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 5}, b: {size: 5}}")
    shop.declare("boxes: {a: {size: 2}, b: {size: 2}}")
    found = proof(shop)
    assert (found.forward, found.undo) == (PROVEN, IMPOSSIBLE)
    assert found.undo_reason == "2 steps cannot be undone (1, 2)"


def test_the_undo_runs_backwards_and_without_checks(shop: Workshop) -> None:
    shop.declare("boxes: {a: , b: }")
    steps = shop.plan().steps
    undone = list(undoing(steps))
    assert [s.title for s in undone] == [f"undo of step {s.id}: {s.title}" for s in reversed(steps)]
    assert [s.id for s in undone] == [1, 2]
    assert [s.operation.lines() for s in undone] == [["drop box b"], ["drop box a"]]
    assert not any(s.probes or s.done for s in undone)


def test_what_cannot_be_built_is_not_proven(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")

    def create(change: Change[Any], context: Context) -> list[Draft]:
        smaller = MemoryOperation("put", (Item("box", change.address.path),))
        return [replace(d, operation=smaller) for d in BOX.create(change, context)]

    with_box(shop, replace(BOX, create=create))
    found = proof(shop)
    assert (found.forward, found.undo, found.refuted, found.untried) == (UNPROVEN, UNPROVEN, False, True)
    assert found.reason.endswith("these differ from what is live: box a (size)")


def test_what_is_live_and_refused_is_not_proven(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}}")
    engine.faults = Faults(fail_at=frozenset({1}))
    assert proof(shop).reason.endswith("make box a: execution 1 is refused")


def test_what_nobody_declares_is_built_too(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.store().put(made(Item("box", ("stranger",))))
    shop.declare("boxes: {a: }")
    assert proof(shop).undo is PROVEN
    assert ("box", ("stranger",)) in engine.scratches[0].resources


def test_another_version_proves_nothing(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.declare("boxes: {a: }")
    engine.scratch_version = (3, 1)
    found = proof(shop)
    assert (found.forward, found.reason) == (UNPROVEN, "memory runs Memory 3.1, not Memory 2.0")


def test_without_a_server_it_is_said_why(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "scratch", lambda _project, _target: None)
    shop.declare("boxes: {a: }")
    found = proof(shop)
    assert found.forward is UNPROVEN
    assert found.reason == "no local store is called 'memory'; name a server of that version with --scratch URL"


def test_an_engine_need_not_offer_it(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, engine=MemoryEngine())
    shop.declare("boxes: {a: }")
    found = proof(shop)
    assert (found.forward, found.undo, found.refuted, found.untried) == (IMPOSSIBLE, IMPOSSIBLE, False, False)
    assert found.reason == "memory has no scratch databases"


def test_an_interrupt_clears_up(shop: Workshop, engine: ScratchMemoryEngine) -> None:
    shop.become("boxes: {a: {size: 2}}")
    shop.declare("boxes: {a: {size: 5}, b: }")
    engine.faults = Faults(interrupt_at=2)
    with pytest.raises(KeyboardInterrupt):
        planned(shop)
    assert len(engine.scratches) == 1
    end = time.monotonic() + 10  # it is cleared by the thread that was at it
    while any("scratch" in name for name in engine.stores) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any("scratch" in name for name in engine.stores)
