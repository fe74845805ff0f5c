"""Names inside a type that are no resources of their own: the values of an enum, the attributes of a composite type."""

from __future__ import annotations

from collections.abc import Iterable

Pairs = tuple[tuple[str, str], ...]
"""(old, new)."""


def pending(pairs: Pairs, names: Iterable[str]) -> Pairs:
    """The renames that are due, in an order in which every new name is free: a → b after b → c."""
    there, left, found = list(names), list(pairs), list[tuple[str, str]]()
    while True:
        ready = next(((old, new) for old, new in left if old in there and new not in there), None)
        if ready is None:
            return tuple(found)
        left.remove(ready)
        there[there.index(ready[0])] = ready[1]
        found.append(ready)


def renamed(names: Iterable[str], pairs: Pairs) -> list[str]:
    """The names once that is done."""
    there = list(names)
    for old, new in pairs:
        there[there.index(old)] = new
    return there
