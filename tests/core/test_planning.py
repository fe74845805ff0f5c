"""Diff, ownership, order and phases, by whole plans on the memory engine."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.diff.structural import diff
from reconciler.errors import DeclarationErrors, InternalError, Several, UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.engine import Server
from reconciler.model.kind import Kind, Policy, Rule
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Phase, Ref
from reconciler.planfile.codec import encode
from reconciler.planner.build import TargetState, build, compared
from reconciler.planner.graph import Graph
from tests.memory_engine import MemoryEngine, MemorySession
from tests.memory_kinds import KINDS, Box, Item, Label, Lid, Link, MemoryOperation, made
from tests.projects import Workshop


def address(kind: str, *path: str) -> Address:
    return Address("shop", "memory", kind, path)


def catalog(*resources: Resource) -> Catalog:
    return Catalog("shop", "memory", {r.address: r for r in resources})


def titles(shop: Workshop) -> list[str]:
    return [f"{s.phase.word}: {s.title}" for s in shop.plan().steps]


def test_no_difference_is_no_change() -> None:
    some = catalog(Box(address("box", "a")), Label(address("label", "a", "x"), "hi"))
    assert diff(some, some, KINDS) == {}


def test_actions_and_attributes() -> None:
    live = catalog(Box(address("box", "a"), size=1), Box(address("box", "b")), Box(address("box", "c"), weight=5))
    wanted = catalog(Box(address("box", "a"), size=2), Box(address("box", "c")), Box(address("box", "d")))
    found = diff(wanted, live, KINDS)
    assert {a.name: c.action for a, c in found.items()} == {
        "a": Action.UPDATE,
        "b": Action.DELETE,
        "d": Action.CREATE,
    }
    assert found[address("box", "a")].attributes == (("size", 1, 2),)
    tin = catalog(Box(address("box", "a"), size=1, material="tin"))
    assert diff(tin, live, KINDS)[address("box", "a")].action is Action.REPLACE


def test_a_new_box_takes_its_content_along(shop: Workshop) -> None:
    shop.declare("boxes: {a: {labels: {x: hi, y: {after: x}}, lid: {}}}")
    plan = shop.plan()
    assert [s.title for s in plan.steps] == ["make box a"]
    assert len(plan.changes) == 4


def test_what_a_link_needs_is_there_before_it_and_goes_after_it(shop: Workshop) -> None:
    shop.declare("boxes: {z: , y: }\nlinks: {a: {source: z, sink: y}}")
    assert titles(shop) == ["expand: make box y", "expand: make box z", "expand: put link a in"]
    shop.apply()
    shop.declare("boxes: {}")
    assert titles(shop) == [
        "contract: take link a out",
        "contract: throw box y away",
        "contract: throw box z away",
    ]


def test_a_phase_is_raised_by_what_it_has_to_follow(shop: Workshop) -> None:
    """The new link can only follow the contract step that provides its new box."""
    shop.become("boxes: {a: {material: wood}}")
    shop.declare("boxes: {a: {material: tin}, b: }\nlinks: {l: {source: a, sink: b}}")
    assert titles(shop) == [
        "expand: build another box a of tin",
        "expand: make box b",
        "contract: take the new box a",
        "contract: put link l in",
    ]


def test_every_edge_leads_to_the_same_phase_or_a_later_one(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 5, labels: {x: hi}}}")
    shop.declare("boxes: {a: {size: 4, colour: red, labels: {x: {text: ho, required: true}, y: {after: x}}}}")
    phases = [s.phase for s in shop.plan().steps]
    assert phases == sorted(phases)
    assert phases[0] == Phase.EXPAND
    assert phases[-1] == Phase.CONTRACT


def graph(engine: MemoryEngine, drafts: dict[Address, list[Draft]]) -> Graph:
    changes: dict[Address, Change[Resource]] = {
        a: Change(a, Action.CREATE, None, made(Item(a.kind, a.path))) for a in drafts
    }
    result = Graph(engine, catalog(), catalog(), changes)
    for a, given in drafts.items():
        result.add(a, given)
    return result


def draft(slot: str, phase: Phase, *requires: Ref) -> Draft:
    return Draft(slot, phase, slot, MemoryOperation("put", ()), requires=requires)


def test_a_circle_is_told_by_its_names() -> None:
    a, b = address("box", "a"), address("box", "b")
    circle = graph(
        MemoryEngine(),
        {a: [draft("one", Phase.EXPAND, Ref(b, "two"))], b: [draft("two", Phase.EXPAND, Ref(a, "one"))]},
    )
    with pytest.raises(InternalError, match="box a, box b"):
        circle.order()


def test_a_required_draft_that_is_not_planned_is_told() -> None:
    a, b = address("box", "a"), address("box", "b")
    with pytest.raises(InternalError, match="requires three of box b"):
        graph(MemoryEngine(), {a: [draft("one", Phase.EXPAND, Ref(b, "three"))]}).order()


def test_requires_raises_phases_transitively() -> None:
    a, b, c = address("box", "a"), address("box", "b"), address("box", "c")
    nodes = graph(
        MemoryEngine(),
        {
            a: [draft("last", Phase.EXPAND, Ref(b))],
            b: [draft("middle", Phase.MIGRATE, Ref(c, "first"))],
            c: [draft("first", Phase.CONTRACT)],
        },
    ).order()
    assert [(n.draft.slot, n.phase) for n in nodes] == [
        ("first", Phase.CONTRACT),
        ("middle", Phase.CONTRACT),
        ("last", Phase.CONTRACT),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_bytes_whatever_the_order_of_the_input(seed: int) -> None:
    engine = MemoryEngine()
    live: list[Resource] = [Box(address("box", n), size=9) for n in "abcdefg"]
    live += [Label(address("label", "a", n), n) for n in "xyz"]
    live += [Link(address("link", n), n, "a") for n in "bcd"]
    wanted: list[Resource] = [Box(address("box", n), size=8 + i % 3, colour=n) for i, n in enumerate("abcfghi")]
    wanted += [Label(address("label", "a", n), "new", n > "x") for n in "wxy"]
    wanted += [
        Lid(address("lid", "a"), True),
        Link(address("link", "c"), "a", "b"),
        Link(address("link", "e"), "h", "i"),
    ]

    def plan() -> str:
        state = TargetState(
            engine, catalog(*wanted), catalog(*live), Server("Memory", (2,)), Policy("dev", prune="all")
        )
        return encode(build("dev", [compared(state)], [], None))

    first = plan()
    random.Random(seed).shuffle(live)
    random.Random(seed + 1).shuffle(wanted)
    assert plan() == first


def test_what_was_never_managed_is_listed_and_left(shop: Workshop) -> None:
    shop.store().put(made(Item("box", ("old",))))
    shop.store().put(made(Item("label", ("old", "x"))))
    shop.declare("boxes: {a: }")
    plan = shop.plan()
    assert [c.address.name for c in plan.changes] == ["a"]
    assert [u.address.name for u in plan.unmanaged] == ["old"]
    shop.apply()
    shop.declare("boxes: {a: , old: }")
    assert [(c.action, str(c.address)) for c in shop.plan().changes] == [(Action.DELETE, "label old.x")]


def test_what_was_managed_is_deleted_when_its_declaration_goes(shop: Workshop) -> None:
    shop.become("boxes: {a: , b: }")
    shop.declare("boxes: {a: }")
    assert titles(shop) == ["contract: throw box b away"]


@pytest.mark.parametrize(("prune", "steps", "unmanaged"), [("all", 2, 0), ("managed", 1, 1), ("never", 0, 2)])
def test_pruning(shop: Workshop, prune: str, steps: int, unmanaged: int) -> None:
    shop.configure(
        f"""
        connections: {{"*": {{memory: {{}}}}}}
        environments: {{dev: {{prune: {prune}}}}}
        """
    )
    shop.become("boxes: {b: }")
    shop.store().put(made(Item("box", ("old",))))
    shop.declare("boxes: {}")
    plan = shop.plan()
    assert (len(plan.steps), len(plan.unmanaged)) == (steps, unmanaged)


def test_never_pruned_things_stay_managed_for_the_day_the_policy_changes(shop: Workshop) -> None:
    prune = 'connections: {{"*": {{memory: {{}}}}}}\nenvironments: {{dev: {{prune: {}}}}}'
    shop.become("boxes: {b: }")
    shop.configure(prune.format("never"))
    shop.declare("boxes: {a: }")
    shop.apply()
    shop.configure(prune.format("managed"))
    assert titles(shop) == ["contract: throw box b away"]


def test_what_cannot_be_compared_is_deferred_and_never_silent(shop: Workshop) -> None:
    shop.declare("boxes: {a: {rule: really?}, b: }")
    plan = shop.plan()
    assert [c.address.name for c in plan.changes] == ["b"]
    assert [(d.address.name, d.reason) for d in plan.deferred] == [("a", "the rule holds a question")]
    assert not plan.complete


def test_a_change_no_rule_handles_is_an_error_with_its_line(shop: Workshop) -> None:
    shop.become("boxes: {a: {size: 1}}")
    shop.declare("boxes:\n  a: {size: 2}")
    rules = tuple(r for r in KINDS["box"].rules if "size" not in r.attributes)
    shop.engine.kinds = {**KINDS, "box": _unchecked(rules)}
    with pytest.raises(UnsupportedChange, match=r"shop\.yaml:4: box a: no way is known to change size from 1 to 2"):
        shop.plan()


def _unchecked(rules: tuple[Rule[Any], ...]) -> Kind[Any]:
    """The kind box with fewer rules, past the check that refuses such a kind when it is made."""
    kind = copy.copy(KINDS["box"])
    object.__setattr__(kind, "rules", rules)
    return kind


def test_a_kind_that_forgets_an_attribute_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="no rule covers size"):
        replace(KINDS["box"], rules=tuple(r for r in KINDS["box"].rules if "size" not in r.attributes))


def test_what_the_server_cannot_have_is_an_error(shop: Workshop) -> None:
    shop.declare("boxes:\n  a:\n    lid: {}")
    shop.store().version = (1, 9)
    with pytest.raises(DeclarationErrors, match="lid a needs version 2"):
        shop.plan()


def test_errors_of_several_targets_come_together(shop: Workshop) -> None:
    for service in ("left", "right"):
        shop.declare("boxes:\n  a:\n    lid: {}", service)
        shop.store(service).version = (1, 9)
    with pytest.raises(DeclarationErrors) as caught:
        shop.plan()
    assert len(caught.value.errors) == 2


def test_errors_of_several_stores_come_together(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.errors import ConnectionFailed

    def refuse(self: MemorySession, scope: object) -> None:
        raise ConnectionFailed(f"no answer from {self.target.name}")

    monkeypatch.setattr(MemorySession, "inspect", refuse)
    for service in ("left", "right"):
        shop.declare("boxes: {a: }", service)
    with pytest.raises(Several) as caught:
        shop.plan()
    assert [e.message for e in caught.value.errors] == ["no answer from left/memory", "no answer from right/memory"]
    assert caught.value.exit_code == 1


def test_without_changes_nothing_is_measured_or_fingerprinted(shop: Workshop) -> None:
    shop.become("boxes: {a: {rule: x > 1}}")
    shop.store().asked.clear()
    shop.declare("boxes: {a: {rule: (x > 1)}}")
    plan = pipeline.make_plan(shop.project()).plan
    assert plan.empty
    assert shop.store().asked == ["inspect"]
    assert plan.digest == ""
    assert plan.targets[0].live == ""


def test_a_plan_of_one_service_leaves_the_others_alone(shop: Workshop) -> None:
    shop.declare("boxes: {a: }", "left")
    shop.declare("boxes: {a: }", "right")
    shop.apply(shop.plan("left"))
    assert shop.store("left").executed
    assert not shop.store("right").asked


def test_a_store_that_refuses_is_told_by_its_target_and_where_its_connection_is_from(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.errors import ConnectionFailed

    def refuse(_engine: object, _target: object) -> object:
        raise ConnectionFailed("no answer", hint="is it up?")

    shop.declare("boxes: {a: }")
    shop.configure('connections:\n  "*":\n    memory: {place: "${PLACE}"}\n')
    monkeypatch.setattr(type(shop.engine), "open", refuse)
    with pytest.raises(ConnectionFailed) as caught:
        pipeline.make_plan(shop.project({"PLACE": "x"}))
    assert caught.value.message == "shop/memory: no answer"
    file = shop.folder / "reconcile.yaml"
    assert caught.value.hint == f"is it up? (the connection is from {file}:3 with PLACE)"
