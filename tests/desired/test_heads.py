"""What is known of files that were right before: they are not parsed again, and nothing old is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.config.project import Project
from reconciler.desired import documents, heads, strictyaml
from reconciler.errors import DeclarationErrors

SHOP = "service: shop\ndepends_on: [users]\npostgres:\n  tables: {t: {columns: {id: integer}}}\n"
USERS = "service: users\npostgres:\n  tables: {u: {columns: {id: integer}}}\n"

Load = Callable[[], Project]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a platform of two services; the files may be changed between two loads."""
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "shop.yaml").write_text(SHOP)
    (schemas / "users.yaml").write_text(USERS)
    return lambda: pipeline.load(Options(schemas=schemas, cache=tmp_path / "cache", cwd=tmp_path), {})


def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are parsed from here on."""
    found: list[str] = []
    parse = strictyaml.parse

    def noted(text: str, file: str) -> object:
        found.append(Path(file).name)
        return parse(text, file)

    monkeypatch.setattr(documents, "parse", noted)
    return found


def test_what_is_known_is_parsed_when_it_is_looked_into(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load()
    files = parsed(monkeypatch)
    again = load()
    assert files == []
    assert (
        (again.services, again.declares)
        == (first.services, first.declares)
        == (
            ("users", "shop"),
            {"users": ("postgres",), "shop": ("postgres",)},
        )
    )
    assert [d.data for d in again.documents] == [d.data for d in first.documents]
    assert files == ["shop.yaml", "users.yaml"]


def test_what_changed_is_validated(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    (tmp_path / "schemas" / "users.yaml").write_text(USERS.replace("columns", "colums"))
    files = parsed(monkeypatch)
    with pytest.raises(DeclarationErrors, match="colums"):
        load()
    assert files == ["users.yaml"]


def test_other_code_believes_nothing_old(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    monkeypatch.setattr(heads, "code", lambda: "newer")
    files = parsed(monkeypatch)
    load()
    assert files == ["shop.yaml", "users.yaml"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": {}}', '{"x": 1}'])
def test_a_broken_file_does_no_harm(load: Load, tmp_path: Path, text: str) -> None:
    load()
    (kept,) = (tmp_path / "cache").glob("heads-*")
    kept.write_text(text)
    assert load().services == ("users", "shop")
