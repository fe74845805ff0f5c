"""`copy.fence`: writes to the old table are refused before the last look at it, on moto with policies that hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import PartlyApplied
from reconciler.model.step import Phase
from tests.engines.dynamodb.beside import Answer, Beside, Refused, install, uninstall
from tests.engines.dynamodb.planning import planned, steps
from tests.engines.dynamodb.traffic import Traffic, contents, filled
from tests.engines.dynamodb.workshop import Workshop, codes

BEFORE = "orders: {attributes: {id: S}, key: {partition: id}}"
AFTER = "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}, copy: {fence: true}}"
ALLOW = "resource_policy: {Statement: {Effect: Allow, Principal: {AWS: '123456789012'}, Action: 'dynamodb:GetItem'}}"
OLD, NEW = "shop-orders-dev", "shop-orders.v2-dev"


@dataclass
class Enforcing(Beside):
    """Tags, backups and policies in front of DynamoDB Local, which has none; what a policy denies to all is denied."""

    documents: dict[str, Any] = field(default_factory=dict)
    backups: dict[str, str] = field(default_factory=dict)

    def answer(self, call: str, members: dict[str, Any]) -> Answer | None:
        table = members.get("TableName", "")
        for statement in self.documents.get(table, {}).get("Statement", ()):
            if statement["Effect"] == "Deny" and f"dynamodb:{call}" in statement["Action"]:
                raise Refused("AccessDeniedException", "with an explicit deny in a resource-based policy")
        return super().answer(call, members)

    def ListTagsOfResource(self, **_: Any) -> Answer:
        return {"Tags": []}

    def PutResourcePolicy(self, ResourceArn: str, Policy: str) -> Answer:
        self.documents[ResourceArn.rpartition("/")[2]] = json.loads(Policy)
        return {}

    def GetResourcePolicy(self, ResourceArn: str) -> Answer:
        found = self.documents.get(ResourceArn.rpartition("/")[2])
        if found is None:
            raise Refused("PolicyNotFoundException", "there is none")
        return {"Policy": json.dumps(found)}

    def DeleteResourcePolicy(self, ResourceArn: str) -> Answer:
        self.documents.pop(ResourceArn.rpartition("/")[2], None)
        return {}

    def ListBackups(self, **_: Any) -> Answer:
        return {"BackupSummaries": []}

    def CreateBackup(self, TableName: str, BackupName: str) -> Answer:
        self.backups[BackupName] = TableName
        return {"BackupDetails": {"BackupArn": f"arn:aws:dynamodb:us-east-1:1:table/t/backup/{BackupName}"}}

    def DescribeBackup(self, **_: Any) -> Answer:
        return {"BackupDescription": {"BackupDetails": {"BackupStatus": "AVAILABLE"}}}


@pytest.fixture
def service() -> Iterator[Enforcing]:
    enforcing = Enforcing()
    install(enforcing)
    try:
        yield enforcing
    finally:
        uninstall()


@pytest.fixture
def fenced(service: Enforcing, endpoint: str, tmp_path: Path) -> Workshop:
    """An empty project on DynamoDB Local with a policy of its own for each table."""
    return Workshop(tmp_path, endpoint)


def test_a_fence_is_a_step_of_its_own_and_comes_down_by_undo() -> None:
    plan = planned(f"{BEFORE[:-1]}, {ALLOW}}}", AFTER)
    contract = [s for s in plan.steps if s.phase is Phase.CONTRACT]
    assert contract[0].title == f"refuse all writes to {OLD} from here on" and "RC1204" in codes(contract[0])
    put, undone = contract[0].operation.encode(), (contract[0].undo or ())[0].encode()
    statements = json.loads(put["parameters"]["Policy"])["Statement"]
    assert [s["Effect"] for s in statements] == ["Allow", "Deny"] and "dynamodb:UpdateItem" in statements[1]["Action"]
    assert [s["Effect"] for s in json.loads(undone["parameters"]["Policy"])["Statement"]] == ["Allow"]
    assert "nobody can write" in contract[1].hazards[0].message
    unfenced = planned(BEFORE, AFTER.replace(", copy: {fence: true}", ""))
    assert len(steps(unfenced)) == len(steps(plan)) - 1


def test_late_writers_get_an_error_and_stop_nothing(fenced: Workshop, service: Enforcing) -> None:
    fenced.converge(BEFORE)
    traffic = Traffic(fenced.client, OLD, filled(fenced.client, OLD, 60), rate=15.0)
    fenced.declare(AFTER)
    plan = fenced.plan()
    with traffic.flowing():
        fenced.apply(plan, through=Phase.MIGRATE)
        assert traffic.errors == [] and traffic.count
        fenced.apply(plan, through=Phase.CONTRACT)
    assert traffic.errors and all("AccessDenied" in error for error in traffic.errors)
    assert contents(fenced.client, NEW) == traffic.truth
    assert list(service.backups.values()) == [OLD]
    assert fenced.plan().empty


def test_a_fence_stays_up_where_the_switch_stops_and_goes_with_the_wish(fenced: Workshop) -> None:
    fenced.converge(BEFORE)
    filled(fenced.client, OLD, 10)
    fenced.declare(AFTER)
    plan = fenced.plan()
    fenced.apply(plan, through=Phase.MIGRATE)
    fenced.client.put_item(TableName=NEW, Item={"tenant": {"S": "strange"}, "id": {"S": "one"}})
    with pytest.raises(PartlyApplied):
        fenced.apply(plan, through=Phase.CONTRACT)
    again = fenced.plan()
    assert any("refuse all writes" in s.title for s in again.steps), "what is up already is found, not doubled"
    fenced.declare(BEFORE)
    back = fenced.plan()
    assert any(s.title == f"remove the resource policy of table {OLD}" for s in back.steps)
    fenced.apply(back, through=Phase.CONTRACT)
    fenced.client.put_item(TableName=OLD, Item={"id": {"S": "again"}})
    assert fenced.plan().empty
