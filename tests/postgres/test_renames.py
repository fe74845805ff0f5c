"""Renames beyond what the scenarios show: errors, hints, kills, and who is kept waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.desired.documents import read_documents
from reconciler.desired.lower import lower
from reconciler.engines import engines
from reconciler.errors import DeclarationErrors
from reconciler.model.engine import Server
from reconciler.results import StepEvent
from tests.postgres.bench import POLICY, Bench, bench, declared, pure_plan, summary
from tests.postgres.server import Postgres

LIVE = """
service: shop
postgres:
  schemas:
    app:
      tables:
        orders:
          columns: {id: integer, total: {type: integer, not_null: true}}
          primary_key: [id]
          checks: {sane: total >= 0}
          comment: what was ordered
        lines:
          columns: {order_id: integer}
          foreign_keys: {to_order: {columns: [order_id], references: {table: orders, columns: [id]}}}
      views:
        totals: {query: "SELECT id, total FROM app.orders", comment: numbers}
      functions:
        "count_orders()": {returns: bigint, language: sql, body: SELECT count(*) FROM app.orders}
"""
DESIRED = """
service: shop
postgres:
  schemas:
    app:
      tables:
        purchases:
          renamed_from: orders
          columns: {id: integer, amount: {type: integer, renamed_from: total}, note: text}
          primary_key: [id]
          checks: {sane: amount >= 0}
          comment: what was ordered
        lines:
          columns: {order_id: integer}
          foreign_keys: {to_order: {columns: [order_id], references: {table: purchases, columns: [id]}}}
      views:
        totals: {query: "SELECT id, amount AS total FROM app.purchases", comment: numbers}
      functions:
        "count_orders()": {returns: bigint, language: sql, body: SELECT count(*) FROM app.orders}
