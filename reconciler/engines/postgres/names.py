"""Names that only one object can have at a time: whoever takes one over waits until its holder gave it up.

Tables, indexes, sequences and the indexes of keys share the names of a schema, constraints those of their table: from
PostgreSQL 18 on those of its columns' NOT NULL too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import not_nulls
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

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
    return tuple(ref for name in taken(change.desired) for ref in _freed(name, change.address, context))


def freed_for_not_null(column: Column, context: Context) -> tuple[Ref, ...]:
    """What has to go before its NOT NULL can have its name."""
    return tuple(_freed(_name_of_not_null(column), column.address, context))


def spare_for_not_null(column: Column, context: Context) -> str:
    """The usual name, or with a number, as the server would choose it: no constraint of the table has it."""
    usual, declared = not_nulls.usual(column.address.path), _holders(context.desired)
    tries = (f"{usual}{number or ''}" for number in count())
    names = ((*column.table, name) for name in tries)
    return next(n[-1] for n in names if n not in declared and _holder(n, column.address, context) is None)


def _name_of_not_null(column: Column) -> Name:
    return (*column.table, not_nulls.name_of(column))


def _freed(name: Name, wanting: Address, context: Context) -> Iterator[Ref]:
    holder = _holder(name, wanting, context)
    return map(Ref, _leaving(name, holder, context)) if holder is not None else iter(())


def _holder(name: Name, wanting: Address, context: Context) -> Resource | None:
    """Who has the name, if that is another one."""
    holder = _holders(context.live).get(name)
    if holder is None and len(name) == 3 and context.server.version >= (18,):
        holder = not_nulls.called(name[2], wanting.sibling("table", name[:2]), context.live)
    return holder if holder is not None and holder.address != wanting else None


def _leaving(name: Name, holder: Resource, context: Context) -> Iterator[Address]:
    """Its own change, if that gives the name up, or those of the columns that take it along."""
    change = context.changes.get(holder.address)
    if change is None or name in _names(change.after):
        return
    yield holder.address
    for part in getattr(holder, "columns", ()):
        column = holder.address.sibling("column", (*holder.address.path[:2], part))
        if context.deletes(column) and not context.deletes(column.sibling("table", column.path[:2])):
            yield column


def _names(resource: Resource | None) -> Iterable[Name]:
    from reconciler.engines.postgres.kinds.column import Column

    if isinstance(resource, Column):
        return (_name_of_not_null(resource),) if resource.not_null else ()
    return taken(resource) if resource is not None else ()
