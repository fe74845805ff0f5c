"""The lexical scan of SQL texts for declared names."""

from __future__ import annotations

import pytest

from reconciler.engines.postgres.mentions import mentioned, of_expression, words
from reconciler.model.catalog import Catalog
from tests.postgres.bench import declared

CATALOG = """
service: shop
postgres:
  functions:
    total(integer, text): {returns: integer, language: sql, body: select 1}
    total(integer): {returns: integer, language: sql, body: select 1}
  operators:
    "<~>(integer, integer)": {function: int4eq}
  tables:
    t: {columns: {x: integer, y: integer}, primary_key: [x]}
    "Odd one": {columns: {z: integer}}
  schemas:
    app:
      sequences: {b_seq: {}}
      enums: {mood: [a]}
      tables: {t: {columns: {x: integer}}, only: {columns: {q: integer}}}
"""


@pytest.fixture(scope="module", name="catalog")
def _catalog() -> Catalog:
    return declared(CATALOG, "mentions.yaml")


T = ["column public.t.x", "primary_key public.t", "table public.t"]
TOTAL = ["function public.total(integer)", "function public.total(integer, text)"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT x FROM t", T),
        (
            "select * from public . t",
            ["column public.t.x", "column public.t.y", "primary_key public.t", "table public.t"],
        ),
        ("SELECT app.t.x FROM app.t", ["column app.t.x", "table app.t"]),
        ("SELECT 1 FROM only", ["table app.only"]),
        ('SELECT 1 FROM "Odd one"', ["table public.Odd one"]),
        ('SELECT 1 FROM odd, one, "T"', []),
        ("TOTAL(1)", TOTAL),
        ("nextval('app.b_seq'::regclass)", ["sequence app.b_seq"]),
        ("'total(integer)'::regprocedure", TOTAL),
        ("'<~>(integer, integer)'::regoperator", ["operator public.<~>(integer, integer)"]),
        ("'a'::app.mood", ["enum app.mood"]),
        ("1 <~> 2", ["operator public.<~>(integer, integer)"]),
        ("1 -- total(1)\n+ 2", []),
        ("1 /* total /* total */ total */ + 2", []),
        ("'select total(1) and more'", []),
        (r"E'\' total(' || total(1)", TOTAL),
        ("begin $q$ select total(1) $q$; end", TOTAL),
        ("begin $$ 'total of all' $$; end", []),
        ("/* never closed total(1)", []),
    ],
)
def test_what_is_mentioned(text: str, found: list[str], catalog: Catalog) -> None:
    assert sorted(map(str, mentioned(text, catalog))) == found


def test_only_some_kinds(catalog: Catalog) -> None:
    assert [str(a) for a in mentioned("total(1) t", catalog, kinds=["table"])] == ["table public.t"]


def test_an_expression_names_no_tables(catalog: Catalog) -> None:
    assert [a.kind for a in of_expression("total(t) + x", catalog)] == ["function", "function"]


def test_words_are_folded() -> None:
    assert words('New."A b".x = 1') == {"new", "A b", "x", "="}
