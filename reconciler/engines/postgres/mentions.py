"""What an SQL text may use, by the names in it: a lexical scan, for the order of creation only.

Lexical rules: PostgreSQL documentation, 4.1 "Lexical Structure". The scan takes too much rather than too little: a name
that happens to be an alias costs an edge that gives way, a name that is missed costs a failing statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from weakref import WeakKeyDictionary

from reconciler.engines.postgres.object_names import USING
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource

RELATIONS = frozenset({"table", "view", "materialized_view", "foreign_table"})
INSIDE = ("column", "primary_key")
"""What of a relation comes along when the relation is named: a view may use a new column, or group by the key."""

_COLUMN_FOLLOWS = frozenset("and as by case distinct else having not or returning select then when where".split())
"""Words after which a bare name is a column or one that is given there; but a row type may stand in `CAST (… AS …)`."""

# a letter, _ or beyond ASCII: said as what it is not, it compiles in a tenth of the time
_FIRST = r"[^\x00-@\[-\^`{-\x7f]"
_NAME = rf'(?:{_FIRST}[\w$]*|"(?:[^"]|"")+")'
_TOKEN = re.compile(
    rf"""
      (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*'?)
    | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'?)
    | (?P<dollar>\$(?:{_FIRST}[\w]*)?\$)
    | (?P<unicode>[uU]&"(?:[^"]|"")+")
    | (?P<name>{_NAME}(?:\s*\.\s*{_NAME})*)
    | (?P<operator>(?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+)
    | (?P<number>\d[\w.]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(_NAME)
_ALIASED = re.compile(
    rf"(?P<before>\)|{_NAME}(?:\s*\.\s*{_NAME})*)\s+(?!(?:in|using)\b){_NAME}\s*\(\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*\)",
    re.IGNORECASE,
)
"""`orders o(a, b)`, `AS o(a, b)`, `) o(a, b)`: names for the columns, by their place."""
_BLOCK = re.compile(r"/\*|\*/")
# 'a.b_seq', 'f(integer)': what regclass and its like read
_REGISTERED = re.compile(rf"\s*(?:{_NAME}\s*\.\s*)*(?:{_NAME}|[-+*/<>=~!@#%^&|`?]+)\s*(?:\([^']*\))?\s*")

Chain = tuple[str, ...]


class _Names:
    """The declared names of a catalog: by (schema, name), and by the bare name."""

    def __init__(self, catalog: Catalog) -> None:
        self.qualified: dict[Chain, list[Address]] = {}
        self.bare: dict[str, list[Address]] = {}
        schemas = {a.path[0] for a in catalog.resources if a.kind == "schema"}
        for address in catalog.resources:
            path = address.path
            if len(path) == 2 and path[0] in schemas and address.kind not in INSIDE:
                name = path[1].partition("(")[0].partition(USING)[0] or path[1]
                self.qualified.setdefault((path[0], name), []).append(address)
                self.bare.setdefault(name, []).append(address)

    def found(self, chain: Chain) -> Iterator[Address]:
        """What `a`, `a.b` or `a.b.c` may be: a name in a schema, or a bare name with a column of it."""
        for start in range(len(chain) - 1):
            yield from self.qualified.get(chain[start : start + 2], ())
        if len(chain) < 2 or chain[:2] not in self.qualified:
            known = self.bare.get(chain[0], ())
            yield from [a for a in known if a.path[0] == "public"] or known


_names: WeakKeyDictionary[Catalog, _Names] = WeakKeyDictionary()


def mentioned(text: str, catalog: Catalog, *, kinds: Iterable[str] | None = None) -> list[Address]:
    """Addresses in the catalog whose names stand in the text, sorted; only those of `kinds` where some are given.

    Quoted names, dollar quotes, and strings that look like names are read; comments and other strings are not. Of a
    relation that is named come the columns that are named too (all of them beside a `*` or a list of column aliases,
    which goes by their places), and its primary key. A bare name is sought in `public` first, then everywhere.
    """
    names = _names_of(catalog)
    found: dict[Address, None] = {}
    said: set[str] = set()
    follows = _COLUMN_FOLLOWS - ({"as"} if "cast" in text.lower() else set())
    for chain, before in _placed(text):
        said.update(chain)
        plain = len(chain) == 1 and before in follows
        found.update(dict.fromkeys(a for a in names.found(chain) if not (plain and a.kind in RELATIONS)))
    said |= {"*"} if aliases_columns(text, catalog) else set()
    wanted = None if kinds is None else frozenset(kinds)
    inside = [a for r in found if r.kind in RELATIONS for a in _inside(r, said, catalog, wanted)]
    return sorted(a for a in {*found, *inside} if wanted is None or a.kind in wanted)


def of_expression(text: str, catalog: Catalog) -> list[Address]:
    """What an expression about one row may use: all that is named but relations, whose names columns often have."""
    return [a for a in mentioned(text, catalog) if a.kind not in RELATIONS and a.kind not in INSIDE]


def aliases_columns(text: str, catalog: Catalog) -> bool:
    """Whether a relation, or a join in parentheses, gets aliases for its columns; before a call stands neither."""
    names = _names_of(catalog)
    for match in _ALIASED.finditer(text):
        before = tuple(map(_folded, _PART.findall(match["before"])))
        if before in ((), ("as",)) or any(a.kind in RELATIONS for a in names.found(before)):
            return True
    return False


def words(text: str) -> set[str]:
    """All names in the text, part by part."""
    return {part for chain in _chains(text) for part in chain}


def requalified(text: str, relations: Mapping[Chain, str], *, columns: bool = False) -> str:
    """The text with other schemas before these relations, or none: (schema, name) → SQL for the new one, or "".

    `columns`: only where a column follows, as in `public.orders.id`. What stands in quotes stays as it is.
    """
    result, done = [], 0
    for kind, start, end in _tokens(text):
        parts = list(_PART.finditer(text, start, end)) if kind == "name" else []
        if len(parts) > 2 or (len(parts) == 2 and (not columns or text[end:].lstrip().startswith("."))):
            schema = relations.get((_folded(parts[0].group()), _folded(parts[1].group())))
            if schema is not None:
                result += [text[done:start], schema, "." if schema else ""]
                done = parts[1].start()
    return "".join([*result, text[done:]])


def _names_of(catalog: Catalog) -> _Names:
    names = _names.get(catalog)
    if names is None:
        names = _names[catalog] = _Names(catalog)
    return names


def _inside(relation: Address, words: set[str], catalog: Catalog, wanted: frozenset[str] | None) -> Iterator[Address]:
    for kind in INSIDE:
        if wanted is None or kind in wanted:
            for resource in catalog.children(relation, kind, Resource):
                if kind != "column" or "*" in words or resource.address.name in words:
                    yield resource.address


def _chains(text: str) -> Iterator[Chain]:
    """The names in a text, each with its qualification, folded as the server folds them; operators as they stand."""
    return (chain for chain, _ in _placed(text))


def _placed(text: str) -> Iterator[tuple[Chain, str]]:
    """The same, each with the bare word that stands before it, if there is nothing between the two."""
    word, done = "", 0
    for kind, start, end in _tokens(text):
        said = text[start:end]
        before = word if not text[done:start].strip() else ""
        word, done = said.lower() if kind == "name" else "", end
        if kind == "name":
            yield tuple(map(_folded, _PART.findall(said))), before
        elif kind == "operator":
            yield (said,), ""
        elif kind == "dollar":
            yield from _placed(said)
        elif kind in ("string", "escaped"):
            inner = said[said.index("'") + 1 :].removesuffix("'")
            if _REGISTERED.fullmatch(inner):
                yield from _placed(inner.replace("''", "'"))
        elif kind == "unicode":
            yield (_folded(said[2:]),), before


def _tokens(text: str) -> Iterator[tuple[str | None, int, int]]:
    """(kind, start, end) of what is no comment; of what stands in dollar quotes the inside."""
    position = 0
    while (token := _TOKEN.search(text, position)) is not None:
        start, position, kind = token.start(), token.end(), token.lastgroup
        if kind == "block":
            position = _end_of_block(text, position)
        elif kind == "dollar":
            end = text.find(token.group(), position)
            yield kind, position, end if end >= 0 else len(text)
            position = end + len(token.group()) if end >= 0 else len(text)
        else:
            yield kind, start, position


def _folded(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()


def _end_of_block(text: str, position: int) -> int:
    """Block comments nest."""
    depth = 1
    while depth and (mark := _BLOCK.search(text, position)) is not None:
        depth += 1 if mark.group() == "/*" else -1
        position = mark.end()
    return position if not depth else len(text)
