"""What the statements of a script do to a schema, in the words of declarations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.neo4j import options

CONSTRAINT, INDEX, LOOKUP = "constraint", "index", "lookup"
OTHER = "it changes no constraint and no index"
_WORDS = {
    options.ANALYZER: "analyzer",
    options.EVENTUALLY: "eventually_consistent",
    options.DIMENSIONS: "dimensions",
    options.SIMILARITY: "similarity",
}


@dataclass(frozen=True, slots=True)
class Created:
    """CREATE: the kind, the name if it says one, and the node of the declaration."""

    kind: str
    name: str | None
    node: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dropped:
    """DROP: by its name, or, in old syntax, by the node that declares the same."""

    kind: str
    name: str | None
    node: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every constraint and every index goes, but for the lookup ones."""


Action = Created | Dropped | Cleared


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """Options of an index in the words of a declaration."""
    words = {_WORDS[k]: _worded(k, v) for k, v in config.items() if k in _WORDS}
    rest = {k: v for k, v in config.items() if k not in _WORDS}
    return {**words, **({"options": rest} if rest else {})}


def _worded(key: str, value: Any) -> Any:
    if key == options.EVENTUALLY and isinstance(value, str):
        return value.lower() == "true"
    return value.lower() if key == options.SIMILARITY and isinstance(value, str) else value
