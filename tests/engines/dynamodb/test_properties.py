"""Random declarations: nothing is lost by lifting, and every change is a plan or an error that says why."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.desired.documents import Document
from reconciler.desired.emit import dump
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.diff.structural import diff
from reconciler.engines.dynamodb import ENGINE
from reconciler.errors import UnsupportedChange
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Policy
from reconciler.model.step import Phase
from tests.engines.dynamodb.planning import planned_catalogs
from tests.engines.dynamodb.workshop import NAMING

NAMES = ("alpha", "beta", "gamma", "delta")
units = st.fixed_dictionaries({"read": st.integers(1, 9), "write": st.integers(1, 9)})
maxima = st.fixed_dictionaries({}, optional={"max_read": st.integers(1, 9), "max_write": st.integers(1, 9)}).filter(
    bool
)
projections = st.one_of(
    st.sampled_from(["all", "keys_only"]), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """One table's node, right in every respect."""
    keys = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    billing = draw(st.one_of(st.just("on_demand"), units, maxima.map(lambda m: {"on_demand": m})))
    provisioned = isinstance(billing, dict) and "read" in billing
    used = set(keys)
    indexes = {}
    for name in draw(st.lists(st.sampled_from(["one", "two", "three"]), unique=True)):
        parts = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
        cut = draw(st.integers(1, len(parts)))
        used |= set(parts)
        node: dict[str, Any] = {"partition": parts[:cut], "projection": draw(projections)}
        if parts[cut:]:
            node["sort"] = parts[cut:]
        if draw(st.booleans()):
            node["throughput"] = draw(units if provisioned else maxima)
        indexes[name] = node
    node = {
        "key": dict(zip(("partition", "sort"), keys, strict=False)),
        "billing": billing,
        "indexes": indexes,
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "ttl": st.sampled_from(NAMES),
                    "stream": st.sampled_from(["keys_only", "new_image"]),
                    "point_in_time_recovery": st.one_of(
                        st.booleans(), st.integers(1, 35).map(lambda days: {"days": days})
                    ),
                    "deletion_protection": st.booleans(),
                    "table_class": st.sampled_from(["standard", "standard_infrequent_access"]),
                    "tags": st.dictionaries(st.sampled_from(NAMES), st.text("ab", max_size=2), min_size=1),
                },
            )
        ),
    }
    node["attributes"] = {name: draw(st.sampled_from("SNB")) for name in sorted(used)}
    return node


declarations = st.dictionaries(st.sampled_from(["orders", "people"]), tables(), max_size=2)


def catalog(section: dict[str, Any]) -> Catalog:
    text = dump({"service": "shop", "dynamodb": section})
    document = Document("shop.yaml", text, parse(text, "shop.yaml"), "")
    return lower(ENGINE, (document,), "shop", Policy("dev", retain=False), NAMING)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(declarations)
def test_lifting_loses_nothing(nodes: dict[str, Any]) -> None:
    declared = catalog({"tables": nodes})
    again = catalog(lift(ENGINE, declared))
    assert not diff(declared, again, ENGINE.kinds)
    assert set(declared.resources) == set(again.resources)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(declarations, declarations)
def test_every_change_is_planned_or_refused_with_its_reason(before: dict[str, Any], after: dict[str, Any]) -> None:
    live, desired = catalog({"tables": before}), catalog({"tables": after})
    try:
        plan = planned_catalogs(live, desired)
    except UnsupportedChange as error:
        assert error.hint
        return
    assert plan.empty == (not diff(desired, live, ENGINE.kinds))
    assert [s.phase for s in plan.steps] == sorted(s.phase for s in plan.steps)
    for step in plan.steps:
        assert step.done
        assert ENGINE.decode(step.operation.encode()) == step.operation
        for operation in step.undo or ():
            assert ENGINE.decode(operation.encode()) == operation
        if step.phase is Phase.EXPAND:
            assert not any(h.needs_approval for h in step.hazards), step.title
