"""A project with DynamoDB tables, for tests: declarations as text, a store of its own on a shared server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.desired.documents import Document
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.desired.validate import Validator
from reconciler.engines.dynamodb import ENGINE
from reconciler.engines.dynamodb.connect import connect
from reconciler.engines.dynamodb.session import DynamoDBSession
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Scope, Target
from reconciler.model.kind import Policy
from reconciler.model.plan import Plan
from reconciler.model.step import Phase, Step
from reconciler.planfile import codec, store
from reconciler.results import ApplyResult, StepEvent

NAMING = "shop-{table}-dev"


def address(kind: str, *path: str) -> Address:
    return Address("shop", "dynamodb", kind, path)


def lowered(text: str, policy: Policy | None = None, naming: str = NAMING) -> Catalog:
    """The desired catalog of what stands below `tables:`, its schema checked; raises DeclarationErrors."""
    whole = f"service: shop\ndynamodb:\n  tables:\n{indent(dedent(text).strip(), '    ')}\n"
    document = Document("shop.yaml", whole, parse(whole, "shop.yaml"), "")
    errors = Validator([ENGINE]).errors(document)
    if errors:
        raise errors[0]
    return lower(ENGINE, (document,), "shop", policy or Policy("dev"), naming)


@dataclass
class Workshop:
    """The service `shop` in a namespace of its own: each access key has its own tables in DynamoDB Local."""

    folder: Path
    endpoint: str
    access_key: str = field(default_factory=lambda: "t" + secrets.token_hex(8))
    environment: str = "dev"
    region: str = "us-east-1"
    events: list[StepEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "schemas").mkdir(exist_ok=True)
        keys = ", ".join(f"{key}: {value!r}" for key, value in self.connection.items())
        (self.folder / "reconcile.yaml").write_text(f'connections: {{"*": {{dynamodb: {{{keys}}}}}}}\n')

    @property
    def connection(self) -> dict[str, str]:
        keys = {"region": self.region, "access_key": self.access_key, "secret_key": "secret"}
        return {"endpoint": self.endpoint, **keys} if self.endpoint else keys

    @cached_property
    def client(self) -> Any:
        return connect(self.connection).client

    def target(self, service: str = "shop") -> Target:
        return Target(service, "dynamodb", self.environment, self.connection)

    def scope(self, *roots: str, service: str = "shop", **options: Any) -> Scope:
        naming = f"{service}-{{table}}-{self.environment}"
        return Scope(service, self.environment, frozenset(roots), **{"naming": naming, **options})

    @contextmanager
    def session(self, service: str = "shop") -> Iterator[DynamoDBSession]:
        with ENGINE.open(self.target(service)) as session:
            assert isinstance(session, DynamoDBSession)
            yield session

    def inspect(self, *roots: str, **options: Any) -> Catalog:
        with self.session() as session:
            return session.inspect(self.scope(*roots, **options))

    def declare(self, text: str, service: str = "shop") -> None:
        """Write what stands below `tables:`."""
        tables = indent(dedent(text).strip(), "    ")
        body = f"dynamodb:\n  tables:\n{tables}\n" if tables else "dynamodb: {}\n"
        (self.folder / "schemas" / f"{service}.yaml").write_text(f"service: {service}\n{body}")

    def project(self) -> Project:
        return pipeline.load(Options(cwd=self.folder, environment=self.environment), {}, {"dynamodb": ENGINE})

    def plan(self) -> Plan:
        """The plan, after a trip through its file."""
        plan = pipeline.make_plan(self.project(), stamped=True).plan
        return store.read_text(codec.encode(plan).encode(), "plan.yaml", {"dynamodb": ENGINE})

    def apply(self, plan: Plan | None = None, *, through: Phase | None = None) -> ApplyResult:
        made = plan or self.plan()
        return pipeline.apply_plan(self.project(), made, through=through, allow=("*",), listen=self.events.append)

    def converge(self, text: str) -> Plan:
        """Declare, plan, apply all of it, and see that nothing is left to do."""
        self.declare(text)
        plan = self.plan()
        self.apply(plan, through=Phase.CONTRACT)
        left = self.plan()
        assert left.empty, [(str(c.address), c.action.value, c.attributes) for c in left.changes]
        return plan


def titles(plan: Plan, phase: Phase | None = None) -> list[str]:
    return [s.title for s in plan.steps if phase in (None, s.phase)]


def only(plan: Plan) -> Step:
    """The one step of a plan."""
    (step,) = plan.steps
    return step


def codes(step: Step) -> list[str]:
    return [h.code for h in step.hazards]
