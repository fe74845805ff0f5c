"""What DynamoDB Local lacks, on moto: recovery, tags, keys of several attributes.

moto is instant and lenient (it keeps no table class and no on-demand maximum), so nothing else is tested there.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.dynamodb.migration import copying
from reconciler.engines.dynamodb.migration.shards import Stream
from reconciler.model.step import Phase
from tests.engines.dynamodb.workshop import Workshop, address, codes, only, titles


def table(more: str = "", attributes: str = "id: S") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}, {more}}}"


def described(shop: Workshop) -> dict[str, Any]:
    return dict(shop.client.describe_table(TableName="shop-t-dev")["Table"])


def test_recovery_is_turned_on_changed_and_turned_off(moto_shop: Workshop) -> None:
    assert len(moto_shop.converge(table("point_in_time_recovery: true")).steps) == 2
    shorter = only(moto_shop.converge(table("point_in_time_recovery: {days: 7}")))
    assert (shorter.phase, codes(shorter)) == (Phase.CONTRACT, ["RC1101"])
    only(moto_shop.converge(table("point_in_time_recovery: {days: 9}")))
    off = only(moto_shop.converge(table()))
    assert (off.phase, codes(off)) == (Phase.CONTRACT, ["RC1101"])


def test_tags_come_with_the_table_change_and_go(moto_shop: Workshop) -> None:
    assert titles(moto_shop.converge(table("tags: {team: x, old: y}"))) == ["create table shop-t-dev"]
    only(moto_shop.converge(table("tags: {team: z, old: y, new: n}")))
    step = only(moto_shop.converge(table("tags: {team: z, new: n}")))
    assert (step.phase, codes(step)) == (Phase.CONTRACT, ["RC1301"])
    only(moto_shop.converge(table()))


def test_keys_of_several_attributes(moto_shop: Workshop) -> None:
    attributes = "id: S, a: S, b: N, c: B"
    moto_shop.converge(table("indexes: {wide: {partition: [a, b], sort: [c, id]}}", attributes))
    assert described(moto_shop)["GlobalSecondaryIndexes"][0]["KeySchema"] == [
        {"AttributeName": "a", "KeyType": "HASH"},
        {"AttributeName": "b", "KeyType": "HASH"},
        {"AttributeName": "c", "KeyType": "RANGE"},
        {"AttributeName": "id", "KeyType": "RANGE"},
    ]
    step = only(moto_shop.converge(table("indexes: {wide: {partition: [b, a], sort: [c, id]}}", attributes)))
    assert step.address == address("gsi", "t", "wide") and "RC1203" in codes(step)


def test_several_indexes_and_replies_with_all_their_members(moto_shop: Workshop) -> None:
    """moto describes throughput, warm throughput and empty lists that DynamoDB Local leaves out."""
    moto_shop.converge(table())
    two = "indexes: {one: {partition: a}, two: {partition: b, projection: keys_only}}, stream: new_image, ttl: x"
    moto_shop.converge(table(two, "id: S, a: S, b: N"))
    moto_shop.converge(table(f"billing: {{read: 3, write: 4}}, {two}", "id: S, a: S, b: N"))
    moto_shop.converge(table("deletion_protection: true"))
    moto_shop.converge("")


def test_a_key_that_nobody_declared_is_drift(moto_shop: Workshop) -> None:
    moto_shop.client.create_table(
        TableName="shop-t-dev",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True},
    )
    moto_shop.declare(table())
    assert titles(moto_shop.plan()) == ["encrypt table shop-t-dev with the service's own key"]
    moto_shop.declare(table("encryption: aws_managed"))
    assert moto_shop.plan().empty


def test_the_old_table_is_backed_up_before_it_goes(moto_shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB Local makes no backups. moto takes no parameters in an INSERT, so items go one by one here, as long ones
    do; and it has no streams here, so nothing is brought over."""
    monkeypatch.setattr(copying, "LONGEST_STATEMENT", 0)
    monkeypatch.setattr(Stream, "drain", lambda _self, _tell=None: 0)
    shop = moto_shop
    shop.converge("orders: {attributes: {id: S}, key: {partition: id}, tags: {team: x}, point_in_time_recovery: true}")
    for number in range(30):
        item = {"id": {"S": f"o{number}"}, "tenant": {"S": f"t{number % 3}"}}
        shop.client.put_item(TableName="shop-orders-dev", Item=item)
    plan = shop.converge(
        "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}, tags: {team: x},"
        " point_in_time_recovery: true}"
    )
    assert plan.steps[-1].title == "back up shop-orders-dev, then delete it"
    (backup,) = shop.client.list_backups()["BackupSummaries"]
    assert (backup["TableName"], backup["BackupName"]) == (
        "shop-orders-dev",
        "shop-orders-dev.before-shop-orders.v2-dev",
    )
    assert shop.client.list_tables()["TableNames"] == ["reconcile-state", "shop-orders.v2-dev"]
    assert len(shop.client.scan(TableName="shop-orders.v2-dev")["Items"]) == 30
    live = shop.inspect()
    assert {a.kind for a in live.resources} == {"table", "tags", "pitr"}
