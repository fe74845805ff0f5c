"""What each command asks the pipeline for, and what it prints."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

import reconciler
from reconciler import pipeline
from reconciler.errors import Blocked
from reconciler.model.step import Phase
from reconciler.planfile import store
from reconciler.results import ApplyResult, DriftResult, Finding, ImportResult, StepEvent

from . import samples
from .conftest import Calls, Run


def terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """Somebody sits at the terminal and types this."""
    stdin = io.StringIO(typed)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", stdin)


def test_plan_prints_the_result_on_stdout_and_the_rest_on_stderr(run: Run, calls: Calls) -> None:
    ended = run("plan", "-v")
    assert ended.code == 0
    assert ended.out.startswith("Plan for production: 1 to add, 0 to change, 1 to delete; 2 steps in 2 phases")
    assert "127.0.0.1:5432/payment, PostgreSQL 18.1" in ended.out
    assert "nothing was written" in ended.err


def test_plan_says_with_its_exit_code_what_it_found(run: Run, calls: Calls) -> None:
    assert run("plan", "--detailed-exitcode").code == 2
    calls.plan = samples.empty()
    assert run("plan", "--detailed-exitcode").code == 0
    assert "no changes" in run("plan").out


def test_plan_formats(run: Run, calls: Calls) -> None:
    assert run("plan", "--format", "markdown").out.startswith("<!-- reconcile plan -->\n\n### Plan for `production`")
    as_json = run("plan", "--json").out
    assert as_json == run("plan", "--format", "json").out
    assert json.loads(as_json)["summary"]["steps"] == 2


def test_plan_writes_the_plan_file(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(store, "write", lambda path, plan: written.append((path, plan)))
    ended = run("plan", "-o", "plans/a.yaml", "--service", "payment", "--service", "user")
    assert written == [(Path("plans/a.yaml"), calls.plan)]
    assert calls.planned == [(("payment", "user"), True)]
    assert "reconcile apply plans/a.yaml" in ended.err


def test_shared_options_reach_the_pipeline(run: Run, calls: Calls) -> None:
    run(
        "plan",
        "-e",
        "dev-1",
        "--schemas",
        "s",
        "--config",
        "c.yaml",
        "--target",
        "bolt://h",
        "--service",
        "a",
        "--start",
    )
    (options,) = calls.loaded
    assert (options.environment, options.schemas, options.config) == ("dev-1", Path("s"), Path("c.yaml"))
    assert (options.target, options.service, options.start) == ("bolt://h", "a", True)
    assert calls.planned == [(("a",), False)]


def test_apply_without_a_terminal_asks_for_approval_otherwise(run: Run, calls: Calls) -> None:
    ended = run("apply", "--allow", "RC1101")
    assert ended.code == 3 and not calls.applied
    assert "--auto-approve" in ended.err and "nothing was changed" in ended.err


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("y\n", 3), ("\n", 3), ("YES\n", 3), ("", 130)])
def test_apply_runs_only_after_a_typed_yes(
    typed: str, code: int, run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal(monkeypatch, typed)
    ended = run("apply", "--allow", "rc1101, RC1201")
    assert ended.code == code
    assert bool(calls.applied) == (code == 0)
    assert "create table a" in ended.out and "production" in ended.err
    if calls.applied:
        assert calls.applied[0]["allow"] == ("RC1101", "RC1201")


def test_apply_refuses_hazards_before_it_asks(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch, "yes\n")
    ended = run("apply", "--phase", "contract")
    assert ended.code == 3 and not calls.applied
    assert "RC1101" in ended.err and "Apply this" not in ended.err


def test_apply_asks_for_no_hazard_beyond_the_gate(run: Run, calls: Calls) -> None:
    assert run("apply", "--auto-approve").code == 0
    assert calls.applied[0]["through"] is None


@pytest.mark.parametrize("option", ["--through", "--phase"])
def test_apply_goes_through_a_phase(option: str, run: Run, calls: Calls) -> None:
    run("apply", "--auto-approve", option, "expand")
    assert calls.applied[0]["through"] is Phase.EXPAND


def test_apply_of_nothing_asks_nobody_and_records_it(run: Run, calls: Calls) -> None:
    calls.plan = samples.empty()
    assert run("apply").code == 0
    assert len(calls.applied) == 1


def test_apply_tells_its_progress_on_stderr(run: Run, calls: Calls) -> None:
    first = calls.plan.steps[0]
    calls.events = (
        StepEvent("locked", first.target),
        StepEvent("started", first.target, first),
        StepEvent("waiting", first.target, first, "index 40 %"),
        StepEvent("done", first.target, first),
        StepEvent("verified", first.target),
        StepEvent("verified", first.target, remaining=calls.plan.steps, deferred=1),
    )
    ended = run("apply", "--auto-approve")
    assert ended.err.splitlines() == [
        "payment/postgres  step 1/2  started   create table a",
        "payment/postgres  step 1/2  waiting   index 40 %",
        "payment/postgres  step 1/2  done      create table a",
        "payment/postgres  verified  live equals declared",
        "payment/postgres  verified  live equals declared, but for what steps 1-2 (expand and contract) will do, "
        "and 1 resource could not be compared",
    ]
    assert "Applied: 2 steps ran; live equals declared on 1 target" in ended.out
    assert run("apply", "--auto-approve", "-q").err == ""
    assert "locked" in run("apply", "--auto-approve", "-v").err


def test_apply_in_json_prints_one_document(run: Run, calls: Calls) -> None:
    ended = run("apply", "--auto-approve", "--json")
    data = json.loads(ended.out)
    assert data["outcome"] == "applied" and [s["id"] for s in data["ran"]] == [1, 2]
    assert "create table a" in ended.err


def test_apply_of_a_file_runs_in_the_environment_of_the_plan(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "read", lambda path, engines: calls.plan)
    assert run("apply", "plan.yaml").code == 0
    assert calls.loaded[0].environment == "production"
    run("apply", "plan.yaml", "-e", "dev-1")
    assert calls.loaded[1].environment == "dev-1", "the guard refuses it, in its own words"


def test_a_stopped_apply_says_how_to_go_on(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "read", lambda path, engines: calls.plan)
    first, second = calls.plan.steps
    stopped = ApplyResult(calls.plan, "stopped", (first,), remaining=(second,), stopped_before=Phase.CONTRACT)
    monkeypatch.setattr(pipeline, "apply_plan", lambda *_, **__: stopped)
    out = run("apply", "plan.yaml").out
    assert "Stopped before contract: 1 step ran; 1 step left" in out
    assert "reconcile apply plan.yaml --phase contract" in out and "drop column c" in out


def test_a_plan_made_ad_hoc_needs_its_target_again(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(store, "read", lambda path, engines: replace(calls.plan, environment="adhoc"))
    ended = run("apply", "plan.yaml")
    assert ended.code == 1 and "--target" in ended.err and not calls.applied


def test_drift_names_each_resource_and_ends_with_2(run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    found = (
        Finding(samples.COLUMN, "changed", "live", (("type", "text", "varchar(10)"),)),
        Finding(samples.TABLE, "missing", "live"),
    )
    result = DriftResult("production", {"payment/postgres": "host/db"}, found)
    monkeypatch.setattr(pipeline, "drift", lambda *_: result)
    ended = run("drift")
    assert ended.code == 2
    assert ended.out.splitlines() == [
        "Drift in production: 2 resources on 1 target",
        "",
        "payment/postgres  host/db",
        "  ~ column public.b.c: changed in the store since the last apply",
        "      type: declared text, live varchar(10)",
        "  - table public.a: removed from the store since the last apply",
    ]
    data = json.loads(run("drift", "--json").out)
    assert data["drifted"] and [f["what"] for f in data["findings"]] == ["changed", "missing"]
    monkeypatch.setattr(pipeline, "drift", lambda *_: DriftResult("production", {"payment/postgres": ""}, ()))
    assert run("drift").code == 0
    assert run("drift").out == "No drift in production: 1 target as declared\n"


def test_import_writes_files_and_overwrites_only_when_told(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = ImportResult({"payment.yaml": "service: payment\n"}, {"payment/postgres": 3})
    monkeypatch.setattr(pipeline, "import_live", lambda *_, **__: result)
    assert run("import").out == "service: payment\n"
    ended = run("import", "-o", "out")
    assert ended.code == 0 and "wrote out/payment.yaml" in ended.out
    (tmp_path / "out" / "payment.yaml").write_text("mine")
    ended = run("import", "-o", "out")
    assert ended.code == 1 and "--force" in ended.err
    assert (tmp_path / "out" / "payment.yaml").read_text() == "mine"
    assert run("import", "-o", "out", "--force").code == 0
    assert (tmp_path / "out" / "payment.yaml").read_text() == "service: payment\n"
    assert json.loads(run("import", "--json").out)["files"][0]["text"] == "service: payment\n"


def test_init_writes_what_validates_and_never_overwrites(run: Run, tmp_path: Path) -> None:
    ended = run("init")
    assert ended.out == "wrote reconcile.yaml\nwrote schemas/example.yaml\n"
    assert run("validate").code == 0
    (tmp_path / "reconcile.yaml").write_text("# mine\n")
    assert run("init").out == "kept reconcile.yaml, which exists\n"
    assert (tmp_path / "reconcile.yaml").read_text() == "# mine\n"


def test_validate_shows_file_and_line(run: Run, tmp_path: Path) -> None:
    run("init")
    example = tmp_path / "schemas" / "example.yaml"
    example.write_text(example.read_text().replace("columns: [email], unique: true", "columns: [email], uniqe: true"))
    ended = run("validate")
    number = next(n for n, line in enumerate(example.read_text().splitlines(), 1) if "uniqe" in line)
    assert ended.code == 1
    assert f"example.yaml:{number}: unknown key 'uniqe'" in ended.err and "did you mean 'unique'?" in ended.err


def test_explain(run: Run) -> None:
    assert "deleted for good" in run("explain", "rc1101").out
    assert len(run("explain").out.splitlines()) > 20
    assert json.loads(run("explain", "RC0700", "--json").out)["codes"][0]["exit_code"] == 5
    assert run("explain", "RC9999").code == 1
    every = json.loads(run("explain", "--json").out)["codes"]
    source = "".join(p.read_text(encoding="utf-8") for p in Path(reconciler.__file__).parent.rglob("*.py"))
    assert {c["code"] for c in every} >= set(re.findall(r"\bRC\d{4}\b", source)), "each code in use is explained"
    assert all(c["meaning"] and (c["kind"] == "error" or c["advice"]) for c in every)


def test_show_refuses_what_is_no_plan(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("hello: there\n")
    assert run("show", "a.yaml").code == 5
    assert run("show", "missing.yaml").code == 1


def test_blocked_by_the_pipeline(run: Run, calls: Calls) -> None:
    calls.fails = Blocked("not approved: step 2", hint="add `--allow RC1101`")
    ended = run("apply", "--auto-approve")
    assert ended.code == 3 and "hint: add `--allow RC1101`" in ended.err
