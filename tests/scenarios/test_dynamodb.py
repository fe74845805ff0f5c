"""Every plan form of a table that is made anew, planned and applied on DynamoDB Local.

<kind>/<case>/ holds `live.yaml`, `desired.yaml` and the golden `plan.yaml`; `case.yaml` may say `items: 0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.strictyaml import parse
from reconciler.local import throwaway
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from tests.engines.dynamodb.workshop import Workshop
from tests.postgres.golden import compact

ROOT = Path(__file__).parent / "dynamodb"
CASES = sorted(p.parent for p in ROOT.glob("*/*/live.yaml"))
ITEMS = 6
SELDOM = {"key_is_another", "local_index_changes", "local_index_goes", "named_outright", "protected"}
"""Much like others: in the matrix only."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with throwaway("dynamodb") as instance:
        yield instance.uri


def items(case: Path) -> int:
    path = case / "case.yaml"
    said: Any = parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else {}
    return int(said.get("items", ITEMS))


def put(shop: Workshop, count: int) -> None:
    for number in range(1, count + 1):
        item = {"id": {"S": str(number)}, "tenant": {"S": f"t{number % 2}"}, "at": {"N": str(number * 10)}}
        email = {"S": f"{number}@example.org"}
        shop.client.put_item(TableName="shop-orders-dev", Item={**item, "email": email})


def works_as_before(shop: Workshop, count: int) -> None:
    """What code of the old version does: it finds its table, with the items."""
    assert len(shop.client.scan(TableName="shop-orders-dev", ConsistentRead=True)["Items"]) == count


def compare(case: Path, plan: Plan, update: bool) -> None:
    text = re.sub("Shape: .*", "Shape: DIGEST", compact(plan).replace("sql: ", "call: "))
    if update:
        (case / "plan.yaml").write_text(text, encoding="utf-8")
    assert text == (case / "plan.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.matrix] if c.name in SELDOM else []) for c in CASES],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_on_dynamodb_local(case: Path, endpoint: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shop = Workshop(tmp_path, endpoint)
    schema, count = shop.folder / "schemas" / "shop.yaml", items(case)
    schema.write_text((case / "live.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    shop.apply(through=Phase.CONTRACT)
    put(shop, count)
    schema.write_text((case / "desired.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    plan = shop.plan()
    compare(case, plan, request.config.getoption("--update-goldens"))
    shop.apply(plan, through=Phase.MIGRATE)
    works_as_before(shop, count)
    shop.apply(plan, through=Phase.CONTRACT)
    assert shop.plan().empty
    (table,) = [t for t in shop.inspect("orders=customer-orders").resources.values() if t.address.kind == "table"]
    found = shop.client.scan(TableName=table.name, ConsistentRead=True)["Items"]  # type: ignore[attr-defined]
    assert sorted(i["at"]["N"] for i in found) == sorted(str(n * 10) for n in range(1, count + 1))
