"""The columns and expressions of an index, declared and as the catalogs keep them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from reconciler.engines.postgres.kind import Reader
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import lift_collation, lower_collation
from reconciler.model.expr import Expr


class Part(NamedTuple):
    """One key of an index: a column or an expression, and how it is sorted.

    `opclass` "" and `collation` None stand for the defaults; `opclass` is as one writes it, options included.
    """

    column: str = ""
    expression: Expr | None = None
    opclass: str = ""
    collation: tuple[str, str] | None = None
    descending: bool = False
    nulls_first: bool = False

    def __str__(self) -> str:
        return render(self)


PART = {
    "type": ["string", "object"],
    "description": "a column name, or a mapping with 'column' or 'expression' and more",
    "properties": {
        "column": {"type": "string"},
        "expression": {"type": "string"},
        "opclass": {"type": "string"},
        "collation": {"type": "string"},
        "order": {"enum": ["asc", "desc"]},
        "nulls": {"enum": ["first", "last"]},
    },
    "additionalProperties": False,
}


def lower(node: Any) -> Part:
    """A column name; a mapping says more."""
    if isinstance(node, str):
        return Part(node)
    descending = node.get("order") == "desc"
    nulls_first = node["nulls"] == "first" if "nulls" in node else descending
    return Part(
        node.get("column", ""),
        Expr(node["expression"]) if "expression" in node else None,
        node.get("opclass", ""),
        lower_collation(node.get("collation")),
        descending,
        nulls_first,
    )


def lift(part: Part) -> Any:
    """The name alone where that says all."""
    node: dict[str, Any] = {"expression": part.expression.source} if part.expression else {"column": part.column}
    if part.opclass:
        node["opclass"] = part.opclass
    if part.collation is not None:
        node["collation"] = lift_collation(part.collation)
    if part.descending:
        node["order"] = "desc"
    if part.nulls_first != part.descending:
        node["nulls"] = "first" if part.nulls_first else "last"
    return part.column if len(node) == 1 and part.column else node


def render(part: Part) -> str:
    """The key as CREATE INDEX writes it."""
    text = f"({part.expression.source})" if part.expression else ident(part.column)
    if part.collation is not None:
        text += f" COLLATE {qualified(*part.collation)}"
    if part.opclass:
        text += f" {part.opclass}"
    if part.descending:
        text += " DESC"
    if part.nulls_first != part.descending:
        text += " NULLS FIRST" if part.nulls_first else " NULLS LAST"
    return text


def key_text(part: Part) -> str:
    """The bare key, as a query over the table writes it."""
    return ident(part.column) if part.column else f"({part.expression})"


class Keys(NamedTuple):
    """The vectors of pg_index, one entry a key column; `expressions` holds those of the keys that are 0.

    `numbers` are those of the included columns too, of which there are what is beyond `width`.
    """

    table: int
    method: str
    numbers: list[int]
    width: int
    types: list[int]
    schemas: list[str | None]
    collations: list[str | None]
    classes: list[int]
    options: list[int]
    class_options: list[str | None] | None
    expressions: list[str] | None

    def included(self, reader: Reader) -> tuple[str, ...]:
        """The columns that are in the index without being keys."""
        return reader.names(self.table, self.numbers[self.width :])


KEYS = """i.indrelid, m.amname, i.indkey::int2[], i.indnkeyatts, x.types, x.schemas, x.collations, i.indclass::oid[],
               i.indoption::int2[], x.options,
               CASE WHEN i.indexprs IS NOT NULL THEN ARRAY(
                   SELECT pg_get_indexdef(i.indexrelid, g, false) FROM generate_series(1, i.indnkeyatts) g
                   WHERE i.indkey[g - 1] = 0 ORDER BY g) END"""
"""The columns of `Keys`, of pg_index i and what `KEYS_FROM` joins to it."""

KEYS_FROM = """pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_am m ON m.oid = c.relam
        JOIN (
            SELECT a.attrelid, array_agg(CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END ORDER BY a.attnum),
                   array_agg(array_to_string(a.attoptions, ', ') ORDER BY a.attnum),
                   array_agg(o.collname ORDER BY a.attnum), array_agg(s.nspname ORDER BY a.attnum)
            FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_index j ON j.indexrelid = r.oid
            LEFT JOIN pg_attribute b ON b.attrelid = j.indrelid AND b.attnum = j.indkey[a.attnum - 1] AND b.attnum > 0
            JOIN pg_type d ON d.oid = coalesce(b.atttypid, a.atttypid)
            LEFT JOIN pg_collation o ON o.oid = j.indcollation[a.attnum - 1]
                 AND o.oid <> coalesce(b.attcollation, 100) AND a.attnum <= j.indnkeyatts
            LEFT JOIN pg_namespace s ON s.oid = o.collnamespace
            WHERE r.relkind IN ('i', 'I') AND r.relnamespace = ANY (%(namespaces)s)
            GROUP BY a.attrelid
        ) x (oid, types, options, collations, schemas) ON x.oid = c.oid"""
"""pg_index i with its relation c, the table t and what it indexes; for schemas in scope."""


def read(keys: Keys, reader: Reader) -> Iterable[Part]:
    """The parts of a live index."""
    expressions = iter(keys.expressions or ())
    for position, number in enumerate(keys.numbers[: keys.width]):
        column = reader.columns[keys.table, number] if number else ""
        option = keys.options[position]
        collation = keys.collations[position]
        yield Part(
            column,
            None if number else Expr.live(next(expressions)),
            _opclass(keys, position, reader),
            (keys.schemas[position] or "", collation) if collation else None,
            bool(option & 1),
            bool(option & 2),
        )


def _opclass(keys: Keys, position: int, reader: Reader) -> str:
    """Empty for the default one of the key's type: exact, or of a type it is binary-coercible to."""
    name, is_default, input_type, _method = reader.opclasses[keys.classes[position]]
    said = (keys.class_options or [None] * keys.width)[position]
    kind = keys.types[position]
    plain = is_default and (input_type == kind or (keys.method, kind) not in reader.default_opclasses)
    if said:
        return f"{name} ({said})"
    return "" if plain else name
