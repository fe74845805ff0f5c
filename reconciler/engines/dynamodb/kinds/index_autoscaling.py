"""Autoscaling of a global index (see `engines.dynamodb.autoscale`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.dynamodb import autoscale, scaling
from reconciler.engines.dynamodb.autoscale import IndexAutoscaling
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.kind import Place, rule


def lower(_name: str, node: Mapping[str, Any], place: Place) -> IndexAutoscaling:
    """`autoscaling:` of an index."""
    return IndexAutoscaling(place.address("index_autoscaling"), *autoscale.lowered(node))


def read(row: TableRow, table: Address) -> Iterable[IndexAutoscaling]:
    """What Application Auto Scaling has on record."""
    for index in row.indexes:
        found = autoscale.found(row, index)
        if found:
            yield IndexAutoscaling(table.sibling("index_autoscaling", (*table.path, index)), *found)


KIND = DynamoKind(
    name="index_autoscaling",
    resource=IndexAutoscaling,
    section="autoscaling",
    parent="gsi",
    singleton=True,
    spec=scaling.SPEC,
    lower=lower,
    lift=autoscale.lift,
    read=read,
    create=autoscale.create,
    drop=autoscale.drop,
    rules=(rule("read", emit=autoscale.change_read), rule("write", emit=autoscale.change_write)),
    order=51,
)
