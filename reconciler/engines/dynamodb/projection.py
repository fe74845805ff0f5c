"""What an index holds of an item besides keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb import limits

SPEC: dict[str, Any] = {
    "description": "all (the default), keys_only, or a list of attributes",
    "anyOf": [
        {"enum": ["all", "keys_only"]},
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 255},
            "minItems": 1,
            "maxItems": limits.MAX_INCLUDED,
            "uniqueItems": True,
        },
    ],
}


def lowered(node: Any) -> tuple[str, tuple[str, ...]]:
    """(`all` | `keys_only` | `include`, the listed attributes, sorted since their order means nothing)."""
    if isinstance(node, list):
        return "include", tuple(sorted(node))
    return node or "all", ()


def lifted(projection: str, include: tuple[str, ...]) -> dict[str, Any]:
    """The inverse of `lowered`, as a part of an index's node; nothing for the default."""
    if projection == "all":
        return {}
    return {"projection": list(include) if projection == "include" else projection}


def read(reply: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """From a `Projection` of a reply."""
    kind = reply.get("ProjectionType", "ALL").lower()
    return kind, tuple(sorted(reply.get("NonKeyAttributes", ()))) if kind == "include" else ()


def request(projection: str, include: tuple[str, ...]) -> dict[str, Any]:
    """`Projection` of a request."""
    result: dict[str, Any] = {"ProjectionType": projection.upper()}
    return {**result, "NonKeyAttributes": list(include)} if include else result


def shown(projection: str, include: tuple[str, ...]) -> str:
    """For people."""
    return {"all": "all attributes", "keys_only": "keys only"}.get(projection, ", ".join(include))
