"""The declarations that come with the project: each can be applied as it is, locally and elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.documents import Document
from reconciler.desired.emit import dump
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.engines.dynamodb import ENGINE
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Policy
from reconciler.model.step import Phase
from tests.engines.dynamodb.planning import SERVER
from tests.engines.dynamodb.workshop import Workshop

SCHEMAS = Path(__file__).parents[3] / "schemas"
SERVICES = ("ai", "chat", "courses", "tutor-matching", "video-call")


def own_part(service: str) -> str:
    """What the file says of DynamoDB; other engines have tests of their own."""
    data: Any = parse((SCHEMAS / f"{service}.yaml").read_text(), f"{service}.yaml")
    return dump({"service": data["service"], "dynamodb": data["dynamodb"]})


def declared(service: str, policy: Policy) -> Catalog:
    text = own_part(service)
    document = Document(f"{service}.yaml", text, parse(text, f"{service}.yaml"), "")
    return lower(ENGINE, (document,), service, policy, f"{service}-{{table}}-{policy.environment}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_declaration_is_right_in_every_environment(service: str) -> None:
    for policy in (Policy("local"), Policy("dev-1"), Policy("production", production=True)):
        catalog = declared(service, policy)
        assert not list(ENGINE.unsupported(catalog, SERVER))
        assert catalog.resources


def test_all_of_them_live_side_by_side_on_dynamodb_local(shop: Workshop) -> None:
    shop.environment = "local"
    for service in SERVICES:
        (shop.folder / "schemas" / f"{service}.yaml").write_text(own_part(service))
    plan = shop.plan()
    assert plan.complete, "nothing is deferred in the local environment"
    shop.apply(plan, through=Phase.CONTRACT)
    left = shop.plan()
    assert left.empty and left.complete and not left.unmanaged
    assert len(shop.client.list_tables()["TableNames"]) == 20 + 1
