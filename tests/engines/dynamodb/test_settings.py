"""Every setting a table can declare, on the strict mock of `strict`: it converges, comes back, and goes.

No emulator has these settings with the service's rules; what DynamoDB Local does have is tested there too, in
`test_converge`.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import pipeline
from reconciler.engines.dynamodb import execute
from reconciler.errors import StoreError
from reconciler.model.step import Phase
from tests.engines.dynamodb.beside import KEYS
from tests.engines.dynamodb.strict import Strict
from tests.engines.dynamodb.workshop import Workshop, codes, titles

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/"


def table(more: str = "", attributes: str = "id: S") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}, {more}}}"


def live(service: Strict) -> dict[str, Any]:
    return service.tables["shop-t-dev"]


FULL = """
t:
  attributes: {id: S, who: S, at: N}
  key: {partition: id, sort: at}
  billing: {read: 10, write: 10}
  autoscaling:
    read: {min: 5, max: 50}
    write: {min: 5, max: 100, target: 60, scale_in_cooldown: 30, scale_out_cooldown: 10, scale_in: false}
  warm_throughput: {read: 15000, write: 5000}
  indexes:
    by_who:
      partition: [who, id]
      sort: at
      projection: [x]
      throughput: {read: 3, write: 4}
      warm_throughput: {read: 13000, write: 4000}
      autoscaling: {write: {min: 1, max: 9}}
      contributor_insights: throttled_keys
  local_indexes: {by_local: {sort: who}}
  ttl: gone
  stream: new_and_old_images
  kinesis: {stream: changes, precision: microsecond}
  point_in_time_recovery: {days: 7}
  encryption: {key: alias/ours}
  table_class: standard_infrequent_access
  deletion_protection: true
  tags: {team: x}
  contributor_insights: true
  resource_policy:
    Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: [dynamodb:Query, dynamodb:GetItem]}]
  global_table:
    replicas:
      eu-west-1: {table_class: standard, read: 7, indexes: {by_who: {read: 2}}}
      us-west-2:
