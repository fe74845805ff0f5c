"""From changes to steps, without a store: phases, calls, hazards, undo."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.settled import held
from reconciler.errors import UnsupportedChange
from reconciler.model.catalog import Deferred
from reconciler.model.change import Action
from reconciler.model.kind import Policy
from reconciler.model.plan import Plan
from reconciler.model.step import Phase, Size, Step
from tests.engines.dynamodb.planning import one, planned, planned_catalogs, steps
from tests.engines.dynamodb.workshop import address, codes, lowered

EXPAND, MIGRATE, CONTRACT = Phase.EXPAND, Phase.MIGRATE, Phase.CONTRACT
T = "t: {attributes: {id: S}, key: {partition: id}}"
SIZES = {address("table", "t"): Size(1204, 4096)}


def table(more: str = "", attributes: str = "id: S") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}{', ' + more if more else ''}}}"


def calls(step: Step) -> list[dict[str, Any]]:
    fields = step.operation.encode()
    return list(fields.get("calls", [fields]))


def undone(step: Step) -> list[dict[str, Any]]:
    assert step.undo is not None
    return [c for operation in step.undo for c in operation.encode().get("calls", [operation.encode()])]


def test_nothing_to_do_is_no_step() -> None:
    assert planned(T, T).empty


def test_a_new_table_is_one_call_and_what_it_cannot_take() -> None:
    plan = planned(
        "",
        """
        t:
          attributes: {id: S, at: N, who: S}
          key: {partition: id, sort: at}
          billing: {read: 2, write: 3}
          indexes: {by_who: {partition: who, projection: [x]}}
          local_indexes: {by_local: {sort: who, projection: keys_only}}
          stream: new_image
          ttl: gone
          point_in_time_recovery: {days: 9}
          deletion_protection: true
          table_class: standard_infrequent_access
          tags: {team: x}
        """,
    )
    assert [s.phase for s in plan.steps] == [EXPAND] * 3
    create, ttl, recovery = plan.steps
    assert create.operation.encode() == {
        "call": "CreateTable",
        "parameters": {
            "TableName": "shop-t-dev",
            "AttributeDefinitions": [
                {"AttributeName": "at", "AttributeType": "N"},
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "who", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
            "DeletionProtectionEnabled": True,
            "TableClass": "STANDARD_INFREQUENT_ACCESS",
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by_who",
                    "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
                }
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "by_local",
                    "KeySchema": [
                        {"AttributeName": "id", "KeyType": "HASH"},
                        {"AttributeName": "who", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            "Tags": [{"Key": "team", "Value": "x"}],
        },
        "wait": {"table": "active"},
    }
    assert ttl.operation.encode()["call"] == "UpdateTimeToLive"
    assert recovery.operation.encode()["parameters"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 9,
    }
    assert not codes(create) and not codes(ttl), "a new table has nothing to lose"
    assert [c["call"] for c in undone(create)] == ["UpdateTable", "DeleteTable"], "the protection goes first"


def test_a_table_that_goes_takes_everything_along() -> None:
    plan = planned(
        table("indexes: {by_id: {partition: id}}, ttl: x, stream: keys_only, tags: {a: b}"), "{}", sizes=SIZES
    )
    step = one(plan)
    assert (step.phase, step.title, codes(step)) == (CONTRACT, "delete table shop-t-dev", ["RC1101"])
    assert "1204 items" in step.hazards[0].message
    assert step.undo is None


def test_a_protected_table_is_unprotected_in_the_step_that_deletes_it() -> None:
    step = one(planned(table("deletion_protection: true"), "{}"))
    assert step.title == "turn off deletion protection of shop-t-dev and delete it"
    assert [c["call"] for c in calls(step)] == ["UpdateTable", "DeleteTable"]
    assert codes(step) == ["RC1101", "RC1206"]


def test_where_the_environment_retains_a_table_is_forgotten() -> None:
    plan = planned(table("ttl: x"), "{}", policy=Policy("production", retain=True))
    assert not plan.steps
    assert [(c.action, str(c.address)) for c in plan.changes] == [(Action.FORGET, "table t")]


def test_a_new_index_expands_and_warns_writers() -> None:
    plan = planned(T, table("indexes: {by_subject: {partition: subject}}", "id: S, subject: S"), sizes=SIZES)
    step = one(plan)
    assert (step.phase, step.title) == (EXPAND, "build index by_subject on shop-t-dev")
    assert codes(step) == ["RC1204"] and "1204 when last counted" in step.hazards[0].message
    assert step.size == Size(1204, 4096)
    assert [c.action for c in plan.changes] == [Action.CREATE], "the table itself does not change"
    encoded = step.operation.encode()
    assert encoded["wait"] == {"index": "by_subject", "until": "active"}
    assert {"AttributeName": "subject", "AttributeType": "S"} in encoded["parameters"]["AttributeDefinitions"]
    (undo,) = undone(step)
    assert undo["parameters"]["GlobalSecondaryIndexUpdates"] == [{"Delete": {"IndexName": "by_subject"}}]


def test_small_tables_are_searched_for_items_the_index_cannot_hold() -> None:
    wanted = table("indexes: {by_who: {partition: who, sort: n}}", "id: S, who: S, n: N")
    (probe,) = one(planned(T, wanted, sizes=SIZES)).probes
    parameters = dict(probe.parameters)
    assert parameters["FilterExpression"].split(" OR (") == [
        "(attribute_exists(#who) AND NOT attribute_type(#who, :type_S))",
        "attribute_type(#who, :type_S) AND (size(#who) > :most_2048 OR size(#who) = :nothing))",
        "attribute_exists(#n) AND NOT attribute_type(#n, :type_N))",
    ]
    assert parameters["ExpressionAttributeNames"] == (("#who", "who"), ("#n", "n"))
    assert parameters["ExpressionAttributeValues"] == (
        (":type_S", "S", "S"),
        (":most_2048", "N", "2048"),
        (":nothing", "N", "0"),
        (":type_N", "S", "N"),
    )
    odd = table("indexes: {by_odd: {partition: own0, sort: é-1}}", "id: S, own0: S, é-1: S")
    (probe,) = one(planned(T, odd, sizes=SIZES)).probes
    assert dict(probe.parameters)["ExpressionAttributeNames"] == (("#key0", "own0"), ("#key1", "é-1"))
    large = {address("table", "t"): Size(10**9, limits.PROBE_BYTES + 1)}
    assert not one(planned(T, wanted, sizes=large)).probes
    assert not one(planned(T, wanted)).probes


def test_an_index_that_goes_contracts_and_can_come_back() -> None:
    live = table("indexes: {by_who: {partition: who, projection: [x]}}", "id: S, who: S")
    step = one(planned(live, T))
    assert (step.phase, codes(step)) == (CONTRACT, ["RC1205"])
    (undo,) = undone(step)
    assert undo["parameters"]["GlobalSecondaryIndexUpdates"][0]["Create"]["IndexName"] == "by_who"


@pytest.mark.parametrize(
    "index",
    ["{partition: id}", "{partition: who, sort: id}", "{partition: who, projection: keys_only}"],
)
def test_another_definition_under_the_same_name_leaves_a_gap(index: str) -> None:
    attributes = "id: S, who: S" if "who" in index else "id: S"
    live = table("indexes: {by_who: {partition: who}}", "id: S, who: S")
    step = one(planned(live, table(f"indexes: {{by_who: {index}}}", attributes), sizes=SIZES))
    assert (step.phase, codes(step)) == (CONTRACT, ["RC1203", "RC1204"])
    delete, create = calls(step)
    assert delete["wait"] == {"index": "by_who", "until": "gone"}
    assert create["wait"] == {"index": "by_who", "until": "active"}
    assert [list(c["parameters"]["GlobalSecondaryIndexUpdates"][0]) for c in undone(step)] == [["Delete"], ["Create"]]


def test_the_type_of_an_index_key_replaces_the_index() -> None:
    live = table("indexes: {by_who: {partition: who}}", "id: S, who: S")
    desired = table("indexes: {by_who: {partition: who}}", "id: S, who: N")
    assert one(planned(live, desired)).title.startswith("replace index by_who")


def test_an_attribute_of_two_types_waits_for_the_index_that_goes() -> None:
    live = table("indexes: {by_old: {partition: who}}", "id: S, who: S")
    plan = planned(live, table("indexes: {aby_new: {partition: who}}", "id: S, who: N"))
    assert steps(plan) == [
        (CONTRACT, "remove index by_old from shop-t-dev"),
        (CONTRACT, "build index aby_new on shop-t-dev"),
    ]


def test_an_index_repeats_no_definition_that_another_one_still_holds_differently() -> None:
    """Found on DynamoDB Local: "SchemaElement redefined should be of same type as previously defined"."""
    live = table("indexes: {one: {partition: a}, two: {partition: b}}", "id: S, a: S, b: S")
    desired = table("indexes: {one: {partition: a, sort: id}, two: {partition: b}}", "id: S, a: S, b: N")
    first, second = planned(live, desired).steps
    definitions = [c["parameters"].get("AttributeDefinitions") for c in (*calls(first), *calls(second))]
    assert definitions == [
        None,
        [{"AttributeName": "a", "AttributeType": "S"}, {"AttributeName": "id", "AttributeType": "S"}],
        None,
        [
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "N"},
            {"AttributeName": "id", "AttributeType": "S"},
        ],
    ]


def test_an_attribute_of_two_types_in_two_indexes_that_stay_is_unsupported() -> None:
    two = "indexes: {one: {partition: who}, two: {partition: who, sort: id}}"
    with pytest.raises(UnsupportedChange, match="a table knows one type for each attribute"):
        planned(table(two, "id: S, who: S"), table(two, "id: S, who: N"))


def test_the_twenty_first_index_waits_for_room() -> None:
    def many(first: int, last: int) -> str:
        return table("indexes: {" + ", ".join(f"i{n:03}: {{partition: id}}" for n in range(first, last)) + "}")

    assert steps(planned(many(0, 20), many(1, 21))) == [
        (CONTRACT, "remove index i000 from shop-t-dev"),
        (CONTRACT, "build index i020 on shop-t-dev"),
    ]


def test_another_key_name_or_local_index_is_another_table_with_the_items() -> None:
    live = "t: {attributes: {id: S, at: S}, key: {partition: id, sort: at}}"
    other = "t: {attributes: {id: S}, key: {partition: id}}"
    local = (
        "t: {attributes: {id: S, at: S, who: S}, key: {partition: id, sort: at}, local_indexes: {by_who: {sort: who}}}"
    )
    less = local.replace("{sort: who}", "{sort: who, projection: keys_only}")
    named = live.replace("t: {", "t: {name: elsewhere, ")
    for before, after in ((live, other), (live, local), (local, live), (local, less), (live, named)):
        plan = planned(before, after)
        assert [s.operation.encode().get("move") for s in plan.steps] == [
            "begin",
            None,
            "copy",
            "follow",
            "switch",
            "retire",
        ]
        assert [s.phase for s in plan.steps] == [EXPAND, EXPAND, MIGRATE, MIGRATE, CONTRACT, CONTRACT]
        assert [h.code for s in plan.steps for h in s.hazards if h.needs_approval] == ["RC1208", "RC1101"]


def test_what_keeps_no_old_key_is_refused() -> None:
    live = "t: {attributes: {id: S}, key: {partition: id}}"
    for copy in ("{set: {id: lower(id)}}", "{remove: [id], set: {who: 'concat(id, b)'}}"):
        with pytest.raises(UnsupportedChange, match="would not hold the old key") as caught:
            planned(live, f"t: {{attributes: {{who: S}}, key: {{partition: who}}, copy: {copy}}}")
        assert "keep the attribute" in str(caught.value.hint)


def test_a_stream_that_tells_too_little_is_refused_and_not_replaced() -> None:
    live = "t: {attributes: {id: S}, key: {partition: id}, stream: keys_only}"
    with pytest.raises(UnsupportedChange, match="its stream tells keys only"):
        planned(live, "t: {attributes: {at: S}, key: {partition: at}, stream: keys_only}")
    renamed = planned(live, "t: {name: elsewhere, attributes: {id: S}, key: {partition: id}, stream: keys_only}")
    assert "turn on the stream" not in " ".join(s.title for s in renamed.steps)


def test_a_big_table_is_proposed_to_go_by_s3() -> None:
    live = "t: {attributes: {id: S}, key: {partition: id}}"
    desired = "t: {attributes: {at: S}, key: {partition: at}}"
    for size, wanted in (
        (Size(10**6, 10**9), False),
        (Size(10**9, 200 * 2**30), True),
        (Size(10**9, 10**11), True),
    ):
        plan = planned(live, desired, sizes={address("table", "t"): size})
        (copy,) = [s for s in plan.steps if s.phase is MIGRATE and "copy" in s.title]
        assert ("RC1402" in codes(copy)) == wanted
        assert any("export to S3" in h.message for h in copy.hazards) == wanted
        assert copy.operation.encode()["parameters"]["Segments"] == {10**9: 4}.get(size.bytes, 256)


def test_to_provisioned_sets_the_units_of_all_indexes_in_one_call() -> None:
    live = table("indexes: {by_who: {partition: who}, old: {partition: id}}", "id: S, who: S")
    desired = table(
        "billing: {read: 5, write: 6},"
        " indexes: {by_who: {partition: who, throughput: {read: 1, write: 2}}, new: {partition: id}}",
        "id: S, who: S",
    )
    plan = planned(live, desired)
    switch, remove, build = plan.steps
    assert {s.phase for s in plan.steps} == {CONTRACT}, "from no limit to one, and what waits for it"
    assert switch.operation.encode()["parameters"] == {
        "TableName": "shop-t-dev",
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "GlobalSecondaryIndexUpdates": [
            {
                "Update": {
                    "IndexName": "by_who",
                    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
                }
            },
            {
                "Update": {
                    "IndexName": "old",
                    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                }
            },
        ],
    }
    assert codes(switch) == ["RC1401"]
    assert undone(switch)[0]["parameters"] == {"TableName": "shop-t-dev", "BillingMode": "PAY_PER_REQUEST"}
    created = build.operation.encode()["parameters"]["GlobalSecondaryIndexUpdates"][0]["Create"]
    assert created["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    (back,) = undone(remove)
    again = back["parameters"]["GlobalSecondaryIndexUpdates"][0]["Create"]
    assert "ProvisionedThroughput" in again, "when it is undone the table is provisioned"


def test_to_on_demand_the_maximum_is_a_call_of_its_own() -> None:
    live = table("billing: {read: 5, write: 6}, indexes: {by_id: {partition: id}}")
    desired = table("billing: {on_demand: {max_read: 9}}, indexes: {by_id: {partition: id, throughput: {max_read: 3}}}")
    plan = planned(live, desired)
    switch, index = plan.steps
    assert [c["parameters"] for c in calls(switch)] == [
        {"TableName": "shop-t-dev", "BillingMode": "PAY_PER_REQUEST"},
        {"TableName": "shop-t-dev", "OnDemandThroughput": {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": -1}},
    ]
    assert "four times" in switch.hazards[0].message
    assert (switch.phase, index.phase) == (EXPAND, CONTRACT), "the index serves three reads a second, and served five"
    (update,) = index.operation.encode()["parameters"]["GlobalSecondaryIndexUpdates"]
    assert update["Update"]["OnDemandThroughput"] == {"MaxReadRequestUnits": 3, "MaxWriteRequestUnits": -1}


def test_units_and_maxima_change_in_place() -> None:
    more = one(planned(table("billing: {read: 5, write: 6}"), table("billing: {read: 5, write: 7}")))
    assert (more.phase, codes(more)) == (EXPAND, ["RC1401"])
    assert "decreases" not in more.hazards[0].message
    less = one(planned(table("billing: {read: 5, write: 6}"), table("billing: {read: 4, write: 7}")))
    assert less.phase is CONTRACT and "decreases are limited" in less.hazards[0].message
    gone = one(planned(table("billing: {on_demand: {max_read: 5}}"), T))
    assert gone.operation.encode()["parameters"]["OnDemandThroughput"] == {
        "MaxReadRequestUnits": -1,
        "MaxWriteRequestUnits": -1,
    }


def test_protection_comes_first_and_goes_last() -> None:
    on = one(planned(T, table("deletion_protection: true")))
    off = one(planned(table("deletion_protection: true"), T))
    assert (on.phase, codes(on)) == (EXPAND, [])
    assert (off.phase, codes(off)) == (CONTRACT, ["RC1206"])


def test_the_class_is_a_matter_of_cost() -> None:
    step = one(planned(T, table("table_class: standard_infrequent_access")))
    assert (step.phase, codes(step)) == (EXPAND, ["RC1401"]) and "twice in 30 days" in step.hazards[0].message
    assert step.operation.encode()["parameters"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


def test_ttl_of_a_live_table_deletes_items() -> None:
    on = one(planned(T, table("ttl: gone"), sizes=SIZES))
    assert (on.phase, codes(on)) == (CONTRACT, ["RC1101"]) and "(1204 when last counted)" in on.hazards[0].message
    off = one(planned(table("ttl: gone"), T))
    assert (off.phase, codes(off)) == (CONTRACT, ["RC1206"])


def test_another_ttl_attribute_is_off_and_on() -> None:
    step = one(planned(table("ttl: gone"), table("ttl: expires"), sizes=SIZES))
    assert (step.phase, codes(step)) == (CONTRACT, ["RC1101", "RC1206"])
    assert [c["parameters"]["TimeToLiveSpecification"] for c in calls(step)] == [
        {"Enabled": False, "AttributeName": "gone"},
        {"Enabled": True, "AttributeName": "expires"},
    ]
    assert "one change of it per table and hour" in step.hazards[1].message


def test_streams() -> None:
    on = one(planned(T, table("stream: keys_only")))
    assert (on.phase, codes(on)) == (EXPAND, [])
    off = one(planned(table("stream: keys_only"), T))
    assert (off.phase, codes(off)) == (CONTRACT, ["RC1205"])
    other = one(planned(table("stream: keys_only"), table("stream: new_image")))
    assert (other.phase, codes(other)) == (CONTRACT, ["RC1207"])
    assert [c["parameters"]["StreamSpecification"]["StreamEnabled"] for c in calls(other)] == [False, True]


def test_recovery() -> None:
    def recovery(what: str) -> str:
        return table(f"point_in_time_recovery: {what}")

    cases: list[tuple[Plan, Phase, list[str]]] = [
        (planned(T, recovery("true")), EXPAND, ["RC1401"]),
        (planned(recovery("true"), T), CONTRACT, ["RC1101"]),
        (planned(recovery("{days: 7}"), recovery("{days: 9}")), EXPAND, []),
        (planned(recovery("{days: 7}"), recovery("{days: 1}")), CONTRACT, ["RC1101"]),
    ]
    for plan, phase, expected in cases:
        step = one(plan)
        assert (step.phase, codes(step)) == (phase, expected)


def test_tags() -> None:
    def tags(what: str) -> str:
        return table(f"tags: {{{what}}}")

    on = one(planned(T, tags("a: b")))
    assert (on.phase, codes(on), on.operation.encode()["call"]) == (EXPAND, [], "TagResource")
    more = one(planned(tags("a: b, c: d"), tags("a: x, c: d")))
    assert more.phase is EXPAND and more.operation.encode()["parameters"]["Tags"] == [{"Key": "a", "Value": "x"}]
    less = one(planned(tags("a: b, c: d"), tags("a: x")))
    assert (less.phase, codes(less)) == (CONTRACT, ["RC1301"])
    assert [c["call"] for c in calls(less)] == ["TagResource", "UntagResource"]
    assert [c["call"] for c in undone(less)] == ["TagResource"]
    off = one(planned(tags("a: b"), T))
    assert off.operation.encode()["parameters"]["TagKeys"] == ["a"]


def test_every_step_says_when_it_is_done_and_how_it_is_undone() -> None:
    live = table("indexes: {one: {partition: id}}, ttl: a, stream: keys_only, tags: {a: b}")
    desired = table(
        "billing: {read: 1, write: 1}, deletion_protection: true, indexes: {two: {partition: id}}, ttl: b,"
        " stream: new_image, tags: {c: d}, point_in_time_recovery: true, table_class: standard_infrequent_access"
    )
    plan = planned(live, desired)
    assert len(plan.steps) == 9
    for step in plan.steps:
        assert step.done and step.undo and not step.locks, step.title
    assert [s.phase for s in plan.steps] == sorted(s.phase for s in plan.steps)


def test_nothing_is_planned_inside_a_table_in_which_nothing_can_be_done() -> None:
    other = "other: {attributes: {id: S}, key: {partition: id}}"
    live = lowered(table("indexes: {old: {partition: id}}, ttl: x") + f"\n{other}")
    stuck = live.with_resources(live.resources, [Deferred(address("table", "t"), "the table is archived")])
    desired = lowered(table("indexes: {new: {partition: id}}, ttl: y"))
    plan = planned_catalogs(stuck, held(desired, stuck))
    assert [c.address for c in plan.changes] == [address("table", "other")]
    assert {(d.address.kind, d.address.name, d.reason) for d in plan.deferred} == {
        (kind, name, "the table is archived")
        for kind, name in (("table", "t"), ("gsi", "old"), ("gsi", "new"), ("ttl", "t"))
    }
    assert held(desired, live) is desired
