"""What was found equal before is not compared again; what changed since is found, whatever it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import reconciler.planner.build
from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.desired import cache
from reconciler.engines.postgres.session import PostgresSession
from reconciler.errors import PartlyApplied
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Scope
from reconciler.model.later import Later
from reconciler.results import PlanResult, StepEvent
from tests.postgres.server import Postgres

TABLES = """
    CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text COLLATE "C" DEFAULT 'x', b int,
                    c int GENERATED ALWAYS AS (b * 2) STORED, CONSTRAINT positive CHECK (b > 0));
    CREATE INDEX t_a ON t (lower(a)) WHERE b > 1;
    CREATE VIEW v AS SELECT a, b FROM t;
    CREATE TABLE beside (id int);
    COMMENT ON TABLE t IS 'first'"""

BEHIND_ITS_BACK = [
    "ALTER TABLE t ALTER a SET DEFAULT 'y'",
    "ALTER TABLE t ALTER b SET NOT NULL",
    "ALTER TABLE t ALTER id SET INCREMENT 2",
    "ALTER TABLE t DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK (b > 0) NOT VALID",
    "DROP INDEX t_a; CREATE INDEX t_a ON t (upper(a)) WHERE b > 1",
    "DROP INDEX t_a; CREATE INDEX t_a ON t (lower(a) text_pattern_ops) WHERE b > 1",
    "CREATE OR REPLACE VIEW v AS SELECT a, b + 0 AS b FROM t",
    "COMMENT ON TABLE t IS 'second'",
    "GRANT SELECT ON t TO public",
    "CREATE TABLE more (id int)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


@pytest.fixture
def options(pg_database: Postgres.Factory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A database, its import, and a cache that keeps even what is small."""
    uri = pg_database()
    with psycopg.connect(uri) as connection:
        connection.execute(TABLES)
    monkeypatch.setattr(cache, "WORTH_CACHING", 0)
    options = Options(target=uri, schemas=tmp_path, cache=tmp_path / ".cache", service="app")
    (text,) = pipeline.import_live(pipeline.load(options, {}, declared=False)).files.values()
    (tmp_path / "app.yaml").write_text(text)
    return options


def planned(options: Options) -> PlanResult:
    return pipeline.make_plan(pipeline.load(options, {}))


def never(*_arguments: object) -> None:
    raise AssertionError("looked again")


