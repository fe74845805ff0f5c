"""Arguments of functions, procedures and aggregates, and what tells overloads apart: `total(integer, text)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.types import canonical, parsed
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Place

SIGNED = frozenset({"function", "procedure", "aggregate", "operator"})
"""Kinds whose names go on with the types they take."""
MODES = {"i": "in", "o": "out", "b": "inout", "v": "variadic", "t": "table"}
"""pg_proc.proargmodes → the word."""
INPUTS = frozenset({"in", "inout", "variadic"})
"""Modes whose types make the identity of a routine (CREATE FUNCTION documentation, "Overloading")."""


class Argument(NamedTuple):
    """One argument, or one column of RETURNS TABLE. `name` is empty where it has none."""

    name: str
    type: str
    mode: str = "in"
    default: Expr | None = None

    def __str__(self) -> str:
        return render(self)


_NODE = {
    "type": ["string", "object"],
    "description": "a type, or a mapping with 'type' and more",
    "properties": {
        "name": {"type": "string"},
        "type": {"type": "string", "minLength": 1},
        "mode": {"enum": ["in", "out", "inout", "variadic"]},
        "default": {"type": ["string", "integer", "number", "boolean"], "description": "an SQL expression"},
    },
    "required": ["type"],
    "additionalProperties": False,
}
ARGUMENTS = {
    "type": ["object", "array"],
    "description": "name → type, or a list where some have no name",
    "additionalProperties": _NODE,
    "items": _NODE,
}


@lru_cache(maxsize=4096)
def plain_type(text: str) -> str:
    """A type as the signature of a routine has it: no modifiers, `public` unsaid, aliases resolved."""
    text = canonical(text.strip())
    if text.startswith(("public.", '"public".')):
        text = text.partition(".")[2]
    parts = parsed(text)
    if parts is None:
        return text
    words = " ".join(w for w in (parts.words, parts.tail) if w)
    if text != text.lower() or not (parts.mods or words == "bpchar"):
        return text
    return ("character" if words == "bpchar" else words) + parts.array


def lower(node: Any, place: Place) -> tuple[Argument, ...]:
    """The declared arguments: a mapping by name, or a list."""
    if isinstance(node, Mapping):
        return tuple(_lowered(name, said, place) for name, said in node.items())
    return tuple(_lowered("", said, place) for said in node or ())


def _lowered(name: str, node: Any, place: Place) -> Argument:
    if isinstance(node, str):
        return Argument(name, plain_type(node))
    if name and "name" in node:
        raise place.fail(f"the argument {name} is named twice", "leave 'name' out", "arguments", name)
    default = node.get("default")
    return Argument(
        name or node.get("name", ""),
        plain_type(node["type"]),
        node.get("mode", "in"),
        None if default is None else Expr(str(default).lower() if isinstance(default, bool) else str(default)),
    )


def lift(arguments: Sequence[Argument]) -> Any:
    """Nothing where the name of the routine says all; a mapping where every argument has a name of its own."""
    if all(a.mode == "in" and not a.name and a.default is None for a in arguments):
        return None
    names = [a.name for a in arguments]
    if all(names) and len(set(names)) == len(names):
        return {a.name: _lifted(a) for a in arguments}
    return [_lifted(a, a.name) for a in arguments]


def _lifted(argument: Argument, name: str = "") -> Any:
    node: dict[str, Any] = {"name": name} if name else {}
    node["type"] = argument.type
    if argument.mode != "in":
        node["mode"] = argument.mode
    if argument.default is not None:
        node["default"] = argument.default.source
    return argument.type if len(node) == 1 else node


def read(
    names: Sequence[str] | None,
    types: Sequence[str],
    modes: Sequence[str] | None,
    defaults: Sequence[str | None] | None = None,
) -> tuple[Argument, ...]:
    """The arguments of a row of pg_proc."""
    return tuple(
        Argument(
            names[i] if names else "",
            kind,
            MODES[modes[i]] if modes else "in",
            Expr.live(text) if defaults and (text := defaults[i]) is not None else None,
        )
        for i, kind in enumerate(types)
    )


def render(argument: Argument) -> str:
    """As CREATE FUNCTION writes it."""
    words = [] if argument.mode in ("in", "table") else [argument.mode.upper()]
    if argument.name:
        words.append(ident(argument.name))
    words.append(argument.type)
    if argument.default is not None:
        words.append(f"DEFAULT {argument.default.source}")
    return " ".join(words)


def inputs(arguments: Iterable[Argument]) -> tuple[Argument, ...]:
    """The arguments that a caller passes."""
    return tuple(a for a in arguments if a.mode in INPUTS)


def outputs(arguments: Iterable[Argument]) -> tuple[Argument, ...]:
    """The arguments that make the result."""
    return tuple(a for a in arguments if a.mode in ("out", "inout", "table"))


def component(name: str, arguments: Iterable[Argument]) -> str:
    """The last part of a routine's path."""
    return f"{name}({', '.join(a.type for a in inputs(arguments))})"


def split(text: str) -> tuple[str, str]:
    """`total(integer, text)` → `total`, `integer, text`: parted at the last parenthesis outside quotes.

    A name without parentheses takes no arguments.
    """
    if not text.endswith(")"):
        return text, ""
    quoted = False
    for position in range(len(text) - 1, -1, -1):
        if text[position] == '"':
            quoted = not quoted
        elif text[position] == "(" and not quoted:
            return text[:position], text[position + 1 : -1]
    return text, ""


def listed(text: str) -> list[str]:
    """The types of `integer, "a,b", numeric(1,2)`: parted at commas outside quotes and parentheses."""
    found, depth, quoted, current = [], 0, False, ""
    for char in text:
        quoted ^= char == '"'
        depth += (not quoted and char == "(") - (not quoted and char == ")")
        if char == "," and not quoted and not depth:
            found.append(current)
            current = ""
        else:
            current += char
    return [t.strip() for t in (*found, current) if t.strip()]


def signature(address: Address) -> str:
    """`schema.name(types)`, as ALTER, DROP, COMMENT and GRANT name a routine; an aggregate of none takes a star.

    Types without a mode would mean a procedure's outgoing arguments too (LookupFuncWithArgs in parse_func.c).
    """
    name, types = split(address.path[-1])
    if address.kind == "procedure":
        types = ", ".join(f"IN {t}" for t in listed(types))
    star = "*" if address.kind == "aggregate" and not types else types
    return f"{qualified(address.path[0], name)}({star})"


def named(key: str, node: Any, place: Place) -> tuple[str, tuple[Argument, ...]]:
    """(name, arguments) of a declaration: said by its key, by `arguments`, or by both alike."""
    name, types = split(key)
    said = [Argument("", plain_type(t)) for t in listed(types)]
    if not node:
        return name, tuple(said)
    arguments = lower(node, place)
    if key.endswith(")") and [a.type for a in inputs(arguments)] != [a.type for a in said]:
        written = ", ".join(a.type for a in inputs(arguments))
        raise place.fail(
            f"the name says ({', '.join(a.type for a in said)}), the arguments say ({written})",
            "let both say the same types, or leave the parentheses out of the name",
            "arguments",
        )
    return name, arguments
