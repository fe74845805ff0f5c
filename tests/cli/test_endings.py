"""Every way a command can end: what it prints, where, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import (
    Blocked,
    ConfigError,
    ConnectionFailed,
    DeclarationError,
    DeclarationErrors,
    LockBusy,
    PartlyApplied,
    ReconcileError,
    Several,
    StalePlan,
    StoreError,
)
from reconciler.model.span import Span

from .conftest import Calls, Run

CODES = {
    DeclarationError("a"): 1,
    ConfigError("a"): 1,
    ConnectionFailed("a"): 1,
    StoreError("a"): 1,
    Blocked("a"): 3,
    LockBusy("a"): 4,
    StalePlan("a"): 5,
    PartlyApplied("a"): 6,
    Several([LockBusy("a"), LockBusy("b")]): 4,
    Several([LockBusy("a"), StalePlan("b")]): 1,
}


@pytest.mark.parametrize(("error", "code"), CODES.items(), ids=lambda v: type(v).__name__)
def test_each_error_has_its_exit_code(error: ReconcileError, code: int, run: Run, calls: Calls) -> None:
    calls.fails = error
    ended = run("plan")
    assert ended.code == code
    assert ended.out == ""
    assert "Traceback" not in ended.err


def test_an_error_says_code_place_hint_and_effect(run: Run, calls: Calls) -> None:
    calls.fails = DeclarationError(
        "unknown key 'tpye'", hint="did you mean 'type'?", where=Span("schemas/a.yaml", 12, 3)
    )
    assert run("plan").err == (
        "error RC0100: schemas/a.yaml:12: unknown key 'tpye'\n  hint: did you mean 'type'?\n  nothing was changed\n"
    )


def test_several_errors_are_all_shown(run: Run, calls: Calls) -> None:
    wrong = [DeclarationError(f"wrong {n}", where=Span("a.yaml", n)) for n in range(1, 4)]
    calls.fails = Several([DeclarationErrors(wrong), ConnectionFailed("no answer", hint="is it up?")])
    err = run("plan").err
    assert [line for line in err.splitlines() if line.startswith("error")] == [
        "error RC0100: a.yaml:1: wrong 1",
        "error RC0100: a.yaml:2: wrong 2",
        "error RC0100: a.yaml:3: wrong 3",
        "error RC0300: no answer",
    ]
    assert err.splitlines()[-1] == "4 errors; nothing was changed"


def test_a_partly_applied_plan_says_what_ran(run: Run, calls: Calls) -> None:
    calls.fails = PartlyApplied("step 3 failed: refused", ran=["step 1", "step 2"], effect="done: step 1, step 2")
    ended = run("apply", "--auto-approve", "--allow", "RC1101", "--json")
    assert ended.code == 6
    assert "done: step 1, step 2" in ended.err
    (error,) = json.loads(ended.out)["errors"]
    assert error["ran"] == ["step 1", "step 2"] and error["effect"] == "done: step 1, step 2"


@pytest.mark.parametrize("json_option", [["--json"], ["--format", "json"], ["--format=json"]])
def test_errors_are_json_where_json_is_wanted(json_option: list[str], run: Run, calls: Calls) -> None:
    calls.fails = ConfigError("wrong", hint="h", where=Span("f", 1, 2))
    ended = run("plan", *json_option)
    assert json.loads(ended.out) == {
        "kind": "error",
        "version": 1,
        "exit_code": 1,
        "errors": [
            {
                "code": "RC0200",
                "message": "wrong",
                "hint": "h",
                "where": {"file": "f", "line": 1, "column": 2},
                "effect": "nothing was changed",
            }
        ],
    }
    assert "error RC0200" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--no-such-option"],
        ["plna"],
        ["plan", "--format", "pdf"],
        ["show"],
        ["apply", "--allow", "everything"],
        ["apply", "--through", "later"],
        ["plan", "surplus"],
        [],
    ],
)
def test_wrong_usage_ends_with_64(arguments: list[str], run: Run) -> None:
    ended = run(*arguments)
    assert ended.code == 64
    assert ended.out == "" and ended.err


def test_wrong_usage_names_what_was_meant(run: Run) -> None:
    assert "Did you mean 'plan'?" in run("plna").err
    assert "reconcile plan --help" in run("plan", "--x").err
    assert json.loads(run("plan", "--x", "--json").out)["exit_code"] == 64


def test_an_interrupt_ends_with_130(run: Run, calls: Calls) -> None:
    calls.fails = KeyboardInterrupt()
    ended = run("plan")
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "interrupted")


def test_a_defect_shows_no_message_and_how_to_get_the_traceback(run: Run, calls: Calls) -> None:
    calls.fails = KeyError("postgresql://me:hunter2@host/db")
    ended = run("plan")
    assert ended.code == 1
    assert "unexpected KeyError" in ended.err and "--debug" in ended.err
    assert "hunter2" not in ended.err and "Traceback" not in ended.err


def test_a_traceback_shows_no_secret(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_DB_PASSWORD", "correct horse")
    calls.fails = RuntimeError(
        "postgresql://me:hunter2@host/db password=s3cr3t secret_key=abcd1234 'correct horse' \x1b[2J"
    )
    for ended in (run("plan", "--debug"), run("--debug", "plan")):
        assert ended.code == 1
        assert "Traceback" in ended.err and "make_plan" in ended.err
        for secret in ("hunter2", "s3cr3t", "abcd1234", "correct horse", "\x1b[2J"):
            assert secret not in ended.err


def test_a_traceback_shows_no_part_of_a_password_of_the_command_line(run: Run, calls: Calls) -> None:
    calls.fails = RuntimeError("postgresql://me:p@ss/w%20rd@host/db refuses p@ss/w rd")
    ended = run("plan", "--debug", "--target", "postgresql://me:p@ss/w%20rd@host/db")
    assert "ss/w" not in ended.err and "me:***@host/db refuses ***" in ended.err


def test_a_deliberate_error_shows_no_password_either(run: Run, calls: Calls) -> None:
    calls.fails = ConnectionFailed("no answer from postgresql://me:hunter2@host:5432/db", hint="password: hunter2")
    ended = run("plan", "--json")
    assert "hunter2" not in ended.err + ended.out
    assert "postgresql://me:***@host:5432/db" in ended.err


def test_colour_only_where_it_is_wanted(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in run("plan").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run("plan").out
    assert "\x1b[" not in run("plan", "--no-color").out
    assert "\x1b[" not in run("plan", "--json").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("plan").out
    calls.fails = ConfigError("wrong")
    assert "\x1b[" not in run("plan").err


def reconcile(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    code = "from reconciler.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def test_a_closed_pipe_is_no_error_message() -> None:
    read, write = os.pipe()
    os.close(read)
    process = reconcile("explain", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, b"")


def test_a_closed_stderr_does_not_stop_a_command(tmp_path: Path) -> None:
    process = reconcile("init", str(tmp_path), stdout=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout is not None
    out = process.stdout.read()
    assert process.wait(timeout=30) == 0 and b"reconcile.yaml" in out


def test_a_terminal_that_cannot_show_a_character_shows_its_escape() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    process = reconcile("apply", "日.yaml", stdout=subprocess.PIPE, env=environment)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and b"\\u65e5.yaml" in err
