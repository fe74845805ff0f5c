"""The columns and expressions of an index, declared and as the catalogs keep them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from reconciler.engines.postgres.kind import Reader
from reconciler.engines.postgres.lookups import DEFAULT_COLLATION
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
        "statistics": {"type": "integer"},
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
    """The vectors of pg_index, one entry a key column; `expressions` and `types` are of those keys that are 0.

    `numbers` are those of the included columns too, of which there are what is beyond `width`.
    """

    oid: int
    table: int
    method: str
    numbers: list[int]
    width: int
    collations: list[int]
    classes: list[int]
    options: list[int]
    expressions: list[str] | None
    types: list[int] | None

    def included(self, reader: Reader) -> tuple[str, ...]:
        """The columns that are in the index without being keys."""
        return reader.names(self.table, self.numbers[self.width :])


# One expression is spelled by pg_get_expr, which looks nothing up; of several it would make one text.
KEYS = """i.indexrelid, i.indrelid, m.amname, i.indkey::int2[], i.indnkeyatts, i.indcollation::oid[],
               i.indclass::oid[], i.indoption::int2[],
               CASE WHEN i.indexprs IS NULL THEN NULL
                    WHEN cardinality(array_positions(i.indkey::int2[], 0::int2)) = 1
                    THEN ARRAY[pg_get_expr(i.indexprs, i.indrelid)]
                    ELSE ARRAY(SELECT pg_get_indexdef(i.indexrelid, g, false) FROM generate_series(1, i.indnkeyatts) g
                               WHERE i.indkey[g - 1] = 0 ORDER BY g) END,
               CASE WHEN i.indexprs IS NOT NULL THEN
                    ARRAY(SELECT a.atttypid FROM pg_attribute a
                          WHERE a.attrelid = i.indexrelid AND i.indkey[a.attnum - 1] = 0 ORDER BY a.attnum) END"""
"""The columns of `Keys`, of pg_index i and what `KEYS_FROM` joins to it."""

KEYS_FROM = """pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_am m ON m.oid = c.relam"""
"""pg_index i with its relation c and the table t."""


def read(keys: Keys, reader: Reader) -> Iterable[Part]:
    """The parts of a live index."""
    expressions, types = iter(keys.expressions or ()), iter(keys.types or ())
    table, names, columns, collations = keys.table, reader.columns, reader.column_types, reader.lookups.collations
    for position, number in enumerate(keys.numbers[: keys.width]):
        kind, own = columns[table, number] if number else (next(types), DEFAULT_COLLATION)
        collation, option = keys.collations[position], keys.options[position]
        yield Part(
            names[table, number] if number else "",
            None if number else Expr.live(next(expressions)),
            _opclass(keys, position, kind, reader),
            collations[collation] if collation and collation != own else None,
            option & 1 == 1,
            option & 2 == 2,
        )


def _opclass(keys: Keys, position: int, kind: int, reader: Reader) -> str:
    """Empty for the default one of the key's type, or the type under it: exact, or of one it is binary-coercible to."""
    lookups = reader.lookups
    name, is_default, input_type, _method = lookups.opclasses[keys.classes[position]]
    if lookups.class_options and (said := lookups.class_options.get((keys.oid, position + 1))):
        return f"{name} ({said})"
    kind = lookups.base(kind)
    plain = is_default and (input_type == kind or (keys.method, kind) not in lookups.default_opclasses)
    return "" if plain else name
