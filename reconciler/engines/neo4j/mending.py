"""Steps of migrate that make the data obey a new rule, as its declaration says; checked again before the rule.

Each keeps first what it takes away, so that undoing the plan brings it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.engines.neo4j import fixes
from reconciler.engines.neo4j.batches import Batches
from reconciler.engines.neo4j.fixes import Fix
from reconciler.engines.neo4j.keeping import (
    ID,
    MARK,
    NODE_AGAIN,
    TIE_AGAIN,
    brought_back,
    keeping,
    nodes_of,
    ties_of,
)
from reconciler.engines.neo4j.kind import RESTORED
from reconciler.engines.neo4j.render import NODE, matching, properties, shortened
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.model.address import Address
from reconciler.model.hazard import Code, hazard
from reconciler.model.step import Draft, Operation, Phase


class Subject(NamedTuple):
    """What a rule is about; `type` is that of a rule about types, else empty."""

    element: str
    label: str
    properties: tuple[str, ...]
    type: str = ""


def steps(address: Address, subject: Subject, fix: Fix) -> list[Draft]:
    """The steps of a fix, if the declaration has one."""
    found = [draft for name, text in fix.fills for draft in _filled(address, subject, name, text)]
    return [*found, *(_deduplicated(address, subject, fix) if fix.others else ())]


def _filled(address: Address, subject: Subject, name: str, text: str) -> Iterator[Draft]:
    element, label, _, type_ = subject
    wrong = f"it is no {type_}" if type_ else "it is missing"
    what = shortened(f"{label}.{name}")
    if type_:
        operation = fixes.converting(element, label, name, text, type_)
    else:
        operation = fixes.filling(element, label, name, text, f"{properties((name,))} IS NULL")
    value = properties((name,))
    kept = Snapshot(f"constraint {address.name}, {name}", (f"{operation.find}\nRETURN {ID}, {value} AS old",))
    again = f"MATCH {matching(element, label)} WHERE elementId(n) = row.id\nSET {value} = row.old"
    slot = f"backfill {name}"
    yield keeping(address, Phase.MIGRATE, f"{what} where {wrong}", kept, slot=f"keep {name}")
    yield Draft(
        slot,
        Phase.MIGRATE,
        f"fill {what} where {wrong}",
        operation,
        undo=(Restore(kept.name, (again,)),),
        reads=address,
    )


_WHAT = {"delete": "are deleted", "merge": "are merged into one", "clear": "lose the value"}


def _deduplicated(address: Address, subject: Subject, fix: Fix) -> Iterator[Draft]:
    element, label, names, _ = subject
    copies = f"copies of {shortened(label)} of one {shortened(', '.join(names))}"
    operation = fixes.deduplicating(element, label, names, fix)
    kept, undo = _taken(f"constraint {address.name}, copies", subject, fix.others, operation)
    lost = hazard(Code.DELETES_DATA, f"{copies} {_WHAT[fix.others]}; the first by {shortened(fix.keep)} is kept")
    yield keeping(address, Phase.MIGRATE, copies, kept)
    yield Draft(
        "deduplicate",
        Phase.MIGRATE,
        f"{copies} {_WHAT[fix.others]}",
        operation,
        hazards=(lost,),
        undo=undo,
        reads=address,
    )


def _taken(name: str, subject: Subject, others: str, fix: Batches) -> tuple[Snapshot, tuple[Operation, ...]]:
    """What is kept of the copies, and how they come back."""
    rest = f"{fix.find}\nUNWIND tail(copies) AS x"
    if others == "clear":
        values = [f"x.{properties((p,)).removeprefix('n.')}" for p in subject.properties]
        given = ", ".join(f"{properties((p,))} = row.old[{i}]" for i, p in enumerate(subject.properties))
        kept = f"{rest}\nRETURN elementId(x) AS id, [{', '.join(values)}] AS old"
        again = f"MATCH {matching(subject.element, subject.label)} WHERE elementId(n) = row.id\nSET {given}"
        return Snapshot(name, (kept,)), (Restore(name, (again,)),)
    if subject.element != NODE:
        return Snapshot(name, (ties_of(f"{rest}\nWITH x AS r"),)), brought_back(Restore(name, (TIE_AGAIN,)), (_UNMARK,))
    ties = ties_of(f"{rest}\nMATCH (x)-[r]-()\nWITH DISTINCT r")
    if others == "delete":
        return Snapshot(name, (nodes_of(rest), ties)), brought_back(Restore(name, (NODE_AGAIN, TIE_AGAIN)))
    kept = (
        f"{fix.find}\nWITH copies[0] AS k, tail(copies) AS others\n"
        "RETURN elementId(k) AS id, labels(k) AS labels, properties(k) AS p, [x IN others | elementId(x)] AS others, "
        "[(k)-[r]-() | elementId(r)] AS own"
    )
    restore = Restore(name, (NODE_AGAIN, TIE_AGAIN, ""))
    return Snapshot(name, (nodes_of(rest), ties, kept)), brought_back(
        restore, (Restore(name, ("", "", _UNMERGED), rows=100),)
    )


_UNMARK = Batches(f"MATCH ()-[r]->()\nWHERE r.{MARK} IS NOT NULL", f"REMOVE r.{MARK}", ("r",))
_UNMERGED = f"""MATCH (k) WHERE elementId(k) = row.id
SET k = row.p
WITH k, row
CALL (k, row) {{
  WITH k, [l IN labels(k) WHERE NOT l IN row.labels] AS more
  REMOVE k:$(more)
}}
CALL (k, row) {{
  MATCH (x:{RESTORED})-[r]-(o) WHERE x.{MARK} IN row.was.others AND r.{MARK} IS NOT NULL
  WITH k, row, r, x, CASE WHEN o = k OR o.{MARK} IN row.was.others THEN k ELSE o END AS o
  MATCH (k)-[c]-(o) WHERE type(c) = type(r) AND NOT elementId(c) IN row.own AND c.{MARK} IS NULL
    AND (o = k OR (startNode(c) = k) = (startNode(r) = x))
    AND size(keys(c)) = size(keys(r)) - 1 AND all(p IN keys(c) WHERE c[p] = r[p])
  WITH DISTINCT c
  DELETE c
}}"""
"""What was merged into a node: its own properties and labels again, without the copies of relationships of others."""
