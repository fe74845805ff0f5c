"""Catalogs of neo4j-migrations: XML files that name constraints and indexes, and operations on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from reconciler.engines.neo4j.naming import shortest
from reconciler.engines.neo4j.scripts.reader import NotRead, Reader
from reconciler.engines.neo4j.scripts.statements import CONSTRAINT, INDEX, Created, Dropped, configured
from reconciler.engines.neo4j.scripts.tokens import statements

Action = Created | Dropped | NotRead
_RULES = {"unique": "unique", "exists": "exists", "key": "key"}


def read(text: str) -> Iterator[Action]:
    """What the file says, in its order: what its catalog holds is as good as created.

    What is no operation on a constraint or an index, such as `refactor`, comes as the NotRead that says so. Raises
    NotRead for a file that is none of neo4j-migrations, or says who its entities are.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotRead("a document type is not read")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - there are no entities in it
    except ElementTree.ParseError as error:
        raise NotRead(f"it is no XML: {error}") from None
    if _tag(root) != "migration":
        raise NotRead("it is no migration of neo4j-migrations")
    for child in root:
        yield from _operation(child)


def _operation(child: Element) -> Iterator[Action]:
    tag = _tag(child)
    if tag == "catalog":
        yield from (_item(item) for group in child for item in group)
    elif tag == "create" and len(child):
        yield from (_item(item) for item in child)
    elif tag == "drop":
        named = child.get("item") or child.get("ref")
        if named:
            yield from (Dropped(kind, named) for kind in (CONSTRAINT, INDEX))
        yield from (Dropped(CONSTRAINT if _tag(i) == CONSTRAINT else INDEX, i.get("name")) for i in child)
    elif tag not in ("verify", "apply", "create"):
        yield NotRead(f"'{tag} {child.get('type') or ''}".rstrip() + "' changes no constraint and no index")


def _item(item: Element) -> Action:
    try:
        return Created(_tag(item), item.get("name"), _constraint(item) if _tag(item) == CONSTRAINT else _index(item))
    except NotRead as error:
        return NotRead(f"{_tag(item)} {item.get('name')}: {error}")


def _constraint(item: Element) -> dict[str, Any]:
    element, labels = _elements(item)
    names = _properties(item)
    rule = (item.get("type") or "unique").lower()
    node: dict[str, Any] = {element: shortest(labels)}
    if rule in _RULES:
        return {**node, _RULES[rule]: shortest(names)}
    if rule != "property_type":
        raise NotRead(f"constraints of type {rule} are not known here")
    wanted = next((p.get("type") for p in item.iter() if _tag(p) == "property" and p.get("type")), None)
    if wanted is None:
        raise NotRead("it says no property type")
    return {**node, "property": shortest(names), "type": wanted.replace("_", " ")}


def _index(item: Element) -> dict[str, Any]:
    element, labels = _elements(item)
    method = (item.get("type") or "property").lower()
    if method == "lookup":
        raise NotRead("lookup indexes are left alone")
    key = element if len(labels) == 1 else f"{element}s"
    node: dict[str, Any] = {key: shortest(labels)}
    node["range" if method in ("property", "btree") else method] = shortest(_properties(item))
    return {**node, **_options(item)}


def _options(item: Element) -> dict[str, Any]:
    text = next((o.text or "" for o in item if _tag(o) == "options"), "").strip()
    if not text:
        return {}
    script = next(statements(text if text.startswith("{") else f"{{{text}}}"))
    found = Reader(script.tokens).literal()
    config = found.get("indexConfig", found) if isinstance(found, dict) else {}
    return configured({k: v for k, v in config.items() if k != "indexProvider"})


def _elements(item: Element) -> tuple[str, tuple[str, ...]]:
    for child in item:
        if _tag(child) in ("label", "type"):
            names = tuple(n for n in (child.text or "").strip().split("|") if n)
            return ("node" if _tag(child) == "label" else "relationship"), names
    raise NotRead("it says no label and no type")


def _properties(item: Element) -> tuple[str, ...]:
    return tuple((p.text or "").strip() for p in item.iter() if _tag(p) == "property")


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]
