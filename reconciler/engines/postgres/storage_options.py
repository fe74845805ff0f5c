"""Storage parameters (`WITH (fillfactor = 70)`) of tables, indexes and what is backed by an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.postgres.quoting import ident, literal

Options = tuple[tuple[str, str], ...]

SPEC = {
    "type": "object",
    "description": "storage parameters by name",
    "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
}


def lower(node: Mapping[str, Any] | None) -> Options:
    """Values as the server keeps them: text, sorted by name."""
    return tuple(sorted((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in (node or {}).items()))


def lift(options: Options) -> dict[str, Any]:
    """Names to values, numbers as numbers and switches as switches."""
    return {name: _plain(value) for name, value in options}


def _plain(text: str) -> Any:
    """The YAML value that `lower` makes the same text of."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if str(value) == text else text
    return text


def read(stored: Iterable[str] | None) -> Options:
    """`reloptions` → Options."""
    return tuple(sorted((o.partition("=")[0], o.partition("=")[2]) for o in stored)) if stored else ()


def names(options: Options) -> str:
    """Names in a list, as RESET writes them."""
    return ", ".join(_name(n) for n, _ in options)


def render(options: Options) -> str:
    """`fillfactor = 70, buffering = auto`."""
    return ", ".join(f"{_name(n)} = {_value(v)}" for n, v in options)


def _name(name: str) -> str:
    return ".".join(ident(part) for part in name.split(".", 1))


def _value(text: str) -> str:
    bare = text.replace(".", "", 1).replace("_", "").lstrip("-").isalnum()
    return text if bare and text.isascii() else literal(text)


def clause(options: Options) -> str:
    """` WITH (…)`, with a space before it; empty where there is none."""
    return f" WITH ({render(options)})" if options else ""


def actions(before: Options, after: Options) -> list[str]:
    """The SET and RESET actions of ALTER TABLE and ALTER INDEX that lead from one to the other."""
    said, kept = dict(before), dict(after)
    new = tuple((n, v) for n, v in after if said.get(n) != v)
    gone = tuple((n, v) for n, v in before if n not in kept)
    return ([f"SET ({render(new)})"] if new else []) + ([f"RESET ({names(gone)})"] if gone else [])
