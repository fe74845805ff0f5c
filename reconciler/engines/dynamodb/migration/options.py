"""`copy:` beside a table: how its items get into a new one, when one has to take its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.migration.conversion import Conversion, kept
from reconciler.engines.dynamodb.migration.expression import ExpressionError, parsed
from reconciler.model.kind import Place

CALLABLE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
SHARE = 0.5
SEGMENT_BYTES = 256 * 1024 * 1024
MOST_SEGMENTS = 256
LEAST_SEGMENTS = 4


class Options(NamedTuple):
    """How items are copied; see `SPEC`. `segments` 0: by the size of the table."""

    sets: tuple[tuple[str, str], ...] = ()
    removes: tuple[str, ...] = ()
    function: str = ""
    keeps: tuple[tuple[str, str], ...] = ()
    segments: int = 0
    share: float = SHARE
    executor: str = ""
    leave: bool = False
    fence: bool = False


SPEC: dict[str, Any] = {
    "type": "object",
    "description": "how items get to a new table when one takes this one's place; means nothing otherwise",
    "properties": {
        "set": {
            "type": "object",
            "description": "attribute: expression, such as concat(tenant, '#', id)",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "remove": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
        "function": {
            "type": "string",
            "pattern": CALLABLE,
            "description": "module:function that takes an item and returns the new one, instead of set and remove",
        },
        "keeps": {
            "type": "object",
            "description": "attribute of the old key: attribute of the new item that holds its value; for `function`",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "segments": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "of the capacity, 0.5"},
        "executor": {
            "type": "string",
            "pattern": CALLABLE,
            "description": "module:function that returns a concurrent.futures executor: threads of this process if not",
        },
        "leave_old": {
            "type": "boolean",
            "description": "the old table stays in the end, and is nobody's",
        },
        "fence": {
            "type": "boolean",
            "description": "a resource policy refuses all writes to the old table from right before the switch on",
        },
    },
    "additionalProperties": False,
}


def lowered(node: Mapping[str, Any] | None, place: Place) -> Options | None:
    """A node of `copy:`. Raises DeclarationError for an expression that cannot be read."""
    if node is None:
        return None
    sets = node.get("set", {})
    for attribute, text in sets.items():
        try:
            parsed(text)
        except ExpressionError as error:
            raise place.fail(str(error), "see `copy` in README.md", "copy", "set", attribute) from None
    if "function" in node and ("set" in node or "remove" in node):
        raise place.fail("copy: a function makes the whole item", "take `set` and `remove` out", "copy", "function")
    return Options(
        tuple(sorted(sets.items())),
        tuple(sorted(node.get("remove", ()))),
        node.get("function", ""),
        tuple(sorted(node.get("keeps", {}).items())),
        node.get("segments", 0),
        float(node.get("share", SHARE)),
        node.get("executor", ""),
        node.get("leave_old", False),
        node.get("fence", False),
    )


def conversion(before: Key, after: Key, indexed: Key, options: Options) -> Conversion:
    """How items of a table with the key `before` become those of one with the key `after`.

    A key attribute that keeps its name and gets the other of the types S and N is converted without being told.
    """
    old, sets = {k.name: k.type for k in before}, dict(options.sets)
    if not options.function:
        for attribute in after:
            was = old.get(attribute.name, attribute.type)
            if {was, attribute.type} == {"S", "N"} and attribute.name not in sets:
                sets[attribute.name] = f"{'number' if attribute.type == 'N' else 'string'}({quoted(attribute.name)})"
    holds = {k.name: k.name for k in before} if options.function else kept(before, sets.items(), options.removes)
    holds |= dict(options.keeps)
    inside = tuple(k for k in sorted(set(indexed)) if k not in after)
    pairs = tuple((k.name, holds[k.name]) for k in before if k.name in holds)
    return Conversion(before, after, inside, tuple(sorted(sets.items())), options.removes, options.function, pairs)


def quoted(name: str) -> str:
    """An attribute as an expression."""
    return f'"{name}"'


def segments(size: int, options: Options) -> int:
    """How many segments a table of so many bytes is copied in (-1: nobody knows)."""
    return options.segments or min(MOST_SEGMENTS, max(LEAST_SEGMENTS, -(-max(size, 0) // SEGMENT_BYTES)))


def hours(rows: int, size: int, units: int, share: float) -> float:
    """How long the copy takes at least: a write of each item, and one more for each further KiB of it."""
    writes = max(rows, size // 1024)
    return writes / max(units * share, 1) / 3600


LONG_BYTES = 100 * 1024**3
"""From here on the plan proposes an export to S3: reading costs capacity then, and an export none."""
LONG_HOURS = limits.STREAM_HOURS / 2
