"""Reading a folder of declarations: which files, in what order, which errors; the cache; where things stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired import documents
from reconciler.desired.documents import Document, read_documents
from reconciler.desired.positions import locate
from reconciler.desired.strictyaml import parse
from reconciler.desired.validate import Validator
from reconciler.engines.postgres import ENGINE
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.span import Span

FILE = "schemas/payment.yaml"
BIG = "".join(f"table_{n}: {{type: uuid, default: 0.5, note: 'é', of: [1, null, true, .inf]}}\n" for n in range(200))
PIECES = [
    "a",
    "b",
    "1",
    ": ",
    "- ",
    "? ",
    "\n",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&a ",
    "*a",
    "'",
    '"',
    "!x ",
    "\0",
    "---\n",
]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder `schemas` in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("schemas").mkdir()
    return Path("schemas")


def test_files_are_found_and_sorted_by_path(schemas: Path) -> None:
    names = ["user.yaml", "a/b.yml", "a-b.yaml", "a/c/d.yaml", "Z.YAML"]
    ignored = [".hidden.yaml", ".git/x.yaml", "a/.tmp/x.yaml", "README.md", "x.yaml~", "x.json"]
    write(schemas, {name: f"service: {name}\n" for name in names} | dict.fromkeys(ignored, "a: [\n"))
    read = read_documents(schemas, cache=None)
    expected = ["schemas/Z.YAML", "schemas/a/b.yml", "schemas/a/c/d.yaml", "schemas/a-b.yaml", "schemas/user.yaml"]
    assert [document.file for document in read] == expected
    assert read[0].data == {"service": "Z.YAML"}
    assert read[0].text == "service: Z.YAML\n"
    assert read[0].digest == sha256(b"service: Z.YAML\n").hexdigest()


def test_paths_are_relative_only_inside_the_working_folder(schemas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(schemas, {"user.yaml": "a: 1", "below/x.md": ""})
    assert read_documents(schemas.absolute(), cache=None)[0].file == "schemas/user.yaml"
    absolute = schemas.absolute()
    monkeypatch.chdir(schemas / "below")
    assert read_documents(absolute, cache=None)[0].file == (absolute / "user.yaml").as_posix()
    assert read_documents(Path(".."), cache=None)[0].file == "../user.yaml"


def test_links_are_followed_but_not_in_circles(schemas: Path, tmp_path: Path) -> None:
    write(schemas, {"user.yaml": "a: 1", "below/payment.yaml": "b: 1"})
    write(tmp_path / "common", {"shared.yaml": "c: 1"})
    (schemas / "below" / "up").symlink_to(schemas.absolute(), target_is_directory=True)
    (schemas / "itself").symlink_to(schemas.absolute(), target_is_directory=True)
    (schemas / "common").symlink_to(tmp_path / "common", target_is_directory=True)
    files = [document.file for document in read_documents(schemas, cache=None)]
    assert files == ["schemas/below/payment.yaml", "schemas/common/shared.yaml", "schemas/user.yaml"]


def test_the_errors_of_all_files_come_at_once(schemas: Path) -> None:
    write(schemas, {"a.yaml": "a: 1\na: 2\n", "b.yaml": "fine: true\n", "c.yaml": "x:\n\t- 1\n"})
    (schemas / "d.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (schemas / "e.yaml").symlink_to("nowhere.yaml")
    (schemas / "f.yaml").symlink_to("f.yaml")
    os.mkfifo(schemas / "g.yaml")
    with pytest.raises(DeclarationErrors) as caught:
        read_documents(schemas, cache=None)
    errors = caught.value.errors
    assert [str(error.where) for error in errors] == [
        "schemas/a.yaml:2",
        "schemas/c.yaml:2",
        "schemas/d.yaml:2",
        "schemas/e.yaml",
        "schemas/f.yaml",
        "schemas/g.yaml",
    ]
    assert all(error.hint for error in errors)
    assert "not a regular file" in errors[-1].message


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing", "no such folder"), ("empty", "no declarations"), ("file.yaml", "expected a folder")],
)
def test_nothing_to_read(schemas: Path, name: str, message: str) -> None:
    write(schemas, {"empty/README.md": "", "empty/.hidden.yaml": "a: 1", "file.yaml": "a: 1"})
    with pytest.raises(DeclarationError, match=message) as caught:
        read_documents(schemas / name, cache=None)
    assert caught.value.where == Span(f"schemas/{name}")
    assert "reconcile init" in (caught.value.hint or "")


def test_a_folder_that_cannot_be_listed_is_an_error(schemas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(schemas, {"user.yaml": "a: 1", "closed/x.yaml": "a: 1"})
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DeclarationError, match="Permission denied") as caught:
        read_documents(schemas, cache=None)
    assert caught.value.where == Span("schemas/closed")


def test_the_cache_gives_the_same_without_parsing(
    schemas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(schemas, {"big.yaml": BIG, "small.yaml": "a: 1\n"})
    cache = tmp_path / "cache" / "deep"
    first = read_documents(schemas, cache=cache)
    assert first == read_documents(schemas, cache=None)
    assert [path.name for path in cache.iterdir()] == [f"document-{documents.CACHE_FORMAT}-{first[0].digest}.json"]
    parsed: list[str] = []

    def counted(text: str, file: str) -> object:
        parsed.append(file)
        return parse(text, file)

    monkeypatch.setattr(documents, "parse", counted)
    assert read_documents(schemas, cache=cache) == first
    assert parsed == ["schemas/small.yaml"]
    write(schemas, {"big.yaml": BIG + "more: 1\n"})
    assert read_documents(schemas, cache=cache)[0].data == {**parse(BIG, FILE), "more": 1}  # type: ignore[dict-item]


@pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "replaced", "binary", "deep", "folder"])
def test_a_damaged_cache_is_ignored_and_repaired(schemas: Path, tmp_path: Path, damage: str) -> None:
    write(schemas, {"big.yaml": BIG})
    first = read_documents(schemas, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    good = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        deep = b"[" * 100_000
        file.write_bytes(
            {
                "truncated": good[:-5],
                "emptied": b"",
                "flipped": good.replace(b"uuid", b"text", 1),
                "replaced": b"x\n" + json.dumps({"a": 1}).encode(),
                "binary": b"\xff\x00\xfe\n",
                "deep": sha256(deep).hexdigest().encode() + b"\n" + deep,
            }[damage]
        )
    assert read_documents(schemas, cache=tmp_path / "cache") == first
    assert damage == "folder" or file.read_bytes() == good
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [file.name]


def test_a_cache_that_cannot_be_written_is_ignored(schemas: Path, tmp_path: Path) -> None:
    write(schemas, {"big.yaml": BIG})
    (tmp_path / "file").write_text("")
    assert len(read_documents(schemas, cache=tmp_path / "file")) == 1
    assert len(read_documents(schemas, cache=tmp_path / "file" / "below")) == 1
    assert (tmp_path / "file").read_text() == ""


def test_the_cache_does_not_grow_for_ever(schemas: Path, tmp_path: Path) -> None:
    for n in range(40):
        write(schemas, {"big.yaml": f"{BIG}n: {n}\n", "other.yaml": f"{BIG}other: 1\n"})
        read = read_documents(schemas, cache=tmp_path / "cache")
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert len(names) <= 2 + 16
    assert {f"document-{documents.CACHE_FORMAT}-{document.digest}.json" for document in read} <= names


def test_importing_costs_little() -> None:
    code = "import sys, reconciler.desired.documents; print([m for m in ('yaml', 'ryaml', 'json') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_document_knows_its_lines() -> None:
    document = Document(FILE, DECLARATION, parse(DECLARATION, FILE), "")
    assert document.span() == Span(FILE, 1, 1)
    assert document.span("postgres", "tables", "t", "columns", "name", "type") == Span(FILE, 5, 34)
    assert document.span("postgres", "tables", "t", "columns", "name", "type", value=True) == Span(FILE, 5, 40)


DECLARATION = """\
service: payment
postgres:
  tables:
    t: &t
      columns: {id: uuid, name: {type: text}}
      primary_key:
        - id
        - {column: name}
    u: *t
  1: one
