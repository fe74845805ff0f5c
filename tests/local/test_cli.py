from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.down import command as down_command
from reconciler.cli.status import command as status_command
from reconciler.cli.up import command as up_command
from reconciler.errors import LocalStoreError
from reconciler.local import Instance, ProgressEvent, TerminalProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_up_prints_where_the_stores_are_and_how_to_stop_them(running: dict[str, Instance]) -> None:
    shown = CliRunner().invoke(up_command, catch_exceptions=False)
    assert all(one.uri in shown.stdout for one in running.values())
    assert shown.stdout.endswith("stop them with: reconcile down\n")


def test_up_and_status_as_json(running: dict[str, Instance]) -> None:
    started = json.loads(CliRunner().invoke(up_command, ["neo4j", "--json"]).stdout)
    assert [one["uri"] for one in started["stores"]] == [running["neo4j"].uri]
    shown = json.loads(CliRunner().invoke(status_command, ["--json"]).stdout)
    assert {one["store"]: one["pid"] for one in shown["stores"]} == {one.store: one.pid for one in running.values()}


def test_status_is_a_table_and_says_where_dynamodb_listens(running: dict[str, Instance]) -> None:
    shown = CliRunner().invoke(status_command).stdout
    assert [line.split()[:2] for line in shown.splitlines()[1:4]] == [[store, "running"] for store in running]
    assert "all interfaces" in shown


def test_down_stops_and_purges(own_home: Path) -> None:
    CliRunner().invoke(up_command, ["postgres"], catch_exceptions=False)
    ended = CliRunner().invoke(down_command, ["postgres", "--purge"], catch_exceptions=False)
    assert ended.stdout == "stopped: postgres\ndeleted the data of: postgres\n"
    assert "stopping" in ended.stderr
    again = CliRunner().invoke(down_command, ["--json"], catch_exceptions=False)
    assert json.loads(again.stdout) == {"stopped": [], "purged": []}


def test_errors_are_left_to_the_root_command() -> None:
    with pytest.raises(LocalStoreError):
        CliRunner().invoke(up_command, ["mysql"], catch_exceptions=False)


def test_a_download_rewrites_its_line_on_a_terminal_only() -> None:
    events = [
        ProgressEvent("a", "downloading", done, 2_000_000, done // 1_000_000, 2) for done in (0, 1_000_000, 2_000_000)
    ]
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        show = TerminalProgress(stream)
        for event in (ProgressEvent("a", "downloading 2 files"), *events, ProgressEvent("a", "ready")):
            show(event)
    assert pipe.getvalue() == "a: downloading 2 files\na: ready\n"
    assert "a 1/2 MB" in terminal.getvalue()
    assert terminal.getvalue().endswith("\ra: ready\n")
