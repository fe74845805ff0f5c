"""What DynamoDB Local lacks, and what it gets wrong (measured on 2.6.1 and 3.1.0).

It knows no tags and no recovery, keeps no table class, takes keys of one attribute per part only, and does not change
an index's on-demand maximum. What a declaration asks of these is deferred, one by one, so that the rest can be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb import throughput
from reconciler.engines.dynamodb.connect import Connection
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.pitr import Pitr
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.kinds.tags import Tags
from reconciler.engines.dynamodb.row import TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred
from reconciler.model.resource import Resource


def possible(desired: Catalog, live: Catalog, connection: Connection) -> Catalog:
    """The declaration without what the store lacks, which is deferred where the declaration asks for it by name.

    The same catalog on the real service; idempotent.
    """
    if connection.tags and connection.backups and not connection.local:
        return desired
    kept: dict[Address, Resource] = {}
    deferred: list[Deferred] = []
    for address, resource in desired.resources.items():
        reason, rest = _judged(resource, live, connection)
        if rest is not None:
            kept[address] = rest
        if reason is not None:
            about = address if rest is None else address.sibling(*reason[:1], address.path)
            deferred.append(Deferred(about, reason[1]))
    return desired.with_resources(kept, deferred)


def _judged(
    resource: Resource, live: Catalog, connection: Connection
) -> tuple[tuple[str, str] | None, Resource | None]:
    """((what is lacking, the reason to show) or None, what is left of the resource)."""
    match resource:
        case Tags() if not connection.tags:
            return ("tags", "DynamoDB Local has no tags"), None
        case Pitr() if not connection.backups:
            reason = ("pitr", "DynamoDB Local has no point-in-time recovery")
            return None if resource.implied else reason, None
        case Table() if connection.local and resource.table_class != "standard":
            return ("table class", "DynamoDB Local keeps no table class"), replace(resource, table_class="standard")
        case Gsi() if connection.local and max(len(resource.partition), len(resource.sort)) > 1:
            return ("gsi", "DynamoDB Local has no keys of several attributes"), None
        case Gsi() if connection.local:
            found = live.get(resource.address, Gsi)
            if found and _same_mode(found, resource) and found.throughput != resource.throughput:
                reason = ("maximum", "DynamoDB Local does not change an index's maximum")
                return reason, replace(resource, throughput=found.throughput)
    return None, resource


def _same_mode(one: Gsi, other: Gsi) -> bool:
    return not one.throughput.provisioned and not other.throughput.provisioned


def kept(parameters: Mapping[str, Any], row: TableRow) -> dict[str, Any]:
    """The members that an UpdateTable has to repeat: DynamoDB Local resets protection and maximum otherwise."""
    members = dict(parameters)
    if row.table.get("DeletionProtectionEnabled"):
        members.setdefault("DeletionProtectionEnabled", True)
    limit = throughput.read(row.table, False)
    if not row.provisioned and limit != throughput.ON_DEMAND and members.get("BillingMode") != "PROVISIONED":
        members.setdefault("OnDemandThroughput", throughput.maximum(limit))
    return members
