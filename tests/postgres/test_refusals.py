"""What no ALTER does is refused by name, when the plan is made."""

from __future__ import annotations

import pytest

from reconciler.engines.postgres import trial
from reconciler.errors import DeclarationError, DeclarationErrors, UnsupportedChange
from reconciler.model.engine import Server
from tests.postgres.bench import bench, declared, pure_plan
from tests.postgres.server import Postgres

STORED = """
  access_methods: {heap2: {type: table, handler: HANDLER}}
  tables: {t: {using: heap2, columns: {a: integer}}}
"""
CASES = {
    "what a table is stored by": (
        STORED,
        ("HANDLER", "heap_tableam_handler", "public.other_handler"),
        "table public.t uses access_method heap2, which has to be dropped and created again; it cannot follow",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_before_anything_runs(case: str, pg_database: Postgres.Factory) -> None:
    section, (word, before, after), message = CASES[case]
    text = f"service: shop\npostgres:{section}"
    with bench(pg_database()) as database:
        database.become(declared(text.replace(word, before)))
        with pytest.raises(UnsupportedChange) as refused:
            database.plan(declared(text.replace(word, after)))
    assert refused.value.message == message
    assert refused.value.hint


BODY = "  functions: {f(): {returns: integer, language: plpgsql, body: BODY}}"
NO_SQL = {
    "a new view": ("", "  views: {v: selekt 1}", "selekt"),
    "a new body": ("", BODY.replace("BODY", "begin retrun 1; end"), "retrun"),
    "another body": (
        BODY.replace("BODY", "begin return 1; end"),
        BODY.replace("BODY", "begin retrun 1; end"),
        "retrun",
    ),
}


@pytest.mark.parametrize("case", NO_SQL)
def test_text_that_is_no_sql(case: str, pg_database: Postgres.Factory) -> None:
    before, after, word = NO_SQL[case]
    with bench(pg_database()) as database:
        database.become(declared(f"service: shop\npostgres:\n{before}"))
        with pytest.raises(DeclarationError) as refused:
            database.plan(declared(f"service: shop\npostgres:\n{after}"))
    assert f'the server says: syntax error at or near "{word}"' in str(refused.value)


NAMED = """
  tables:
    people: {columns: {name: {type: text, not_null: {name: NAME}}}, primary_key: [name]}
    workers: {inherits: people, columns: {name: {not_null: {name: own}}}}
"""


def test_what_a_key_needs_is_not_renamed_away_from_children() -> None:
    live, desired = (
        declared(f"service: shop\npostgres:{NAMED.replace('NAME', name)}") for name in ("has_name", "is_called")
    )
    with pytest.raises(UnsupportedChange) as refused:
        pure_plan(desired, live, Server("PostgreSQL", (18, 0)), 0)
    assert refused.value.message == (
        "column public.people.name: its NOT NULL cannot be renamed while column public.workers.name has it as own"
    )
    assert refused.value.hint


def test_a_key_that_is_not_on_every_partition_is_told(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.script("CREATE TABLE t (a integer NOT NULL) PARTITION BY LIST (a);")
        database.script("CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);")
        database.script("ALTER TABLE ONLY t ADD CONSTRAINT whole PRIMARY KEY (a);")
        (told,) = database.live().unmanaged
        assert (told.address.kind, told.address.path) == ("unfinished key", ("public", "whole"))
        assert "not on every partition" in told.reason
        database.script("ALTER TABLE t_1 ADD CONSTRAINT part PRIMARY KEY (a);")
        database.script("ALTER INDEX whole ATTACH PARTITION part;")
        assert not database.live().unmanaged


NAMING = """
  tables:
    t:
      columns: {a: integer}
      owner: nobody_owner
      grants: {nobody_reads: [select]}
      policies: {own: {to: [nobody_sees], using: a > 0}}
  default_privileges: {nobody_makes: {tables: {nobody_gets: [select]}}}
  settings: {nobody_sets: {work_mem: 8MB}}
"""


def test_roles_that_are_not_there_are_told_with_their_lines(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database, pytest.raises(DeclarationErrors) as refused:
        database.plan(declared(f"service: shop\npostgres:{NAMING}"))
    told = {(e.message.split(": ")[-1], e.where.line if e.where else 0) for e in refused.value.errors}
    assert told == {
        ("there is no role nobody_owner", 6),
        ("there is no role nobody_reads", 7),
        ("there is no role nobody_sees", 8),
        ("there is no role nobody_makes", 9),
        ("there is no role nobody_gets", 9),
        ("there is no role nobody_sets", 10),
    }
    assert all(e.hint for e in refused.value.errors)


THERE = """
service: shop
postgres:
  tables:
    users:
      columns: {id: {type: bigint, not_null: true}, name: text, age: integer}
      primary_key: [id]
    gone: {columns: {a: integer}}
    days: {columns: {id: bigint, at: date}, partition_by: {range: [at]}}
    days_24: {partition_of: days, from: 2024-01-01, to: 2025-01-01}
  views: {names: {query: "select name from users"}}
"""
MEANT = """
service: shop
postgres:
  extensions: {nobody_wrote_it: {}}
  tables:
    users:
      columns:
        id: {type: bigint, not_null: true}
        age: integer
      primary_key: [id]
      rules: {away: {"on": delete, instead: true, do: "delete from userz"}}
    more: {columns: {a: integer, made: {type: integer, default: made_up()}}}
    orders:
      columns: {of: text}
      triggers: {late: {before: [insert], for_each: row, execute: later}}
      foreign_keys: {of_fkey: {columns: [of], references: {table: users, columns: [id]}}}
    hours:
      columns: {id: bigint, at: date}
      partition_by: {range: [at]}
      uniques: {hours_key: [id]}
    days: {columns: {id: bigint, at: date}, partition_by: {range: [at]}}
    days_24: {partition_of: days, from: 2024-01-01, to: 2025-01-01}
    days_25: {partition_of: days, from: 2024-06-01, to: 2026-01-01}
  views:
    names: {query: "select name from users"}
    left: {query: "select a from gone"}
    first: {query: "select b from orders"}
    one: {query: "select * from two"}
    two: {query: "select * from one"}
  materialized_views: {counts: {query: "select count(*) from userz"}}
  functions:
    newest(): {returns: date, language: sql, body: select max(day) from made_by_another_function}
  domains: {ring: {type: ring}}
"""
REFUSED = {
    ("extension nobody_wrote_it", 4): "",
    ("rule public.users.away", 11): "did you mean users?",
    ("column public.more.made", 12): "No function matches",
    ("trigger public.orders.late", 15): "",
    ("foreign_key public.orders.of_fkey", 16): "incompatible types: text and bigint",
    ("table public.hours", 17): "lacks column",
    ("table public.days_25", 23): "",
    ("view public.names", 25): "this plan drops or renames column public.users.name",
    ("view public.left", 26): "this plan drops or renames table public.gone",
    ("view public.first", 27): "",
    ("materialized_view public.counts", 30): "did you mean users?",
    ("domain public.ring", 33): "cannot be made of itself",
}


def test_what_the_server_would_refuse_is_told_with_its_lines(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(THERE))
        before = database.live()
        with pytest.raises(DeclarationErrors) as refused:
            database.plan(declared(MEANT))
        told = {
            (e.message.split(": the server")[0], e.where.line if e.where else 0): e.hint for e in refused.value.errors
        }
        assert told.keys() == REFUSED.keys()
        for at, hint in REFUSED.items():
            assert hint in (told[at] or "")
        assert database.live().resources == before.resources


CIRCLE = '  views: {one: {query: "select * from two"}, two: {query: "select * from one"}}'
INHERITING = "  tables: {a: {inherits: b}, b: {inherits: a}}"


def test_circles_are_told(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        with pytest.raises(DeclarationErrors) as refused:
            database.plan(declared(f"service: shop\npostgres:\n{CIRCLE}"))
        assert refused.value.hint == "these are made of each other: view public.one, view public.two"
        with pytest.raises(DeclarationErrors, match=r"table public\.a inherits from itself"):
            declared(f"service: shop\npostgres:\n{INHERITING}")


MODELLED_NOWHERE = """
  extensions: {citext: {}}
  tables:
    t: {columns: {a: citext, b: "citext[]"}, checks: {short: length(a) < 5}, indexes: {t_a_idx: [a]}}
  views: {v: {query: "select a = 'x' as same, public.citext_eq(a, a) as equal from t"}}
  functions:
    f(): {returns: citext, language: sql, body: select a from t}
    g(): {returns: integer, language: sql, body: select h()}
    h(): {returns: integer, language: sql, body: select g()}
    elsewhere(): {returns: integer, language: sql, body: select n from inside}
  schemas: {apart: {tables: {inside: {columns: {n: integer}}}}}
"""


def test_what_is_there_beside_the_declared_is_not_refused(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared("service: shop\npostgres:\n  extensions: {citext: {}}"))
        database.moved()
        assert database.plan(declared(f"service: shop\npostgres:{MODELLED_NOWHERE}")).steps


BROUGHT = """
  extensions: {citext: {}}
  tables: {rates: {columns: {rate: numeric}}}
  functions: {f(): {returns: numeric, language: plpgsql, body: "declare r rates.rate%TYPE; begin return r; end"}}
  views: {v: {query: "select citext_eq('a', 'b') as same"}}
"""


def test_what_comes_in_the_same_plan_is_not_refused(
    pg_database: Postgres.Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a schema so big that it is tried in several transactions; the type of a column that PL/pgSQL asks for."""
    monkeypatch.setattr(trial, "TOGETHER", 1)
    with bench(pg_database()) as database:
        assert database.plan(declared(f"service: shop\npostgres:{BROUGHT}")).steps
