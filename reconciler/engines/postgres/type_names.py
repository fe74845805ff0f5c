"""Names of declared types inside a type's text: `app.money[]` → the domain, composite, range or enum of that name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from reconciler.engines.postgres.quoting import dotted, ident, qualified, undotted
from reconciler.engines.postgres.types import is_builtin
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource

KINDS = ("enum", "domain", "composite", "range", "base_type", "table", "view", "materialized_view")
"""What a type name may stand for, in the order it is looked up; relations have a row type."""

MADE_OF = ("domain", "composite", "range")
"""Types that are made of others."""
STANDALONE = frozenset({*MADE_OF, "enum"})
"""Types that are declared by themselves, of which one can take the name of another."""
MAKERS = STANDALONE | {"collation"}
"""What takes along what is made of it when it comes anew: types, and a collation under its columns and types."""


@lru_cache(maxsize=4096)
def named(text: str) -> tuple[str, str]:
    """(schema, name) of a type that is not built in; array brackets and modifiers left out. `public` goes unsaid."""
    body = text.strip()
    while body.endswith("]"):
        body = body.rpartition("[")[0].rstrip()
    parts: list[str] = []
    current, quoted = "", False
    for char in body:
        if char == '"':
            quoted = not quoted
            current += char
        elif char == "(" and not quoted:
            break
        elif char == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    parts.append(current)
    names = [_plain(p.strip()) for p in parts]
    return (names[-2] if len(names) > 1 else "public", names[-1])


def _plain(part: str) -> str:
    if len(part) > 1 and part.startswith('"') and part.endswith('"'):
        return part[1:-1].replace('""', '"')
    return part.lower()


def type_references(holder: Address, text: str, catalog: Catalog) -> Iterable[Address]:
    """The declared type that a type's text names, the multirange of a range included; the extension that brings it, if
    only one is in that schema; nothing for any other type.
    """
    from reconciler.engines.postgres.kinds.extension import Extension

    if is_builtin(text):
        return
    path = named(text)
    for kind in KINDS:
        wanted = holder.sibling(kind, path)
        if wanted in catalog.resources:
            yield wanted
            return
    for found in catalog.children(holder.sibling("schema", path[:1]), "range", Resource):
        if getattr(found, "multirange", None) == path[1]:
            yield found.address
            return
    bringing = [e.address for e in catalog.of_kind(Extension) if (e.schema or "public") == path[0]]
    if len(bringing) == 1:
        yield bringing[0]


def type_name(address: Address) -> str:
    """`schema.name` of a type."""
    return qualified(address.path[0], address.path[1])


def short(schema: str | None, name: str | None) -> str:
    """A name as live text has it: bare in `pg_catalog` and `public`, qualified elsewhere; empty for none."""
    if not schema or not name:
        return ""
    return ident(name) if schema in ("pg_catalog", "public") else qualified(schema, name)


def lower_collation(text: str | None) -> tuple[str, str] | None:
    """`german` or `app.german` → (schema, name); a bare name is the system's."""
    if text is None:
        return None
    *schema, name = undotted(text)
    return (".".join(schema) or "pg_catalog", name)


def lift_collation(collation: tuple[str, str]) -> str:
    """The inverse."""
    schema, name = collation
    return dotted(name) if schema == "pg_catalog" else dotted(schema, name)