"""


def test_a_table_with_everything_converges_and_goes(strict_shop: Workshop, service: Strict) -> None:
    plan = strict_shop.converge(FULL)
    assert len(titles(plan)) == 12 and {s.phase for s in plan.steps} == {Phase.EXPAND}
    assert not service.refusals
    policy = service.made("PutResourcePolicy")[0]
    assert "arn:aws:dynamodb:us-east-1:123456789012:table/shop-t-dev" in policy["Policy"]
    gone = strict_shop.converge("")
    assert titles(gone)[-1] == "turn off deletion protection of shop-t-dev and delete it"
    assert not service.targets and not service.tables and not service.refusals


def test_everything_comes_back_by_undo(strict_shop: Workshop, service: Strict) -> None:
    """What a plan made of a live table its undo takes away, step by step."""
    strict_shop.converge(table("stream: new_and_old_images"))
    before = strict_shop.inspect()
    strict_shop.declare(
        table(
            "stream: new_and_old_images, encryption: aws_managed, contributor_insights: true, kinesis: changes,"
            " global_table: {replicas: {eu-west-1: {}}}, table_class: standard_infrequent_access,"
            " resource_policy: {Statement: {Effect: Allow, Principal: '*', Action: 'dynamodb:*'}}"
        )
    )
    plan = strict_shop.plan()
    strict_shop.apply(plan, through=Phase.CONTRACT)
    with strict_shop.session() as session:
        for step in reversed(plan.steps):
            for operation in step.undo or ():
                session.execute(operation, strict_shop.project().environment.limits, lambda _: None, {})
    assert dict(strict_shop.inspect().resources) == dict(before.resources)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("encryption: aws_managed", "encryption: {key: alias/ours}"),
        (f"encryption: {{key: '{KEYS['alias/ours']}'}}", ""),
        ("encryption: {key: 11111111-2222-3333-4444-555555555555}", "encryption: aws_owned"),
        ("contributor_insights: true", "contributor_insights: throttled_keys"),
        ("contributor_insights: throttled_keys", "contributor_insights: false"),
        ("kinesis: one", "kinesis: two"),
        (
            "kinesis: arn:aws:kinesis:us-east-1:123456789012:stream/one",
            "kinesis: {stream: one, precision: microsecond}",
        ),
        ("kinesis: arn:aws:kinesis:us-east-1:999999999999:stream/one", ""),
        ("table_class: standard_infrequent_access", ""),
        ("warm_throughput: {read: 13000, write: 4000}", "warm_throughput: {read: 12000, write: 9000}"),
        ("billing: {on_demand: {max_read: 7}}", "billing: {on_demand: {max_write: 9}}"),
        ("billing: {read: 1, write: 1}", "billing: {read: 5, write: 1}"),
        (
            "billing: {read: 1, write: 1}, autoscaling: {read: {min: 1, max: 9}}",
            "billing: {read: 1, write: 1}, autoscaling: {read: {min: 2, max: 9, target: 50}, write: {min: 1, max: 5}}",
        ),
        ("billing: {read: 1, write: 1}, autoscaling: {read: {min: 1, max: 9}, write: {min: 1, max: 9}}", ""),
        ("", "billing: {read: 1, write: 1}, autoscaling: {read: {min: 1, max: 9}, write: {min: 1, max: 9}}"),
        (
            "resource_policy: {Statement: {Effect: Allow, Principal: '*', Action: 'dynamodb:GetItem'}}",
            "resource_policy: {Statement: {Effect: Deny, Principal: '*', Action: 'dynamodb:PutItem'}}",
        ),
        ("resource_policy: {Statement: {Effect: Deny, Principal: '*', Action: 'dynamodb:PutItem'}}", ""),
        (
            "stream: new_and_old_images, global_table: {replicas: {eu-west-1: {}, eu-west-2: {max_read: 4}}}",
            "stream: new_and_old_images, global_table: {replicas: {eu-west-2: {max_read: 5}, ap-south-1: {}}}",
        ),
        ("", "stream: new_and_old_images, global_table: {replicas: {eu-west-1: {}}}"),
        ("global_table: {replicas: {us-east-2: {}}, witness: us-west-2, consistency: strong}", ""),
        ("", "global_table: {replicas: {us-east-2: {}, us-west-2: {}}, consistency: strong}"),
        ("stream: keys_only", "stream: new_image"),
        ("stream: keys_only, billing: {read: 2, write: 2}", "stream: new_image, billing: {read: 3, write: 3}"),
    ],
)
def test_a_setting_changes(strict_shop: Workshop, service: Strict, first: str, then: str) -> None:
    strict_shop.converge(table(first))
    strict_shop.converge(table(then))
    assert not service.refusals


def test_what_belongs_to_an_index_changes_with_it(strict_shop: Workshop, service: Strict) -> None:
    def indexed(more: str, projection: str = "all") -> str:
        index = f"{{partition: who, projection: {projection}, {more}}}"
        return table(f"billing: {{read: 1, write: 1}}, indexes: {{by_who: {index}}}", "id: S, who: S")

    strict_shop.converge(indexed("autoscaling: {write: {min: 1, max: 9}}, contributor_insights: true"))
    replaced = strict_shop.converge(
        indexed("autoscaling: {write: {min: 1, max: 9}}, contributor_insights: true", "keys_only")
    )
    assert "RC1203" in codes(replaced.steps[0]) and service.insights
    assert titles(replaced)[1] == "set contributor insights of the new index by_who of shop-t-dev as they were"
    strict_shop.converge(indexed("warm_throughput: {read: 14000, write: 4000}"))
    assert not service.insights and not service.targets
    strict_shop.converge(indexed("contributor_insights: throttled_keys, autoscaling: {read: {min: 1, max: 9}}"))
    strict_shop.converge(table("billing: {read: 1, write: 1}"))
    assert not service.targets and not service.refusals


def test_indexes_of_a_table_are_built_one_after_the_other(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(table())
    two = "indexes: {one: {partition: a}, two: {partition: b}, three: {partition: a, sort: b}}"
    strict_shop.converge(table(two, "id: S, a: S, b: N"))
    strict_shop.converge(table("stream: keys_only, billing: {read: 2, write: 2}"))
    assert not service.refusals, "nothing was asked for before its time"


def test_time_to_live_waits_out_its_hour(
    strict_shop: Workshop, service: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "TTL_RETRY_SECONDS", 0.01)
    strict_shop.converge(table("ttl: one"))
    strict_shop.converge(table("ttl: two"))
    assert [m["TimeToLiveSpecification"]["Enabled"] for m in service.made("UpdateTimeToLive")] == [True, False, True]
    assert service.refusals and all("multiple times" in r for r in service.refusals)
    assert any("within the hour" in e.message for e in strict_shop.events)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([f"billing: {{read: {n}, write: 1}}" for n in (9, 8, 7, 6, 5, 4)], "decreases in the first hour"),
        (["table_class: standard_infrequent_access", "", "table_class: standard_infrequent_access"], "class changes"),
    ],
)
def test_a_limit_of_the_day_ends_the_apply_and_is_not_waited_for(
    strict_shop: Workshop, service: Strict, settings: list[str], message: str
) -> None:
    *first, last = settings
    strict_shop.converge(table())
    for setting in first:
        strict_shop.converge(table(setting))
    strict_shop.declare(table(last))
    plan = strict_shop.plan()
    with pytest.raises(StoreError, match=message):
        strict_shop.apply(plan, through=Phase.CONTRACT)
    assert len(service.refusals) == 1
    service.changes.clear()
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert strict_shop.plan().empty


# -- what the service moves by itself


def test_what_the_service_changes_by_itself_is_no_drift(strict_shop: Workshop, service: Strict) -> None:
    declared = table(
        "billing: {read: 5, write: 5}, autoscaling: {read: {min: 1, max: 90}, write: {min: 1, max: 90}},"
        " indexes: {by_who: {partition: who, autoscaling: {read: {min: 1, max: 90}}}}, stream: new_image",
        "id: S, who: S",
    )
    strict_shop.converge(declared)
    table_ = live(service)
    table_["ProvisionedThroughput"] |= {"ReadCapacityUnits": 77, "WriteCapacityUnits": 2}
    index = table_["GlobalSecondaryIndexes"][0]
    index["ProvisionedThroughput"]["ReadCapacityUnits"] = 88
    for held in (table_, index):
        held["WarmThroughput"] |= {"ReadUnitsPerSecond": 40000}
    table_["LatestStreamArn"] = "arn:other"
    table_["ItemCount"] = 5
    assert strict_shop.plan().empty
    index["ProvisionedThroughput"]["WriteCapacityUnits"] = 1
    left = strict_shop.plan()
    assert [str(c.address) for c in left.changes] == ["gsi t.by_who"], "nobody scales its writes"


def test_warm_throughput_is_a_floor(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(table("warm_throughput: {read: 20000, write: 5000}"))
    live(service)["WarmThroughput"] |= {"ReadUnitsPerSecond": 30000}
    assert strict_shop.plan().empty
    strict_shop.converge(table("warm_throughput: {read: 12000, write: 6000}"))
    assert live(service)["WarmThroughput"]["ReadUnitsPerSecond"] == 30000
    assert strict_shop.converge(table()).empty


def test_a_policy_is_compared_by_what_it_means(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(
        table(
            "resource_policy: {Statement: [{Effect: Allow, Principal: {AWS: ['123456789012']},"
            " Action: ['dynamodb:Query', 'dynamodb:GetItem']}]}"
        )
    )
    again = table(
        "resource_policy: {Version: '2012-10-17', Statement: {Effect: Allow,"
        " Principal: {AWS: 'arn:aws:iam::123456789012:root'}, Action: ['dynamodb:GetItem', 'dynamodb:Query'],"
        " Resource: 'arn:aws:dynamodb:us-east-1:123456789012:table/shop-t-dev'}}"
    )
    assert strict_shop.converge(again).empty


def test_a_policy_that_others_use_by_another_name_is_kept(strict_shop: Workshop, service: Strict) -> None:
    declared = table("billing: {read: 5, write: 5}, autoscaling: {read: {min: 1, max: 90}}")
    strict_shop.converge(declared)
    ((key, policy),) = service.policies.items()
    service.policies[key] = {**policy, "PolicyName": "made-in-the-console"}
    assert strict_shop.plan().empty
    strict_shop.converge(table("billing: {read: 5, write: 5}, autoscaling: {read: {min: 1, max: 90, target: 40}}"))
    assert service.policies[key]["PolicyName"] == "made-in-the-console"


@pytest.mark.parametrize(
    ("denied", "kinds"),
    [
        ({"DescribeKey"}, ["encryption t"]),
        ({"ListContributorInsights"}, ["contributor_insights t", "index_insights t.by_who"]),
        ({"DescribeScalableTargets"}, ["autoscaling t", "index_autoscaling t.by_who"]),
        ({"GetResourcePolicy"}, ["resource_policy t"]),
        ({"DescribeKinesisStreamingDestination"}, ["kinesis t"]),
    ],
)
def test_what_may_not_be_read_is_deferred(
    strict_shop: Workshop, service: Strict, denied: set[str], kinds: list[str]
) -> None:
    strict_shop.converge(
        """
        t:
          attributes: {id: S, who: S}
          key: {partition: id}
          billing: {read: 5, write: 5}
          autoscaling: {read: {min: 1, max: 9}}
          contributor_insights: true
          encryption: {key: alias/ours}
          kinesis: changes
          resource_policy: {Statement: {Effect: Allow, Principal: "*", Action: "dynamodb:GetItem"}}
          indexes:
            by_who: {partition: who, contributor_insights: true, autoscaling: {read: {min: 1, max: 9}}}
        """
    )
    service.denied = denied
    plan = strict_shop.plan()
    assert plan.empty and sorted({str(d.address) for d in plan.deferred}) == kinds
    assert all("the credentials lack" in d.reason for d in plan.deferred)


# -- imports


def test_a_table_is_made_of_files_and_only_then(strict_shop: Workshop, service: Strict) -> None:
    declared = table(
        "import_from: {bucket: our-files, prefix: t/, format: csv, header: [id, x]}, deletion_protection: true,"
        " tags: {a: b}, stream: keys_only, warm_throughput: {read: 13000, write: 4000}, encryption: aws_managed"
    )
    plan = strict_shop.converge(declared)
    assert titles(plan)[0] == "create table shop-t-dev from s3://our-files/t/"
    (made,) = service.made("ImportTable")
    assert made["InputFormatOptions"] == {"Csv": {"HeaderList": ["id", "x"]}}
    assert "DeletionProtectionEnabled" not in made["TableCreationParameters"]
    assert not service.refusals


def test_an_import_that_failed_says_why(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.declare(table("import_from: {bucket: broken-files}"))
    with pytest.raises(Exception, match="ended as failed: S3NoSuchBucket"):
        strict_shop.apply()


def test_drift_names_each_setting(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(
        table("billing: {read: 5, write: 5}, tags: {a: b}, encryption: aws_managed, contributor_insights: true")
    )
    table_ = live(service)
    table_["ProvisionedThroughput"] |= {"WriteCapacityUnits": 7, "NumberOfDecreasesToday": 1}
    table_["TableClassSummary"] = {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
    del table_["SSEDescription"]
    service.insights.clear()
    found = pipeline.drift(strict_shop.project()).findings
    assert {(str(f.address), f.what, *(a[0] for a in f.attributes)) for f in found} == {
        ("table t", "changed", "billing", "table_class"),
        ("encryption t", "missing"),
        ("contributor_insights t", "missing"),
    }
    assert all(f.cause == "live" for f in found)
