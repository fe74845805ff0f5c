"""Command lines run in this process, against a pipeline that gives what a test wants."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reconciler import pipeline
from reconciler.cli.main import run as run_command
from reconciler.config.environment import Environment
from reconciler.config.options import Options
from reconciler.model.kind import Policy
from reconciler.results import ApplyResult, PlanResult

from . import samples


class Ended(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and no variable that commands listen to."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "CI",
        "RECONCILE_SCRATCH",
        "NO_COLOR",
        "FORCE_COLOR",
        "RECONCILE_DEBUG",
        "RECONCILE_TARGET",
        "RECONCILE_ENVIRONMENT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line."""

    def call(*arguments: str) -> Ended:
        code = run_command(arguments)
        return Ended(code, *capsys.readouterr())

    return call


@dataclass
class FakeProject:
    """What the commands themselves look at in a project."""

    options: Options
    environment: Environment = field(default_factory=lambda: Environment(Policy("production")))


@dataclass
class Calls:
    """What the pipeline was asked for, and what it gives."""

    plan: Any = field(default_factory=samples.usual)
    fails: BaseException | None = None
    loaded: list[Options] = field(default_factory=list)
    planned: list[tuple[tuple[str, ...], bool]] = field(default_factory=list)
    proving: list[bool] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    events: tuple[Any, ...] = ()

    def load(self, options: Options, *_: Any, **__: Any) -> FakeProject:
        self.loaded.append(options)
        return FakeProject(options)

    def make_plan(
        self, _project: FakeProject, services: tuple[str, ...] = (), *, stamped: bool = False, prove: Any = None
    ) -> PlanResult:
        self.planned.append((tuple(services), stamped))
        self.proving.append(prove is not None)
        if self.fails:
            raise self.fails
        return PlanResult(self.plan, {"payment/postgres": "127.0.0.1:5432/payment"})

    def apply_plan(self, _project: FakeProject, plan: Any, **said: Any) -> ApplyResult:
        for event in self.events:
            said["listen"](event)
        self.applied.append(said)
        if self.fails:
            raise self.fails
        return ApplyResult(plan, "applied", plan.steps)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """A pipeline that connects to nothing."""
    made = Calls()
    for name in ("load", "make_plan", "apply_plan"):
        monkeypatch.setattr(pipeline, name, getattr(made, name))
    yield made
