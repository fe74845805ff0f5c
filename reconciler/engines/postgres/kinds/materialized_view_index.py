"""Indexes of materialized views, in the words of `kinds/index.py`; a unique one lets REFRESH run CONCURRENTLY."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.kinds import index
from reconciler.engines.postgres.kinds.index import Index
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Place

NAME = "materialized_view_index"


def lower(name: str, node: object, place: Place) -> Index:
    """Path: (schema, materialized view, name)."""
    return dataclasses.replace(index.lower(name, node, place), address=place.address(NAME, name))


def query(version: int) -> str:
    """Indexes of materialized views in scope."""
    return index.query(version, "m")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Index]:
    """Rows of `query` → Index."""
    return index.read(rows, reader, NAME)


def references(_index: Index, _catalog: Catalog) -> Iterable[Address]:
    """Its materialized view alone, which it stands in: what that puts out is no resource."""
    return ()


KIND = dataclasses.replace(
    index.KIND,
    name=NAME,
    lower=lower,
    query=query,
    read=read,
    references=references,
    parent="materialized_view",
    temporary=None,
    piece=False,
    order=77,
)