def test_the_third_plan_reads_nothing(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        assert not planned(options).plan.steps
    monkeypatch.setattr(PostgresSession, "inspect", never)
    assert not planned(options).plan.steps
    assert not pipeline.drift(pipeline.load(options, {})).findings


def test_what_has_no_stamp_is_read_and_not_compared(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresSession, "stamp", lambda _self: "")
    for _ in range(2):
        assert not planned(options).plan.steps
    monkeypatch.setattr(reconciler.planner.build, "diff", never)
    monkeypatch.setattr(Later, "made", never)
    assert not planned(options).plan.steps
    monkeypatch.setattr(PostgresSession, "inspect", never)
    with pytest.raises(AssertionError, match="looked again"):
        planned(options)


def test_what_is_worth_knowing_is_told_every_time(options: Options, tmp_path: Path) -> None:
    with psycopg.connect(options.target or "") as connection:
        connection.execute("ALTER TABLE beside ADD z text")
    said = (tmp_path / "app.yaml").read_text()
    (tmp_path / "app.yaml").write_text(said.replace("columns: {id: integer}", "columns: {z: text, id: integer}"))
    plans = [planned(options).plan for _ in range(3)]
    assert not any(p.steps for p in plans)
    told = [[n.message for n in p.notes] for p in plans]
    assert told[0][0].startswith("the columns of public.beside stand as id, z in the end")
    assert told[0] == told[1] == told[2]


def test_fingerprints_are_remembered(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    project = pipeline.load(options, {})
    plans = [pipeline.make_plan(project, stamped=True).plan for _ in range(3)]
    monkeypatch.setattr(PostgresSession, "inspect", never)
    plans.append(pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan)
    assert len({(p.targets, p.digest) for p in plans}) == 1
    assert plans[0].targets[0].live


def test_catalogs_that_never_rest_are_read_as_before(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps: list[str] = []

    def another(_self: object) -> str:
        stamps.append(str(len(stamps)))
        return stamps[-1]

    monkeypatch.setattr(PostgresSession, "stamp", another)
    for _ in range(20):
        assert not planned(options).plan.steps
    assert len(stamps) < 10


@pytest.mark.parametrize("statement", BEHIND_ITS_BACK)
def test_a_change_behind_its_back_is_found(options: Options, statement: str) -> None:
    for _ in range(2):
        planned(options)
    with psycopg.connect(options.target or "") as connection:
        connection.execute(statement)
    result = planned(options)
    assert result.plan.steps or any(
        u.address.name in ("more", "f()") for s in (pipeline.drift(pipeline.load(options, {})),) for u in s.unmanaged
    )


def test_a_changed_declaration_is_compared(options: Options) -> None:
    for _ in range(2):
        planned(options)
    file = (options.schemas or Path()) / "app.yaml"
    file.write_text(file.read_text().replace("b: integer", "b: {type: integer, not_null: true}"))
    assert planned(options).plan.steps


def test_a_changed_declaration_is_compared_with_what_was_read(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(options)
    file = (options.schemas or Path()) / "app.yaml"
    file.write_text(file.read_text().replace("b: integer", "b: {type: bigint, not_null: true}"))
    anew = pipeline.make_plan(pipeline.load(replace(options, cache=None), {}), stamped=True).plan
    first = pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan
    inspected = PostgresSession.inspect
    monkeypatch.setattr(PostgresSession, "inspect", never)
    second = pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan
    assert anew.digest == first.digest == second.digest
    assert anew.steps == first.steps == second.steps
    for kept in (options.cache or Path()).glob("live-*.pickle"):
        kept.write_bytes(kept.read_bytes()[:-20])
    with pytest.raises(AssertionError, match="looked again"):
        planned(options)
    monkeypatch.setattr(PostgresSession, "inspect", inspected)
    assert planned(options).plan.steps


def test_an_apply_reads_all_anew(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(options)
    file = (options.schemas or Path()) / "app.yaml"
    file.write_text(file.read_text().replace("b: integer", "b: {type: integer, not_null: true}"))
    plan = pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan
    looks: list[int] = []
    inspected = PostgresSession.inspect

    def counted(self: PostgresSession, scope: Scope) -> Catalog:
        looks.append(1)
        return inspected(self, scope)

    monkeypatch.setattr(PostgresSession, "inspect", counted)
    pipeline.apply_plan(pipeline.load(options, {}), plan, allow=["*"])
    assert len(looks) >= 2, "before the first step and after the last one"


def test_a_broken_memory_does_no_harm(options: Options) -> None:
    for _ in range(2):
        planned(options)
    for file in (options.cache or Path()).glob("*.equal.json"):
        file.write_text('{"roots": 5}')
    for file in (options.cache or Path()).glob("misses-*"):
        file.write_text("many")
    assert not planned(options).plan.steps


def test_a_mapping_made_later_is_made_once() -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"a": 1}

    later = Later(make)
    assert not made
    assert (later["a"], later.get("b", 2), len(later), "a" in later, list(later)) == (1, 2, 1, True, ["a"])
    assert (dict(later.items()), list(later.values()), list(later.keys())) == ({"a": 1}, [1], ["a"])
    assert made == [1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry each time that the server is asked how it spells what is declared."""
    counted: list[int] = []
    ask = PostgresSession.canonicalise

    def counting(self: PostgresSession, desired: Catalog, live: Catalog) -> Catalog:
        counted.append(len(desired.resources))
        return ask(self, desired, live)

    monkeypatch.setattr(PostgresSession, "canonicalise", counting)
    return counted


def respelled(options: Options) -> Project:
    """The project, with a check that the server will spell otherwise."""
    file = (options.schemas or Path()) / "app.yaml"
    file.write_text(file.read_text().replace("b > 0", "b > 0 and b < 2 + 5"))
    return pipeline.load(options, {})


def test_one_command_asks_for_the_spelling_once(options: Options, asked: list[int]) -> None:
    project = respelled(options)
    plan = pipeline.make_plan(project, stamped=True).plan
    pipeline.apply_plan(project, plan, allow=("*",))
    assert plan.steps and len(asked) == 1
    assert not planned(options).plan.steps  # another command, which asks for itself
    assert len(asked) == 2


def test_what_somebody_does_in_the_midst_of_the_steps_is_found(options: Options) -> None:
    project = respelled(options)
    plan = pipeline.make_plan(project, stamped=True).plan

    def meddle(event: StepEvent) -> None:
        if event.state == "done" and event.step == plan.steps[-1]:
            with psycopg.connect(options.target or "") as connection:
                connection.execute("ALTER TABLE t DROP CONSTRAINT positive")
                connection.execute("ALTER TABLE t ADD CONSTRAINT positive CHECK (b > 0 AND b < 3 + 5)")

    with pytest.raises(PartlyApplied, match="live still differs from declared"):
        pipeline.apply_plan(project, plan, allow=("*",), listen=meddle)
