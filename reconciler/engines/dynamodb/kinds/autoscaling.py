"""Autoscaling of a table (see `engines.dynamodb.autoscale`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.dynamodb import autoscale, scaling
from reconciler.engines.dynamodb.autoscale import Autoscaling
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.kind import Place, rule


def lower(_name: str, node: Mapping[str, Any], place: Place) -> Autoscaling:
    """`autoscaling:` of a table."""
    return Autoscaling(place.address("autoscaling"), *autoscale.lowered(node))


def read(row: TableRow, table: Address) -> Iterable[Autoscaling]:
    """What Application Auto Scaling has on record."""
    found = autoscale.found(row, "")
    if found:
        yield Autoscaling(table.sibling("autoscaling", table.path), *found)


KIND = DynamoKind(
    name="autoscaling",
    resource=Autoscaling,
    section="autoscaling",
    parent="table",
    singleton=True,
    spec=scaling.SPEC,
    lower=lower,
    lift=autoscale.lift,
    read=read,
    create=autoscale.create,
    drop=autoscale.drop,
    rules=(rule("read", emit=autoscale.change_read), rule("write", emit=autoscale.change_write)),
    order=50,
)
