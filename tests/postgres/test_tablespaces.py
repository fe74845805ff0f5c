"""Tables and indexes in tablespaces: said, made there, and moved there while they are in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres.bench import bench, declared
from tests.postgres.server import Postgres

SPACES = ("far", "near")
TEXT = """
service: shop
postgres:
  tables:
    t:
      columns: {a: integer, b: integer, c: int4range}
      primary_key: {columns: [a], tablespace: SPACE}
      uniques: {t_b_key: {columns: [b], tablespace: SPACE}}
      exclusions: {t_c_excl: {method: gist, elements: [{column: c, with: "&&"}], tablespace: SPACE}}
      indexes: {t_both_idx: {columns: [a, b], tablespace: SPACE}}
    p:
      partition_by: {list: [a]}
      columns: {a: integer}
      tablespace: SPACE
      indexes: {p_a_idx: {columns: [a], tablespace: SPACE}}
    p1: {partition_of: p, in: [1]}
  materialized_views:
    m: {query: SELECT 1 AS x, indexes: {m_x_idx: {columns: [x], tablespace: SPACE}}}
"""
PLACES = """
SELECT c.relname, s.spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace
WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
THERE = ["m_x_idx", "p", "p1_a_idx", "p_a_idx", "t_b_key", "t_both_idx", "t_c_excl", "t_pkey"]


@pytest.fixture
def spaces(postgres: Postgres, pg_database: Postgres.Factory) -> Iterator[str | None]:
    """A database on a server with two tablespaces inside its own directory; None: 14 has no such ones."""
    if postgres.major < 15:
        yield None
        return
    uri = pg_database()
    with bench(uri) as database:
        database.connection.execute("SET allow_in_place_tablespaces = on")
        for name in SPACES:
            database.connection.execute(f"CREATE TABLESPACE {name} LOCATION ''")
    yield uri
    with bench(uri) as database:
        database.script("DROP TABLE t, p;\nDROP MATERIALIZED VIEW m;")
        for name in SPACES:
            database.connection.execute(f"DROP TABLESPACE {name}")


def test_what_is_in_a_tablespace_is_made_and_moved_there(spaces: str | None) -> None:
    if spaces is None:
        return
    with bench(spaces) as database:
        for space in SPACES:
            desired = declared(TEXT.replace("SPACE", space))
            database.become(desired)
            assert not database.plan(desired).steps
            assert database.connection.execute(PLACES).fetchall() == [(name, space) for name in THERE]
        database.become(own := declared(TEXT.replace("SPACE", "pg_default")))  # where the database is
        assert not database.plan(own).steps
        assert not database.connection.execute(PLACES).fetchall()
        plan = database.become(desired)
        blocking = [line for step in plan.steps for line in step.operation.lines() if "SET TABLESPACE" in line]
        assert len(blocking) == 3, "of what a partitioned table says, and of an exclusion constraint, alone"
