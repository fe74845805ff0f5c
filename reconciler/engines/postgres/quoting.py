"""Names and literals as SQL text. Nothing else in this engine pastes a value into a statement (law 9)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_BYTES = 63
"""NAMEDATALEN - 1: longer identifiers are silently cut by the server (measured, 70 → 63)."""

# pg_get_keywords() of PostgreSQL 18, all but the unreserved ones: quote_ident() quotes these too.
KEYWORDS = frozenset(
    """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
cast char character check coalesce collate collation column concurrently constraint create cross
current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query
json_scalar json_serialize json_table json_value lateral leading least left like limit localtime
localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset on
only or order out outer overlaps overlay placing position precision primary real references returning right
row select session_user setof similar smallint some substring symmetric system_user table tablesample then
time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where
window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
xmlserialize xmltable
""".split()
)

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz_")
_REST = _FIRST | frozenset("0123456789$")


def ident(name: str) -> str:
    """A name as an SQL identifier, quoted where it has to be. Raises ValueError for what no identifier can hold."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be an identifier")
    if name[0] in _FIRST and _REST.issuperset(name) and name not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """`schema.name`."""
    return f"{ident(schema)}.{ident(name)}"


def dotted(*names: str) -> str:
    """Names as a declaration joins them: `app.german`; in SQL quotes where one holds a dot, as `"en_US.utf8"` does."""
    return ".".join('"' + n.replace('"', '""') + '"' if "." in n or '"' in n else n for n in names)


def undotted(text: str) -> tuple[str, ...]:
    """The inverse."""
    parts = re.findall(r'(?:^|\.)("(?:[^"]|"")*"(?=\.|$)|[^.]*)', text)
    quoted = [len(p) > 1 and p[0] == p[-1] == '"' for p in parts]
    return tuple(p[1:-1].replace('""', '"') if q else p for p, q in zip(parts, quoted, strict=True))


def columns(names: Iterable[str]) -> str:
    """`(a, b)`."""
    return "(" + ", ".join(ident(n) for n in names) + ")"


def literal(text: str) -> str:
    """A string literal; standard_conforming_strings is on in every session of ours. Raises ValueError for NUL."""
    if "\0" in text:
        raise ValueError("a string literal cannot hold NUL")
    return "'" + text.replace("'", "''") + "'"


def fitting(*parts: str, suffix: str = "") -> str:
    """A generated name that fits in 63 bytes and is still one's own: the parts joined, cut with a hash if need be."""
    name = "_".join(parts) + suffix
    if len(name.encode()) <= MAX_BYTES:
        return name
    import hashlib

    tag = hashlib.sha256(name.encode()).hexdigest()[:8]
    room = MAX_BYTES - len(suffix.encode()) - len(tag) - 1
    stem = "_".join(parts).encode()[:room].decode(errors="ignore")
    return f"{stem}_{tag}{suffix}"
