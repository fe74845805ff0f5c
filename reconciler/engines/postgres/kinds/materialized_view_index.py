"""Indexes of materialized views, in the words of `kinds/index.py`; a unique one lets REFRESH run CONCURRENTLY."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from reconciler.engines.postgres import index_changes
from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.kinds import index, operator_class
from reconciler.engines.postgres.kinds.index import Index
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.step import Draft

NAME = "materialized_view_index"


def lower(name: str, node: object, place: Place) -> Index:
    """Path: (schema, materialized view, name)."""
    return dataclasses.replace(index.lower(name, node, place), address=place.address(NAME, name))


def query(version: int) -> str:
    """Indexes of materialized views in scope."""
    return index.query(version, "'m'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Index]:
    """Rows of `query` → Index."""
    return index.read(rows, reader, NAME)


def references(index: Index, catalog: Catalog) -> Iterable[Address]:
    """The operator classes of its keys, beside its materialized view; what that puts out is no resource."""
    return operator_class.used(index.address, index.method, ((p.opclass, "") for p in index.parts), catalog)


def absorbed(change: Change[Index], context: Context) -> bool:
    """Built and gone with its materialized view."""
    holder = context.changes.get(change.address.sibling("materialized_view", change.address.path[:2]))
    return holder is not None and change.action is holder.action and change.action in (Action.CREATE, Action.DELETE)


def create(change: Change[Index], context: Context) -> list[Draft]:
    """Concurrently; where the materialized view itself is built anew, plainly after that."""
    drafts = index_changes.create(change, context)
    if not context.creates(change.address.sibling("materialized_view", change.address.path[:2])):
        return drafts
    reads = hazard(Code.SCAN_UNDER_LOCK, f"{change.address.path[1]} is read for its new index {change.address.name}")
    return [dataclasses.replace(d, hazards=(*d.hazards, reads)) for d in drafts]


KIND = dataclasses.replace(
    index.KIND,
    name=NAME,
    lower=lower,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=create,
    parent="materialized_view",
    temporary=None,
    piece=False,
    order=77,
)
