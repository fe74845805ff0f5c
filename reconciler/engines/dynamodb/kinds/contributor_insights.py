"""Contributor insights of a table (see `engines.dynamodb.insights`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.engines.dynamodb import insights
from reconciler.engines.dynamodb.enclosing import with_table
from reconciler.engines.dynamodb.insights import Insights
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Place, rule


def lower(_name: str, node: Any, place: Place) -> Insights:
    """`contributor_insights:` of a table."""
    return Insights(place.address("contributor_insights"), insights.lowered(node))


def lift(resource: Insights, _catalog: Catalog) -> Any:
    """The shortest node that lowers to it."""
    return insights.lifted(resource)


def read(row: TableRow, table: Address) -> Iterable[Insights]:
    """Those that are on, or being turned on."""
    mode = (row.insights or {}).get("")
    if mode:
        yield Insights(table.sibling("contributor_insights", table.path), mode)


KIND = DynamoKind(
    name="contributor_insights",
    resource=Insights,
    section="contributor_insights",
    parent="table",
    singleton=True,
    spec=insights.SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_table,
    create=insights.create,
    drop=insights.drop,
    rules=(rule("mode", emit=insights.change_mode),),
    order=55,
)
