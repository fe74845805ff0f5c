"""The little language of `copy.set`: how an attribute of a new item is made of the old item's attributes.

    customer                        an attribute; `address.city` of a map in it; `"odd name"` in double quotes
    'text'   12.5                   a text, a number
    string(x) number(x)             the same value as the other type
    lower(x) upper(x)               of a text
    concat(x, '#', y)               texts and numbers joined
    part(x, '#', 0)                 one part of a text split at a separator, counted from 0
    coalesce(x, y, 'none')          the first that is there

What is made of an attribute that is not there is not there either, except by `coalesce`. Nothing else can be said: no
loops, no code, no access to anything but the item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

Value = Mapping[str, Any]
"""A value as the API spells it: `{"S": "text"}`."""

Item = Mapping[str, Value]

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<odd>"[^"]+")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w.-]*)|(?P<mark>[(),]))"""
)


class ExpressionError(ValueError):
    """A text that is no expression, or a value that a function cannot take."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A reference: the names on the way to the value."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A text or a number."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A function and what it is given."""

    function: str
    arguments: tuple[Node, ...]


Node = Attribute | Literal | Apply


@cache
def parsed(text: str) -> Node:
    """The tree of an expression. Raises ExpressionError saying what is wrong."""
    tokens, place = [], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"{text!r}: cannot read {text[place:].strip()[:20]!r}")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    node, rest = _node(tokens, text)
    if rest:
        raise ExpressionError(f"{text!r}: {rest[0][1]!r} is too much")
    return node


Tokens = list[tuple[str, str]]


def _node(tokens: Tokens, text: str) -> tuple[Node, Tokens]:
    if not tokens:
        raise ExpressionError(f"{text!r}: something is missing")
    (kind, word), rest = tokens[0], tokens[1:]
    match kind:
        case "text":
            return Literal("S", word[1:-1].replace("''", "'")), rest
        case "number":
            return Literal("N", word), rest
        case "odd":
            return Attribute((word[1:-1],)), rest
        case "name" if rest[:1] == [("mark", "(")]:
            return _apply(word, rest[1:], text)
        case "name":
            return Attribute(tuple(word.split("."))), rest
    raise ExpressionError(f"{text!r}: {word!r} is not expected there")


def _apply(name: str, rest: Tokens, text: str) -> tuple[Node, Tokens]:
    if name not in FUNCTIONS:
        raise ExpressionError(f"{text!r}: there is no function {name}; there are {', '.join(FUNCTIONS)}")
    arguments: list[Node] = []
    while True:
        node, rest = _node(rest, text)
        arguments.append(node)
        mark = rest[0] if rest else ("", "")
        rest = rest[1:]
        if mark == ("mark", ")"):
            break
        if mark != ("mark", ","):
            raise ExpressionError(f"{text!r}: {name}(…) is not closed")
    _function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= (most or len(arguments)):
        wanted = str(least) if least == most else f"at least {least}"
        raise ExpressionError(f"{text!r}: {name} takes {wanted}, not {len(arguments)}")
    return Apply(name, tuple(arguments)), rest


def value(node: Node, item: Item) -> Value | None:
    """What an expression makes of an item; None for nothing. Raises ExpressionError for a value of the wrong type."""
    match node:
        case Literal(kind, text):
            return {kind: text}
        case Attribute(path):
            return _found(path, item)
        case Apply("coalesce", arguments):
            return next((v for a in arguments if (v := value(a, item)) is not None), None)
        case Apply(function, arguments):
            given = [value(a, item) for a in arguments]
            return None if None in given else FUNCTIONS[function][0](given)
    raise TypeError(node)


def _found(path: tuple[str, ...], item: Item) -> Value | None:
    found: Value | None = item.get(path[0])
    for name in path[1:]:
        found = found["M"].get(name) if found is not None and "M" in found else None
    return found


def _text(given: Value) -> str:
    ((kind, content),) = given.items()
    if kind not in ("S", "N"):
        raise ExpressionError(f"a value of type {kind} is neither text nor number")
    return str(content)


def _number(given: Value) -> Value:
    text = _text(given)
    try:
        if Decimal(text).is_finite():
            return {"N": text}
    except InvalidOperation:
        pass
    raise ExpressionError("a text is no number")


def _part(given: list[Any]) -> Value | None:
    pieces, at = _text(given[0]).split(_text(given[1])), int(_text(given[2]))
    return {"S": pieces[at]} if 0 <= at < len(pieces) else None


FUNCTIONS: Mapping[str, tuple[Callable[[list[Any]], Value | None], int, int]] = {
    "string": (lambda given: {"S": _text(given[0])}, 1, 1),
    "number": (lambda given: _number(given[0]), 1, 1),
    "lower": (lambda given: {"S": _text(given[0]).lower()}, 1, 1),
    "upper": (lambda given: {"S": _text(given[0]).upper()}, 1, 1),
    "concat": (lambda given: {"S": "".join(map(_text, given))}, 2, 0),
    "part": (_part, 3, 3),
    "coalesce": (lambda given: given[0], 2, 0),
}
"""What it does, the fewest and the most arguments it takes (0: any number)."""


def reference(text: str) -> str | None:
    """The attribute whose value an expression keeps, as it is or as another type; None for all others."""
    node = parsed(text)
    if isinstance(node, Apply) and node.function in ("string", "number"):
        node = node.arguments[0]
    return node.path[0] if isinstance(node, Attribute) and len(node.path) == 1 else None
