"""What each replica of a global table has for itself, on the strict mock: every region has tables of its own there."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import pipeline
from reconciler.engines.dynamodb import ENGINE
from reconciler.errors import DeclarationErrors, StoreError, UnsupportedChange
from reconciler.model.kind import Policy
from reconciler.model.step import Phase
from tests.engines.dynamodb.planning import planned
from tests.engines.dynamodb.strict import Strict
from tests.engines.dynamodb.workshop import Workshop, address, codes, lowered, titles

ALLOW = "{Statement: {Effect: Allow, Principal: {AWS: '123456789012'}, Action: 'dynamodb:GetItem'}}"

DENY = "{Statement: {Effect: Deny, Principal: '*', Action: 'dynamodb:PutItem'}}"


def table(replicas: str, more: str = "", indexes: str = "{by_who: {partition: who}}") -> str:
    return (
        "t: {attributes: {id: S, who: S}, key: {partition: id}, stream: new_and_old_images,"
        f" indexes: {indexes}, {more} global_table: {{replicas: {replicas}}}}}"
    )


def region(settings: str) -> str:
    return table(f"{{eu-west-1: {{{settings}}}, us-west-2: }}")


EVERYTHING = (
    "point_in_time_recovery: {days: 3}, tags: {a: b}, deletion_protection: true, contributor_insights: throttled_keys,"
    f" kinesis: {{stream: changes, precision: microsecond}}, resource_policy: {ALLOW}, max_read: 9,"
    " table_class: standard_infrequent_access, encryption_key: 'arn:aws:kms:eu-west-1:123456789012:key/1',"
    " indexes: {by_who: {max_read: 4, contributor_insights: true}}"
)


def test_all_that_a_replica_has_for_itself_converges_and_goes(strict_shop: Workshop, service: Strict) -> None:
    plan = strict_shop.converge(region(EVERYTHING))
    there = service.in_region("eu-west-1")
    assert there.tables["shop-t-dev"]["DeletionProtectionEnabled"]
    (policy,) = there.made("PutResourcePolicy")
    assert "arn:aws:dynamodb:eu-west-1:123456789012:table/shop-t-dev" in policy["Policy"]
    (stream,) = there.made("EnableKinesisStreamingDestination")
    assert stream["StreamArn"] == "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"
    assert {m.get("IndexName", "") for m in there.made("UpdateContributorInsights")} == {"", "by_who"}
    assert {s.phase for s in plan.steps} == {Phase.EXPAND} and all(s.undo for s in plan.steps)
    gone = strict_shop.converge("t: {attributes: {id: S}, key: {partition: id}}")
    deletion = next(s for s in gone.steps if s.title == "replicate table shop-t-dev no longer to eu-west-1")
    assert codes(deletion) == ["RC1101", "RC1206"]
    assert not there.tables and not service.refusals


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (EVERYTHING, ""),
        ("kinesis: one", "kinesis: two"),
        *(
            pytest.param(*both, marks=pytest.mark.matrix)
            for both in (
                ("", EVERYTHING),
                ("point_in_time_recovery: {days: 30}", "point_in_time_recovery: {days: 3}"),
                ("tags: {a: b, c: d}", "tags: {a: x}"),
                ("kinesis: one", "kinesis: {stream: one, precision: microsecond}"),
                ("contributor_insights: true", "contributor_insights: throttled_keys"),
                (
                    f"resource_policy: {ALLOW}",
                    "resource_policy: {Statement: {Effect: Deny, Principal: '*', Action: 'x:y'}}",
                ),
                ("table_class: standard_infrequent_access, max_read: 4", "max_read: 9"),
                ("deletion_protection: true", "deletion_protection: false"),
                (
                    "indexes: {by_who: {max_read: 4}}",
                    "indexes: {by_who: {max_read: 2, contributor_insights: throttled_keys}}",
                ),
                ("indexes: {by_who: {max_read: 4, contributor_insights: true}}", "indexes: {by_who: {}}"),
            )
        ),
    ],
)
def test_a_setting_of_one_region_changes_there_alone(
    strict_shop: Workshop, service: Strict, first: str, then: str
) -> None:
    strict_shop.converge(region(first))
    before = strict_shop.inspect()
    other = service.in_region("us-west-2")
    untouched = len(other.sent)
    strict_shop.declare(region(then))
    plan = strict_shop.plan()
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert strict_shop.plan().empty and len(other.sent) == untouched and not service.refusals
    with strict_shop.session() as session:
        for step in reversed(plan.steps):
            for operation in step.undo or ():
                session.execute(operation, strict_shop.project().environment.limits, lambda _: None, {})
    keys = {a for a, r in before.resources.items() if strict_shop.inspect().resources.get(a) != r}
    assert keys <= ({address("replica", "t", "eu-west-1")} if "encryption_key" in first + then else set())


def test_a_copy_that_went_comes_back_with_all_it_had(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(region(EVERYTHING))
    before = strict_shop.inspect()
    strict_shop.declare(table("{us-west-2: }"))
    plan = strict_shop.plan()
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert not service.in_region("eu-west-1").tables
    with strict_shop.session() as session:
        for step in reversed(plan.steps):
            for operation in step.undo or ():
                session.execute(operation, strict_shop.project().environment.limits, lambda _: None, {})
    assert dict(strict_shop.inspect().resources) == dict(before.resources)


def test_reads_are_provisioned_and_scaled_by_region(strict_shop: Workshop, service: Strict) -> None:
    units = "billing: {read: 5, write: 5}, autoscaling: {read: {min: 1, max: 9}, write: {min: 1, max: 9}},"
    index = "{by_who: {partition: who, autoscaling: {write: {min: 1, max: 9}}}}"
    own = "autoscaling: {read: {min: 2, max: 40}}, indexes: {by_who: {read: 3, autoscaling: {read: {min: 1, max: 5}}}}"
    strict_shop.converge(table(f"{{eu-west-1: {{read: 7, {own}}}}}", units, index))
    there = service.in_region("eu-west-1")
    assert sorted(key for key, _ in there.targets) == ["table/shop-t-dev", "table/shop-t-dev/index/by_who"]
    service.tables["shop-t-dev"]["Replicas"][0]["ProvisionedThroughputOverride"]["ReadCapacityUnits"] = 31
    assert strict_shop.plan().empty, "what is scaled is as it is"
    strict_shop.converge(table("{eu-west-1: {autoscaling: {read: {min: 1, max: 9}}}}", units, index))
    assert not there.targets, "scaled as the table is nothing of its own"
    strict_shop.converge("t: {attributes: {id: S}, key: {partition: id}}")
    assert not there.targets and not service.refusals


def test_an_index_that_is_built_anew_has_its_settings_in_all_regions(strict_shop: Workshop, service: Strict) -> None:
    own = "{eu-west-1: {indexes: {by_who: {max_read: 4, contributor_insights: true}}}}"
    strict_shop.converge(table(own))
    strict_shop.converge(table(own, indexes="{by_who: {partition: who, projection: keys_only}}"))
    strict_shop.converge(table(own.replace("by_who", "other"), indexes="{other: {partition: who, sort: id}}"))
    assert not service.refusals


def test_nothing_is_asked_where_no_replica_is(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge("t: {attributes: {id: S}, key: {partition: id}}")
    strict_shop.plan()
    assert not service.regions


def test_production_keeps_and_protects_each_copy(strict_shop: Workshop, service: Strict) -> None:
    found = lowered(region("point_in_time_recovery: false"), Policy("production", production=True)).resources
    assert address("replica_pitr", "t", "us-west-2") in found
    assert address("replica_pitr", "t", "eu-west-1") not in found
    assert all(found[address("replica", "t", r)].deletion_protection for r in ("eu-west-1", "us-west-2"))  # type: ignore[attr-defined]
    strict_shop.converge(region(""))
    live = ENGINE.adopted(strict_shop.inspect(), Policy("production", production=True))
    kind = ENGINE.kinds["replica"]
    assert kind.lift(live.resources[address("replica", "t", "eu-west-1")], live) == {"deletion_protection": False}
    assert ENGINE.kinds["replica_pitr"].lift(live.resources[address("replica_pitr", "t", "eu-west-1")], live) is False


def test_drift_names_region_and_setting(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(region(EVERYTHING))
    there = service.in_region("eu-west-1")
    there.tables["shop-t-dev"]["DeletionProtectionEnabled"] = False
    there.insights.clear()
    there.tables["shop-t-dev"]["ItemCount"] = 7
    found = pipeline.drift(strict_shop.project()).findings
    assert {(str(f.address), f.what) for f in found} == {
        ("replica t.eu-west-1", "changed"),
        ("replica_contributor_insights t.eu-west-1", "missing"),
        ("replica_index_insights t.eu-west-1.by_who", "missing"),
    }


def test_a_region_that_may_not_be_asked_is_deferred_and_the_rest_is_compared(
    strict_shop: Workshop, service: Strict
) -> None:
    strict_shop.converge(region(EVERYTHING))
    there = service.in_region("eu-west-1")
    there.denied = {"GetResourcePolicy", "ListContributorInsights"}
    plan = strict_shop.plan()
    assert plan.empty and sorted(str(d.address) for d in plan.deferred) == [
        "replica_contributor_insights t.eu-west-1",
        "replica_index_insights t.eu-west-1.by_who",
        "replica_resource_policy t.eu-west-1",
    ]
    there.denied = {"DescribeTable"}
    strict_shop.declare(table("{eu-west-1: {tags: {a: new}}, us-west-2: {tags: {b: c}}}"))
    plan = strict_shop.plan()
    assert titles(plan) == ["tag table shop-t-dev, in us-west-2"]
    assert any("eu-west-1 could not be asked" in d.reason for d in plan.deferred)


def test_what_other_accounts_have_of_a_table_is_left_alone(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(region(EVERYTHING))
    service.tables["shop-t-dev"]["GlobalTableSettingsReplicationMode"] = "ENABLED"
    del service.in_region("eu-west-1").tables["shop-t-dev"]
    plan = strict_shop.plan()
    assert plan.empty and any("of another account" in d.reason for d in plan.deferred)
    assert [str(u.address) for u in plan.unmanaged] == ["settings_replication t"]


def test_a_copy_that_cannot_be_made_says_why(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge("t: {attributes: {id: S}, key: {partition: id}, stream: new_and_old_images}")
    strict_shop.declare(
        "t: {attributes: {id: S}, key: {partition: id}, stream: new_and_old_images,"
        " global_table: {replicas: {eu-west-1: }}}"
    )
    service.unmakeable = "the key is not allowed"
    with pytest.raises(StoreError, match="in eu-west-1 could not be made: the key is not allowed"):
        strict_shop.apply()


def test_regions_of_a_strong_table_are_fixed(strict_shop: Workshop, service: Strict) -> None:
    def strong(replicas: str) -> str:
        return (
            f"t: {{attributes: {{id: S}}, key: {{partition: id}}, global_table: {{consistency: strong, {replicas}}}}}"
        )

    own = "deletion_protection: true, tags: {a: b}"
    strict_shop.converge(strong(f"replicas: {{us-east-2: {{{own}}}}}, witness: us-west-2"))
    strict_shop.converge(strong("replicas: {us-east-2: {tags: {a: c}, deletion_protection: true}}, witness: us-west-2"))
    strict_shop.declare(strong("replicas: {us-west-2: {}}, witness: us-east-2"))
    with pytest.raises(UnsupportedChange):
        strict_shop.plan()
    strict_shop.converge("t: {attributes: {id: S}, key: {partition: id}}")
    assert not service.in_region("us-east-2").tables and not service.refusals


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{europe: }", "'europe' is no region"),
        ("{}", "no replicas"),
        ("{eu-west-1: {read: 5}}", "paid for on demand"),
        ("{eu-west-1: {indexes: {by_all: {max_read: 5}}}}", "by_all"),
        ("{eu-west-1: {indexes: {by_all: {contributor_insights: true}}}}", "by_all"),
    ],
)
def test_what_no_replica_can_be_is_an_error_with_its_line(node: str, message: str) -> None:
    with pytest.raises(DeclarationErrors) as caught:
        lowered(table(node))
    errors: list[Any] = list(caught.value.errors)
    assert message in errors[0].message and errors[0].where is not None and errors[0].where.line


class Killed(BaseException):
    """As sudden as a signal that cannot be caught: nothing of ours handles it."""


CHANGES = ("Create", "Update", "Delete", "Put", "Tag", "Register", "Enable", "Disable")
COUNT = 11
"""Calls that change a control plane in `test_a_kill_at_any_call_of_any_region_resumes`."""


@pytest.mark.parametrize("answered", [False, True], ids=["before it is made", "before its answer"])
@pytest.mark.parametrize("number", [1, *(pytest.param(n, marks=pytest.mark.matrix) for n in range(COUNT) if n != 1)])
def test_a_kill_at_any_call_of_any_region_resumes(
    strict_shop: Workshop, service: Strict, monkeypatch: pytest.MonkeyPatch, number: int, answered: bool
) -> None:
    strict_shop.converge(table("{us-west-2: {deletion_protection: true, tags: {a: b}}}"))
    strict_shop.declare(region(EVERYTHING).replace("us-west-2", "ap-south-1"))
    plan = strict_shop.plan()
    usual, changing = Strict.answer, iter(range(1000))

    def kill(self: Strict, call: str, members: dict[str, Any]) -> Any:
        ours = members.get("TableName", "shop") != "reconcile-state" and not call.endswith("Item")
        if not self.passing and call.startswith(CHANGES) and ours and next(changing) == number:
            if answered:
                usual(self, call, members)
            raise Killed
        return usual(self, call, members)

    with monkeypatch.context() as patched:
        patched.setattr(Strict, "answer", kill)
        with pytest.raises(Killed):
            strict_shop.apply(plan, through=Phase.CONTRACT)
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert strict_shop.plan().empty and next(changing) > number


def test_a_table_that_is_made_anew_gets_its_copies_after_the_switch() -> None:
    own = "{eu-west-1: {tags: {a: b}, indexes: {by_who: {max_read: 4, contributor_insights: true}}}}"
    after = table(own).replace("key: {partition: id}", "key: {partition: who, sort: id}")
    plan = planned("t: {attributes: {id: S}, key: {partition: id}}", after)
    told = titles(plan)
    switch = next(n for n, title in enumerate(told) if title.startswith("call shop-t.v2-dev"))
    assert told[switch + 1 : -1] == [
        "replicate table shop-t.v2-dev to eu-west-1",
        "tag table shop-t.v2-dev, in eu-west-1",
        "count the keys asked for most of index by_who of shop-t.v2-dev, in eu-west-1",
    ]
    made = plan.steps[switch + 1].operation.encode()["parameters"]
    assert made["ReplicaUpdates"][0]["Create"]["GlobalSecondaryIndexes"][0]["IndexName"] == "by_who"
