from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from reconciler.errors import LocalStoreError
from reconciler.local import Instance, down, probes, status, up

from .clients import TABLE, cypher, dynamodb, gone, python, sql, wait_until


def state_of(store: str) -> str:
    return status([store])[0].state


def test_running_stores_are_reused_and_shown(running: dict[str, Instance]) -> None:
    again = up()
    assert [one.pid for one in again] == [running[one.store].pid for one in again]
    assert all(one.reused for one in again)
    for one in status():
        expected = running[one.store]
        assert (one.state, one.uri, one.pid, one.version) == ("running", expected.uri, expected.pid, expected.version)
        assert one.size > 0
        assert one.data.is_dir()


def test_postgres_and_neo4j_listen_on_loopback_only(running: dict[str, Instance]) -> None:
    for store in ("postgres", "neo4j"):
        sockets = psutil.Process(running[store].pid).net_connections("tcp")
        listening = {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_postgres_is_safe_and_wide_enough(running: dict[str, Instance]) -> None:
    shown = "SELECT current_setting('fsync'), current_setting('max_connections')::int >= 100"
    assert sql(running["postgres"].uri, shown) == [("on", True)]


def test_a_server_is_given_no_secret_of_the_environment(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    (instance,) = up(["postgres"])
    assert "SOME_TOKEN" not in psutil.Process(instance.pid).environ()


@pytest.mark.parametrize("garbage", ["", "{", "null", '{"pid": "x"}', '{"pid": 1}'])
def test_a_damaged_record_does_not_hide_a_running_server(
    running: dict[str, Instance], shared_home: Path, garbage: str
) -> None:
    for store in running:
        (shared_home / store / "instance.json").write_text(garbage)
    assert [one.state for one in status()] == ["running"] * 3
    assert {one.store: one.pid for one in up()} == {one.store: one.pid for one in running.values()}
    assert json.loads((shared_home / "neo4j" / "instance.json").read_text())["pid"] == running["neo4j"].pid


def test_data_and_ports_survive_down_and_up(running: dict[str, Instance]) -> None:
    sql(running["postgres"].uri, "CREATE TABLE kept AS SELECT 42 AS x")
    cypher(running["neo4j"].uri, "CREATE (:Kept {x: 42})")
    dynamodb(running["dynamodb"].uri).create_table(**TABLE)

    assert sorted(down()) == sorted(running)
    assert all(gone(one.pid) and probes.is_free(one.port) for one in running.values())
    assert [one.state for one in status()] == ["stopped"] * 3
    assert down() == []

    again = {one.store: one for one in up()}
    assert [one.uri for one in again.values()] == [one.uri for one in running.values()]
    running.update(again)
    assert sql(again["postgres"].uri, "TABLE kept") == [(42,)]
    assert cypher(again["neo4j"].uri, "MATCH (k:Kept) RETURN k.x AS x") == [{"x": 42}]
    assert dynamodb(again["dynamodb"].uri).list_tables()["TableNames"] == ["kept"]


def test_two_runs_at_once_share_one_server(own_home: Path) -> None:
    code = "from reconciler.local import up; (i,) = up(['postgres']); print(i.pid, i.reused)"
    runs = [python(code), python(code)]
    said = [run.communicate(timeout=60)[0].split() for run in runs]
    assert len({pid for pid, _ in said}) == 1
    assert sorted(reused for _, reused in said) == ["False", "True"]


def test_an_up_killed_while_starting_leaves_nothing(own_home: Path) -> None:
    run = python("from reconciler.local import up; up(['dynamodb'])")
    mark = f"reconcile.local={own_home / 'dynamodb'}:"
    started = wait_for_server(mark)
    run.kill()
    run.communicate()
    assert wait_until(lambda: gone(started.pid))
    assert state_of("dynamodb") == "stopped"


def wait_for_server(mark: str) -> psutil.Process:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for process in psutil.process_iter(["cmdline"]):
            if any(mark in argument for argument in process.info["cmdline"] or ()):
                return process
        time.sleep(0.02)
    raise AssertionError("no server was started")


class TestPostgresAlone:
    """What goes wrong with state, on the store that starts fastest."""

    def test_a_killed_server_is_started_again_with_its_data(self, own_home: Path) -> None:
        (first,) = up(["postgres"])
        sql(first.uri, "CREATE TABLE kept AS SELECT 42 AS x")
        sql(first.uri, "CHECKPOINT")
        os.kill(first.pid, signal.SIGKILL)
        assert wait_until(lambda: gone(first.pid))
        assert state_of("postgres") == "stopped"
        (second,) = up(["postgres"])
        assert (second.reused, second.uri) == (False, first.uri)
        assert sql(second.uri, "TABLE kept") == [(42,)]

    def test_a_left_pid_file_does_not_block(self, own_home: Path, bystander: psutil.Process) -> None:
        up(["postgres"])
        (data,) = (own_home / "postgres").glob("data-*")
        for content in (f"{bystander.pid}\n", "", "garbage\n"):
            down(["postgres"])
            (data / "postmaster.pid").write_text(content)
            assert up(["postgres"])[0].reused is False

    def test_a_half_made_data_folder_is_set_aside(self, own_home: Path) -> None:
        up(["postgres"])
        down(["postgres"])
        (data,) = (own_home / "postgres").glob("data-*")
        (data / "PG_VERSION").unlink()
        (data.parent / f"{data.name}.new").mkdir()
        (data.parent / f"{data.name}.new" / "half").touch()
        (instance,) = up(["postgres"])
        assert sql(instance.uri, "SELECT 1") == [(1,)]
        assert (data.parent / f"{data.name}.incomplete-1" / "base").is_dir()
        assert not (data.parent / f"{data.name}.new").exists()

    def test_a_pid_that_was_given_to_another_process_is_left_alone(
        self, own_home: Path, bystander: psutil.Process
    ) -> None:
        home = own_home / "postgres"
        home.mkdir(parents=True)
        record = {"version": "18.6", "port": 20001, "pid": bystander.pid, "create_time": bystander.create_time() - 60}
        (home / "instance.json").write_text(json.dumps(record))
        assert state_of("postgres") == "stopped"
        assert down(["postgres"]) == []
        assert bystander.is_running()

    def test_another_port_is_taken_when_the_last_one_is_in_use(self, own_home: Path) -> None:
        (first,) = up(["postgres"])
        down(["postgres"])
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", first.port))
            taken.listen()
            (second,) = up(["postgres"])
        assert second.port != first.port
        assert sql(second.uri, "SELECT 1") == [(1,)]

    def test_a_failure_shows_the_end_of_the_log(self, own_home: Path) -> None:
        up(["postgres"])
        down(["postgres"])
        (data,) = (own_home / "postgres").glob("data-*")
        (data / "PG_VERSION").write_text("12\n")
        with pytest.raises(LocalStoreError, match="incompatible with server") as caught:
            up(["postgres"])
        assert "server.log" in (caught.value.hint or "")
        assert state_of("postgres") == "stopped"

    def test_purge_deletes_the_data(self, own_home: Path) -> None:
        up(["postgres"])
        assert down(["postgres"], purge=True) == ["postgres"]
        assert not (own_home / "postgres").exists()
        assert status(["postgres"])[0].size == 0


def test_an_unknown_store_is_an_error() -> None:
    with pytest.raises(LocalStoreError, match="mysql") as caught:
        up(["mysql"])
    assert "postgres, neo4j, dynamodb" in (caught.value.hint or "")


def test_one_store_that_fails_says_that_the_others_run(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_CACHE_HOME", "/dev/null/no-folder")
    with pytest.raises(LocalStoreError, match="cannot create /dev/null/no-folder") as caught:
        up(["postgres", "dynamodb"])
    assert caught.value.effect == "running: postgres"
    assert state_of("postgres") == "running"


def test_a_wrong_folder_of_postgres_is_named(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_POSTGRES_BIN", "/nonexistent")
    with pytest.raises(LocalStoreError, match="RECONCILE_POSTGRES_BIN=/nonexistent"):
        up(["postgres"])
