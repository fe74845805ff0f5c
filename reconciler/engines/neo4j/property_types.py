"""Property types of type constraints, in the spelling and the order in which the server stores them.

Measured on 5.26 and 2026.09: names are case-insensitive and have synonyms, a union is a set in a fixed order, elements
of a list are NOT NULL, lists nest neither lists nor unions nor vectors, a vector needs a coordinate type and a length.
"""

from __future__ import annotations

import re

_NAMES: dict[str, tuple[str, ...]] = {
    "BOOLEAN": ("BOOL",),
    "STRING": ("VARCHAR",),
    "UUID": (),
    "INTEGER": ("INT", "SIGNED INTEGER", "INTEGER64", "INT64"),
    "FLOAT": ("FLOAT64",),
    "DATE": (),
    "LOCAL TIME": ("TIME WITHOUT TIMEZONE", "TIME WITHOUT TIME ZONE"),
    "ZONED TIME": ("TIME WITH TIMEZONE", "TIME WITH TIME ZONE"),
    "LOCAL DATETIME": ("TIMESTAMP WITHOUT TIMEZONE", "TIMESTAMP WITHOUT TIME ZONE"),
    "ZONED DATETIME": ("TIMESTAMP WITH TIMEZONE", "TIMESTAMP WITH TIME ZONE"),
    "DURATION": (),
    "POINT": (),
}
_COORDINATES: dict[str, tuple[str, ...]] = {
    "INTEGER8": ("INT8",),
    "INTEGER16": ("INT16",),
    "INTEGER32": ("INT32",),
    "INTEGER": _NAMES["INTEGER"],
    "FLOAT32": (),
    "FLOAT": _NAMES["FLOAT"],
}
_VECTOR = re.compile(r"VECTOR ?< ?(?P<of>[A-Z0-9 ]+?)(?P<required> NOT NULL)? ?> ?\( ?(?P<size>[1-9][0-9]*) ?\)")
_LIST = re.compile(r"(?:LIST|ARRAY) ?< ?(?P<of>.+) ?>")

Order = tuple[int, int, int]
"""Place in a union: plain types, then vectors, then lists."""


def canonical(text: str) -> str:
    """A type or a union as the server spells it: `int | bool` → `BOOLEAN | INTEGER`.

    Raises ValueError, with words for the author, for what can be no property type.
    """
    upper = " ".join(text.upper().split())
    union = re.fullmatch(r"ANY ?< ?(.+) ?>", upper)
    parts = [_one(part.strip()) for part in (union[1] if union else upper).split("|")]
    return " | ".join(spelled for _, spelled in sorted(set(parts)))


def needs_cypher_25(canonical_type: str) -> bool:
    """Whether only servers with Cypher 25 know the type."""
    return "VECTOR" in canonical_type or "UUID" in canonical_type


def _one(text: str) -> tuple[Order, str]:
    if match := _VECTOR.fullmatch(text):
        place, name = _named(match["of"], _COORDINATES)
        size = int(match["size"])
        return (1, place, size), f"VECTOR<{name} NOT NULL>({size})"
    if match := _LIST.fullmatch(text):
        return _list(match["of"].strip())
    if text.endswith(" NOT NULL"):
        raise ValueError("a type constraint allows a missing property; that it exists is a constraint of its own")
    if text.startswith("VECTOR"):
        raise ValueError("a vector type says its coordinates and their number: VECTOR<FLOAT>(384)")
    place, name = _named(text, _NAMES)
    return (0, place, 0), name


def _list(inner: str) -> tuple[Order, str]:
    of = inner.removesuffix("NOT NULL").rstrip()
    if of == inner:
        raise ValueError(f"elements of a stored list are never null: write LIST<{inner} NOT NULL>")
    if "<" in of:
        raise ValueError("a stored list holds neither lists nor vectors")
    place, name = _named(of, _NAMES)
    return (2, place, 0), f"LIST<{name} NOT NULL>"


def _named(text: str, names: dict[str, tuple[str, ...]]) -> tuple[int, str]:
    for place, (name, synonyms) in enumerate(names.items()):
        if text == name or text in synonyms:
            return place, name
    raise ValueError(f"{text!r} is no property type; there are {', '.join(names)}")
