"""Calls of procedures that change the schema: those of servers that had no statements for it, and one of APOC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reconciler.engines.neo4j.naming import shortest
from reconciler.engines.neo4j.scripts.actions import (
    CONSTRAINT,
    INDEX,
    Action,
    Cleared,
    Created,
    Dropped,
    configured,
)
from reconciler.engines.neo4j.scripts.reader import NotRead, Reader, Unrelated

_SILENT = ("DB.AWAITINDEXES", "DB.AWAITINDEX", "DB.INDEX.FULLTEXT.AWAITEVENTUALLYCONSISTENTINDEXREFRESH")


def called(reader: Reader) -> Sequence[Action]:
    """What a call does, its name and its arguments ahead; what it would yield is of no account.

    Raises Unrelated for a procedure that is not known, NotRead for arguments that are none of its own.
    """
    procedure = ".".join(reader.names(".")).upper()
    if procedure in _SILENT:
        return []
    if (made := _MADE.get(procedure)) is None:
        raise Unrelated("it calls a procedure")
    reader.need("(")
    given = [reader.literal()]
    while reader.take(","):
        given.append(reader.literal())
    reader.need(")")
    if not reader.next_is("YIELD"):
        reader.end()
    try:
        return made(*given)
    except (TypeError, AttributeError):
        raise NotRead("these are not the arguments of that procedure") from None


def _fulltext(element: str) -> Callable[..., Sequence[Action]]:
    def made(name: str, labels: list[str], names: list[str], config: dict[str, Any] | None = None) -> Sequence[Action]:
        words = configured({f"fulltext.{k.removeprefix('fulltext.')}": v for k, v in (config or {}).items()})
        key = element if len(labels) == 1 else f"{element}s"
        return [Created(INDEX, name, {key: shortest(tuple(labels)), "fulltext": shortest(tuple(names)), **words})]

    return made


def _vector(element: str) -> Callable[..., Sequence[Action]]:
    def made(name: str, label: str, of: str, dimensions: int, similarity: str) -> Sequence[Action]:
        node = {element: label, "vector": of, "dimensions": dimensions, "similarity": similarity.lower()}
        return [Created(INDEX, name, node)]

    return made


def _four(kind: str, rule: str) -> Callable[..., Sequence[Action]]:
    """Of Neo4j 4: name, labels, properties, and a provider and its options, which no server has any more."""

    def made(name: str, labels: list[str], names: list[str], *_provider: Any) -> Sequence[Action]:
        return [Created(kind, name, {"node": shortest(tuple(labels)), rule: shortest(tuple(names))})]

    return made


def _asserted(
    indexes: dict[str, list[Any]], unique: dict[str, list[Any]], drop_existing: bool = True
) -> Sequence[Action]:
    """`apoc.schema.assert`: properties by label. Several together are a list of their own, of which APOC makes a
    composite index and a node key (its manual, "Schema Indexes and Constraints")."""
    found: list[Action] = [Cleared()] if drop_existing else []
    for kind, alone, together, said in (
        (INDEX, "range", "range", indexes),
        (CONSTRAINT, "unique", "key", unique),
    ):
        for label, keys in said.items():
            found += [Created(kind, None, {"node": label, together if isinstance(k, list) else alone: k}) for k in keys]
    return found


_MADE: dict[str, Callable[..., Sequence[Action]]] = {
    "DB.INDEX.FULLTEXT.CREATENODEINDEX": _fulltext("node"),
    "DB.INDEX.FULLTEXT.CREATERELATIONSHIPINDEX": _fulltext("relationship"),
    "DB.INDEX.FULLTEXT.DROP": lambda name: [Dropped(INDEX, name)],
    "DB.INDEX.VECTOR.CREATENODEINDEX": _vector("node"),
    "DB.INDEX.VECTOR.CREATERELATIONSHIPINDEX": _vector("relationship"),
    "DB.CREATEINDEX": _four(INDEX, "range"),
    "DB.CREATEUNIQUEPROPERTYCONSTRAINT": _four(CONSTRAINT, "unique"),
    "DB.CREATENODEKEY": _four(CONSTRAINT, "key"),
    "APOC.SCHEMA.ASSERT": _asserted,
}
