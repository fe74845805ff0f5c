"""What is known of the size of tables: zero rows is a fact, everything else an estimate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.engines.postgres.evidence import still_empty
from reconciler.model.address import Address
from tests.postgres.bench import Bench, bench
from tests.postgres.server import Postgres

TABLES = """
    CREATE TABLE empty (a int);
    CREATE TABLE emptied (a int); INSERT INTO emptied VALUES (1); DELETE FROM emptied;
    CREATE TABLE analysed (a int); INSERT INTO analysed SELECT generate_series(1, 500); ANALYZE analysed;
    CREATE TABLE unknown (a int); INSERT INTO unknown VALUES (1);
    CREATE TABLE heir_full (a int); CREATE TABLE heir_full_child () INHERITS (heir_full);
    INSERT INTO heir_full_child SELECT generate_series(1, 30); ANALYZE heir_full_child;
    CREATE TABLE heir_empty (a int); CREATE TABLE heir_empty_child () INHERITS (heir_empty);
    CREATE TABLE split (a int) PARTITION BY RANGE (a);
    CREATE TABLE split_empty (a int) PARTITION BY RANGE (a);
    CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (1) TO (100) PARTITION BY RANGE (a);
    CREATE TABLE split_1_1 PARTITION OF split_1 FOR VALUES FROM (1) TO (50);
    INSERT INTO split SELECT generate_series(1, 40); ANALYZE split;
    CREATE FOREIGN DATA WRAPPER away; CREATE SERVER there FOREIGN DATA WRAPPER away;
    CREATE TABLE partly_away (a int) PARTITION BY RANGE (a);
    CREATE FOREIGN TABLE away_1 PARTITION OF partly_away FOR VALUES FROM (1) TO (100) SERVER there;
"""
ROWS = {
    "empty": 0,
    "analysed": 500,
    "unknown": -1,
    "heir_full": 30,
    "heir_empty": 0,
    "split": 40,
    "split_empty": 0,
    "partly_away": -1,
}


@pytest.fixture
def database(pg_database: Postgres.Factory) -> Iterator[Bench]:
    with bench(pg_database()) as made:
        made.script(TABLES)
        yield made


def test_zero_rows_is_said_only_where_it_is_so(database: Bench) -> None:
    tables = {name: Address("shop", "postgres", "table", ("public", name)) for name in (*ROWS, "emptied")}
    sizes = database.session.measure(tables.values())
    assert {name: sizes[tables[name]].rows for name in ROWS} == ROWS
    assert sizes[tables["emptied"]].rows != 0, "it has a page: whether a row is there is not known"


def test_a_table_that_has_filled_up_since_is_found(database: Bench) -> None:
    full = ("analysed", "emptied", "heir_full", "split")
    assert all(database.session.probe(still_empty(("public", name))).count for name in full)
    empty = ("empty", "heir_empty", "split_empty")
    assert [database.session.probe(still_empty(("public", name))).count for name in empty] == [0, 0, 0]
