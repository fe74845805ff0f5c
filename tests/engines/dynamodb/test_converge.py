"""Every setting on DynamoDB Local: declared, planned, applied, and then there is nothing left to do (law 1)."""

from __future__ import annotations

import pytest

from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.errors import Blocked
from reconciler.model.step import Phase
from tests.engines.dynamodb.workshop import Workshop, address, codes, only, titles

FULL = """
orders:
  attributes: {id: S, customer: S, at: N}
  key: {partition: id, sort: at}
  indexes:
    by_customer: {partition: customer, sort: at, projection: [total, currency]}
  local_indexes:
    by_local: {sort: customer, projection: keys_only}
  ttl: expires
  stream: new_image
  deletion_protection: true
limited:
  attributes: {id: S, who: B}
  key: {partition: id}
  billing: {on_demand: {max_read: 10, max_write: 20}}
  indexes:
    by_who: {partition: who, throughput: {max_read: 3, max_write: 4}}
rented:
  name: by-another.name
  attributes: {id: N, who: S}
  key: {partition: id}
  billing: {read: 2, write: 3}
  indexes:
    by_who: {partition: who, throughput: {read: 4, write: 5}}
    by_id: {partition: id, projection: keys_only}
"""


def one(more: str = "", attributes: str = "id: S, who: S, at: N") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}, {more}}}"


def used(more: str) -> str:
    """The same with an index that uses all attributes, so that they may be declared."""
    return one(f"indexes: {{by_who: {{partition: who, sort: at}}}}, {more}")


def test_tables_with_everything_are_made_and_found_again(shop: Workshop) -> None:
    plan = shop.converge(FULL)
    assert sorted(titles(plan)) == [
        "create table by-another.name",
        "create table shop-limited-dev",
        "create table shop-orders-dev",
        "let items of shop-orders-dev expire by expires",
    ]
    assert {s.phase for s in plan.steps} == {Phase.EXPAND}
    live = shop.inspect("rented=by-another.name")
    rented = live.get(address("table", "rented"), Table)
    assert rented is not None and rented.name == "by-another.name"


def test_settings_change_in_place(shop: Workshop) -> None:
    shop.converge(used("stream: new_image"))
    for more in (
        "stream: new_image, deletion_protection: true, billing: {on_demand: {max_read: 7, max_write: 8}}",
        "stream: new_image, deletion_protection: true, billing: {on_demand: {max_read: 7, max_write: 9}}",
        "stream: keys_only, deletion_protection: true, billing: {on_demand: {max_read: 6, max_write: 9}}",
        "deletion_protection: true, ttl: gone, billing: {on_demand: {max_read: 6, max_write: 9}}",
        "ttl: gone",
        "ttl: expires",
        "billing: {read: 3, write: 4}",
        "billing: {read: 5, write: 1}, stream: old_image",
        "billing: {on_demand: {max_read: 2, max_write: 2}}, stream: old_image",
    ):
        shop.converge(used(more))


def test_dynamodb_local_forgets_nothing_while_something_else_changes(shop: Workshop) -> None:
    """It resets protection and maximum with every other UpdateTable, unless they are repeated."""
    shop.converge(one("deletion_protection: true, billing: {on_demand: {max_read: 7, max_write: 9}}", "id: S"))
    shop.converge(
        one("deletion_protection: true, billing: {on_demand: {max_read: 7, max_write: 9}}, stream: keys_only", "id: S")
    )


def test_indexes_come_one_after_the_other_and_go(shop: Workshop) -> None:
    shop.converge(one("", "id: S"))
    plan = shop.converge(
        one("indexes: {by_who: {partition: who}, by_time: {partition: who, sort: at, projection: [x]}}")
    )
    assert titles(plan) == ["build index by_time on shop-t-dev", "build index by_who on shop-t-dev"]
    assert any("is creating" in e.message for e in shop.events)
    gone = shop.converge(one("indexes: {by_time: {partition: who, sort: at, projection: [x]}}"))
    assert titles(gone, Phase.CONTRACT) == ["remove index by_who from shop-t-dev"]


def test_an_index_is_replaced_under_its_name(shop: Workshop) -> None:
    shop.converge(one("indexes: {by_who: {partition: who}}", "id: S, who: S"))
    plan = shop.converge(one("indexes: {by_who: {partition: who, projection: keys_only}}", "id: S, who: N"))
    assert "RC1203" in codes(only(plan))
    found = shop.inspect().get(address("gsi", "t", "by_who"), Gsi)
    assert found is not None and found.definition == "by who N, holds keys only"


def test_the_mode_changes_with_all_its_indexes(shop: Workshop) -> None:
    def two(units: str, more: str = "") -> str:
        throughput = f", throughput: {{{units}}}" if units else ""
        return one(f"{more} indexes: {{by_who: {{partition: who, sort: at{throughput}}}, by_id: {{partition: at}}}}")

    shop.converge(two(""))
    shop.converge(two("read: 1, write: 2", "billing: {read: 5, write: 6},"))
    shop.converge(two("read: 9, write: 2", "billing: {read: 5, write: 6},"))
    shop.converge(two(""))