"""


@pytest.mark.parametrize(
    ("pointer", "key", "value"),
    [
        ((), (1, 1), (1, 1)),
        (("service",), (1, 1), (1, 10)),
        (("postgres", "tables", "t"), (4, 5), (4, 8)),
        (("postgres", "tables", "t", "columns", "name", "type"), (5, 34), (5, 40)),
        (("postgres", "tables", "t", "primary_key", 1), (8, 11), (8, 11)),
        (("postgres", "tables", "t", "primary_key", 1, "column"), (8, 12), (8, 20)),
        (("postgres", "tables", "u"), (9, 5), (9, 8)),
        (("postgres", "tables", "u", "columns", "id"), (5, 17), (5, 21)),
        (("postgres", "1"), (10, 3), (10, 6)),
        (("postgres", 1), (10, 3), (10, 6)),
        (("postgres", "tables", "x", "columns"), (3, 3), (4, 5)),
        (("service", "deeper"), (1, 1), (1, 10)),
        (("postgres", "tables", "t", "primary_key", 7), (6, 7), (7, 9)),
    ],
)
def test_locate(pointer: tuple[str | int, ...], key: tuple[int, int], value: tuple[int, int]) -> None:
    assert locate(DECLARATION, FILE, pointer) == Span(FILE, *key)
    assert locate(DECLARATION, FILE, pointer, value=True) == Span(FILE, *value)


def test_locate_without_anything_to_find() -> None:
    assert locate("", FILE, ["a"]) == Span(FILE)
    assert locate("a: 1\nb: [", FILE, ["a"]) == Span(FILE, 1, 1)
    assert locate("\ud800", FILE, ["a"]) == Span(FILE)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=16).map("".join),
    st.lists(st.sampled_from(["a", "b", "key", "service", 0, 1, 2]), max_size=4),
)
def test_locate_raises_nothing(text: str, pointer: list[str | int]) -> None:
    assert locate(text, FILE, pointer).file == FILE


def test_every_value_has_its_place() -> None:
    def check(data: Any, pointer: tuple[str | int, ...]) -> None:
        span = locate(DECLARATION, FILE, pointer)
        line = DECLARATION.split("\n")[span.line - 1][span.column - 1 :]
        if pointer and isinstance(pointer[-1], str):
            assert line.startswith(pointer[-1])
        for part, item in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
            check(item, (*pointer, part))

    check(parse(DECLARATION, FILE), ())


@pytest.mark.parametrize("written", ["1e3", "0x1F", "True", "-0.50", "1"])
def test_a_value_that_needs_quotes_is_told_as_it_was_written(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.yaml").write_text(f"service: a\npostgres:\n  enums: {{level: [low, {written}]}}\n")
    (document,) = read_documents(tmp_path, cache=None)
    (error,) = Validator([ENGINE]).errors(document)
    assert error.message == f"postgres.enums.level.1 is {written}; expected text or a mapping (key: value)"
    assert error.hint == f'write it in quotes: "{written}"'
    assert error.where is not None and error.where.line == 3
