"""The state table: lock, journal, and which services there are."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from reconciler.engines.dynamodb import ENGINE, limits
from reconciler.engines.dynamodb.lease import Lease
from reconciler.engines.dynamodb.naming import STATE_TABLE
from reconciler.errors import LockBusy, StoreError
from reconciler.model.engine import Target
from tests.engines.dynamodb.workshop import Workshop

T = "t: {attributes: {id: S}, key: {partition: id}}"


def tables(shop: Workshop) -> list[str]:
    return list(shop.client.list_tables()["TableNames"])


def test_reading_the_journal_creates_nothing(shop: Workshop) -> None:
    with shop.session() as session:
        assert session.journal() == {}
    shop.declare(T)
    shop.plan()
    assert tables(shop) == []


def test_the_journal_keeps_what_it_is_given(shop: Workshop) -> None:
    long = {f"table/{n}": f"{n:032x}" for n in range(20_000)}
    entries: dict[str, Any] = {"a": {"x": [1, 2.5, None, True, "ü"]}, "b": "text", "long": long, "c": []}
    with shop.session() as session:
        session.record(entries)
        assert session.journal() == entries
        session.record({"b": None, "a": 2})
        assert session.journal() == {"a": 2, "long": long, "c": []}
    with ENGINE.open(Target("shop", "dynamodb", "other", shop.connection)) as elsewhere:
        assert elsewhere.journal() == {}, "each environment has its own"
    raw = shop.client.get_item(TableName=STATE_TABLE, Key={"pk": {"S": "journal#shop#dev"}, "sk": {"S": "long"}})
    assert "packed" in raw["Item"]


def test_more_entries_than_one_transaction_takes(shop: Workshop) -> None:
    entries = {f"key-{n:03}": n for n in range(250)}
    with shop.session() as session:
        session.record(entries)
        assert session.journal() == entries


def test_an_entry_that_fits_no_item_is_an_error(shop: Workshop) -> None:
    import random

    noise = "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyz", k=2_000_000))
    with shop.session() as session, pytest.raises(StoreError, match="does not fit an item"):
        session.record({"a": noise})


def test_the_state_table_is_never_in_scope(shop: Workshop) -> None:
    shop.converge(T)
    assert STATE_TABLE in tables(shop)
    for naming in ("{table}", "reconcile-{table}"):
        assert not [
            a for a in shop.inspect(naming=naming, everything=True).resources if a.name in (STATE_TABLE, "state")
        ]


def test_one_applier_at_a_time_and_the_other_hears_of_it(shop: Workshop) -> None:
    with shop.session() as first, shop.session() as second:
        with first.exclusive("alice@laptop pid 7"):
            with pytest.raises(LockBusy, match=r"locked by alice@laptop pid 7 since 20\d\d-\d\d-\d\dT") as caught:
                second.exclusive("bob").__enter__()
            assert caught.value.exit_code == 4 and "its lock ends in" in str(caught.value.hint)
        with second.exclusive("bob"):
            pass


def test_services_and_environments_have_locks_of_their_own(shop: Workshop) -> None:
    other = Target("other", "dynamodb", "dev", shop.connection)
    elsewhere = Target("shop", "dynamodb", "staging", shop.connection)
    with (
        shop.session() as one,
        ENGINE.open(other) as two,
        ENGINE.open(elsewhere) as three,
        one.exclusive("a"),
        two.exclusive("b"),
        three.exclusive("c"),
    ):
        pass


def test_only_one_of_many_gets_it(shop: Workshop) -> None:
    got: list[int] = []
    with shop.session() as session:
        session.state.create()
        gate = threading.Barrier(8)

        def attempt(number: int) -> None:
            gate.wait()
            try:
                Lease(session.client, "shop#dev", f"applier {number}").__enter__()
                got.append(number)
            except LockBusy:
                pass

        threads = [threading.Thread(target=attempt, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(got) == 1


def test_a_dead_holder_is_succeeded_when_its_lease_is_over(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.engines.dynamodb.lease.SKEW_SECONDS", 0.2)
    with shop.session() as session:
        session.state.create()
        dead = Lease(session.client, "shop#dev", "dead", seconds=1.0, beat=60)
        dead.__enter__()
        with pytest.raises(LockBusy, match="locked by dead"):
            Lease(session.client, "shop#dev", "next", seconds=1.0).__enter__()
        time.sleep(2.3)
        with Lease(session.client, "shop#dev", "next", seconds=5.0) as successor:
            assert successor.fence == dead.fence + 1
            with pytest.raises(LockBusy, match="the lock on shop/dynamodb in dev was lost"):
                dead.check()
            session._lease = dead
            with pytest.raises(LockBusy, match="taken the lock over"):
                session.record({"a": 1})
            session._lease = successor
            session.record({"a": 2})
            session._lease = None
            assert session.journal() == {"a": 2}


def test_a_heartbeat_keeps_it(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.engines.dynamodb.lease.SKEW_SECONDS", 0.2)
    monkeypatch.setattr(limits, "LEASE_SECONDS", 1.5)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.3)
    with shop.session() as first, shop.session() as second, first.exclusive("alive"):
        time.sleep(2.5)
        with pytest.raises(LockBusy):
            second.exclusive("next").__enter__()
        first.record({"still": "ours"})


def test_a_step_and_its_journal_entries_go_together(shop: Workshop) -> None:
    shop.declare(T)
    plan = shop.plan()
    with shop.session() as session, session.exclusive("me"):
        session.execute(plan.steps[0].operation, shop.project().environment.limits, lambda _: None, {"progress": 1})
        assert session.journal()["progress"] == 1
        session.execute(plan.steps[0].operation, shop.project().environment.limits, lambda _: None, {"progress": 1})


def test_services_on_record_keep_tables_apart(shop: Workshop) -> None:
    shop.declare("rooms: {attributes: {id: S}, key: {partition: id}}", service="chat-bot")
    shop.declare("rooms: {attributes: {id: S}, key: {partition: id}}", service="chat")
    shop.apply()
    with shop.session("chat") as session:
        catalog = session.inspect(shop.scope(service="chat"))
    assert [str(a) for a in catalog.resources] == ["table rooms"]
    plan = shop.plan()
    assert plan.empty and not plan.unmanaged
