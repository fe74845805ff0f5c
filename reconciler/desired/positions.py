"""Finds where in a YAML text a value stands, for errors that only know the path to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reconciler.model.span import Span


@dataclass(slots=True)
class _Place:
    """Where a value begins, where its key does (the value itself for an item of a list), and what is inside it."""

    value: tuple[int, int]
    key: tuple[int, int]
    inside: dict[str | int, _Place] | None = None


def locate(text: str, file: str, pointer: Sequence[str | int], *, value: bool = False) -> Span:
    """Return the place of the key, or with `value` of the value, that `pointer` leads to through keys and indexes.

    Where the path ends early, the place of the deepest part that exists; where nothing can be read, the file alone.
    Raises nothing.
    """
    place = _places(text)
    if place is None:
        return Span(file)
    for part in pointer:
        inside = place.inside or {}
        found = inside.get(part) or inside.get(str(part))
        if found is None:
            break
        place = found
    line, column = place.value if value else place.key
    return Span(file, line, column)


@lru_cache(maxsize=2)
def _places(text: str) -> _Place | None:
    """All the places of a text: errors come in bunches, and from one file after another."""
    import yaml

    from reconciler.desired.strictyaml import without_gc

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    walk = _Walk()
    try:
        with without_gc():
            events = loader(text)
            while (event := events.get_event()) is not None:
                walk.step(event, event.__class__.__name__)
    except (yaml.YAMLError, UnicodeError):
        pass  # what stands before the mistake is still known
    return walk.root


class _Walk:
    """Builds the tree of places from events, without recursion: a text that failed to parse may be of any depth."""

    def __init__(self) -> None:
        self.root: _Place | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, _Place] = {}

    def step(self, event: Any, kind: str) -> None:
        """Take the next event; `kind` is the name of its class."""
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
        elif kind in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
            mark = event.start_mark
            at = (mark.line + 1, mark.column + 1)
            around = self._open[-1] if self._open else None
            if around and around.awaits_key:
                around.key = (event.value if kind == "ScalarEvent" else "", at)
                around.awaits_key = False
                if kind.endswith("StartEvent"):
                    self._open.append(_Open(_Place(at, at, {}), kind == "MappingStartEvent"))
            else:
                self._value(event, kind, at, around)

    def _value(self, event: Any, kind: str, at: tuple[int, int], around: _Open | None) -> None:
        place = _Place(at, at)
        if kind == "AliasEvent":
            known = self._anchors.get(event.anchor)
            place.inside = known.inside if known else None
        elif kind != "ScalarEvent":
            place.inside = {}
        if event.anchor and kind != "AliasEvent":
            self._anchors[event.anchor] = place
        if around:
            around.add(place)
        elif self.root is None:
            self.root = place
        if kind.endswith("StartEvent"):
            self._open.append(_Open(place, kind == "MappingStartEvent"))


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("awaits_key", "is_mapping", "key", "place")

    def __init__(self, place: _Place, is_mapping: bool) -> None:
        self.place = place
        self.is_mapping = is_mapping
        self.awaits_key = is_mapping
        self.key: tuple[str, tuple[int, int]] = ("", (0, 0))

    def add(self, place: _Place) -> None:
        """Put a value inside, under its key or its index."""
        inside = self.place.inside
        if inside is None:
            return
        if self.is_mapping:
            name, place.key = self.key
            inside[name] = place
            self.awaits_key = True
        else:
            inside[len(inside)] = place
