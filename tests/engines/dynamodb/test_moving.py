"""A table made anew with its items, on DynamoDB Local."""

from __future__ import annotations

import pytest

from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.model.step import Phase
from reconciler.planfile import store
from tests.engines.dynamodb.killing import killed
from tests.engines.dynamodb.traffic import Traffic, contents, filled
from tests.engines.dynamodb.workshop import Workshop, address

BEFORE = "orders: {attributes: {id: S}, key: {partition: id}}"
SORTED = "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}}"
BY_EMAIL = "orders: {attributes: {email: S}, key: {partition: email}}"
OLD, NEW = "shop-orders-dev", "shop-orders.v2-dev"
Moment = tuple[Phase, str]
BEGUN, LOOKED = (Phase.EXPAND, "started turn on the stream"), (Phase.MIGRATE, "looked at")
COPIED, FOLLOWED = (Phase.MIGRATE, "copied"), (Phase.MIGRATE, "brought over")
BROUGHT, DELETED = (Phase.CONTRACT, "brought over"), (Phase.CONTRACT, "started delete")


def moved_under_load(shop: Workshop, after: str, count: int, *, swap: bool = False) -> Traffic:
    """Declare, fill, and move while writers are at it, until they have to stop for the switch."""
    shop.converge(BEFORE)
    traffic = Traffic(shop.client, OLD, filled(shop.client, OLD, count), swap=swap)
    shop.declare(after)
    plan = shop.plan()
    with traffic.flowing():
        shop.apply(plan, through=Phase.MIGRATE)
    assert traffic.errors == []
    shop.apply(plan, through=Phase.CONTRACT)
    return traffic


@pytest.mark.parametrize(
    ("after", "swap", "count"),
    [
        pytest.param(SORTED, False, 1_500, id="key-holds-the-old-one"),
        pytest.param(BY_EMAIL, True, 1_000, id="keys-pass-from-item-to-item"),
        pytest.param(SORTED, False, 100_000, id="key-holds-the-old-one-100000", marks=pytest.mark.matrix),
        pytest.param(BY_EMAIL, True, 100_000, id="keys-pass-from-item-to-item-100000", marks=pytest.mark.matrix),
    ],
)
def test_nothing_is_lost_and_nothing_comes_back(shop: Workshop, after: str, swap: bool, count: int) -> None:
    traffic = moved_under_load(shop, after, count, swap=swap)
    there = contents(shop.client, NEW)
    assert there.keys() == traffic.truth.keys()
    assert [k for k, i in there.items() if i != traffic.truth[k]] == []
    assert min(sum(w.counts[kind] for w in traffic.writers) for kind in ("insert", "update", "delete")) > 5
    assert shop.client.list_tables()["TableNames"] == ["reconcile-state", NEW]
    table = shop.inspect().get(address("table", "orders"), Table)
    assert table is not None and table.name == NEW
    assert shop.plan().empty


@pytest.mark.parametrize(
    ("early", "late"),
    [
        pytest.param((COPIED, FOLLOWED), (), id="in-copy-and-in-follow"),
        pytest.param((BEGUN, LOOKED, COPIED, FOLLOWED), (BROUGHT, DELETED), id="everywhere", marks=pytest.mark.matrix),
    ],
)
def test_a_kill_at_any_moment_loses_nothing(
    shop: Workshop, early: tuple[Moment, ...], late: tuple[Moment, ...]
) -> None:
    shop.converge(BEFORE)
    traffic = Traffic(shop.client, OLD, filled(shop.client, OLD, 1_500), rate=8.0)
    shop.declare(SORTED)
    plan = shop.plan()
    store.write(shop.folder / "plan.yaml", plan)
    with traffic.flowing():
        for phase, told in early:
            killed(shop, phase, told)
        shop.apply(plan, through=Phase.MIGRATE)
    assert traffic.errors == []
    for key, value in list(traffic.truth.items())[:40]:
        shop.client.put_item(TableName=OLD, Item={**value, "version": {"N": "-1"}})
        traffic.truth[key] = {**value, "version": {"N": "-1"}}
    for phase, told in late:
        killed(shop, phase, told)
    shop.apply(plan, through=Phase.CONTRACT)
    assert contents(shop.client, NEW) == traffic.truth
    assert shop.client.list_tables()["TableNames"] == ["reconcile-state", NEW]
    assert shop.plan().empty
