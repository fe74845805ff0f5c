"""Whole stories as a user lives them, on the memory engine: nothing of the pipeline is replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from reconciler.render import schema
from tests.memory_kinds import Box
from tests.projects import Workshop

from .conftest import Run

BOXES = """
boxes:
  crate: {size: 2, labels: {front: {text: fragile}}}
"""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project in the working folder whose only engine is the memory engine."""
    made = Workshop(tmp_path)
    made.declare(BOXES)
    monkeypatch.setattr("reconciler.engines.engines", lambda: {"memory": made.engine})
    return made


def test_plan_review_apply_and_nothing_left(run: Run, workshop: Workshop) -> None:
    assert run("validate").code == 0
    planned = run("plan", "-e", "dev", "-o", "plans/first.yaml", "--detailed-exitcode")
    assert planned.code == 2 and "1 step in 1 phase on 1 target" in planned.out
    assert workshop.store().executed == []

    shown = run("show", "plans/first.yaml", "--json")
    assert shown.out == run("plan", "-e", "dev", "-o", "plans/again.yaml", "--json").out
    assert json.loads(shown.out)["environment"] == "dev"
    assert "### Plan for `dev`" in run("show", "plans/first.yaml", "--format", "markdown").out

    applied = run("apply", "plans/first.yaml", "--allow", "*")
    assert applied.code == 0 and "live equals declared" in applied.out
    again = run("apply", "plans/first.yaml")
    assert again.code == 0 and "Already applied" in again.out
    after = run("plan", "-e", "dev", "--detailed-exitcode")
    assert after.code == 0 and "no changes" in after.out
    assert run("drift", "-e", "dev").code == 0


def test_every_json_follows_its_schema(run: Run, workshop: Workshop) -> None:
    def check(wanted: dict[str, Any], *arguments: str) -> None:
        document = json.loads(run(*arguments, "--json").out)
        jsonschema_rs.meta.validate(wanted)
        jsonschema_rs.Draft202012Validator(wanted).validate(document)

    check(schema.VALIDATE, "validate")
    check(schema.DRIFT, "drift", "-e", "dev")
    check(schema.PLAN, "plan", "-e", "dev", "-o", "p.yaml")
    check(schema.PLAN, "show", "p.yaml")
    check(schema.APPLY, "apply", "p.yaml", "--allow", "*")
    check(schema.APPLY, "apply", "p.yaml")
    check(schema.DRIFT, "drift", "-e", "dev")
    check(schema.IMPORT, "import", "-e", "dev", "--service", "shop")
    check(schema.IMPORT, "import", "-e", "dev", "--service", "shop", "-o", "imported")
    check(schema.ERROR, "apply", "missing.yaml")
    check(schema.ERROR, "apply", "--no-such-option")
    workshop.declare("boxes:\n  a: {size: large}\n")
    check(schema.ERROR, "plan", "-e", "dev")


def test_a_phase_at_a_time(run: Run, workshop: Workshop) -> None:
    run("apply", "-e", "dev", "--auto-approve", "--allow", "*")
    workshop.declare("boxes:\n  crate: {size: 1}\n  chest: {size: 3}\n")
    run("plan", "-e", "dev", "-o", "p.yaml")
    first = run("apply", "p.yaml", "--through", "expand")
    assert "go on with contract:\n  reconcile apply p.yaml --phase contract" in first.out
    assert "old schema" not in first.out, "dev waits for nobody"
    assert run("apply", "p.yaml", "--phase", "contract", "--allow", "*").code == 0


def test_drift_behind_the_back(run: Run, workshop: Workshop) -> None:
    run("apply", "-e", "dev", "--auto-approve", "--allow", "*")
    (box,) = (r for r in workshop.store().resources.values() if isinstance(r, Box))
    workshop.store().put(Box(box.address, size=9))
    ended = run("drift", "-e", "dev")
    assert ended.code == 2
    assert "box crate: changed in the store since the last apply" in ended.out
    assert "size: declared 2, live 9" in ended.out


