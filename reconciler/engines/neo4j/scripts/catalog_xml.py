"""Catalogs of neo4j-migrations: XML files that name constraints and indexes, and operations on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.neo4j.naming import shortest
from reconciler.engines.neo4j.scripts.actions import (
    CONSTRAINT,
    INDEX,
    OTHER,
    Action,
    Cleared,
    Created,
    Dropped,
    configured,
)
from reconciler.engines.neo4j.scripts.reader import NotRead, Reader, Unrelated
from reconciler.engines.neo4j.scripts.tokens import statements
from reconciler.engines.neo4j.scripts.xmltree import Element

_RULES = {"unique": "unique", "exists": "exists", "key": "key"}
_OPERATIONS = ("create", "drop", "apply")


@dataclass
class Catalogs:
    """What the files read so far have named: an operation may be on an item of an earlier file.

    The rules are those of its manual, "Using a catalog of items".
    """

    items: dict[str, Created | NotRead] = field(default_factory=dict)

    def read(self, root: Element) -> Iterator[tuple[int, Action | NotRead]]:
        """(line, what happens there) of one file. Items that no operation is about are as good as created, where the
        file has no operations: so is what was exported. Raises NotRead for a file of something else."""
        if root.tag != "migration":
            raise NotRead("it is no migration of neo4j-migrations")
        operated = any(child.tag in _OPERATIONS for child in root.children)
        for child in root.children:
            if child.tag == "catalog":
                for line, item in self._defined(child):
                    if not operated:
                        yield line, item
            elif child.tag in _OPERATIONS:
                for action in self._operation(child):
                    yield child.line, action
            elif child.tag != "verify":
                what = f"{child.tag} {child.attributes.get('type', '')}".rstrip()
                yield child.line, Unrelated(f"'{what}': {OTHER}")

    def _defined(self, catalog: Element) -> Iterator[tuple[int, Created | NotRead]]:
        if catalog.attributes.get("reset") == "true":
            self.items.clear()
        for group in catalog.children:
            for element in group.children:
                item = _item(element)
                self.items[_name(element) or ""] = item
                yield element.line, item

    def _operation(self, operation: Element) -> Iterator[Action | NotRead]:
        name = operation.attributes.get("item") or operation.attributes.get("ref")
        if operation.tag == "apply":
            yield Cleared()
            yield from self.items.values()
        elif operation.tag == "create":
            if name:
                yield self.items.get(name) or NotRead(f"no catalog before it has {name!r}")
            yield from map(_item, operation.children)
        else:
            if name:
                yield from (Dropped(kind, name) for kind in (CONSTRAINT, INDEX))
            yield from (Dropped(_kind(element), _name(element)) for element in operation.children)


def _kind(element: Element) -> str:
    return CONSTRAINT if element.tag == CONSTRAINT else INDEX


def _name(element: Element) -> str | None:
    return element.attributes.get("name")


def _item(element: Element) -> Created | NotRead:
    try:
        node = _constraint(element) if element.tag == CONSTRAINT else _index(element)
    except NotRead as error:
        return NotRead(f"{element.tag} {_name(element)}: {error}")
    return Created(_kind(element), _name(element), node)


def _constraint(item: Element) -> dict[str, Any]:
    element, labels = _elements(item)
    names = _properties(item)
    rule = item.attributes.get("type", "unique").lower()
    node: dict[str, Any] = {element: shortest(labels)}
    if rule in _RULES:
        return {**node, _RULES[rule]: shortest(names)}
    if rule != "property_type":
        raise NotRead(f"constraints of type {rule} are not known here")
    wanted = next((p.attributes["type"] for p in item.all("property") if "type" in p.attributes), None)
    if wanted is None:
        raise NotRead("it says no property type")
    return {**node, "property": shortest(names), "type": wanted.replace("_", " ")}


def _index(item: Element) -> dict[str, Any]:
    element, labels = _elements(item)
    method = item.attributes.get("type", "property").lower()
    if method == "lookup":
        raise Unrelated("lookup indexes are left alone")
    key = element if len(labels) == 1 else f"{element}s"
    node: dict[str, Any] = {key: shortest(labels)}
    node["range" if method in ("property", "btree") else method] = shortest(_properties(item))
    return {**node, **_options(item)}


def _options(item: Element) -> dict[str, Any]:
    text = next((o.text for o in item.children if o.tag == "options"), "").strip()
    if not text:
        return {}
    script = next(statements(text if text.startswith("{") else f"{{{text}}}"))
    found = Reader(script.tokens).literal()
    config = found.get("indexConfig", found) if isinstance(found, dict) else {}
    return configured({k: v for k, v in config.items() if k != "indexProvider"})


def _elements(item: Element) -> tuple[str, tuple[str, ...]]:
    for child in item.children:
        if child.tag in ("label", "type"):
            names = tuple(n for n in child.text.strip().split("|") if n)
            return ("node" if child.tag == "label" else "relationship"), names
    raise NotRead("it says no label and no type")


def _properties(item: Element) -> tuple[str, ...]:
    return tuple(p.text.strip() for p in item.all("property"))