def test_tables_go_protected_or_not(shop: Workshop) -> None:
    shop.converge(FULL)
    plan = shop.converge("")
    assert len(plan.steps) == 3 and all("RC1101" in codes(s) for s in plan.steps)
    assert shop.client.list_tables()["TableNames"] == ["reconcile-state"]


def test_undo_brings_the_old_state_back(shop: Workshop) -> None:
    before = used("stream: new_image, ttl: gone")
    shop.converge(before)
    shop.declare(one("billing: {read: 2, write: 2}, deletion_protection: true, ttl: other", "id: S"))
    plan = shop.plan()
    shop.apply(plan, through=Phase.CONTRACT)
    with shop.session() as session:
        for step in reversed(plan.steps):
            for operation in step.undo or ():
                session.execute(operation, shop.project().environment.limits, lambda _: None, {})
    shop.declare(before)
    assert shop.plan().empty


def test_what_an_operator_added_is_planned_away_behind_its_hazard(shop: Workshop) -> None:
    shop.converge(one("", "id: S"))
    shop.client.update_table(
        TableName="shop-t-dev", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )
    step = only(shop.plan())
    assert (step.phase, codes(step)) == (Phase.CONTRACT, ["RC1205"])


def test_items_that_an_index_cannot_hold_stop_it_before_it_is_built(shop: Workshop) -> None:
    shop.converge(one("", "id: S"))
    for number, who in enumerate([{"S": "right"}, {"N": "1"}, {"S": "x" * 2049}, {"NULL": True}]):
        shop.client.put_item(TableName="shop-t-dev", Item={"id": {"S": f"item-{number}"}, "who": who})
    shop.client.put_item(TableName="shop-t-dev", Item={"id": {"S": "without"}})
    shop.declare(one("indexes: {by_who: {partition: who}}", "id: S, who: S"))
    plan = shop.plan()
    assert "(5 when last counted)" in only(plan).hazards[0].message
    with pytest.raises(Blocked, match=r"3 × items that index by_who cannot hold") as caught:
        shop.apply(plan)
    assert "id=item-1" in str(caught.value) and "xxx" not in str(caught.value)
    for number in (1, 2, 3):
        shop.client.delete_item(TableName="shop-t-dev", Key={"id": {"S": f"item-{number}"}})
    shop.apply(plan, through=Phase.CONTRACT)
    assert shop.plan().empty


def test_the_rest_of_a_declaration_is_used_where_dynamodb_local_lacks_something(shop: Workshop) -> None:
    shop.declare(
        """
        t:
          attributes: {id: S, who: S}
          key: {partition: id}
          indexes:
            by_both: {partition: [id, who]}
            by_who: {partition: who}
          point_in_time_recovery: true
          table_class: standard_infrequent_access
          billing: {on_demand: {max_read: 5}}
          tags: {a: b}
        """
    )
    plan = shop.plan()
    assert titles(plan) == ["create table shop-t-dev"]
    assert [(str(d.address), d.reason) for d in plan.deferred] == [
        ("gsi t.by_both", "DynamoDB Local has no keys of several attributes"),
        ("maximum t", "DynamoDB Local keeps a maximum only for both reads and writes"),
        ("pitr t", "DynamoDB Local has no point-in-time recovery"),
        ("table_class t", "DynamoDB Local keeps no table class"),
        ("tags t", "DynamoDB Local has no tags"),
    ]
    shop.apply(plan, through=Phase.CONTRACT)
    left = shop.plan()
    assert left.empty and not left.complete


def test_the_maximum_of_an_index_stays_as_it_is_on_dynamodb_local(shop: Workshop) -> None:
    shop.converge(one("indexes: {by_who: {partition: who, throughput: {max_read: 3}}}", "id: S, who: S"))
    shop.declare(one("indexes: {by_who: {partition: who, throughput: {max_read: 4}}}", "id: S, who: S"))
    plan = shop.plan()
    assert plan.empty and [str(d.address) for d in plan.deferred] == ["maximum t.by_who"]


def test_canonicalising_twice_is_once_and_leaves_what_is_live(shop: Workshop) -> None:
    shop.converge(FULL)
    with shop.session() as session:
        live = session.inspect(shop.scope("rented=by-another.name"))
        assert dict(session.canonicalise(live, live).resources) == dict(live.resources)
        once = session.canonicalise(live, live)
        twice = session.canonicalise(once, live)
        assert dict(once.resources) == dict(twice.resources) and once.deferred == twice.deferred


def test_what_is_out_of_scope_is_not_described(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.converge("t: {attributes: {id: S}, key: {partition: id}}")
    with shop.session() as session:
        session.client.create_table(
            TableName="other",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        asked: list[str] = []
        session.client.meta.events.register(
            "before-call.dynamodb.DescribeTable", lambda params, **_: asked.append(params["body"].decode())
        )
        catalog = session.inspect(shop.scope())
    assert [str(a) for a in catalog.resources] == ["table t"]
    assert asked == ['{"TableName": "shop-t-dev"}']
