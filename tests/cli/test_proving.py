"""`plan --prove` as a user and as CI meet it, on the memory engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from reconciler.config.project import Project
from reconciler.model.change import Change
from reconciler.model.engine import ScratchServer
from reconciler.model.kind import Context
from reconciler.model.step import Draft
from reconciler.render import schema
from tests.memory_engine import ScratchMemoryEngine
from tests.memory_kinds import BOX, KINDS
from tests.projects import Workshop

from .conftest import Calls, Run

PROVEN = "steps proven, undo proven; on Memory 2.0, with empty tables"


def forgets_its_undo(change: Change[Any], context: Context) -> list[Draft]:
    return [replace(d, undo=()) for d in BOX.create(change, context)]


@pytest.fixture
def engine() -> ScratchMemoryEngine:
    return ScratchMemoryEngine()


@pytest.fixture
def workshop(tmp_path: Path, engine: ScratchMemoryEngine, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project in the working folder whose engine has scratch stores."""
    made = Workshop(tmp_path, engine=engine)
    made.declare("boxes: {a: }")
    monkeypatch.setattr("reconciler.engines.engines", lambda: {"memory": made.engine})
    monkeypatch.setattr(Project, "scratch", lambda _project, _target: ScratchServer({}, "memory"))
    return made


def test_a_proven_plan_says_so_wherever_it_is_shown(run: Run, workshop: Workshop) -> None:
    planned = run("plan", "-e", "dev", "--prove", "-o", "p.yaml")
    assert planned.code == 0 and PROVEN in planned.out
    assert f"proof of shop/memory (0.0 s): {PROVEN}" in planned.err
    assert "proofs:\n  - {target: shop/memory, server: Memory 2.0, forward: proven, undo: proven}\n" in (
        Path("p.yaml").read_text()
    )
    assert PROVEN in run("show", "p.yaml").out
    assert PROVEN in run("show", "p.yaml", "--format", "markdown").out
    shown = json.loads(run("show", "p.yaml", "--json").out)
    assert shown["proofs"][0]["forward"] == "proven"
    jsonschema_rs.Draft202012Validator(schema.PLAN).validate(shown)
    assert run("apply", "p.yaml").code == 0


def test_a_proof_cannot_be_written_in(run: Run, workshop: Workshop) -> None:
    workshop.engine.kinds = {**KINDS, "box": replace(BOX, create=forgets_its_undo)}
    run("plan", "-e", "dev", "--no-prove", "-o", "p.yaml")
    text = Path("p.yaml").read_text()
    line = "proofs:\n  - {target: shop/memory, server: Memory 2.0, forward: proven, undo: proven}\ndigest"
    Path("p.yaml").write_text(text.replace("digest", line))
    assert run("show", "p.yaml").code == 5


@pytest.mark.parametrize("arguments", [("--prove",), ()])
def test_what_is_refuted_ends_with_1_and_is_not_written(
    run: Run, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CI", "true")
    workshop.engine.kinds = {**KINDS, "box": replace(BOX, create=forgets_its_undo)}
    ended = run("plan", "-e", "dev", "-o", "p.yaml", "-q", *arguments)
    assert ended.code == 1
    assert "undo refuted: all steps were undone, and these differ from before: box a (delete)" in ended.err
    assert "p.yaml was not written" in ended.err and not Path("p.yaml").exists()
    assert "make box a" in ended.out, "the plan is shown all the same"


def test_what_could_not_be_tried_fails_who_asked_and_warns_ci(
    run: Run, workshop: Workshop, engine: ScratchMemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.scratch_version = (3, 0)
    ended = run("plan", "-e", "dev", "--prove", "-o", "p.yaml")
    assert ended.code == 1 and "steps not proven: memory runs Memory 3.0" in ended.err
    assert not Path("p.yaml").exists()
    monkeypatch.setenv("CI", "true")
    ended = run("plan", "-e", "dev", "-o", "p.yaml")
    assert ended.code == 0 and "steps not proven: memory runs Memory 3.0" in ended.err
    assert "forward: not proven" in Path("p.yaml").read_text()


def test_what_an_engine_does_not_offer_is_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = Workshop(tmp_path)
    made.declare("boxes: {a: }")
    monkeypatch.setattr("reconciler.engines.engines", lambda: {"memory": made.engine})
    ended = run("plan", "-e", "dev", "--prove")
    assert ended.code == 0 and "cannot be proven: memory has no scratch databases" in ended.out


@pytest.mark.parametrize(
    ("ci", "arguments", "proves"),
    [
        (None, (), False),
        ("true", (), True),
        ("1", (), True),
        ("false", (), False),
        ("true", ("--no-prove",), False),
        (None, ("--prove",), True),
        (None, ("--scratch", "postgresql://127.0.0.1/postgres"), True),
    ],
)
def test_when_plans_are_proven(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch, ci: str | None, arguments: tuple[str, ...], proves: bool
) -> None:
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    run("plan", *arguments)
    assert calls.proving == [proves]
    assert calls.loaded[0].scratch == (arguments[1] if "--scratch" in arguments else None)


def test_a_wrong_url_of_the_scratch_server_repeats_no_password(run: Run, workshop: Workshop) -> None:
    ended = run("plan", "-e", "dev", "--scratch", "postgre://me:geheim99@h/d")
    assert ended.code == 1 and "postgre://" in ended.err and "geheim99" not in ended.err
