"""Running calls against a scripted client: what no emulator does, and what the real service does."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.dynamodb.operations import Call, Calls, Wait
from reconciler.errors import LockBusy, StoreError
from reconciler.model.engine import Limits
from tests.engines.dynamodb.scripted import Rig, Scripted, refusal
from tests.engines.dynamodb.test_operations import BUILD, CREATE, INDEX, REMOVE, TABLE, TTL, WHO

ACTIVE = TABLE


def having(status: str, **more: Any) -> dict[str, Any]:
    index = {**INDEX, "IndexStatus": status, **more}
    return {**TABLE, "GlobalSecondaryIndexes": [index], "AttributeDefinitions": [*TABLE["AttributeDefinitions"], WHO]}


def test_an_index_is_sent_once_and_waited_for_through_both_phases() -> None:
    answers = [ACTIVE, ACTIVE, having("CREATING", Backfilling=False), having("CREATING", Backfilling=True)]
    rig = Rig(Scripted([*answers, having("ACTIVE")]))
    rig.runner.run(BUILD)
    assert [name for name, _ in rig.client.sent] == ["update_table"]
    assert rig.said == ["things: index by_who is creating", "things: index by_who is creating, backfilling"]


def test_an_index_that_is_being_built_is_only_waited_for() -> None:
    rig = Rig(Scripted([having("CREATING", Backfilling=True), having("CREATING", Backfilling=True), having("ACTIVE")]))
    rig.runner.run(BUILD)
    assert not rig.client.sent


def test_a_table_that_is_there_is_not_created_again() -> None:
    rig = Rig(Scripted([{**TABLE, "TableStatus": "CREATING"}, ACTIVE]))
    rig.runner.run(CREATE)
    assert not rig.client.sent


def test_a_table_on_its_way_out_makes_room_first() -> None:
    leaving = {**TABLE, "TableStatus": "DELETING"}
    rig = Rig(Scripted([leaving, leaving, None, {**TABLE, "TableStatus": "CREATING"}, ACTIVE]))
    rig.runner.run(CREATE)
    assert [name for name, _ in rig.client.sent] == ["create_table"]
    assert rig.said[0] == "things: waiting, the table of that name is being deleted"


def test_descriptions_may_lag_behind() -> None:
    rig = Rig(Scripted([None, None, None, None, ACTIVE]))
    rig.runner.run(CREATE)
    assert len(rig.client.sent) == 1


def test_another_change_of_the_table_is_waited_for() -> None:
    updating = {**TABLE, "TableStatus": "UPDATING"}
    rig = Rig(Scripted([updating, updating, ACTIVE, having("ACTIVE")]))
    rig.runner.run(BUILD)
    assert rig.said[0] == "things: waiting, the table is updating"
    assert len(rig.client.sent) == 1


def test_a_build_that_reads_the_table_is_cancelled_by_its_removal_at_once() -> None:
    rig = Rig(Scripted([having("CREATING", Backfilling=True), having("CREATING", Backfilling=True), ACTIVE]))
    rig.runner.run(REMOVE)
    assert len(rig.client.sent) == 1 and not rig.said


@pytest.mark.parametrize(
    "code", ["LimitExceededException", "ThrottlingException", "ResourceInUseException", "RequestLimitExceeded"]
)
def test_what_passes_is_tried_again(code: str) -> None:
    client = Scripted([ACTIVE], [refusal(code, "slow down")] * 2)
    client.on_send = lambda: client.tables.__setitem__(0, having("ACTIVE"))
    rig = Rig(client)
    rig.runner.run(BUILD)
    assert len(client.sent) == 1
    assert rig.said == ["things: slow down; trying again"] * 2
    assert rig.clock.now >= 10


def test_a_call_whose_answer_was_lost_is_not_made_twice() -> None:
    client = Scripted([ACTIVE, ACTIVE, having("CREATING"), having("ACTIVE")], [refusal("ResourceInUseException")])
    Rig(client).runner.run(BUILD)
    assert not client.sent, "the refusal was about the index that the first try had made"


def test_what_does_not_pass_is_an_error_that_names_the_permission() -> None:
    rig = Rig(Scripted([ACTIVE], [refusal("AccessDeniedException", "no way")]))
    with pytest.raises(StoreError, match="refused UpdateTable of things: AccessDeniedException: no way") as caught:
        rig.runner.run(BUILD)
    assert caught.value.hint == "the credentials need dynamodb:UpdateTable"
    assert caught.value.effect == "nothing was changed"


def test_waiting_ends_at_its_limit_and_says_how_to_go_on() -> None:
    rig = Rig(Scripted([ACTIVE, ACTIVE, having("CREATING", Backfilling=True)]), Limits(wait_timeout=300))
    with pytest.raises(StoreError, match="not finished after 300 s; things: index by_who is creating") as caught:
        rig.runner.run(BUILD)
    assert 300 <= rig.clock.now < 320
    assert "run the same plan again" in str(caught.value.hint)
    assert "the service goes on" in caught.value.effect
    assert any("for 60 s now" in s or "s now" in s for s in rig.said), "it is told once a minute"


def test_dynamodb_local_is_not_waited_for_where_it_never_ends() -> None:
    """It leaves an index in DELETING for ever whose key is the table's own, or that of another index."""
    rig = Rig(Scripted([having("ACTIVE"), having("ACTIVE"), having("DELETING")]), edition="local")
    with pytest.raises(StoreError, match="not finished after 60 s; things: index by_who is deleting") as caught:
        rig.runner.run(DROP)
    assert "delete the local table" in str(caught.value.hint)