"""


@pytest.fixture
def database(pg_database: Postgres.Factory) -> Iterator[Bench]:
    with bench(pg_database()) as found:
        found.become(declared(LIVE))
        found.script("INSERT INTO app.orders VALUES (1, 5);\nINSERT INTO app.lines VALUES (1);")
        yield found


def one(database: Bench, query: str) -> Any:
    row = database.connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_nothing_is_made_anew_and_rows_stay(database: Bench) -> None:
    table = one(database, "SELECT 'app.orders'::regclass::oid")
    plan = database.become(declared(DESIRED))
    assert not any("DROP VIEW" in s or "CREATE" in s for s in summary(plan))
    assert one(database, "SELECT 'app.purchases'::regclass::oid") == table
    assert one(database, "SELECT amount FROM app.purchases") == 5
    assert one(database, "SELECT obj_description('app.purchases'::regclass)") == "what was ordered"


def test_a_function_that_says_the_old_name_is_told(database: Bench) -> None:
    plan = database.plan(declared(DESIRED))
    said = [h.message for _, h in plan.hazards]
    assert any("count_orders()" in m and "does not follow" in m for m in said)


def test_planning_waits_for_nobody_and_leaves_nothing(database: Bench) -> None:
    schemas = "SELECT array_agg((oid, nspname) ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_'"
    before = one(database, schemas)
    with psycopg.connect(database.uri) as writer:
        writer.execute("UPDATE app.orders SET total = 6")
        writer.execute("LOCK TABLE app.orders, app.lines IN SHARE UPDATE EXCLUSIVE MODE")
        database.connection.execute("SET lock_timeout = '200ms'")
        assert database.plan(declared(DESIRED)).steps
        writer.rollback()
    assert one(database, schemas) == before


def test_both_live_is_an_error_with_its_line(database: Bench) -> None:
    database.script("CREATE TABLE app.purchases (id integer);")
    with pytest.raises(DeclarationErrors, match=r"shop\.yaml:7.*renamed from table app\.orders, and both are live"):
        database.plan(declared(DESIRED))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("{a: {type: integer, renamed_from: b}, b: {type: integer, renamed_from: a}}", "take over each other's names"),
        ("{c: {type: integer, renamed_from: a}, d: {type: integer, renamed_from: a}}", "are both renamed from"),
    ],
)
def test_names_that_cannot_be_given(pg_database: Postgres.Factory, columns: str, message: str) -> None:
    head = "service: shop\npostgres:\n  tables:\n    t: {columns: "
    with bench(pg_database()) as found:
        found.become(declared(head + "{a: integer, b: integer}}"))
        with pytest.raises(DeclarationErrors, match=message):
            found.plan(declared(head + columns + "}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgres: {extensions: {pgcrypto: {renamed_from: x}}}", "renamed_from is not supported for a extension"),
        ("postgres: {tables: {t: {renamed_from: t}}}", "renamed from its own name"),
        (
            "dynamodb: {tables: {t: {renamed_from: s, attributes: {a: S}, key: {partition: a}}}}",
            "renamed_from is not supported for a table of dynamodb",
        ),
        (
            "neo4j: {constraints: {c: {node: A, unique: [x], renamed_from: d}}}",
            "renamed_from is not supported for a constraint of neo4j",
        ),
    ],
)
def test_what_cannot_be_renamed_says_so(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(f"service: shop\n{text}\n")
    known = engines()
    documents = read_documents(tmp_path, cache=None)
    engine = known[text.partition(":")[0]]
    with pytest.raises(DeclarationErrors, match=message):
        lower(engine, documents, "shop", POLICY)


def hinted(live: str, desired: str) -> list[str]:
    head = "service: shop\npostgres:\n  tables: "
    plan = pure_plan(declared(head + desired), declared(head + live), Server("PostgreSQL", (18, 0)), 0)
    return [n.message for n in plan.notes]


@pytest.mark.parametrize(
    ("live", "desired", "hint"),
    [
        (
            "{t: {columns: {a: text, b: integer}}}",
            "{t: {columns: {c: text, b: integer}}}",
            "renamed_from: a' on column",
        ),
        ("{t: {columns: {a: text}}}", "{u: {columns: {a: text}}}", "'renamed_from: t' on table public.u"),
        (
            "{t: {columns: {a: text}, indexes: {i: [a]}}}",
            "{t: {columns: {a: text}, indexes: {j: [a]}}}",
            "'renamed_from: i' on index public.t.j",
        ),
    ],
)
def test_what_looks_like_a_rename_is_told(live: str, desired: str, hint: str) -> None:
    (note,) = hinted(live, desired)
    assert hint in note


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ("{t: {columns: {a: text}}}", "{t: {columns: {c: integer}}}"),
        ("{t: {columns: {a: text, b: text}}}", "{t: {columns: {c: text}}}"),
        ("{t: {columns: {a: text}}}", "{u: {columns: {b: text}}}"),
    ],
)
def test_what_does_not_is_not(live: str, desired: str) -> None:
    assert hinted(live, desired) == []


class Killed(BaseException):
    """What a test kills an apply with."""


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.parametrize("word", ["started", "done"])
def test_killed_at_any_step_the_same_plan_finishes(database: Bench, tmp_path: Path, step: int, word: str) -> None:
    (tmp_path / "shop.yaml").write_text(DESIRED)
    options = Options(target=database.uri, schemas=tmp_path, service="shop")
    plan = pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan

    def listen(event: StepEvent) -> None:
        if event.state == word and event.step is not None and event.step.id == step:
            raise Killed

    assert len(plan.steps) == 5, summary(plan)
    with pytest.raises(Killed):
        pipeline.apply_plan(pipeline.load(options, {}), plan, allow="*", listen=listen)
    pipeline.apply_plan(pipeline.load(options, {}), plan, allow="*")
    assert one(database, "SELECT amount FROM app.purchases") == 5
    assert pipeline.make_plan(pipeline.load(options, {})).plan.empty
