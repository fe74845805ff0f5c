"""Type names: the aliases of the SQL grammar as `format_type` spells them. What is not built in, the server judges."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from reconciler.model.kind import Place

# Grammar aliases and their canonical names (PostgreSQL documentation, 8 "Data Types"; format_type in 18).
ALIASES = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "bool": "boolean",
    "decimal": "numeric",
    "dec": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "national character varying": "character varying",
    "char": "character",
    "nchar": "character",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timestamp without time zone": "timestamp without time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
}
BUILTIN = frozenset(
    """integer smallint bigint real boolean numeric money text bytea uuid json jsonb xml date interval bit oid name
    inet cidr macaddr macaddr8 point line lseg box path polygon circle tsvector tsquery jsonpath pg_lsn
    int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange
    tsmultirange tstzmultirange datemultirange txid_snapshot pg_snapshot regclass regproc regtype regrole
    regnamespace regconfig regdictionary regprocedure regoper regoperator regcollation xid xid8 cid tid character
    bpchar refcursor aclitem int2vector oidvector""".split()
) | {
    "character varying",
    "bit varying",
    "double precision",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
}
PSEUDO = frozenset(
    """trigger event_trigger void record unknown internal cstring any anyelement anyarray anynonarray anyenum anyrange
    anymultirange anycompatible anycompatiblearray anycompatiblenonarray anycompatiblerange anycompatiblemultirange
    language_handler fdw_handler index_am_handler table_am_handler tsm_handler pg_ddl_command""".split()
)
"""What only a function can take or return (documentation, 8.21 "Pseudo-Types")."""
SERIAL = {"serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint"} | {
    "smallserial": "smallint",
    "serial2": "smallint",
}
QUOTED = frozenset({'"char"', '"any"'})
"""Built-in names that only quotes tell from a word of the grammar."""
_DEFAULT_MODS = {"character": "1", "bit": "1"}


CLAUSE = re.compile(
    r"\b(not\s+null|null|default|primary\s+key|unique|references|check|collate|constraint|generated\s+(?:always|by))\b",
    re.I,
)
"""What follows the type in CREATE TABLE and is no part of it (documentation, "CREATE TABLE", column_constraint)."""
CLAUSE_KEYS = {
    "NOT NULL": "say it beside the type: {type: …, not_null: true}",
    "NULL": "leave it out: without not_null a value may be missing",
    "DEFAULT": "say it beside the type: {type: …, default: …}",
    "COLLATE": "say it beside the type: {type: …, collation: …}",
    "CHECK": "say it among the checks",
    "PRIMARY KEY": "say it beside the columns: primary_key: [id]",
    "UNIQUE": "say it among the uniques of the table",
    "REFERENCES": "say it among the foreign_keys of the table",
}


class TypeName(NamedTuple):
    """A type in parts: words, modifiers in parentheses, what follows them, array brackets."""

    words: str
    mods: str
    tail: str
    array: str


def parsed(text: str) -> TypeName | None:
    """The parts of a type name that quotes nothing; None for anything this small grammar does not cover."""
    if '"' in text or text.count("(") != text.count(")") or text.count("(") > 1:
        return None
    body, brackets = text.strip(), ""
    while body.endswith("]"):
        head, _, inner = body[:-1].rpartition("[")
        if inner.strip() and not inner.strip().isdigit():
            return None
        body, brackets = head.rstrip(), brackets + "[]"
    if body.lower().endswith(" array"):
        body, brackets = body[: -len(" array")].rstrip(), brackets + "[]"
    head, _, rest = body.partition("(")
    mods, _, tail = rest.partition(")")
    clean = ",".join(m.strip() for m in mods.split(",")) if mods else ""
    return TypeName(" ".join(head.lower().split()), clean, " ".join(tail.lower().split()), "[]" if brackets else "")


def lower_type(written: str, place: Place) -> str:
    """The canonical type. Raises DeclarationError where more than a type is written: `text NOT NULL`."""
    clause = _clause_in(written)
    if clause is not None:
        raise place.fail(f"{clause} is no part of a type", CLAUSE_KEYS.get(clause, "write the type alone"), "type")
    return canonical(written)


@lru_cache(maxsize=4096)
def _clause_in(text: str) -> str | None:
    """The first clause behind the type; quoted names have none."""
    found = CLAUSE.search(re.sub(r'"[^"]*"', "", text))
    return " ".join(found[0].upper().split()) if found else None


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """A built-in type as `format_type` spells it; any other text as it stands, for the server to judge."""
    parts = parsed(text)
    if parts is None:
        return text
    name = f"{parts.words} {parts.tail}".strip()
    if name == "float" and parts.mods:
        return ("real" if int(parts.mods) <= 24 else "double precision") + parts.array
    base = ALIASES.get(name, name)
    if base.startswith("interval"):
        return _interval(parts)
    if base not in BUILTIN:
        return text
    mods = parts.mods or _DEFAULT_MODS.get(base, "")
    if base == "numeric" and mods and "," not in mods:
        mods += ",0"
    if not mods:
        return base + parts.array
    stem, _, rest = base.partition(" ") if base.startswith("time") else (base, "", "")
    return f"{stem}({mods})" + (f" {rest}" if rest else "") + parts.array


def _interval(parts: TypeName) -> str:
    fields = parts.words.removeprefix("interval").strip() or parts.tail
    mods = f"({parts.mods})" if parts.mods else ""
    return f"interval{f' {fields}' if fields else ''}{mods}{parts.array}"


@lru_cache(maxsize=4096)
def is_builtin(text: str) -> bool:
    """Whether the text, aliases and modifiers aside, names a type that every server has."""
    parts = parsed(text)
    if parts is None:
        return text.rstrip("[]") in QUOTED
    name = f"{parts.words} {parts.tail}".strip()
    return name == "float" or name.startswith("interval") or ALIASES.get(name, name) in BUILTIN | PSEUDO


def suggestion(text: str) -> str | None:
    """The built-in type an author may have meant by a bare unknown name."""
    import difflib

    parts = parsed(text)
    if parts is None or "." in text:
        return None
    close = difflib.get_close_matches(parts.words, [*ALIASES, *BUILTIN], n=1, cutoff=0.75)
    return close[0] if close else None
