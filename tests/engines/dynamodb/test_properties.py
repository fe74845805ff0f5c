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


scaling = st.fixed_dictionaries(
    {"min": st.integers(1, 3), "max": st.integers(3, 5)},
    optional={"target": st.integers(20, 22), "scale_in": st.booleans(), "scale_out_cooldown": st.integers(0, 2)},
)
scalings = st.fixed_dictionaries({}, optional={"read": scaling, "write": scaling}).filter(bool)
replica = st.fixed_dictionaries(
    {},
    optional={
        "max_read": st.integers(1, 3),
        "table_class": st.sampled_from(["standard", "standard_infrequent_access"]),
        "deletion_protection": st.booleans(),
        "point_in_time_recovery": st.one_of(st.booleans(), st.integers(1, 35).map(lambda days: {"days": days})),
        "tags": st.dictionaries(st.sampled_from(NAMES), st.text("ab", max_size=2), min_size=1),
        "kinesis": st.sampled_from(["one", "two"]),
        "contributor_insights": st.sampled_from([True, False, "throttled_keys"]),
    },
)
replica_index = st.fixed_dictionaries(
    {}, optional={"max_read": st.integers(1, 3), "contributor_insights": st.sampled_from([True, "throttled_keys"])}
)
globals_ = st.fixed_dictionaries(
    {"replicas": st.dictionaries(st.sampled_from(["eu-west-1", "us-west-2"]), replica, min_size=1)}
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
                    "stream": st.sampled_from(["keys_only", "new_and_old_images"]),
                    "point_in_time_recovery": st.one_of(
                        st.booleans(), st.integers(1, 35).map(lambda days: {"days": days})
                    ),
                    "deletion_protection": st.booleans(),
                    "table_class": st.sampled_from(["standard", "standard_infrequent_access"]),
                    "warm_throughput": st.fixed_dictionaries(
                        {"read": st.integers(12_000, 12_003), "write": st.integers(4_000, 4_003)}
                    ),
                    "encryption": st.sampled_from(
                        ["aws_owned", "aws_managed", {"key": "alias/one"}, {"key": "arn:two"}]
                    ),
                    "kinesis": st.sampled_from(["one", "two", {"stream": "one", "precision": "microsecond"}]),
                    "contributor_insights": st.sampled_from([True, False, "throttled_keys"]),
                    "resource_policy": st.sampled_from(["Allow", "Deny"]).map(
                        lambda effect: {
                            "Statement": [{"Effect": effect, "Principal": "*", "Action": "dynamodb:GetItem"}]
                        }
                    ),
                    "tags": st.dictionaries(st.sampled_from(NAMES), st.text("ab", max_size=2), min_size=1),
                },
            )
        ),
    }
    if provisioned and draw(st.booleans()):
        node["autoscaling"] = draw(scalings)
    elif node.get("stream") == "new_and_old_images" and not provisioned:
        node["global_table"] = draw(globals_)
        if indexes:
            held = st.dictionaries(st.sampled_from(sorted(indexes)), replica_index)
            for region in node["global_table"]["replicas"].values():
                region["indexes"] = draw(held)
    for index in indexes.values():
        if draw(st.booleans()):
            index["contributor_insights"] = draw(st.sampled_from([True, "throttled_keys"]))
        if provisioned and draw(st.booleans()):
            index["autoscaling"] = draw(scalings)
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
