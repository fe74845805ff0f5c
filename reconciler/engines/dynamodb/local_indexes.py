"""Local indexes as a property of their table: they come and go with it, so a difference in them asks for a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.dynamodb import keys, projection
from reconciler.engines.dynamodb.keys import Key


def said(name: str, sort: Key, kind: str, include: tuple[str, ...]) -> str:
    """One index in words that two indexes share only if they are equal; the partition key is the table's."""
    return f"{name}: by {', '.join(map(str, sort))}, holds {projection.shown(kind, include)}"


def read(described: Mapping[str, Any], types: Mapping[str, str]) -> tuple[str, ...]:
    """Those of a description, sorted."""
    return tuple(sorted(_each(described.get("LocalSecondaryIndexes") or (), types)))


def _each(replies: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> Iterable[str]:
    for reply in replies:
        _partition, sort = keys.read(reply["KeySchema"], types)
        yield said(reply["IndexName"], sort, *projection.read(reply.get("Projection", {})))
