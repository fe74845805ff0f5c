"""Rows that a new type of a column would refuse, by the rules of the casts between built-in types.

ALTER COLUMN TYPE stops at the first such value. What a cast only rounds or cuts passes, and what is not told here the
step itself finds. PostgreSQL documentation, 8.1 "Numeric Types", 8.3 "Character Types"; from 16 on
`pg_input_is_valid`, before that a function of the session that tries the cast.
"""

from __future__ import annotations

from reconciler.engines.postgres.column_names import label, table_name
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.inheritance_changes import rows_of
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.engines.postgres.type_names import type_references
from reconciler.engines.postgres.types import TypeName, is_builtin, parsed
from reconciler.model.expr import Expr
from reconciler.model.kind import Context
from reconciler.model.step import Probe

DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
NUMBERS = {*DIGITS, "numeric", "real", "double precision"}
EXACT = {("real", "double precision"), ("smallint", "real"), ("smallint", "double precision")} | {
    ("integer", "double precision"),
}
"""Casts to floating point that round nothing: 24 and 53 bits hold the number."""
TEXTS = {"text", "character varying", "character", "json"}
READS = "pg_temp.is_read"
MADE = "$$;\n"
"""Ends the function that a probe may begin with."""


def unfit(live: Column, column: Column, facts: Facts, context: Context) -> tuple[Probe, ...]:
    """What finds the rows; nothing where the server takes all values, or where it is not known which it does not."""
    if column.using is not None:
        return _without_value(column, column.using, context)
    condition = _refused(live, column, bool(facts.using), context) if facts.rewrites else ""
    if not condition:
        return ()
    first = _reading(column) if READS in condition else ""
    return (
        Probe(
            f"rows hold a {label(column)} that is no {column.type}",
            f"{first}SELECT ctid::text FROM {rows_of(column.address, context)} WHERE {condition}",
        ),
    )


def _reading(column: Column) -> str:
    """The function that tells on PostgreSQL 14 and 15 whether text is a value of the type. It goes with the session."""
    body = f"BEGIN PERFORM value::{column.type}; RETURN true; EXCEPTION WHEN data_exception THEN RETURN false; END"
    return f"CREATE FUNCTION {READS}(value text) RETURNS boolean LANGUAGE plpgsql AS $$ {body} {MADE}"


def keeps_all(live: Column, column: Column) -> bool:
    """Whether each value of the live type is one of the new type, and the same (documentation, 8.1 "Numeric Types")."""
    old, new = parsed(live.type), parsed(column.type)
    if old is None or new is None or old.array != new.array or column.using is not None:
        return False
    source, target = f"{old.words} {old.tail}".strip(), f"{new.words} {new.tail}".strip()
    if source in NUMBERS and target in ("text", "character varying") and not new.mods:
        return True
    if source in DIGITS and target in DIGITS:
        return DIGITS[source] <= DIGITS[target]
    if target == "numeric" and (source in DIGITS or (source == "numeric" and old.mods)):
        return not new.mods or all(a <= b for a, b in zip(_room(source, old), _digits(new), strict=True))
    return (source, target) in EXACT


def _room(source: str, kind: TypeName) -> tuple[int, int]:
    """How many digits a value may have before the point, and after it."""
    return _digits(kind) if source == "numeric" else (DIGITS[source], 0)


def _without_value(column: Column, using: Expr, context: Context) -> tuple[Probe, ...]:
    """Finds rows that get no value where one has to be."""
    if not column.not_null:
        return ()
    message = f"rows of {table_name(column)} would have no {column.address.name} by {using.source}"
    query = f"SELECT ctid::text FROM {rows_of(column.address, context)} WHERE ({using.source}) IS NULL"
    return (Probe(message, query),)


def _refused(live: Column, column: Column, using: bool, context: Context) -> str:
    """A cast that has to be told (`using`) cuts what is too long."""
    old, new, name = parsed(live.type), parsed(column.type), ident(live.address.name)
    if old is None or old.array or new is None or new.array:
        return ""
    source, target = f"{old.words} {old.tail}".strip(), f"{new.words} {new.tail}".strip()
    if target in ("character varying", "character") and new.mods and not using:
        return f"rtrim(substr({name}::text, {int(new.mods) + 1}), ' ') <> ''"
    if source in NUMBERS and target in DIGITS and DIGITS[target] < DIGITS.get(source, 99):
        return f"round({name}::numeric) {_beyond(target)}"
    if source in NUMBERS and target == "numeric" and new.mods:
        whole, scale = _digits(new)
        before, rounded = _room(source, old) if old.mods or source in DIGITS else (999, 0)
        if before <= whole and rounded <= scale:
            return ""
        return f"{name}::numeric <> 'NaN' AND abs(round({name}::numeric, {scale})) >= 1e{whole}::numeric"
    if source in TEXTS and target not in TEXTS - {"json"}:
        return _misread(name, column, context)
    return ""


def _beyond(target: str) -> str:
    most = {5: 2**15, 10: 2**31, 19: 2**63}[DIGITS[target]]
    return f"NOT BETWEEN {-most} AND {most - 1}"


def _misread(name: str, column: Column, context: Context) -> str:
    """Text that is no value of the type, as far as that can be told."""
    if not _tells(column, context):
        return ""
    if context.server.version >= (16,):
        return f"NOT pg_input_is_valid({name}::text, {literal(column.type)})"
    return f"NOT {READS}({name}::text)"


def _digits(kind: TypeName) -> tuple[int, int]:
    """Of a numeric: how many before the point, and after it."""
    precision, _, scale = kind.mods.partition(",")
    return int(precision) - int(scale or 0), int(scale or 0)


def _tells(column: Column, context: Context) -> bool:
    """Whether what reads a value of the type says what it refuses: that of an extension might stop instead."""
    of = type_references(column.address, column.type, context.desired)
    return is_builtin(column.type) or any(a.kind in ("enum", "domain") for a in of)
