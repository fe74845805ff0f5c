"""What a global index has that goes with it when it is built anew, and is made again for the new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb import insights
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.insights import IndexInsights
from reconciler.engines.dynamodb.kinds import replica_index
from reconciler.engines.dynamodb.kinds.replica_index import ReplicaIndex
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import Call
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


def drafts(index: Resource, context: Context) -> Iterator[Draft]:
    """The steps that follow a replacement; what is declared otherwise than it was has steps of its own."""
    table = physical(index.address, context)
    for resource in _attached(index, context.desired):
        if context.live.resources.get(resource.address) == resource:
            region = resource.address.path[1] if resource.address.kind.startswith("replica") else ""
            what = "reads" if isinstance(resource, ReplicaIndex) else "contributor insights"
            where = f", in {region}" if region else ""
            yield Draft(
                f"{resource.address.kind} {region}".strip(),
                Phase.CONTRACT,
                f"set {what} of the new index {index.address.name} of {table} as they were{where}",
                _call(resource, table),
                done=(Check(resource.address, attributes=tuple(_values(resource))),),
                undo=(),
            )


def calls(index: Resource, catalog: Catalog) -> list[Call]:
    """The calls that make it for an index as it is in a catalog."""
    whole: Any = catalog.resources[table_address(index.address)]
    return [_call(resource, whole.name) for resource in _attached(index, catalog)]


def _attached(index: Resource, catalog: Catalog) -> list[IndexInsights | ReplicaIndex]:
    table, name = index.address.path
    found = (
        r for r in catalog.resources.values() if r.address.path[:1] == (table,) and r.address.path[1:][-1:] == (name,)
    )
    return sorted((r for r in found if isinstance(r, (IndexInsights, ReplicaIndex))), key=lambda r: r.address)


def _values(resource: IndexInsights | ReplicaIndex) -> Iterator[tuple[str, Any]]:
    names = ("read", "max_read") if isinstance(resource, ReplicaIndex) else ("mode",)
    return ((name, getattr(resource, name)) for name in names)


def _call(resource: IndexInsights | ReplicaIndex, table: str) -> Call:
    address = resource.address
    if isinstance(resource, ReplicaIndex):
        return replica_index.call(table, resource)
    call = insights.switched(table, resource.mode, address.name)
    return replace(call, region=address.path[1]) if address.kind.startswith("replica") else call
