"""Steps that keep what later ones take away, and what their undo writes to the journal."""

from __future__ import annotations

from typing import Any

from reconciler.engines.neo4j.batches import Batches, Record
from reconciler.engines.neo4j.kind import RESTORED
from reconciler.engines.neo4j.operations import Cypher
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Operation, Phase

MARK = "_reconcile_id"
"""Property with the element id that something had before it was deleted, while it comes back."""
ID = "elementId(n) AS id"
INDEX = "_reconcile_restored"


def keeping(address: Address, phase: Phase, what: str, operation: Snapshot, *, slot: str = "keep") -> Draft:
    """The step before one that takes something away. It keeps as many rows as the address is measured at, or fewer."""
    return Draft(slot, phase, f"keep {what}, for undo", operation, undo=(), reads=address)


def records(change: Change[Any], context: Context, old: str) -> tuple[Record, ...]:
    """What the journal said before a rename from `old`: of the new name, and of the old one, which it forgets."""
    found = context.live.resources.get(change.address.sibling(change.address.kind, (old,)))
    former = [] if found is None else [_renamed(change.address.kind, old, found)]
    own = Record(change.address.kind, change.address.name, None)
    return (own if change.before is None else _renamed(change.address.kind, own.name, change.before), *former)


def _renamed(kind: str, name: str, resource: Any) -> Record:
    return Record(kind, name, (("renamed_from", resource.renamed_from),))


def nodes_of(found: str) -> str:
    """A query of a snapshot: all there is to know of nodes `x` that something finds."""
    return f"{found}\nRETURN elementId(x) AS id, labels(x) AS labels, properties(x) AS p"


def ties_of(found: str) -> str:
    """The same of relationships `r`."""
    return (
        f"{found}\nRETURN elementId(r) AS id, type(r) AS type, elementId(startNode(r)) AS a, "
        "elementId(endNode(r)) AS b, properties(r) AS p"
    )


PAIR = "RETURN row.was.id AS old, elementId({0}) AS new"
"""What a statement of a `Restore` says of what it made anew."""
NODE_AGAIN = f"""MERGE (n:{RESTORED} {{{MARK}: row.was.id}})
SET n = row.p SET n.{MARK} = row.was.id SET n:$(row.labels)
{PAIR.format("n")}"""
"""A node of `nodes_of`, once, whatever it is called now."""
TIE_AGAIN = f"""OPTIONAL MATCH (x1:{RESTORED} {{{MARK}: row.was.a}})
OPTIONAL MATCH (y1) WHERE elementId(y1) = row.a
OPTIONAL MATCH (x2:{RESTORED} {{{MARK}: row.was.b}})
OPTIONAL MATCH (y2) WHERE elementId(y2) = row.b
WITH row, coalesce(x1, y1) AS a, coalesce(x2, y2) AS b WHERE a IS NOT NULL AND b IS NOT NULL
MERGE (a)-[r:$(row.type) {{{MARK}: row.was.id}}]->(b)
SET r = row.p SET r.{MARK} = row.was.id
{PAIR.format("r")}"""
"""A relationship of `ties_of`, once, between what was restored and what is still there."""


def brought_back(restore: Restore, last: tuple[Operation, ...] = ()) -> tuple[Operation, ...]:
    """An undo that makes nodes and relationships anew; `last` runs while they are marked."""
    find = f"CREATE RANGE INDEX {INDEX} FOR (n:{RESTORED}) ON (n.{MARK})"
    return (
        Cypher((find,), (INDEX,)),
        restore,
        *last,
        Batches(
            f"MATCH (n:{RESTORED})-[r]-()\nWHERE r.{MARK} IS NOT NULL\nWITH DISTINCT r", f"REMOVE r.{MARK}", ("r",)
        ),
        Batches(f"MATCH (n:{RESTORED})", f"REMOVE n.{MARK} REMOVE n:{RESTORED}"),
        Cypher((f"DROP INDEX {INDEX} IF EXISTS",)),
    )


def unmarking() -> tuple[Batches, Batches]:
    """What takes the marks away from nodes that came back and from their relationships."""
    return (
        Batches(
            f"MATCH (n:{RESTORED})-[r]-()\nWHERE r.{MARK} IS NOT NULL\nWITH DISTINCT r", f"REMOVE r.{MARK}", ("r",)
        ),
        Batches(f"MATCH (n:{RESTORED})", f"REMOVE n.{MARK} REMOVE n:{RESTORED}"),
    )
