"""Which of the server's errors about declared text are the author's: told at their line, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres.mentions import RELATIONS
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr
from reconciler.model.kind import Kind
from reconciler.model.naming import references_of
from reconciler.model.resource import Resource

# What the author can only have got wrong; a missing function may be one that nothing here models yet.
SLIPS = (
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.SyntaxError,
    errors.DatatypeMismatch,
    errors.InvalidTableDefinition,
    errors.CannotCoerce,
    errors.GroupingError,
    errors.WrongObjectType,
    errors.InvalidParameterValue,
    errors.InvalidTextRepresentation,
    errors.InvalidObjectDefinition,
    errors.FeatureNotSupported,
)

NO_TYPE = "a type outside public is written with its schema; one that an extension brings needs the extension declared"

CHANGEABLE = frozenset({"composite", "domain", "range"})
"""Types that are not made for the answer where they are live already."""

ROWS = RELATIONS - {"table"}
"""Relations that are not made for the answer, though a column may be of their row type."""


def is_slip(
    error: psycopg.Error, resource: Resource, desired: Catalog, live: Catalog, kinds: Mapping[str, Kind[Any]]
) -> bool:
    """Whether the author got it wrong. A new value of an enum cannot be used before it is committed, and a type
    or another relation that is to come or to change is not yet as declared: with these the text may be right.
    """
    if not isinstance(error, SLIPS):
        return False
    if isinstance(error, errors.InvalidTextRepresentation) and "enum" in (error.diag.message_primary or ""):
        return False
    said = {*references_of(resource, desired, kinds), *kinds[resource.address.kind].mentions(resource, desired)}
    if any(a.kind in ROWS and a not in live.resources for a in said):
        return False
    types = (a for a in said if a.kind in CHANGEABLE and a in live.resources)
    tables = (a for a in said if a.kind == "table" and a.path != resource.address.path[:2])
    return all(live.resources[a] == desired.resources[a] for a in types) and all(
        _columns(a, live) == _columns(a, desired) for a in tables
    )


def unquoted(resource: Resource) -> str | None:
    """A hint for a default that the server refused, where it looks like text without the quotes of SQL."""
    default = getattr(resource, "default", None)
    if not isinstance(default, Expr) or not re.fullmatch(r"[^'\"()]*[^\W\d][^'\"()]*|\d+[-:][\d:-]+", default.source):
        return None
    return f"""a default is SQL, and its text stands in quotes of SQL: default: "'{default.source}'\""""


def _columns(table: Address, catalog: Catalog) -> set[tuple[str, str]]:
    return {(c.address.name, getattr(c, "type", "")) for c in catalog.children(table, "column", Resource)}
