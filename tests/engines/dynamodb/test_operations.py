"""Operations: through the plan file and back, and what is there already (pure)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.desired.emit import dump
from reconciler.desired.strictyaml import parse
from reconciler.engines.dynamodb import ENGINE
from reconciler.engines.dynamodb.effects import holds
from reconciler.engines.dynamodb.operations import CALLS, Call, Calls, Wait
from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StalePlan, StoreError

CREATE = Call(
    "CreateTable",
    {
        "TableName": "things",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    Wait("table", "active"),
)
INDEX = {
    "IndexName": "by_who",
    "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"]},
}
WHO = {"AttributeName": "who", "AttributeType": "S"}
TABLE: dict[str, Any] = {
    "TableName": "things",
    "TableStatus": "ACTIVE",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}


def update(**members: Any) -> Call:
    return Call("UpdateTable", {"TableName": "things", **members}, Wait("table", "active"))


BUILD = Call(
    "UpdateTable",
    {
        "TableName": "things",
        "AttributeDefinitions": [WHO],
        "GlobalSecondaryIndexUpdates": [{"Create": INDEX}],
    },
    Wait("index", "active", "by_who"),
)
REMOVE = update(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_who"}}])
TTL = Call(
    "UpdateTimeToLive",
    {"TableName": "things", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "gone"}},
)


@pytest.mark.parametrize("operation", [CREATE, BUILD, TTL, Calls((REMOVE, BUILD))])
def test_operations_come_back_from_a_file_as_they_went(operation: Call | Calls) -> None:
    assert ENGINE.decode(operation.encode()) == operation
    written: Any = parse(dump(operation.encode()), "plan.yaml")
    assert ENGINE.decode(written) == operation


def test_people_read_the_call_and_what_it_is_waited_for() -> None:
    lines = Calls((REMOVE, BUILD)).lines()
    assert lines[0] == "UpdateTable"
    assert "  TableName: things" in lines
    assert lines[-1] == "wait until index by_who is active"


@pytest.mark.parametrize("call", ["DeleteItem", "create_table", None])
def test_a_plan_can_hold_no_other_call(call: Any) -> None:
    assert call not in CALLS
    with pytest.raises(StalePlan, match="not known here"):
        ENGINE.decode({"call": call, "parameters": {"TableName": "things"}})
    with pytest.raises(StalePlan, match="not known here"):
        ENGINE.decode({"calls": [{"call": call, "parameters": {"TableName": "things"}}]})
    with pytest.raises(StalePlan, match="not known here"):
        ENGINE.decode({"call": "DeleteTable", "parameters": {}})


def row(**more: Any) -> TableRow:
    return TableRow({**TABLE, **more})


def indexed(status: str = "ACTIVE", **more: Any) -> TableRow:
    projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]}
    index = {**INDEX, "Projection": projection, "IndexStatus": status, "ItemCount": 3, **more}
    return row(GlobalSecondaryIndexes=[index], AttributeDefinitions=[*TABLE["AttributeDefinitions"], WHO])


UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
PROVISIONED = {"BillingModeSummary": {"BillingMode": "PROVISIONED"}, "ProvisionedThroughput": UNITS}


@pytest.mark.parametrize(
    ("call", "live", "there"),
    [
        (CREATE, None, False),
        (CREATE, row(TableStatus="CREATING"), True),
        (BUILD, row(), False),
        (BUILD, indexed("CREATING", Backfilling=True), True),
        (BUILD, indexed("DELETING"), False),
        (BUILD, indexed(KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}]), False),
        (REMOVE, indexed(), False),
        (REMOVE, indexed("DELETING"), True),
        (REMOVE, row(), True),
        (Call("DeleteTable", {"TableName": "things"}), row(), False),
        (Call("DeleteTable", {"TableName": "things"}), row(TableStatus="DELETING"), True),
        (Call("DeleteTable", {"TableName": "things"}), None, True),
        (update(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS), row(**PROVISIONED), True),
        (update(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS), row(), False),
        (update(BillingMode="PAY_PER_REQUEST"), row(**PROVISIONED), False),
        (update(OnDemandThroughput={"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}), row(), True),
        (update(OnDemandThroughput={"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": -1}), row(), False),
        (update(DeletionProtectionEnabled=False), row(), True),
        (update(DeletionProtectionEnabled=True), row(), False),
        (update(TableClass="STANDARD"), row(), True),
        (update(TableClass="STANDARD_INFREQUENT_ACCESS"), row(), False),
        (update(StreamSpecification={"StreamEnabled": False}), row(), True),
        (
            update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}),
            row(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
            False,
        ),
        (TTL, TableRow(TABLE, ttl={"TimeToLiveStatus": "ENABLING", "AttributeName": "gone"}), True),
        (TTL, TableRow(TABLE, ttl={"TimeToLiveStatus": "ENABLED", "AttributeName": "x"}), False),
        (TTL, TableRow(TABLE, ttl={"TimeToLiveStatus": "DISABLED", "AttributeName": "gone"}), False),
        (TTL, None, False),
    ],
)
def test_an_effect_that_is_there_or_on_its_way_is_seen(call: Call, live: TableRow | None, there: bool) -> None:
    assert holds(call, live) is there


def test_another_type_of_a_key_is_another_index() -> None:
    other = Call(
        BUILD.call,
        {**BUILD.parameters, "AttributeDefinitions": [{"AttributeName": "who", "AttributeType": "N"}]},
    )
    assert not holds(other, indexed())


def test_a_table_of_the_same_name_is_not_taken_for_ours() -> None:
    other = row(KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}])
    with pytest.raises(StoreError, match="there is a table things already"):
        holds(CREATE, other)
