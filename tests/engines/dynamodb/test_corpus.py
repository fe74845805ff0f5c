"""Tables as others create them: inspected, lifted, lowered, compared. Those of `tables/` are our own; beside this
repository there may be more, which nobody here wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.desired.validate import Validator
from reconciler.engines.dynamodb import ENGINE
from tests.engines.dynamodb.workshop import Workshop

OWN = Path(__file__).parent / "tables"
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dynamodb"
FILES = sorted(p for folder in (OWN, CORPUS) for p in folder.glob("*.json") if p.name != "manifest.json")


def create(shop: Workshop, definition: dict[str, Any], recovery: bool) -> str:
    request = definition["CreateTable"]
    shop.client.create_table(**request)
    after = definition.get("after", {})
    if "TimeToLiveSpecification" in after:
        shop.client.update_time_to_live(
            TableName=request["TableName"], TimeToLiveSpecification=after["TimeToLiveSpecification"]
        )
    if "PointInTimeRecoverySpecification" in after and recovery:
        shop.client.update_continuous_backups(
            TableName=request["TableName"],
            PointInTimeRecoverySpecification=after["PointInTimeRecoverySpecification"],
        )
    return str(request["TableName"])


def url(shop: Workshop) -> str:
    endpoint = f"endpoint={shop.endpoint}&" if shop.endpoint else ""
    return f"dynamodb://{shop.region}?{endpoint}access_key={shop.access_key}&secret_key=x"


def imported_and_planned(shop: Workshop, table: str) -> None:
    """`import`, then `plan` against what it wrote: nothing to do; then apply to an empty store: the same table."""
    engines = {"dynamodb": ENGINE}
    project = pipeline.load(Options(target=url(shop), cwd=shop.folder), {}, engines, declared=False)
    found = pipeline.import_live(project, ["shop"])
    assert not found.differences and not found.deferred and found.exit_code == 0
    (text,) = found.files.values()
    assert table in text and "name:" not in text.replace("IndexName", "")
    for name, content in found.files.items():
        (shop.folder / "schemas" / name).write_text(content)
    loaded = pipeline.load(Options(target=url(shop), schemas=shop.folder / "schemas", cwd=shop.folder), {}, engines)
    assert not [e for d in loaded.documents for e in Validator([ENGINE]).errors(d)]
    assert pipeline.make_plan(loaded).plan.empty


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_table_comes_back_as_it_is(shop: Workshop, path: Path) -> None:
    definition = json.loads(path.read_text())
    table = create(shop, definition, recovery=False)
    imported_and_planned(shop, table)
    rebuilt = Workshop(shop.folder, shop.endpoint)
    text = next((shop.folder / "schemas").glob("*.yaml")).read_text()
    assert text
    engines = {"dynamodb": ENGINE}
    options = Options(target=url(rebuilt), schemas=shop.folder / "schemas", cwd=shop.folder)
    plan = pipeline.make_plan(pipeline.load(options, {}, engines), stamped=True).plan
    pipeline.apply_plan(pipeline.load(options, {}, engines), plan, allow=("*",))
    assert pipeline.make_plan(pipeline.load(options, {}, engines)).plan.empty
    assert comparable(rebuilt, table) == comparable(shop, table)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_table_with_recovery_on_moto(moto_shop: Workshop, path: Path) -> None:
    table = create(moto_shop, json.loads(path.read_text()), recovery=True)
    imported_and_planned(moto_shop, table)


UNORDERED = {"AttributeDefinitions", "NonKeyAttributes"}
VOLATILE = {"CreationDateTime", "LastUpdateToPayPerRequestDateTime", "LatestStreamArn", "LatestStreamLabel", "TableId"}


def comparable(shop: Workshop, table: str) -> Any:
    """What the store itself says of a table, without times; independent of the engine under test."""
    return settled(shop.client.describe_table(TableName=table)["Table"])


def settled(value: Any) -> Any:
    """Without times, and with what has no order in one."""
    if isinstance(value, dict):
        kept = {k: settled(v) for k, v in value.items() if k not in VOLATILE and not k.endswith("DateTime")}
        return {k: sorted(v, key=repr) if k in UNORDERED else v for k, v in kept.items()}
    return [settled(v) for v in value] if isinstance(value, list) else value
