"""How a table is partitioned, and which rows a partition holds, declared and as the catalogs keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres import index_parts
from reconciler.engines.postgres.index_parts import Part
from reconciler.engines.postgres.kind import Reader
from reconciler.engines.postgres.quoting import literal
from reconciler.model.expr import Expr

STRATEGIES = {"r": "range", "l": "list", "h": "hash"}
LIMITS = ("minvalue", "maxvalue")
BOUND_WORDS = ("from", "to", "in", "modulus", "remainder", "default")


class PartitionKey(NamedTuple):
    """PARTITION BY: the strategy, and columns or expressions."""

    strategy: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return f"{self.strategy.upper()} ({', '.join(map(str, self.parts))})"


class Bound(NamedTuple):
    """FOR VALUES of a partition: `values` are those of IN or FROM, `upper` those of TO, each as SQL text.

    `strategy` is that of the parent, or `default`.
    """

    strategy: str
    values: tuple[Expr, ...] = ()
    upper: tuple[Expr, ...] = ()
    modulus: int = 0
    remainder: int = 0

    def alike(self, other: Bound) -> bool:
        """Whether they let in the same values: those of a list have no order."""
        mine, theirs = (sorted(v.text for v in bound.values) for bound in (self, other))
        return self.strategy == other.strategy == "list" and mine == theirs

    def __str__(self) -> str:
        match self.strategy:
            case "range":
                return f"FOR VALUES FROM ({_listed(self.values)}) TO ({_listed(self.upper)})"
            case "list":
                return f"FOR VALUES IN ({_listed(self.values)})"
            case "hash":
                return f"FOR VALUES WITH (MODULUS {self.modulus}, REMAINDER {self.remainder})"
            case _:
                return "DEFAULT"


DEFAULT = Bound("default")

SCALARS = ("string", "integer", "number", "boolean", "null", "object")
_VALUE: dict[str, Any] = {
    "type": list(SCALARS),
    "description": "a value, minvalue, maxvalue, or a mapping with 'expression'",
    "properties": {"expression": {"type": "string"}},
    "additionalProperties": False,
}
_VALUES = {**_VALUE, "type": [*SCALARS, "array"], "items": _VALUE}
KEY_SPEC = {
    "type": "object",
    "description": "one of range, list and hash, with a list of columns or expressions",
    "properties": {w: {"type": "array", "items": index_parts.PART, "minItems": 1} for w in STRATEGIES.values()},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
BOUND_SPEC: dict[str, Any] = {
    "from": _VALUES,
    "to": _VALUES,
    "in": {"type": "array", "items": _VALUE, "minItems": 1},
    "modulus": {"type": "integer", "minimum": 1},
    "remainder": {"type": "integer", "minimum": 0},
    "default": {"type": "boolean"},
}


def lower_key(node: Mapping[str, Any] | None) -> PartitionKey | None:
    """`{range: [created_at]}`."""
    if node is None:
        return None
    ((strategy, parts),) = node.items()
    return PartitionKey(strategy, tuple(map(index_parts.lower, parts)))


def lift_key(key: PartitionKey) -> dict[str, Any]:
    """The inverse."""
    return {key.strategy: [index_parts.lift(p) for p in key.parts]}


def said(node: Mapping[str, Any]) -> set[str]:
    """The words about a bound in a declaration."""
    return {w for w in BOUND_WORDS if w in node}


def lower_bound(node: Mapping[str, Any]) -> Bound | None:
    """`{from: 2024-01-01, to: 2025-01-01}`, `{in: [a, b]}`, `{modulus: 4, remainder: 0}` or `{default: true}`; None
    for anything else.
    """
    words = said(node)
    if words == {"from", "to"}:
        return Bound("range", _row(node["from"]), _row(node["to"]))
    if words == {"in"}:
        return Bound("list", tuple(map(_value, node["in"])))
    if words == {"modulus", "remainder"}:
        return Bound("hash", modulus=node["modulus"], remainder=node["remainder"])
    return DEFAULT if words == {"default"} and node["default"] else None


def lift_bound(bound: Bound) -> dict[str, Any]:
    """The inverse."""
    match bound.strategy:
        case "range":
            return {"from": _lifted_row(bound.values), "to": _lifted_row(bound.upper)}
        case "list":
            return {"in": [_lifted(v) for v in bound.values]}
        case "hash":
            return {"modulus": bound.modulus, "remainder": bound.remainder}
        case _:
            return {"default": True}


def _row(node: Any) -> tuple[Expr, ...]:
    return tuple(map(_value, node if isinstance(node, list) else [node]))


def _value(node: Any) -> Expr:
    """A YAML value as SQL: text is a literal, but for minvalue and maxvalue."""
    if isinstance(node, dict):
        return Expr(str(node.get("expression", "NULL")))
    if isinstance(node, bool):
        return Expr("true" if node else "false")
    if node is None:
        return Expr("NULL")
    if isinstance(node, str):
        return Expr(node.upper() if node in LIMITS else literal(node))
    return Expr(str(node))


def _lifted_row(values: tuple[Expr, ...]) -> Any:
    found = [_lifted(v) for v in values]
    return found[0] if len(found) == 1 and found[0] is not None else found


def _lifted(value: Expr) -> Any:
    """The value that says the same in YAML; an expression where none does."""
    text = value.source
    known: dict[str, Any] = {"MINVALUE": "minvalue", "MAXVALUE": "maxvalue", "NULL": None, "true": True, "false": False}
    if text in known:
        return known[text]
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        inner = text[1:-1].replace("''", "'")
        if literal(inner) == text and inner not in LIMITS:
            return inner
    elif text.isdigit() and str(int(text)) == text:
        return int(text)
    return {"expression": text}


def _listed(values: tuple[Expr, ...]) -> str:
    return ", ".join(v.source for v in values)


def read_bound(text: str | None) -> Bound | None:
    """What pg_get_expr says of relpartbound."""
    if text is None:
        return None
    if text == "DEFAULT":
        return DEFAULT
    groups = list(_groups(text))
    if text.startswith("FOR VALUES WITH"):
        modulus, remainder = (int(part.split()[1]) for part in split(groups[0]))
        return Bound("hash", modulus=modulus, remainder=remainder)
    rows = [tuple(map(Expr.live, split(g))) for g in groups]
    return Bound("range", rows[0], rows[1]) if len(rows) == 2 else Bound("list", rows[0])


def split(text: str) -> Iterator[str]:
    """The parts of a list at its top-level commas; quotes and parentheses are respected."""
    depth, start, quote = 0, 0, ""
    for position, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and not depth:
            yield text[start:position].strip()
            start = position + 1
    if text.strip():
        yield text[start:].strip()


def _groups(text: str) -> Iterator[str]:
    """What stands inside each outermost pair of parentheses."""
    depth, start, quote = 0, 0, ""
    for position, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            start = position + 1 if not depth else start
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                yield text[start:position]


KEYS = """
    SELECT p.partrelid AS oid, p.partstrat::text AS strategy, pg_get_expr(p.partexprs, p.partrelid) AS expressions,
           array_agg(coalesce(a.attname, '') ORDER BY k.position)::text[] AS names,
           array_agg(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE coalesce(t.oid, 0) END
                     ORDER BY k.position) AS types,
           array_agg(k.opclass ORDER BY k.position) AS classes,
           array_agg(n.nspname ORDER BY k.position)::text[] AS schemas,
           array_agg(o.collname ORDER BY k.position)::text[] AS collations
    FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
    CROSS JOIN unnest(p.partattrs::int2[], p.partclass::oid[], p.partcollation::oid[])
         WITH ORDINALITY k (number, opclass, collated, position)
    LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.number AND k.number <> 0
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation o ON o.oid = k.collated AND o.oid <> coalesce(a.attcollation, 100)
    LEFT JOIN pg_namespace n ON n.oid = o.collnamespace
    WHERE c.relnamespace = ANY (%(namespaces)s)
    GROUP BY p.partrelid, p.partstrat, p.partexprs"""
"""Partition keys: a row a table, by its oid."""


def read_key(row: Sequence[Any], reader: Reader) -> PartitionKey:
    """The columns of `KEYS` beyond the first → PartitionKey."""
    strategy, expressions, names, types, classes, schemas, collations = row
    rest = split(expressions or "")
    parts = []
    for position, name in enumerate(names):
        opclass, is_default, input_type, method = reader.lookups.opclasses[classes[position]]
        kind = types[position]
        plain = is_default and (
            not kind or input_type == kind or (method, kind) not in reader.lookups.default_opclasses
        )
        collation = collations[position]
        where = (schemas[position] or "", collation) if collation else None
        parts.append(Part(name, None if name else Expr.live(_bare(next(rest))), "" if plain else opclass, where))
    return PartitionKey(STRATEGIES[strategy], tuple(parts))


def _bare(text: str) -> str:
    """Without the parentheses around all of it."""
    groups = list(_groups(text))
    return groups[0] if len(groups) == 1 and text == f"({groups[0]})" else text
