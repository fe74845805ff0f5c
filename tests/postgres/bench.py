"""What a test of the PostgreSQL engine works with: declarations from text, one database, plans and single steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from typing import Any, cast

import psycopg

from reconciler.apply.renaming import renamed
from reconciler.apply.survey import measured
from reconciler.apply.verify import done
from reconciler.desired.documents import Document
from reconciler.desired.emit import dump
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.desired.validate import Validator
from reconciler.diff.ownership import remaining
from reconciler.diff.renames import due
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.session import PostgresSession
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Limits, Scope, Server, Target
from reconciler.model.expr import Expr
from reconciler.model.kind import Policy
from reconciler.model.plan import Plan
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Phase, Size, Step
from reconciler.planfile.codec import decode, encode, sealed
from reconciler.planner.build import TargetState, build, compared, measured_addresses

SERVICE = "shop"
POLICY = Policy("test", prune="all")
SCOPE = Scope(SERVICE, "test", everything=True)
LIMITS = Limits(lock_timeout=1.0, lock_retries=5)


@cache
def _validator() -> Validator:
    return Validator([ENGINE])


def declared(text: str, file: str = "schemas/shop.yaml") -> Catalog:
    """The catalog that a declaration says. Raises DeclarationErrors as a user would see them."""
    document = Document(file, text, parse(text, file), "")
    problems = _validator().errors(document)
    assert not problems, problems
    return lower(ENGINE, [document], SERVICE, POLICY)


def declaration(section: Mapping[str, Any]) -> str:
    """The text of a declaration that holds this section of the engine."""
    return dump({"service": SERVICE, "postgres": dict(section)})


def lifted(catalog: Catalog) -> str:
    """The declaration that `import` writes of a catalog."""
    return declaration(lift(ENGINE, catalog))


def compares(catalog: Catalog) -> dict[Address, Resource]:
    """Resources as they count; what every database has does not."""
    implicit = {a for a, r in catalog.resources.items() if ENGINE.kinds[a.kind].implicit(r)}
    inside = {a.path[0] for a in catalog.resources if len(a.path) > 1}
    return {a: r for a, r in catalog.resources.items() if a not in implicit or a.path[0] in inside}


def reread(plan: Plan) -> Plan:
    """The plan as the reader of its file gets it."""
    text = encode(sealed(plan))

    def fail(message: str, *pointer: str | int) -> Exception:
        return AssertionError(f"{message} at {pointer}")

    again = decode(parse(text, "plan.yaml"), {"postgres": ENGINE}, fail)
    assert encode(again) == text
    return again


def as_written(catalog: Catalog) -> Catalog:
    """The catalog as a server would give it back that spells everything as its author does."""
    return catalog.with_resources({a: _as_written(r) for a, r in catalog.resources.items()})


def _as_written(value: Any) -> Any:
    if isinstance(value, Expr):
        return Expr(value.source, value.source)
    if isinstance(value, tuple) and not isinstance(value, Address):
        parts = [_as_written(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, Resource):
        return dataclasses.replace(value, **{f.name: _as_written(getattr(value, f.name)) for f in fields(value)})
    return value


def pure_plan(desired: Catalog, live: Catalog, server: Server, rows: int) -> Plan:
    """The plan without a server: `rows` in every table."""
    public = Schema(Address(SERVICE, "postgres", "schema", ("public",)))  # which every database has
    live = live.with_resources({public.address: public, **live.resources})
    state = compared(TargetState(ENGINE, as_written(desired), as_written(live), server, POLICY))
    sizes = {a: Size(rows, rows * 100) for a in measured_addresses(state) if a.kind == "table"}
    return build("test", [dataclasses.replace(state, sizes=sizes)], [], None)


class Bench:
    """One database, and the engine's session with it."""

    def __init__(self, uri: str, session: PostgresSession) -> None:
        self.uri = uri
        self.session = session
        self.told: list[str] = []
        self._seen: Catalog | None = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session's own connection."""
        return self.session.connection

    def live(self) -> Catalog:
        """What is there; looked up once until something runs."""
        if self._seen is None:
            self._seen = self.session.inspect(SCOPE)
        return self._seen

    def moved(self) -> None:
        """Something ran."""
        self._seen = None

    def plan(self, desired: Catalog) -> Plan:
        """From what is there to `desired`: as built, before it went through a file."""
        live = self.live()
        state = TargetState(ENGINE, desired, live, self.session.server, POLICY)
        if moves := due(desired, live, ENGINE.kinds):
            state = compared(renamed(state, moves, self.session))
        else:
            canonical = self.session.canonicalise(desired, remaining(live, desired, ENGINE.kinds, POLICY))
            state = compared(dataclasses.replace(state, desired=canonical))
        return build("test", [measured(state, self.session)], [], None)

    def execute(self, operation: Operation) -> None:
        """Run one operation, without a journal."""
        self.moved()
        self.session.execute(operation, LIMITS, self.told.append, {})

    def run(self, step: Step) -> None:
        """What the executor does with a step: its probes find nothing, then its operation runs; then it is done."""
        for probe in step.probes:
            found = self.session.probe(probe)
            assert not found.count, f"{probe.message}: {found}"
        self.execute(step.operation)

    def become(self, desired: Catalog) -> Plan:
        """Plan and run everything; planning again finds nothing."""
        plan = reread(self.plan(desired))
        for step in plan.steps:
            self.run(step)
        again = self.plan(desired)
        assert again.empty, summary(again)
        return plan

    def is_done(self, step: Step) -> bool:
        """What the step's own checks say."""
        return done(step, self.live())

    def script(self, text: str) -> None:
        """Statements, each in a transaction of its own; one after a line `-- fails` has to fail."""
        self.moved()
        with psycopg.connect(self.uri, autocommit=True) as connection:
            for statement in statements(text):
                if statement.startswith("-- fails"):
                    try:
                        connection.execute(statement.encode())
                    except psycopg.Error:
                        continue
                    raise AssertionError(f"did not fail: {statement}")
                connection.execute(statement.encode())


@contextmanager
def bench(uri: str) -> Iterator[Bench]:
    """Open a session with a database."""
    target = Target(SERVICE, "postgres", "test", {"dsn": uri})
    with ENGINE.open(target) as session:
        yield Bench(uri, cast(PostgresSession, session))


def statements(text: str) -> list[str]:
    """The statements of a script: each ends with a semicolon at the end of a line."""
    return [s.strip() for s in (text + "\n").split(";\n") if s.strip()]


def summary(plan: Plan) -> list[str]:
    """A plan in a few words, for a failing test."""
    changes = [f"{c.action.value} {c.address} {c.attributes}" for c in plan.changes]
    return changes + [f"{s.phase.word}: {'; '.join(s.operation.lines())}" for s in plan.steps]


def phases(plan: Plan, *wanted: Phase) -> tuple[Step, ...]:
    """The steps of some phases, in order."""
    return tuple(s for s in plan.steps if s.phase in wanted)