def test_no_limit_is_no_limit() -> None:
    days = [having("CREATING", Backfilling=True)] * 5000
    rig = Rig(Scripted([ACTIVE, ACTIVE, *days, having("ACTIVE")]), Limits(wait_timeout=0))
    rig.runner.run(BUILD)
    assert rig.clock.now > 40_000


def test_an_index_that_vanishes_while_it_is_built_is_an_error() -> None:
    rig = Rig(Scripted([ACTIVE, ACTIVE, having("CREATING"), ACTIVE]))
    with pytest.raises(StoreError, match="index by_who is gone"):
        rig.runner.run(BUILD)


def test_a_missing_table_is_an_error() -> None:
    with pytest.raises(StoreError, match="there is no table things"):
        Rig(Scripted([None])).runner.run(BUILD)


def test_the_one_ttl_change_an_hour_is_waited_for() -> None:
    too_often = refusal("ValidationException", "Time to live has been modified multiple times within a fixed interval")
    client = Scripted([ACTIVE], [too_often] * 3)
    rig = Rig(client)
    rig.runner.run(TTL)
    assert [name for name, _ in client.sent] == ["update_time_to_live"]
    assert rig.clock.now >= 180 and "changed within the hour" in rig.said[0]


DROP = Call(REMOVE.call, REMOVE.parameters, Wait("index", "gone", "by_who"))
OFF = Call(
    "UpdateTimeToLive",
    {"TableName": "things", "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "old"}},
    Wait("ttl", "disabled"),
)


@pytest.mark.parametrize(
    ("ttl", "sent"),
    [
        ([{"TimeToLiveStatus": "ENABLED", "AttributeName": "old"}] * 3 + [{"TimeToLiveStatus": "DISABLED"}], 2),
        ([{"TimeToLiveStatus": "DISABLING", "AttributeName": "old"}] * 3 + [{"TimeToLiveStatus": "DISABLED"}], 1),
        ([{"TimeToLiveStatus": "DISABLED"}], 1),
        ([{"TimeToLiveStatus": "ENABLING", "AttributeName": "gone"}], 0),
    ],
)
def test_calls_go_on_after_the_last_whose_effect_is_there(ttl: list[dict[str, Any]], sent: int) -> None:
    client = Scripted([ACTIVE], ttl=ttl)
    Rig(client).runner.run(Calls((OFF, TTL)))
    assert len(client.sent) == sent


def test_an_index_that_was_replaced_already_is_left_alone() -> None:
    client = Scripted([having("ACTIVE")])
    Rig(client).runner.run(Calls((REMOVE, BUILD)))
    assert not client.sent


def test_half_of_several_calls_is_said_in_the_error() -> None:
    client = Scripted([having("DELETING"), ACTIVE, ACTIVE], [refusal("ValidationException", "no such thing")])
    with pytest.raises(StoreError) as caught:
        Rig(client).runner.run(Calls((REMOVE, BUILD)))
    assert caught.value.effect == "1 of 2 calls went through; run the plan again to go on"


def test_nothing_is_sent_without_the_lock() -> None:
    def lost() -> None:
        raise LockBusy("the lock was lost")

    client = Scripted([ACTIVE])
    rig = Rig(client, held=lost)
    with pytest.raises(LockBusy):
        rig.runner.run(BUILD)
    assert not client.sent
