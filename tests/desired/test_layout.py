"""Imported declarations in files: nothing lost, every file a declaration of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import layout
from reconciler.desired.documents import Document
from reconciler.desired.layout import laid_out, one_file
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.engines.postgres import ENGINE
from reconciler.model.address import Address
from reconciler.model.kind import Policy
from reconciler.model.resource import Resource

TABLE: Mapping[str, Any] = {"columns": {f"column_{n}": {"type": "text", "not_null": True} for n in range(30)}}
BODY = "SELECT 1\n" * 60


def lowered(files: Mapping[str, str]) -> Mapping[Address, Resource]:
    documents = [Document(name, text, parse(text, name), "") for name, text in files.items()]
    return lower(ENGINE, documents, "shop", Policy("dev"), "{table}").resources


def function(arguments: list[str]) -> dict[str, Any]:
    return {"arguments": arguments, "returns": "integer", "language": "sql", "body": BODY}


def test_a_short_service_is_one_file() -> None:
    section = {"tables": {"orders": TABLE}}
    assert laid_out("shop", {"postgres": section}, {"postgres": ENGINE}) == {
        "shop.yaml": one_file("shop", {"postgres": section})
    }


def test_a_long_one_is_a_folder() -> None:
    section = {
        "schemas": {"app": {"comment": "what sells", "tables": {"a": TABLE}}, "public": {"comment": "the default"}},
        "enums": {"state": ["new", "paid"]},
        "tables": dict.fromkeys(("orders", "Orders", "a/b", ".hidden", "x", "y", "z"), TABLE),
        "functions": {"total(integer)": function(["integer"]), "total()": function([]), "now": function([])},
    }
    files = laid_out("shop", {"postgres": section}, {"postgres": ENGINE})
    assert sorted(files) == [
        "shop/app/schema.yaml",
        "shop/app/tables.yaml",
        "shop/enums.yaml",
        "shop/functions/now.yaml",
        "shop/functions/total.yaml",
        "shop/public/schema.yaml",
        "shop/tables/Orders-2.yaml",
        "shop/tables/_.hidden.yaml",
        "shop/tables/a_b.yaml",
        "shop/tables/orders.yaml",
        "shop/tables/x.yaml",
        "shop/tables/y.yaml",
        "shop/tables/z.yaml",
    ]
    assert lowered(files) == lowered({"shop.yaml": one_file("shop", {"postgres": section})})


def test_two_engines_have_folders_of_their_own() -> None:
    section = {"tables": {f"t{n}": TABLE for n in range(12)}}
    files = laid_out("shop", {"postgres": section, "other": section}, {"postgres": ENGINE, "other": ENGINE})
    assert {name.split("/")[1] for name in files} == {"postgres", "other"}


NAMES = st.dictionaries(st.text(min_size=1, max_size=12), st.just({"columns": {"id": "integer"}}), max_size=40)


@given(NAMES, NAMES, st.integers(0, 60))
def test_names_of_any_kind_lose_nothing(here: dict[str, Any], there: dict[str, Any], short: int) -> None:
    section = {"tables": here, "schemas": {"app": {"tables": there}}}
    before = layout.SHORT_SERVICE, layout.SHORT_SECTION
    layout.SHORT_SERVICE = layout.SHORT_SECTION = short
    try:
        files = laid_out("shop", {"postgres": section}, {"postgres": ENGINE})
    finally:
        layout.SHORT_SERVICE, layout.SHORT_SECTION = before
    assert len({name.casefold() for name in files}) == len(files)
    merged: dict[str, Any] = {"tables": {}, "schemas": {}}
    for text in files.values():
        said: Any = parse(text, "file")
        part = said["postgres"]
        merged["tables"].update(part.get("tables") or {})
        for schema, node in (part.get("schemas") or {}).items():
            merged["schemas"].setdefault(schema, {"tables": {}})["tables"].update((node or {}).get("tables") or {})
    assert merged == section or (not there and merged["tables"] == here)
