"""A table made anew with its items, on DynamoDB Local."""

from __future__ import annotations

from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.model.step import Phase
from tests.engines.dynamodb.workshop import Workshop, address, titles

BEFORE = "orders: {attributes: {id: S}, key: {partition: id}}"
AFTER = "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}}"


def test_a_key_changes_with_all_items(shop: Workshop) -> None:
    shop.converge(BEFORE)
    for number in range(30):
        item = {"id": {"S": f"o{number}"}, "tenant": {"S": f"t{number % 3}"}, "n": {"N": str(number)}}
        shop.client.put_item(TableName="shop-orders-dev", Item=item)
    plan = shop.converge(AFTER)
    print("\n".join(titles(plan)))
    table = shop.inspect().get(address("table", "orders"), Table)
    assert table is not None
    assert table.name == "shop-orders.v2-dev"
    assert shop.client.scan(TableName="shop-orders.v2-dev")["Count"] == 30
    assert shop.client.list_tables()["TableNames"] == ["reconcile-state", "shop-orders.v2-dev"]
