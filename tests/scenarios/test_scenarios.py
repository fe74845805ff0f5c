"""Every scenario, without a server and on the real one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from reconciler.apply.reverse import undoing
from reconciler.desired import pickles
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.evidence import still_empty
from reconciler.model.engine import Server
from reconciler.model.hazard import Code
from reconciler.model.naming import top_of
from reconciler.model.plan import Plan
from reconciler.model.resource import Resource
from reconciler.model.step import Phase
from reconciler.planfile.fingerprint import key, top_digests
from tests.postgres.bench import (
    Bench,
    bench,
    compares,
    declared,
    lifted,
    phases,
    pure_plan,
    reread,
    statements,
    summary,
)
from tests.postgres.binaries import NEWEST
from tests.postgres.golden import compact
from tests.postgres.locks import declared as declared_locks
from tests.postgres.locks import observed, words
from tests.postgres.server import Postgres
from tests.scenarios.cases import CASES, PURE, Case

SLOW = {Code.REWRITE.code, Code.SCAN_UNDER_LOCK.code}
MAJORS = (15, 18)
"""The versions that plans without a server are made for; and a coming one, where its plans are others."""
COMING = 19


def compare(case: Case, major: int, text: str, update: bool) -> None:
    path = case.golden(major)
    if update and not (path.exists() and path.read_text(encoding="utf-8") == text):
        if major != NEWEST:  # another server spells it otherwise: that is a golden of its own
            path = case.folder / f"plan-{major}.yaml"
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is missing; write it with --update-goldens"
    assert text == path.read_text(encoding="utf-8")


def test_there_are_cases_of_every_kind() -> None:
    kinds = {case.folder.parent.name for case in CASES}
    assert ENGINE.kinds.keys() <= kinds


@pytest.mark.parametrize(
    ("case", "major"),
    [
        pytest.param(c, m, id=f"{c}-{m}")
        for c in PURE
        for m in (*MAJORS, *([COMING] if c.golden(COMING) != c.golden(NEWEST) or c.oldest == COMING else []))
        if m >= c.oldest
    ],
)
def test_the_plan_without_a_server(case: Case, major: int, request: pytest.FixtureRequest) -> None:
    rows = 1000 if case.script("data") else 0
    plan = pure_plan(case.catalog("desired"), case.catalog("live"), Server("PostgreSQL", (major, 0)), rows)
    elsewhere = case.golden(major).name != "plan.yaml"  # that one is written from the real server
    compare(case, major, compact(plan), elsewhere and request.config.getoption("--update-goldens"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fingerprint_is_of_the_top_resources(case: Case) -> None:
    for name in ("live", "desired"):
        catalog = case.catalog(name)
        tops = [top_of(a, ENGINE.kinds) for a in catalog.resources]
        assert top_digests(catalog, ENGINE.kinds).keys() == {key(top.kind, top.path) for top in tops}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_on_the_real_server(
    case: Case, postgres: Postgres, pg_database: Postgres.Factory, request: pytest.FixtureRequest
) -> None:
    if postgres.major < case.oldest:
        return
    with bench(pg_database()) as database:
        live(case, database)
        start = compares(database.live())
        works_as_before(case, database, "on the live schema")
        plan = planned(case, database, postgres.major, request.config.getoption("--update-goldens"))
        stamp = database.session.stamp() if postgres.major == NEWEST else ""
        run(database, plan, Phase.EXPAND, Phase.MIGRATE)
        works_as_before(case, database, "after expand and migrate")
        run(database, plan, Phase.CONTRACT)
        desired = case.catalog("desired")
        again = database.plan(desired)
        assert again.empty, summary(again)
        if stamp and compares(database.live()) != start:
            assert database.session.stamp() != stamp, "a change that the stamp of the catalogs does not show"
        if all(step.undo is not None for step in plan.steps) and "undo" not in case.settings:
            undo(database, plan)
            assert compares(database.live()) == start


def live(case: Case, database: Bench) -> None:
    """Build what was there before; it is what was declared, and what `import` writes of it says the same."""
    before = case.catalog("live")
    database.become(before)
    found = database.live()
    whole = list(found.resources.values())
    assert values(pickles.loaded(pickles.dumped(whole))) == values(whole), "the cache gives back what it got"
    again = declared(lifted(found))
    assert compares(database.session.canonicalise(again, found)) == compares(found)
    database.script(case.script("live"))
    database.script(case.script("data"))
    if case.script("data"):
        database.script("ANALYZE;")


def values(resources: list[Resource]) -> list[str]:
    """All that they hold, what takes no part in equality too."""
    return [repr(r) for r in resources]


def planned(case: Case, database: Bench, major: int, update: bool) -> Plan:
    """The plan, equal to the golden one, as it comes out of its file."""
    plan = database.plan(case.catalog("desired"))
    compare(case, major, compact(plan), update)
    return reread(plan)


def run(database: Bench, plan: Plan, *wanted: Phase) -> None:
    """Each step holds the locks it declares, warns of what it reads or rewrites under them, and is done afterwards and
    not before."""
    for step in phases(plan, *wanted):
        for probe in step.probes:
            found = database.session.probe(probe)
            assert not found.count, f"{probe.message}: {found}"
        assert not database.is_done(step), f"done before it ran: {step.title}: {step.done}"
        seen = observed(database, step)
        assert words(seen.locks) == words(declared_locks(step)), step.title
        codes = {h.code for h in step.hazards}
        assert not seen.scanned or codes & SLOW, f"{step.title} reads {seen.scanned} under its lock and does not say so"
        path = step.address.path
        empty = len(path) > 1 and still_empty((path[0], path[1])) in step.probes
        assert not seen.rewritten or codes & SLOW or empty, (
            f"{step.title} builds {seen.rewritten} anew and does not say so"
        )
        assert seen.rewritten or Code.REWRITE.code not in codes, f"{step.title} says it rewrites, and does not"
        assert not step.done or database.is_done(step), f"ran and is not done: {step.title}: {step.done}"


def undo(database: Bench, plan: Plan) -> None:
    for step in undoing(plan.steps):
        database.execute(step.operation)


@contextlib.contextmanager
def rolled_back(uri: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(uri) as connection:
        yield connection
        connection.rollback()


def works_as_before(case: Case, database: Bench, when: str) -> None:
    """Statements of the old version, deferred constraints included; nothing of them stays."""
    with rolled_back(database.uri) as connection:
        for statement in statements(case.script("old")):
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                pytest.fail(f"{when}: {statement}: {error}")
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
