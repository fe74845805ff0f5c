"""The layers of DESIGN section 4: who may import whom, read off the source of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import reconciler

ROOT = Path(reconciler.__file__).parent
LAYERS = (
    ("cli",),
    ("pipeline",),
    ("apply", "config", "data", "render", "local"),
    ("planfile", "planner", "desired", "engines"),
    ("diff",),
    ("results",),
    ("model", "errors", "files"),
)
"""From the top down: a module imports its own layer and those below it."""
DRIVERS = {"psycopg", "neo4j", "boto3", "botocore"}
MAY_IMPORT_DRIVERS = ("engines.postgres", "engines.neo4j", "engines.dynamodb")
PURE = {"model", "diff", "planner"}
NO_IO = {"os", "io", "pathlib", "socket", "subprocess", "time", "datetime", "random", "uuid", "threading"}
LONGEST = 400

MODULES = sorted(p for p in ROOT.rglob("*.py") if p.name != "__init__.py" or p.stat().st_size > 100)


def name(path: Path) -> str:
    """`planner.graph`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """(module, only for type checking) of every import, wherever it stands in the file."""
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8")), False))


def _imports(node: ast.AST, typing: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module, typing
            yield from ((f"{child.module}.{alias.name}", typing) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(child, True)
        else:
            yield from _imports(child, typing)


def layer(module: str) -> int | None:
    top = module.split(".")[0]
    return next((i for i, names in enumerate(LAYERS) if top in names), None)


def own(path: Path) -> Iterator[str]:
    """What a module imports of this package, `reconciler.` left out, types included: they are knowledge too."""
    return (m.removeprefix("reconciler.") for m, _ in imports(path) if m.startswith("reconciler."))


@pytest.mark.parametrize("path", [p for p in MODULES if layer(name(p)) is not None], ids=name)
def test_imports_go_down(path: Path) -> None:
    mine = layer(name(path))
    assert mine is not None
    above = sorted({m for m in own(path) if (theirs := layer(m)) is not None and theirs < mine})
    assert above == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_drivers_stay_with_their_engines(path: Path) -> None:
    found = {m.split(".")[0] for m, _ in imports(path)} & DRIVERS
    if name(path).startswith(MAY_IMPORT_DRIVERS):
        return
    assert found <= set()


@pytest.mark.parametrize("path", [p for p in MODULES if name(p).startswith("engines.")], ids=name)
def test_an_engine_knows_the_model_and_itself(path: Path) -> None:
    parts = name(path).split(".")
    allowed = ("model", "errors", ".".join(parts[:2]))
    others = sorted({m for m in own(path) if not m.startswith(allowed) and m not in ("__version__",)})
    assert others == []


@pytest.mark.parametrize("path", [p for p in MODULES if name(p).split(".")[0] in PURE], ids=name)
def test_the_core_is_pure(path: Path) -> None:
    assert {m.split(".")[0] for m, _ in imports(path)} & NO_IO == set()


@pytest.mark.parametrize("path", [p for p in MODULES if name(p).startswith("model.")], ids=name)
def test_the_model_needs_the_standard_library_only(path: Path) -> None:
    import sys

    outside = {m.split(".")[0] for m, _ in imports(path)} - sys.stdlib_module_names - {"reconciler"}
    assert outside == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_nothing_is_called_by_a_word_we_do_not_use() -> None:
    words = ("util", "helper", "manager", "handler", "misc", "common")
    assert [name(p) for p in MODULES if any(w in p.stem for w in words)] == []
