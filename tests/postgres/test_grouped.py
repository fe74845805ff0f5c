"""What locks nothing but what is new is made in transactions of many steps; the outcome is that of one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.engines.postgres.grouped import Newcomers
from reconciler.errors import PartlyApplied
from reconciler.model.plan import Plan
from reconciler.results import StepEvent
from tests.postgres.server import Postgres

COUNT = 30
HEAD = "service: shop\npostgres:\n  tables:\n    old: {columns: {id: integer, note: text}, primary_key: [id]}\n"
HELD = """
SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE c.relname IN ('old', 'old_pkey') AND l.granted AND l.pid <> pg_backend_pid()
    AND l.mode <> 'AccessShareLock'  -- that of a reader, for a view
"""


def _table(number: int) -> str:
    to = f"t{number - 1:02}" if number else "old"
    return f"""
    t{number:02}:
      comment: number {number}
      columns: {{id: integer, up: integer, name: text}}
      primary_key: [id]
      indexes: {{t{number:02}_name: [name]}}
      foreign_keys: {{t{number:02}_up: {{columns: [up], references: {{table: {to}, columns: [id]}}}}}}
"""


@pytest.fixture
def options(pg_database: Postgres.Factory, tmp_path: Path) -> Options:
    """A database with one table of three rows, and a declaration of thirty more that refer to one another."""
    uri = pg_database()
    with psycopg.connect(uri) as connection:
        connection.execute("CREATE TABLE old (id integer PRIMARY KEY, note text)")
        connection.execute("INSERT INTO old VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    views = "  views:\n    v: select t03.name, old.note from t03 join old on old.id = t03.up\n"
    (tmp_path / "shop.yaml").write_text(HEAD + "".join(map(_table, range(COUNT))) + views)
    return Options(target=uri, schemas=tmp_path, service="shop")


def _plan(options: Options) -> Plan:
    return pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan


def _apply(options: Options, plan: Plan, listen: Callable[[StepEvent], None]) -> None:
    pipeline.apply_plan(pipeline.load(options, {}), plan, allow=("*",), listen=listen)


def test_few_transactions_and_no_lock_that_others_meet(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at before every step of a group: what its transaction has locked so far."""
    sizes: list[int] = []
    met: set[tuple[str, str]] = set()
    run = Newcomers.run

    def counted(self: Newcomers, *arguments: object) -> int:
        sizes.append(run(self, *arguments))  # type: ignore[arg-type]
        return sizes[-1]

    monkeypatch.setattr(Newcomers, "run", counted)
    plan = _plan(options)
    done: list[int] = []
    with psycopg.connect(str(options.target), autocommit=True) as beside:

        def listen(event: StepEvent) -> None:
            if event.state == "started":
                met.update(beside.execute(HELD).fetchall())
            if event.state == "done" and event.step:
                done.append(event.step.id)

        _apply(options, plan, listen)
        assert met == set(), "nothing that was there before is locked from one step to the next"
        assert done == [s.id for s in plan.steps]
        assert sum(sizes) > len(plan.steps) * 0.9 and len(sizes) < len(plan.steps) / 10
        assert beside.execute("SELECT count(*) FROM old").fetchone() == (3,)
    assert _plan(options).empty


def test_what_fails_is_the_error_of_its_step(options: Options) -> None:
    """Somebody makes an index of a name that the plan wants: its transaction is rolled back, and run step by step."""
    plan, events = _plan(options), list[StepEvent]()
    wanted = next(s for s in plan.steps if s.address.path[-1] == "t07_name")
    with psycopg.connect(str(options.target), autocommit=True) as beside:

        def listen(event: StepEvent) -> None:
            if event.state == "started" and not any(e.state == "started" for e in events):
                beside.execute("CREATE INDEX t07_name ON old (note)")
            events.append(event)

        with pytest.raises(PartlyApplied, match="t07_name"):
            _apply(options, plan, listen)
        assert [e.step.id for e in events if e.state == "failed" and e.step] == [wanted.id]
        assert [e.step.id for e in events if e.state == "done" and e.step] == [*range(1, wanted.id)]
        beside.execute("DROP INDEX t07_name")
    _apply(options, plan, events.append)
    assert _plan(options).empty
