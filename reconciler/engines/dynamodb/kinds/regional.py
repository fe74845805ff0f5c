"""What replicas have for themselves, each the twin of what a table has (see `engines.dynamodb.regional`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb import scaling
from reconciler.engines.dynamodb.kinds import (
    autoscaling,
    contributor_insights,
    index_autoscaling,
    index_insights,
    kinesis,
    pitr,
    resource_policy,
    tags,
)
from reconciler.engines.dynamodb.regional import there, twin
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address

_SCALED = {**scaling.SPEC, "description": "{read: {min: 5, max: 100}}", "properties": {"read": scaling.ONE}}


def _reads_alone(original: DynamoKind[Any], order: int) -> DynamoKind[Any]:
    """Writes are scaled alike in all regions, and reads too unless the replica says otherwise."""

    def read(row: TableRow, table: Address) -> Iterable[Any]:
        here = {r.address: r.read for r in original.read(row, table)} if row.regions else {}
        for region, regional in row.regions.items():
            for resource in original.read(regional, table):
                if resource.read is not None and resource.read != here.get(resource.address):
                    policies = tuple(p for p in resource.policies if p[0] == "read")
                    address = there(resource.address, region)
                    yield replace(resource, address=address, write=None, policies=policies)

    return replace(twin(original, order), spec=_SCALED, read=read)


KINDS: tuple[DynamoKind[Any], ...] = (
    twin(pitr.KIND, 63),
    twin(tags.KIND, 64),
    twin(kinesis.KIND, 65),
    twin(contributor_insights.KIND, 66),
    twin(resource_policy.KIND, 67),
    _reads_alone(autoscaling.KIND, 68),
    twin(index_insights.KIND, 69),
    _reads_alone(index_autoscaling.KIND, 70),
)
