"""Renames beyond what the scenarios show: errors, hints, kills, and who is kept waiting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.desired.documents import read_documents
from reconciler.desired.lower import lower
from reconciler.engines import engines
from reconciler.errors import DeclarationErrors, StoreError
from reconciler.model.engine import Server
from reconciler.model.step import Phase
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
            "dynamodb: {tables: {t: {attributes: {a: S, b: S}, key: {partition: a, sort: b},"
            " local_indexes: {i: {renamed_from: j, sort: b}}}}}",
            "renamed_from is not supported for a lsi of dynamodb",
        ),
        (
            "neo4j: {constraints: {c: {node: A, unique: [x], renamed_from: ' d'}}}",
            "' d' is no name of a constraint",
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
            "{t: {columns: {b: integer, a: text}}}",
            "{t: {columns: {b: integer, c: text}}}",
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


MANAGED = """
service: shop
postgres:
  schemas:
    sales:
      tables:
        orders: {columns: {id: integer}, primary_key: [id]}
        gone: {columns: {id: integer}}
  tables: {}
"""
RENAMED = """
service: shop
postgres:
  schemas:
    store:
      renamed_from: sales
      tables:
        orders: {columns: {id: integer}, primary_key: [id]}
    other:
      tables:
        moved: {renamed_from: legacy.old, columns: {id: integer}}
"""


def test_what_is_managed_stays_so_and_what_is_not_stays(pg_database: Postgres.Factory, tmp_path: Path) -> None:
    """The schema's old name is in scope for its rename; beside the table that leaves `legacy` nothing there is."""
    uri = pg_database()
    (tmp_path / "reconcile.yaml").write_text(
        f"environments:\n  dev: {{prune: managed}}\nconnections:\n  shop:\n    postgres: {{dsn: '{uri}'}}\n"
    )
    (tmp_path / "schemas").mkdir()
    options = Options(cwd=tmp_path, environment="dev")

    def applied(text: str) -> list[str]:
        (tmp_path / "schemas" / "shop.yaml").write_text(text)
        plan = pipeline.make_plan(pipeline.load(options, {}), stamped=True).plan
        pipeline.apply_plan(pipeline.load(options, {}), plan, allow="*", through=Phase.CONTRACT)
        assert pipeline.make_plan(pipeline.load(options, {})).plan.empty
        return [line for s in plan.steps for line in s.operation.lines()]

    with bench(uri) as found:
        applied(MANAGED)
        found.script(
            "CREATE SCHEMA legacy;\nCREATE TABLE legacy.old (id integer);\nCREATE TABLE legacy.rest (id integer);"
        )
        assert applied(RENAMED) == [
            "CREATE SCHEMA other;",
            "ALTER SCHEMA sales RENAME TO store;",
            "DROP TABLE store.gone;",
            "ALTER TABLE legacy.old SET SCHEMA other;",
            "ALTER TABLE other.old RENAME TO moved;",
        ]
        assert one(found, "SELECT to_regclass('legacy.rest')::text") == "legacy.rest"
        assert (
            applied(RENAMED.replace("renamed_from: legacy.old, ", "").replace("      renamed_from: sales\n", "")) == []
        )


def test_who_may_not_try_it_out_is_told(database: Bench) -> None:
    database.script("CREATE ROLE rename_guest LOGIN;\nGRANT USAGE ON SCHEMA app TO rename_guest;")
    with pytest.raises(StoreError, match="cannot be tried out"):
        database.connection.execute("SET ROLE rename_guest")
        database.plan(declared(DESIRED))
    database.connection.execute("RESET ROLE")
    database.script("REVOKE USAGE ON SCHEMA app FROM rename_guest;\nDROP ROLE rename_guest;")


COLUMNS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), min_size=1, max_size=4)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(COLUMNS.filter(lambda d: len({*d.values()}) == len(d)), st.booleans(), st.booleans())
def test_any_renames_of_columns_and_table_keep_all(
    pg_database: Postgres.Factory, renames: dict[str, str], table: bool, schema: bool
) -> None:
    old, new = "abcdef", [renames.get(c, c) for c in "abcdef"]
    was, now = ("first", "second") if table else ("t", "t")
    place, there = ("app", "store") if schema else ("app", "app")

    def index(columns: Sequence[str]) -> str:
        a, b, c, d, *_ = columns
        return f'{{columns: [{a}, {{expression: "{b} + {c}"}}], where: {d} > 0}}'

    def declaration(place: str, name: str, columns: Sequence[str], said: Sequence[str], *former: str) -> str:
        listed = ", ".join(f"{c}: {{type: integer{s}}}" for c, s in zip(columns, said, strict=True))
        conditions = " AND ".join(f"{c} > {n}" for n, c in enumerate(columns))
        return f"""
service: shop
postgres:
  schemas:
    {place}:{former[0] if former else ""}
      tables:
        {name}:{former[1] if former else ""}
          columns: {{{listed}}}
          checks: {{all_fine: "{conditions}"}}
          indexes: {{some: {index(columns)}}}
      views:
        v: SELECT {", ".join(f"{c} AS c{n}" for n, c in enumerate(columns))} FROM {place}.{name}
"""

    said = [f", renamed_from: {o}" if o != n else "" for o, n in zip(old, new, strict=True)]
    formers = (
        "\n      renamed_from: app" if schema else "",
        "\n          renamed_from: first" if table else "",
    )
    with bench(pg_database()) as found:
        found.become(declared(declaration(place, was, old, [""] * 6)))
        plan = found.become(declared(declaration(there, now, new, said, *formers)))
        assert all(" RENAME " in line for s in plan.steps for line in s.operation.lines()), summary(plan)
        assert len(plan.steps) == len(renames) + table + schema
