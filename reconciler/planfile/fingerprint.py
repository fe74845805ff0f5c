"""Fingerprints of catalogs: equal when everything that counts is equal, whatever the order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from operator import attrgetter
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Kind
from reconciler.model.naming import top_of
from reconciler.model.plain import plain
from reconciler.model.resource import Resource, compared_attributes

LENGTH = 32
"""Hexadecimal digits that are kept of a sha256: 128 bits."""

Kinds = Mapping[str, Kind[Any]]


def top_digests(catalog: Catalog, kinds: Kinds) -> dict[str, str]:
    """A digest for each top resource with everything inside it, by `key` of its address.

    Made of the compared attributes only, so neither informational ones, nor the source of an expression, nor the
    order of resources count. Linear: it has to stay well under a second for 80,000 resources.
    """
    lines: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    tops = _Tops(kinds)
    readers: dict[type[Resource], Callable[[Any], Any]] = {}
    for address, resource in catalog.resources.items():
        cls = type(resource)
        read = readers.get(cls)
        if read is None:
            read = readers[cls] = _reader(compared_attributes(cls))
        values = read(resource)
        text = repr(values)
        if "{" in text:  # a set or a mapping may be in it, whose repr has no fixed order
            text = repr(plain(values))
        lines.setdefault(tops.of(address), []).append(f"{address.kind}{address.path!r}{text}")
    return {
        key(kind, path): sha256("\n".join(sorted(texts)).encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
        for (kind, path), texts in lines.items()
    }


def key(kind: str, path: Iterable[str]) -> str:
    """One string for an address within a target; unambiguous whatever the names hold."""
    return "/".join([kind, *(part.replace("~", "~0").replace("/", "~1") for part in path)])


def digest(mapping: Mapping[str, str]) -> str:
    """One digest of several, independent of their order."""
    text = "\n".join(f"{name}\0{mapping[name]}" for name in sorted(mapping))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Keys of what differs between two results of `top_digests`, sorted."""
    return tuple(sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k)))


def _reader(attributes: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(*attributes) if attributes else lambda _resource: ()


class _Tops:
    """`top_of` without its walk: how much of the path belongs to the top is the same for all of a kind.

    But for what is attached to another resource (a comment, an owner): there it is as for the carrier, whose kind the
    path begins with.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._known: dict[str, tuple[str, int]] = {}
        self._attached = {name for name, kind in kinds.items() if kind.attaches}

    def of(self, address: Address) -> tuple[str, tuple[str, ...]]:
        kind, path = address.kind, address.path
        while kind in self._attached:
            kind, path = path[0], path[1:]
        known = self._known.get(kind)
        if known is None:
            top = top_of(address.sibling(kind, path), self._kinds)
            known = self._known[kind] = (top.kind, len(path) - len(top.path))
        kind, less = known
        return kind, path[:-less] if less else path
