"""What a move refuses, gives up, finds again and leaves behind, on DynamoDB Local."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.engines.dynamodb.keys import KeyAttribute
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.migration import copying, moving, options, records
from reconciler.errors import Blocked, PartlyApplied, ReconcileError, StoreError
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from tests.engines.dynamodb.traffic import Traffic, contents, filled, item
from tests.engines.dynamodb.workshop import Workshop, address, titles

BEFORE = "orders: {attributes: {id: S}, key: {partition: id}}"
SORTED = "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}}"
BY_EMAIL = "orders: {attributes: {email: S}, key: {partition: email}}"
OLD, NEW = "shop-orders-dev", "shop-orders.v2-dev"


class Watched(list[Any]):
    """Events; does something once, when a step whose title holds some words starts."""

    def __init__(self, words: str, act: Callable[[], None]) -> None:
        super().__init__()
        self.words, self.act = words, act

    def append(self, event: Any) -> None:
        super().append(event)
        if event.state == "started" and self.words in event.step.title:
            self.words = "\0"
            self.act()


def planned(shop: Workshop, after: str, count: int = 20) -> Plan:
    """A table with some items, and the plan towards something else."""
    shop.converge(BEFORE)
    filled(shop.client, OLD, count)
    shop.declare(after)
    return shop.plan()


def tables(shop: Workshop) -> list[str]:
    return [t for t in shop.client.list_tables()["TableNames"] if t != "reconcile-state"]


def refusal(shop: Workshop, plan: Plan, through: Phase = Phase.CONTRACT) -> ReconcileError:
    """What stops an apply."""
    with pytest.raises(PartlyApplied) as caught:
        shop.apply(plan, through=through)
    ((_step, error),) = caught.value.failures
    assert isinstance(error, ReconcileError)
    return error


def test_two_items_that_would_become_one_are_named_before_anything_is_written(shop: Workshop) -> None:
    plan = planned(shop, BY_EMAIL)
    shop.client.put_item(TableName=OLD, Item={**item(77, 0, 0), "email": {"S": "3@example.org"}})
    error = refusal(shop, plan)
    assert isinstance(error, Blocked)
    assert {"id=o3", "id=o77", "email=3@example.org"} <= set(error.message.replace(":", "").replace(",", "").split())
    assert contents(shop.client, NEW) == {}
    shop.client.delete_item(TableName=OLD, Key={"id": {"S": "o77"}})
    shop.apply(plan, through=Phase.CONTRACT)
    assert len(contents(shop.client, NEW)) == 20


@pytest.mark.parametrize(
    ("copy", "message"),
    [
        (
            "",
            "2 items do not fit: id=bad1: the new item has no tenant; id=bad2: tenant is of type N, not S",
        ),
        ("copy: {function: 'tests.engines.dynamodb.functions:forgetful'}", "does not hold the old key"),
        ("copy: {function: 'tests.engines.dynamodb.functions:failing'}", "failing failed with ValueError"),
    ],
)
def test_items_that_do_not_fit_are_named_by_their_key_alone(shop: Workshop, copy: str, message: str) -> None:
    shop.converge(BEFORE)
    shop.client.put_item(TableName=OLD, Item={"id": {"S": "bad1"}, "a": {"S": "a secret"}})
    shop.client.put_item(TableName=OLD, Item={"id": {"S": "bad2"}, "tenant": {"N": "1"}, "a": {"S": "a secret"}})
    shop.declare(SORTED.replace("sort: id}", f"sort: id}}, {copy}"))
    error = refusal(shop, shop.plan())
    assert isinstance(error, Blocked)
    said = "; ".join(sorted(error.message.partition(": ")[2].split("; ")))
    assert message.partition(": ")[2] in said or message in error.message
    assert "secret" not in error.message
    assert shop.client.scan(TableName=NEW)["Count"] == 0


def test_a_table_moves_again_and_its_name_is_known_everywhere(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    shop.apply(plan, through=Phase.CONTRACT)
    shop.converge(BY_EMAIL)
    assert tables(shop) == ["shop-orders.v3-dev"]
    key = {"pk": {"S": "tables#shop#dev"}, "sk": {"S": "orders"}}
    told = shop.client.get_item(TableName="reconcile-state", Key=key)["Item"]
    assert told["name"]["S"] == "shop-orders.v3-dev"
    assert not pipeline.drift(shop.project()).findings
    imported = pipeline.import_live(shop.project(), ["shop"])
    assert not imported.differences
    assert "    orders:\n" in imported.files["shop.yaml"]
    assert "name:" not in imported.files["shop.yaml"]
    shop.converge(BY_EMAIL.replace("{attributes", "{name: shop-orders.v3-dev, attributes"))
    shop.converge("")
    shop.converge(BEFORE)
    assert tables(shop) == [OLD]
    assert "Item" not in shop.client.get_item(TableName="reconcile-state", Key=key)


def test_a_move_that_is_no_longer_wanted_is_taken_back(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    shop.apply(plan, through=Phase.MIGRATE)
    assert tables(shop) == [OLD, NEW]
    assert not pipeline.import_live(shop.project(), ["shop"]).differences
    back = shop.converge(BEFORE)
    assert titles(back) == [f"give up moving {OLD} to {NEW}", f"turn off the stream of {OLD}"]
    assert tables(shop) == [OLD]


def test_a_move_that_is_wanted_otherwise_begins_anew(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    shop.apply(plan, through=Phase.MIGRATE)
    shop.declare(SORTED)
    again = shop.plan()
    assert [s.operation.encode().get("move") for s in again.steps] == ["follow", "switch", "retire"]
    other = shop.converge(BY_EMAIL)
    assert titles(other)[0] == f"give up moving {OLD} to {NEW}: something else is declared by now"
    assert tables(shop) == ["shop-orders.v3-dev"]
    assert len(contents(shop.client, "shop-orders.v3-dev")) == 20


def test_a_table_that_was_empty_and_got_items_is_not_thrown_away(shop: Workshop) -> None:
    plan = planned(shop, SORTED, 0)
    assert "copy" not in str(titles(plan))
    shop.apply(plan, through=Phase.MIGRATE)
    filled(shop.client, OLD, 3)
    error = refusal(shop, plan)
    assert "was empty when this was planned, and holds items now" in error.message
    shop.converge(SORTED)
    assert len(contents(shop.client, tables(shop)[0])) == 3


def test_the_switch_waits_until_nobody_writes_to_the_old_table(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "SETTLING_SECONDS", 0.1)
    plan = planned(shop, SORTED)
    traffic = Traffic(shop.client, OLD, contents(shop.client, OLD), lanes=1)
    shop.apply(plan, through=Phase.MIGRATE)
    with traffic.flowing():
        error = refusal(shop, plan)
    assert "is still written to; nothing was switched" in error.message
    assert traffic.errors == []
    shop.client.put_item(TableName=NEW, Item=item(5000, 1, 1))
    error = refusal(shop, plan)
    assert "has too many 1 (t1/o5000)" in error.message
    shop.client.delete_item(TableName=NEW, Key={"tenant": {"S": "t1"}, "id": {"S": "o5000"}})
    shop.apply(plan, through=Phase.CONTRACT)
    assert contents(shop.client, NEW) == traffic.truth


def test_the_old_table_stays_when_it_was_written_to_after_the_switch(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    late = item(5000, 1, 1)
    shop.events = Watched("delete", lambda: shop.client.put_item(TableName=OLD, Item=late))
    error = refusal(shop, plan)
    assert f"1 items of {OLD} were written to after the switch: o5000" in error.message
    shop.client.put_item(TableName=NEW, Item=late)
    shop.apply(plan, through=Phase.CONTRACT)
    assert tables(shop) == [NEW]
    assert len(contents(shop.client, NEW)) == 21


def test_a_protected_table_stays_and_is_listed(shop: Workshop) -> None:
    shop.converge(BEFORE.replace("{partition: id}", "{partition: id}, deletion_protection: true"))
    filled(shop.client, OLD, 3)
    shop.converge(SORTED)
    assert tables(shop) == [OLD, NEW]
    live = shop.inspect()
    assert [(str(u.address), "orders" in u.reason) for u in live.unmanaged] == [(f"table {OLD}", True)]
    table = live.get(address("table", "orders"), Table)
    assert table is not None and (table.name, table.deletion_protection) == (NEW, False)


def test_a_table_of_that_name_that_is_somebody_elses_is_never_taken(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    shop.client.create_table(
        TableName=NEW,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("tenant", "id")],
        KeySchema=[{"AttributeName": "tenant", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ReconcileError, match=r"changed since the plan was made|there is a table"):
        shop.apply(plan)
    assert len(contents(shop.client, OLD)) == 20


def test_other_processes_can_copy(shop: Workshop) -> None:
    from tests.engines.dynamodb.functions import processes

    try:
        copy = "copy: {segments: 3, executor: 'tests.engines.dynamodb.functions:processes'}"
        plan = planned(shop, SORTED.replace("sort: id}", f"sort: id}}, {copy}"), 100)
        before = threading.active_count()
        shop.apply(plan, through=Phase.CONTRACT)
        assert threading.active_count() <= before + 3
        assert len(contents(shop.client, NEW)) == 100
    finally:
        processes().shutdown()


@pytest.mark.matrix
def test_a_dask_cluster_can_copy(shop: Workshop) -> None:
    """Slices go pickled through a scheduler, and their futures are those of `concurrent.futures`; so do refusals."""
    from tests.engines.dynamodb.functions import cluster

    try:
        copy = "copy: {segments: 4, executor: 'tests.engines.dynamodb.functions:cluster'}"
        plan = planned(shop, SORTED.replace("sort: id}", f"sort: id}}, {copy}"), 400)
        shop.client.put_item(TableName=OLD, Item={"id": {"S": "unfit"}})
        assert "unfit" in str(refusal(shop, plan))
        shop.client.delete_item(TableName=OLD, Key={"id": {"S": "unfit"}})
        shop.apply(plan, through=Phase.CONTRACT)
        assert len(contents(shop.client, NEW)) == 400
    finally:
        cluster()._client.close()  # type: ignore[attr-defined]


def test_a_stream_that_was_not_read_for_a_day_is_not_trusted(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(shop, SORTED)
    shop.apply(plan, through=Phase.MIGRATE)
    with monkeypatch.context() as later:
        later.setattr(records, "KEPT_SECONDS", -60.0)
        error = refusal(shop, plan)
        assert isinstance(error, StoreError)
        assert "was not read for a day" in error.message
        anew = shop.plan()
    assert titles(anew)[0] == f"give up moving {OLD} to {NEW}: its changes were not brought over in time"
    assert titles(anew)[1].startswith("create table shop-orders.v3-dev")


def test_another_stream_than_when_the_copy_began_is_not_trusted(shop: Workshop) -> None:
    plan = planned(shop, SORTED)
    shop.apply(plan, through=Phase.MIGRATE)
    for said in ({"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}):
        shop.client.update_table(TableName=OLD, StreamSpecification=said)
    error = refusal(shop, plan)
    assert "has another stream than when the copy began" in error.message
    assert titles(shop.converge(SORTED))[0].startswith(f"give up moving {OLD} to {NEW}")
    assert len(contents(shop.client, "shop-orders.v3-dev")) == 20


def test_a_slice_stops_where_its_time_ends_and_goes_on_there(shop: Workshop) -> None:
    shop.converge(BEFORE + "\n" + SORTED.replace("orders", "sorted"))
    filled(shop.client, OLD, 130)
    conversion = options.conversion(
        (KeyAttribute("id", "S"),), (KeyAttribute("tenant", "S"), KeyAttribute("id", "S")), (), options.Options()
    )
    connection = tuple(sorted(shop.connection.items()))
    work = copying.Slice(connection, OLD, "shop-sorted-dev", conversion, 0, 1, seconds=0.0)
    late = copying.run(replace(work, until=1.0))
    assert (late.items, late.last, late.ended) == (0, None, False)
    whole = copying.run(replace(work, seconds=60.0, writes=1e9))
    assert (whole.items, whole.ended, whole.met) == (130, True, 0)
    again = copying.run(replace(work, seconds=60.0, start={"id": {"S": "o5"}}))
    assert again.ended
    assert again.met == again.items < 130


def test_slices_that_always_come_too_late_end_the_copy_and_lose_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(shop, SORTED, 60)
    with monkeypatch.context() as late:
        late.setattr(copying, "GRACE_SECONDS", -1e6)
        error = refusal(shop, plan)
        assert "come too late to do anything" in error.message
    assert contents(shop.client, NEW) == {}
    shop.apply(plan, through=Phase.CONTRACT)
    assert len(contents(shop.client, NEW)) == 60
