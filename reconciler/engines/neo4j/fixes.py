"""What a declaration says about data that breaks a new rule: `backfill` and `deduplicate`, as steps of migrate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.batches import Batches
from reconciler.engines.neo4j.render import matching, properties, quoted, shortened
from reconciler.engines.neo4j.scripts.tokens import statements
from reconciler.model.kind import Place

BACKFILL = {
    "type": ["string", "object"],
    "additionalProperties": {"type": "string", "minLength": 1},
    "minLength": 1,
    "description": "a Cypher expression about the element n, or one for each property: toInteger(n.age)",
}
OTHERS = ("delete", "merge", "clear")
DEDUPLICATE = {
    "type": ["string", "object"],
    "properties": {"others": {"enum": [*OTHERS]}, "keep": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
    "minLength": 1,
    "description": "what becomes of all but one: delete, merge or clear; or {others: delete, keep: n.created DESC}",
}
OLDEST = "elementId(n)"


@dataclass(frozen=True, slots=True)
class Fix:
    """`fills`: (property, expression) pairs. `others`: what becomes of all but the first by `keep`; "" for nothing."""

    fills: tuple[tuple[str, str], ...] = ()
    others: str = ""
    keep: str = OLDEST

    def __bool__(self) -> bool:
        return bool(self.fills or self.others)


def lower(node: Mapping[str, Any], rule: str, element: str, names: tuple[str, ...], place: Place) -> Fix:
    """What the node of a constraint says. Raises through `place.fail`."""
    fills, others, keep = _fills(node, rule, names, place), "", OLDEST
    if "deduplicate" in node:
        said = node["deduplicate"]
        others, keep = (said, OLDEST) if isinstance(said, str) else (said.get("others", ""), said.get("keep", OLDEST))
        if rule not in ("unique", "key"):
            raise place.fail(f"'deduplicate' is for unique and key, this is {rule!r}", "take it out", "deduplicate")
        allowed = [o for o in OTHERS if o == "delete" or (o == "merge" and element == "node") or (o, rule) == CLEARED]
        if others not in allowed:
            raise place.fail(f"the others cannot be told to {others!r}", f"one of: {', '.join(allowed)}", "deduplicate")
        expression(keep, place, "deduplicate")
    return Fix(fills, others, keep)


CLEARED = ("clear", "unique")
"""A property that is part of a key cannot be missing."""


def _fills(node: Mapping[str, Any], rule: str, names: tuple[str, ...], place: Place) -> tuple[tuple[str, str], ...]:
    if "backfill" not in node:
        return ()
    said = node["backfill"]
    if rule == "unique":
        raise place.fail("'backfill' is for exists, key and type", "for copies say 'deduplicate'", "backfill")
    if isinstance(said, str) and len(names) > 1:
        raise place.fail("there are several properties", "write 'backfill: {PROPERTY: EXPRESSION}'", "backfill")
    fills = {names[0]: said} if isinstance(said, str) else dict(said)
    for name, text in fills.items():
        if name not in names:
            raise place.fail(f"{name!r} is no property of the constraint", f"one of: {', '.join(names)}", "backfill")
        expression(text, place, "backfill")
    return tuple(sorted(fills.items()))


_PAIRS = {"(": ")", "[": "]", "{": "}"}


def expression(text: str, place: Place, *pointer: str) -> str:
    """The text, if it is one expression whose brackets close. Raises through `place.fail`."""
    open_: list[str] = []
    found = list(statements(text))
    wrong = len(found) != 1
    for token in found[0].tokens if found else ():
        if token.kind != "sign":
            continue
        if token.value in _PAIRS:
            open_.append(_PAIRS[token.value])
        elif token.value in _PAIRS.values() and (not open_ or open_.pop() != token.value):
            wrong = True
        wrong |= token.value in ("`", "'", '"')
    if wrong or open_ or "//" in text or "/*" in text:
        raise place.fail(
            f"{shortened(text)!r} is no single Cypher expression", "one expression about the element n", *pointer
        )
    return text


def lift(fix: Fix, names: tuple[str, ...]) -> dict[str, Any]:
    """The inverse of `lower`."""
    node: dict[str, Any] = {}
    if fix.fills:
        single = len(names) == 1
        node["backfill"] = fix.fills[0][1] if single else dict(fix.fills)
    if fix.others:
        node["deduplicate"] = fix.others if fix.keep == OLDEST else {"others": fix.others, "keep": fix.keep}
    return node


def filling(element: str, label: str, name: str, text: str, wrong: str) -> Batches:
    """Set a property where it is `wrong`, a condition on it, and where the expression gives something."""
    find = f"MATCH {matching(element, label)}\nWHERE {wrong} AND ({text}) IS NOT NULL"
    return Batches(find, f"SET {properties((name,))} = ({text})")


def converting(element: str, label: str, name: str, text: str, wanted: str) -> Batches:
    """Set a property that is of another type to the expression, where that is of the wanted one."""
    value = properties((name,))
    find = f"MATCH {matching(element, label)}\nWHERE NOT {value} IS :: {wanted} AND ({text}) IS :: {wanted} NOT NULL"
    return Batches(find, f"SET {value} = ({text})")


def deduplicating(element: str, label: str, names: tuple[str, ...], fix: Fix) -> Batches:
    """Keep the first of each group of copies, by `keep`; the others go, are merged into it, or lose the properties."""
    present = " AND ".join(f"{properties((name,))} IS NOT NULL" for name in names)
    find = (
        f"MATCH {matching(element, label)}\nWHERE {present}\nWITH n ORDER BY {fix.keep}\n"
        f"WITH [{properties(names)}] AS key, collect(n) AS copies\nWHERE size(copies) > 1"
    )
    change = {"delete": _deleting(element), "merge": _MERGING, "clear": _clearing(names)}[fix.others]
    return Batches(find, change, ("copies",), rows=100)


def _deleting(element: str) -> str:
    return f"UNWIND tail(copies) AS other {'DETACH DELETE' if element == 'node' else 'DELETE'} other"


def _clearing(names: tuple[str, ...]) -> str:
    gone = ", ".join(f"other.{quoted(name)}" for name in names)
    return f"UNWIND tail(copies) AS other REMOVE {gone}"


_MERGING = """WITH copies, copies[0] AS kept
  UNWIND tail(copies) AS other
  CALL (copies, kept, other) {
    MATCH (other)-[r]->(o)
    WITH r, CASE WHEN o IN copies THEN kept ELSE o END AS target, kept
    CREATE (kept)-[c:$(type(r))]->(target) SET c = properties(r)
  }
  CALL (copies, kept, other) {
    MATCH (other)<-[r]-(o) WHERE NOT o IN copies OR o = kept
    CREATE (o)-[c:$(type(r))]->(kept) SET c = properties(r)
  }
  WITH kept, other, properties(other) AS rest, labels(other) AS more, properties(kept) AS own
  DETACH DELETE other
  SET kept += rest SET kept += own SET kept:$(more)"""
