"""Contributor insights of a global index (see `engines.dynamodb.insights`). They go with their index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.engines.dynamodb import insights
from reconciler.engines.dynamodb.enclosing import with_index
from reconciler.engines.dynamodb.insights import IndexInsights
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Place, rule


def lower(_name: str, node: Any, place: Place) -> IndexInsights:
    """`contributor_insights:` of an index."""
    return IndexInsights(place.address("index_insights"), insights.lowered(node))


def lift(resource: IndexInsights, _catalog: Catalog) -> Any:
    """The shortest node that lowers to it."""
    return insights.lifted(resource)


def read(row: TableRow, table: Address) -> Iterable[IndexInsights]:
    """Those that are on, or being turned on."""
    for index in row.indexes:
        mode = (row.insights or {}).get(index)
        if mode:
            yield IndexInsights(table.sibling("index_insights", (*table.path, index)), mode)


KIND = DynamoKind(
    name="index_insights",
    resource=IndexInsights,
    section="contributor_insights",
    parent="gsi",
    singleton=True,
    spec=insights.SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_index,
    create=insights.create,
    drop=insights.drop,
    rules=(rule("mode", emit=insights.change_mode),),
    order=56,
)
