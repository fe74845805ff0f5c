"""Any two declarations: the plan from one to the other converges, resumes after any kill, and reads back."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.desired.emit import dump
from reconciler.model.step import Phase
from reconciler.planfile.codec import encode
from reconciler.planfile.store import read_text
from tests.memory_engine import Faults, Killed
from tests.projects import Workshop

NAMES = ["a", "b", "c", "d.e", "ü x"]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def labels(draw: st.DrawFn) -> dict[str, Any]:
    """Labels, each after an earlier one or none: no circles."""
    found: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
        text, required = draw(st.sampled_from(["", "hi", "ho"])), draw(st.booleans())
        node: dict[str, Any] = {"text": text, "required": required}
        if draw(st.booleans()) and found:
            node["after"] = draw(st.sampled_from(sorted(found)))
        found[name] = node
    return found


@st.composite
def boxes(draw: st.DrawFn) -> dict[str, Any]:
    node: dict[str, Any] = {
        "size": draw(st.integers(1, 3)),
        "colour": draw(st.sampled_from(["white", "red"])),
        "material": draw(st.sampled_from(["wood", "tin"])),
        "tags": draw(st.lists(st.sampled_from(["p", "q", "r"]), unique=True)),
        "labels": draw(labels()),
    }
    if draw(st.booleans()):
        node["rule"] = draw(st.sampled_from(["Size > 1", "size   > 1", "colour = 'x: #1'"]))
    if draw(st.booleans()):
        node["lid"] = {"tight": draw(st.booleans())}
    return node


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    found = {name: draw(boxes()) for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))}
    links = {}
    if len(found) > 1:
        for name in draw(st.lists(st.sampled_from(["l", "m"]), unique=True)):
            source, sink = draw(st.permutations(sorted(found)))[:2]
            links[name] = {"source": source, "sink": sink}
    return {"boxes": found, "links": links}


def workshop(folder: str) -> Workshop:
    return Workshop(Path(folder))


def shuffled(node: Any, seed: int) -> Any:
    if not isinstance(node, dict):
        return node
    keys = list(node)
    random.Random(seed).shuffle(keys)
    return {k: shuffled(node[k], seed + 1) for k in keys}


@QUICK
@given(declarations(), declarations())
def test_from_anywhere_to_anywhere(before: Any, after: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = workshop(folder)
        shop.become(dump(before))
        shop.declare(dump(after))
        plan = shop.plan()
        assert [s.phase for s in plan.steps] == sorted(s.phase for s in plan.steps)
        assert read_text(encode(plan).encode(), "p.yaml", {"memory": shop.engine}) == plan
        for phase in Phase:
            shop.apply(plan, through=phase)
        assert shop.plan().empty


@QUICK
@given(declarations(), declarations(), st.integers(0, 100))
def test_the_order_of_the_declaration_does_not_matter(before: Any, after: Any, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = workshop(folder)
        shop.become(dump(before))
        shop.declare(dump(after))
        plan = encode(shop.plan())
        shop.declare(dump(shuffled(after, seed)))
        assert encode(shop.plan()) == plan


@QUICK
@given(declarations(), declarations(), st.sampled_from(["kill_before", "kill_between", "kill_after"]), st.data())
def test_a_kill_anywhere(before: Any, after: Any, when: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = workshop(folder)
        shop.become(dump(before))
        shop.declare(dump(after))
        plan = shop.plan()
        if not plan.steps:
            return
        shop.store().faults = Faults()
        setattr(shop.store().faults, when, data.draw(st.integers(1, len(plan.steps))))
        try:
            shop.apply(plan)
            raise AssertionError("the kill did not happen")
        except Killed:
            shop.store().faults = Faults()
        assert shop.apply(plan).outcome == "applied"
        assert shop.plan().empty
