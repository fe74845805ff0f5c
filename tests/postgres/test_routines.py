"""Names, arguments and bodies of routines, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.documents import read_documents
from reconciler.engines.postgres.routine_arguments import listed, plain_type, signature, split
from reconciler.engines.postgres.routine_changes import dollar_quoted, setting
from reconciler.engines.postgres.trigger_parts import condition
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from tests.postgres.bench import declared, lifted


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("f(integer, text)", ("f", "integer, text")),
        ("f()", ("f", "")),
        ("f", ("f", "")),
        ("We(ird(integer)", ("We(ird", "integer")),
        ('f("a(b", integer)', ("f", '"a(b", integer')),
    ],
)
def test_a_name_and_its_types(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


def test_types_are_parted_at_commas_outside_quotes_and_parentheses() -> None:
    assert listed('integer, "a,b", numeric(1,2)') == ["integer", '"a,b"', "numeric(1,2)"]
    assert listed("") == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("int", "integer"),
        ("varchar(20)", "character varying"),
        ("char(3)", "character"),
        ("bpchar", "character"),
        ("timestamptz(3)", "timestamp with time zone"),
        ("public.mood", "mood"),
        ("app.mood[]", "app.mood[]"),
        ('"Mood"', '"Mood"'),
        ("numeric(12,2)[]", "numeric[]"),
    ],
)
def test_types_of_signatures(text: str, plain: str) -> None:
    assert plain_type(text) == plain


def test_how_statements_name_routines() -> None:
    def named(kind: str, component: str) -> str:
        return signature(Address("s", "postgres", kind, ("app", component)))

    assert named("function", "Odd name(integer)") == 'app."Odd name"(integer)'
    assert named("aggregate", "n()") == "app.n(*)"


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ("select 1", "$$select 1$$"),
        ("select $$x$$", "$body$select $$x$$$body$"),
        ("costs 1$", "$body$costs 1$$body$"),
        ("$$ $body$ $body0_", "$body1_$$$ $body$ $body0_$body1_$"),
        ("", "$$$$"),
    ],
)
def test_dollar_quotes_that_are_not_in_the_text(body: str, quoted: str) -> None:
    assert dollar_quoted(body) == quoted


def test_settings() -> None:
    assert setting("search_path", 'app, "$user", ""') == "'app', '$user', ''"
    assert setting("TimeZone", "UTC") == "'UTC'"
    assert setting("DateStyle", "ISO, MDY") == "'ISO, MDY'"


def test_the_condition_of_a_trigger() -> None:
    text = """CREATE TRIGGER "a WHEN (" AFTER UPDATE ON t FOR EACH ROW WHEN ((new.b <> ') EXECUTE'::text))"""
    assert condition(text + " EXECUTE FUNCTION f('x')") == "(new.b <> ') EXECUTE'::text)"


def body_of(text: str) -> str:
    return f"service: s\npostgres:\n  functions:\n    f(int): {{{text}, returns: int, language: sql, body: select 1}}\n"


def test_a_key_and_its_arguments_have_to_agree() -> None:
    catalog = declared(body_of("arguments: {a: int4}"), "a.yaml")
    assert [a.name for a in catalog.resources if a.kind == "function"] == ["f(integer)"]
    with pytest.raises(DeclarationError, match="the arguments say"):
        declared(body_of("arguments: {a: text}"), "a.yaml")


def test_what_is_lifted_lowers_to_the_same() -> None:
    text = """
service: s
postgres:
  functions:
    f(integer, "char", text[]):
      arguments:
        - {type: integer, default: "1"}
        - {name: a, type: '"char"'}
        - {name: b, type: "text[]", mode: variadic}
        - {name: c, type: text, mode: out}
      returns: setof text
      language: c
      library: $libdir/x
      cost: 2.5
      rows: 10
      transforms: [hstore]
      body: sym
    g: {arguments: {x: int}, returns: {table: {a: int, b: text}}, sql_body: "RETURN x"}
  aggregates:
    h("any"):
      arguments: [{type: '"any"', mode: variadic}]
      kind: hypothetical
      direct: 1
      sfunc: s
      stype: internal
      initcond: ""
"""
    catalog = declared(text, "a.yaml")
    assert declared(lifted(catalog), "b.yaml").resources == catalog.resources


def test_bodies_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "f.sql").write_text("select 1\n", encoding="utf-8")
    declaration = "service: s\npostgres:\n  functions:\n    f(): {returns: int, language: sql, body: functions/f.sql}\n"
    (tmp_path / "a.yaml").write_text(declaration, encoding="utf-8")
    (document,) = read_documents(tmp_path, cache=None)
    assert document.data["postgres"]["functions"]["f()"]["body"] == "select 1\n"  # type: ignore[index]
    (tmp_path / "functions" / "f.sql").write_text("select 2\n", encoding="utf-8")
    (changed,) = read_documents(tmp_path, cache=None)
    assert changed.digest != document.digest


def test_missing_and_absolute_files_are_errors_at_their_lines(tmp_path: Path) -> None:
    declaration = "service: s\npostgres:\n  functions:\n    f(): {body: nowhere.sql}\n    g(): {body: /etc/x.sql}\n"
    (tmp_path / "a.yaml").write_text(declaration, encoding="utf-8")
    with pytest.raises(DeclarationErrors) as caught:
        read_documents(tmp_path, cache=None)
    first, second = caught.value.errors
    assert "nowhere.sql cannot be read" in first.message
    assert first.where is not None
    assert first.where.line == 4
    assert "absolute" in second.message
