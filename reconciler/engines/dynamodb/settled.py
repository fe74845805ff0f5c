"""What is declared, made comparable with what is live: floors, units that scale themselves, names that stand for ARNs.

What equals the live resource already is left as it is, so that doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb.aspects import Asking
from reconciler.engines.dynamodb.autoscale import Autoscaling
from reconciler.engines.dynamodb.connect import Connection
from reconciler.engines.dynamodb.kinds.encryption import MANAGED, Encryption
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.kinesis import Kinesis
from reconciler.engines.dynamodb.kinds.replica import Replica
from reconciler.engines.dynamodb.kinds.replica_index import ReplicaIndex, index_of
from reconciler.engines.dynamodb.kinds.resource_policy import ResourcePolicy
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.policies import canonical, loaded, portable
from reconciler.engines.dynamodb.regional import PREFIX, replica_of
from reconciler.engines.dynamodb.requests import stream_name
from reconciler.engines.dynamodb.throughput import Throughput
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred
from reconciler.model.resource import Resource

Arns = Mapping[Address, str]
"""Of the live tables and their replicas, by the address of each."""

SIBLINGS = {
    "contributor_insights": "index_insights",
    "autoscaling": "index_autoscaling",
    "replica_contributor_insights": "replica_index_insights",
    "replica_autoscaling": "replica_index_autoscaling",
}
"""What is not known of a table where it is not known of its indexes either."""


def settled(desired: Catalog, live: Catalog, connection: Connection, arns: Arns) -> Catalog:
    """The declaration as the live store would say it, where it says the same. Raises StoreError.

    A key that KMS cannot be asked about is deferred.
    """
    kept: dict[Address, Resource] = {}
    deferred: list[Deferred] = []
    asking = Asking(connection)
    for address, resource in desired.resources.items():
        found = live.resources.get(address)
        if isinstance(resource, ReplicaIndex) and _index_scaled(address, desired):
            resource = replace(resource, read=found.read if isinstance(found, ReplicaIndex) else 0)
            if not (resource.read or resource.max_read):
                continue
        if found is None or found == resource:
            kept[address] = resource
            continue
        kept[address] = _settled(resource, found, desired, asking, arns.get(_holder(address), ""))
        if isinstance(resource, Encryption) and asking.denied:
            deferred.append(Deferred(address, asking.denied["encryption"]))
    return desired.with_resources(kept, deferred)


def _settled(resource: Resource, found: Any, desired: Catalog, asking: Asking, arn: str) -> Resource:
    match resource:
        case Table() | Gsi():
            return _served(resource, found, desired)
        case Encryption():
            return _keyed(resource, found, asking)
        case ResourcePolicy():
            text = portable(resource.document, arn) if arn else resource.document
            return replace(resource, document=canonical(loaded(text)))
        case Kinesis():
            return replace(resource, stream=stream_name(resource.stream, arn) if arn else resource.stream)
        case Replica():
            return _replicated(resource, found, desired)
    return resource


def _index_scaled(address: Address, desired: Catalog) -> bool:
    """Whether something scales the reads of an index in a region: its units are as they are."""
    whole = index_of(address)
    places = (
        address.sibling("replica_index_autoscaling", address.path),
        whole.sibling("index_autoscaling", whole.path),
    )
    return any(s is not None and s.read is not None for s in (desired.get(a, Autoscaling) for a in places))


def _replicated(resource: Replica, found: Replica, desired: Catalog) -> Replica:
    """A replica keeps the key that it was made with; units that are scaled are as they are, and units that were once
    set to those of the table are as if nothing were said."""
    table = desired.get(table_address(resource.address), Table)
    address, whole = resource.address, table_address(resource.address)
    places = (address.sibling("replica_autoscaling", address.path), whole.sibling("autoscaling", whole.path))
    scaled = any(s is not None and s.read is not None for s in (desired.get(a, Autoscaling) for a in places))
    alike = table is not None and table.billing.provisioned and not resource.read and found.read == table.billing.read
    return replace(
        resource,
        key=resource.key or found.key,
        read=found.read if scaled or alike else resource.read,
    )


def _served(resource: Table | Gsi, found: Any, desired: Catalog) -> Resource:
    """Warm throughput is a floor; units that something scales are as they are, within what it may set."""
    warm = resource.warm.raised(found.warm)
    if isinstance(resource, Table):
        units = _scaled(resource.billing, found.billing, _scaling(resource.address, "autoscaling", desired))
        return replace(resource, warm=warm, billing=units)
    units = _scaled(resource.throughput, found.throughput, _scaling(resource.address, "index_autoscaling", desired))
    return replace(resource, warm=warm, throughput=units)


def _scaling(address: Address, kind: str, desired: Catalog) -> Autoscaling | None:
    return desired.get(address.sibling(kind, address.path), Autoscaling)


def _scaled(units: Throughput, live: Throughput, scaling: Autoscaling | None) -> Throughput:
    if scaling is None or not (units.provisioned and live.provisioned):
        return units
    read = live.read if scaling.read else units.read
    return Throughput(units.mode, read, live.write if scaling.write else units.write)


def _keyed(resource: Encryption, found: Encryption, asking: Asking) -> Encryption:
    """The ARN that an id or an alias stands for: KMS knows."""
    if resource.key in ("", MANAGED) or found.key in ("", MANAGED):
        return resource
    if resource.key.startswith("arn:") and ":key/" in resource.key:
        return resource
    known = asking.key(resource.key)
    return replace(resource, key=str(known["Arn"])) if known else resource


def _holder(address: Address) -> Address:
    """The table that something belongs to, or the replica."""
    return replica_of(address) if address.kind.startswith(PREFIX) else table_address(address)


def held(desired: Catalog, live: Catalog) -> Catalog:
    """The declaration, with what belongs to something that is not known, or to a table in which nothing can be done,
    deferred like that.

    Deferring the table alone would hold back its own attributes only: an index or a TTL is another resource.
    """
    tables = {d.address: d.reason for d in live.deferred if d.address.kind == "table"}
    regions = {d.address: d.reason for d in live.deferred if d.address.kind == "replica"}
    within = {(_holder(d.address), SIBLINGS.get(d.address.kind, "")): d.reason for d in live.deferred}
    found = []
    for address in dict.fromkeys((*desired.resources, *live.resources)):
        holder = _holder(address)
        in_region = regions.get(holder) if address != holder else None
        reason = tables.get(table_address(address)) or in_region or within.get((holder, address.kind))
        if reason and address not in tables:
            found.append(Deferred(address, reason))
    return desired.with_resources(desired.resources, found) if found else desired
