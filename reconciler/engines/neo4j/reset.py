"""Emptying a graph: what it holds, and taking all of it away."""

from __future__ import annotations

from collections.abc import Callable, Collection

from reconciler.engines.neo4j import schema_statement
from reconciler.engines.neo4j.batches import Batches, run
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.kind import OWN, OWN_LABELS
from reconciler.engines.neo4j.render import quoted
from reconciler.engines.neo4j.revival import DESTROYING
from reconciler.errors import Blocked
from reconciler.model.engine import Limits, Progress

_PLURAL = {"index": "indexes"}
_OTHERS = """
MATCH (entry:_ReconcileJournal) WHERE NOT (entry.service IN $services AND entry.environment = $environment)
RETURN DISTINCT entry.service + ' in ' + entry.environment AS who ORDER BY who
"""


def holdings(connection: Connection, environment: str, services: Collection[str]) -> str:
    """`12 constraints, 1 index, 400 nodes, 900 relationships`.

    Raises Blocked where the graph also belongs to a service or an environment that is not among these.
    """
    others = connection.rows(_OTHERS, "reading the journal", services=sorted(services), environment=environment)
    if others:
        raise Blocked(
            f"this graph is also that of {', '.join(row['who'] for row in others)}",
            hint="destroy it together with those, or give each a database of its own",
        )
    rules, indexes = _names(connection)
    own = " AND ".join(f"NOT n:{label}" for label in OWN_LABELS)
    nodes = connection.rows(f"MATCH (n) WHERE {own} RETURN count(n) AS count", "counting")[0]["count"]
    ties = connection.rows("MATCH ()-[r]->() RETURN count(r) AS count", "counting")[0]["count"]
    counted = ((len(rules), "constraint"), (len(indexes), "index"), (nodes, "node"), (ties, "relationship"))
    return ", ".join(f"{n:,} {word if n == 1 else _PLURAL.get(word, word + 's')}" for n, word in counted)


def empty(connection: Connection, progress: Progress, still_locked: Callable[[], None]) -> None:
    """Data first, in batches, so that it can be killed and repeated; then rules and indexes. Lookup indexes stay, and
    so does the note of where the snapshot is, which the caller takes away."""
    run(connection, Batches("MATCH ()-[r]->()", "DELETE r", ("r",)), progress, still_locked)
    kept = f"n:{OWN_LABELS[0]} OR (n:{OWN_LABELS[1]} AND n.key = '{DESTROYING}')"  # the lock is held meanwhile
    run(connection, Batches(f"MATCH (n)\nWHERE NOT ({kept})", "DETACH DELETE n"), progress, still_locked)
    rules, indexes = _names(connection)
    texts = [f"DROP CONSTRAINT {quoted(name)} IF EXISTS" for name in rules]
    for text in [*texts, *(f"DROP INDEX {quoted(name)} IF EXISTS" for name in indexes)]:
        still_locked()
        schema_statement.run(connection, f"{connection.prefix}{text}", {}, Limits(), progress)


def _names(connection: Connection) -> tuple[list[str], list[str]]:
    rules = connection.rows("SHOW CONSTRAINTS YIELD name", "reading the constraints")
    shown = "SHOW INDEXES YIELD name, type, owningConstraint WHERE type <> 'LOOKUP' AND owningConstraint IS NULL"
    found = connection.rows(f"{shown} RETURN name", "reading the indexes")
    return sorted(r["name"] for r in rules if r["name"] != OWN), sorted(r["name"] for r in found)
