"""Projects on the memory engine, for tests: declarations as text, stores in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.results import ApplyResult, StepEvent
from tests.memory_engine import MemoryEngine, Store


@dataclass
class Workshop:
    """A folder with declarations, and the memory engine that they are about."""

    folder: Path
    environment: str = "dev"
    engine: MemoryEngine = field(default_factory=MemoryEngine)
    events: list[StepEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "schemas").mkdir(exist_ok=True)
        self.configure('connections: {"*": {memory: {}}}')

    def configure(self, text: str) -> None:
        (self.folder / "reconcile.yaml").write_text(dedent(text))

    def declare(self, text: str, service: str = "shop", head: str = "") -> None:
        body = "\n".join("  " + line for line in dedent(text).strip().splitlines())
        path = self.folder / "schemas" / f"{service}.yaml"
        path.write_text(f"service: {service}\n{head}memory:\n{body}\n" if body else f"service: {service}\nmemory:\n")

    def store(self, service: str = "shop") -> Store:
        return self.engine.stores.setdefault(f"{service}/memory", Store())

    def project(self, environ: Mapping[str, str] | None = None) -> Project:
        options = Options(cwd=self.folder, environment=self.environment)
        return pipeline.load(options, environ or {}, {"memory": self.engine})

    def plan(self, *services: str) -> Plan:
        return pipeline.make_plan(self.project(), services, stamped=True).plan

    def apply(self, plan: Plan | None = None, *allow: str, through: Phase | None = None) -> ApplyResult:
        plan = plan or self.plan()
        allowed = allow or ("*",)
        return pipeline.apply_plan(self.project(), plan, through=through, allow=allowed, listen=self.events.append)

    def become(self, text: str, service: str = "shop") -> None:
        """Declare and apply: the past of a test."""
        self.declare(text, service)
        self.apply(through=Phase.CONTRACT)
        self.store(service).executed.clear()