def test_an_edited_plan_is_refused(run: Run, workshop: Workshop, tmp_path: Path) -> None:
    run("plan", "-e", "dev", "-o", "p.yaml")
    text = (tmp_path / "p.yaml").read_text()
    (tmp_path / "p.yaml").write_text(text.replace("crate", "crates", 1))
    ended = run("apply", "p.yaml")
    assert ended.code == 5 and "edited" in ended.err and "nothing was changed" in ended.err
    assert workshop.store().executed == []


def test_a_plan_for_another_environment_is_refused(run: Run, workshop: Workshop) -> None:
    run("plan", "-e", "dev", "-o", "p.yaml")
    assert run("apply", "p.yaml", "-e", "production").code == 5


def test_a_busy_target_ends_with_4(run: Run, workshop: Workshop) -> None:
    workshop.store().faults.held_by = "ann@laptop"
    ended = run("apply", "-e", "dev", "--auto-approve", "--allow", "*")
    assert ended.code == 4 and "ann@laptop" in ended.err


def test_a_refused_step_ends_with_6_and_the_same_command_finishes(run: Run, workshop: Workshop) -> None:
    workshop.declare(BOXES + "  chest: {size: 3}\n")
    run("plan", "-e", "dev", "-o", "p.yaml")
    workshop.store().faults.fail_at = frozenset({2})
    ended = run("apply", "p.yaml", "--allow", "*")
    assert ended.code == 6 and "step 1" in ended.err
    workshop.store().faults.fail_at = frozenset()
    ended = run("apply", "p.yaml", "--allow", "*")
    assert ended.code == 0 and "done by an earlier run" in ended.out


def test_production_stops_before_contract(run: Run, workshop: Workshop) -> None:
    run("apply", "-e", "production", "--auto-approve", "--through", "contract", "--allow", "*")
    workshop.declare("boxes:\n  crate: {size: 1}\n  chest: {size: 3}\n")
    planned = run("plan", "-e", "production", "-o", "p.yaml")
    assert "gate: apply stops here in production" in planned.out
    stopped = run("apply", "p.yaml")
    assert stopped.code == 0 and "Stopped before contract" in stopped.out
    assert "when no running code needs the old schema" in stopped.out
    blocked = run("apply", "p.yaml", "--phase", "contract")
    assert blocked.code == 3 and "--allow RC1103" in blocked.err
    finished = run("apply", "p.yaml", "--phase", "contract", "--allow", "RC1103")
    assert finished.code == 0 and "Applied" in finished.out


def test_errors_in_declarations_are_all_shown_with_their_lines(run: Run, workshop: Workshop) -> None:
    workshop.declare("boxes:\n  a: {size: large}\n  b: {colr: red}\n")
    ended = run("plan", "-e", "dev")
    assert ended.code == 1
    assert "shop.yaml:4: " in ended.err and "shop.yaml:5: " in ended.err
    assert "2 errors; nothing was changed" in ended.err
    data = json.loads(run("plan", "-e", "dev", "--json").out)
    assert [e["where"]["line"] for e in data["errors"]] == [4, 5]


def test_import_gives_what_plans_empty(run: Run, workshop: Workshop, tmp_path: Path) -> None:
    run("apply", "-e", "dev", "--auto-approve", "--allow", "*")
    ended = run("import", "-e", "dev", "--service", "shop", "-o", "imported")
    assert ended.code == 0, ended.err
    assert "crate" in (tmp_path / "imported" / "shop.yaml").read_text()
    assert run("plan", "-e", "dev", "--schemas", "imported", "--detailed-exitcode").code == 0


def test_the_environment_variable_goes_before_the_file_and_the_flag_before_both(
    run: Run, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.configure('environment: from-file\nconnections: {"*": {memory: {}}}')
    assert json.loads(run("plan", "--json").out)["environment"] == "from-file"
    monkeypatch.setenv("RECONCILE_ENVIRONMENT", "from-variable")
    assert json.loads(run("plan", "--json").out)["environment"] == "from-variable"
    assert json.loads(run("plan", "--json", "-e", "from-flag").out)["environment"] == "from-flag"
