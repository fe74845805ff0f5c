"""Names that only one object can have at a time: whoever takes one over waits until its holder gave it up.

Tables, indexes, sequences and the indexes of keys share the names of a schema, constraints those of their table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref

Name = tuple[str, ...]
RELATIONS = frozenset(
    """table index sequence unique primary_key exclusion view materialized_view materialized_view_index
    composite""".split()
)
"""Kinds that take a relation's name in their schema."""
ROUTINES = frozenset({"function", "procedure", "aggregate"})
"""Kinds that share names and argument types in their schema."""
TYPES = frozenset({"table", "view", "materialized_view", "composite", "enum", "domain", "range", "base_type"})
"""Kinds that take a type's name in their schema: every table has a row type of its name."""


def taken(resource: Resource) -> Iterator[Name]:
    """(schema, relation), (schema, table, constraint) and type names of a resource."""
    address = resource.address
    name = getattr(resource, "name", "") if address.kind == "primary_key" else address.name
    if address.kind in TYPES:
        yield "type", address.path[0], name, ""
    if address.kind in RELATIONS:
        yield address.path[0], name
    if address.kind in ROUTINES:
        yield "routine", address.path[0], name, ""
    if address.kind in ("check", "unique", "foreign_key", "primary_key", "exclusion"):
        yield address.path[0], address.path[1], name


@lru_cache(maxsize=8)
def _holders(catalog: Catalog) -> Mapping[Name, Resource]:
    return {name: resource for resource in catalog.resources.values() for name in taken(resource)}


def freed(change: Change[Any], context: Context) -> tuple[Ref, ...]:
    """What has to go before the desired resource can have its names."""
    holders = _holders(context.live)
    found = [holders[name] for name in taken(change.desired) if name in holders]
    return tuple(Ref(a) for r in found if r.address != change.address for a in _leaving(r, context))


def _leaving(holder: Resource, context: Context) -> Iterator[Address]:
    """Its own change, or those of the columns that take it along."""
    if holder.address in context.changes:
        yield holder.address
        for name in getattr(holder, "columns", ()):
            column = holder.address.sibling("column", (*holder.address.path[:2], name))
            if context.deletes(column) and not context.deletes(column.sibling("table", column.path[:2])):
                yield column
