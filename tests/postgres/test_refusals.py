"""What no ALTER does is refused by name, when the plan is made."""

from __future__ import annotations

import pytest

from reconciler.errors import UnsupportedChange
from tests.postgres.bench import bench, declared
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
