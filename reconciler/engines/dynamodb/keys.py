"""Keys of tables and indexes: names and types of attributes, and the service's way to write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class KeyAttribute(NamedTuple):
    """One attribute of a key. `type` is S, N or B; empty in an index as long as its table has not been looked up."""

    name: str
    type: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.type}".rstrip()


Key = tuple[KeyAttribute, ...]


def named(value: str | list[str] | None) -> Key:
    """Attributes as declared, a name or a list of names, without their types."""
    names = [value] if isinstance(value, str) else value or []
    return tuple(KeyAttribute(name) for name in names)


def typed(key: Key, types: Mapping[str, str]) -> Key:
    """The same attributes with the types the table declares; undeclared ones stay without."""
    return tuple(KeyAttribute(k.name, types.get(k.name, "")) for k in key)


def lifted(key: Key) -> str | list[str]:
    """The inverse of `named`."""
    names = [k.name for k in key]
    return names[0] if len(names) == 1 else names


def read(schema: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> tuple[Key, Key]:
    """(partition, sort) of a `KeySchema` in a reply; the order within each counts."""
    parts: dict[str, list[KeyAttribute]] = {"HASH": [], "RANGE": []}
    for element in schema:
        name = element["AttributeName"]
        parts[element["KeyType"]].append(KeyAttribute(name, types.get(name, "")))
    return tuple(parts["HASH"]), tuple(parts["RANGE"])


def schema(partition: Key, sort: Key) -> list[dict[str, Any]]:
    """The `KeySchema` of a request."""
    return [
        *({"AttributeName": k.name, "KeyType": "HASH"} for k in partition),
        *({"AttributeName": k.name, "KeyType": "RANGE"} for k in sort),
    ]


def definitions(attributes: Iterable[KeyAttribute]) -> list[dict[str, Any]]:
    """The `AttributeDefinitions` of a request: each attribute once, sorted."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(set(attributes))]


def search_schema(schema: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> tuple[Key, Key]:
    """(partition, filters by name) of a vector index's `SearchSchema`, with the types that a table knows."""
    found: dict[str, list[str]] = {"HASH": [], "INLINE_FILTER": []}
    for element in schema:
        found[element["SearchSchemaElementType"]].append(element["AttributeName"])
    return typed(named(found["HASH"]), types), typed(named(sorted(found["INLINE_FILTER"])), types)
