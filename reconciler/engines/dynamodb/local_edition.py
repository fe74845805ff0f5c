"""What DynamoDB Local lacks, and what it gets wrong (measured on 2.6.1 and 3.1.0).

It knows no tags, recovery, policies, insights, streams of Kinesis, replicas, keys of KMS, warm or scaled throughput,
keeps no table class, takes keys of one attribute per part only, keeps a table's
on-demand maximum only if it is given for both reads and writes, and does not change that of an index. What a
declaration asks of these is deferred, one by one, so that the rest can be used.

It never ends the removal of some indexes: of one that has just the attributes of the table's own key, or of another
index (its SQL fails then, as its log shows). So that is not waited for as long as it would be elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb import throughput
from reconciler.engines.dynamodb.connect import Connection
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.pitr import Pitr
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.row import TableRow
from reconciler.engines.dynamodb.warm import COLD
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred
from reconciler.model.resource import Resource

REMOVAL_SECONDS = 60.0
"""An index that is in DELETING for longer will stay there; usual are 1 s, and 16 s with `-delayTransientStatuses`."""

REMOVAL_HINT = "DynamoDB Local never ends the removal of some indexes: delete the local table and apply again"


def possible(desired: Catalog, live: Catalog, connection: Connection) -> Catalog:
    """The declaration without what the store lacks, which is deferred where the declaration asks for it by name.

    The same catalog on the real service; idempotent.
    """
    if not connection.lacks:
        return desired
    kept: dict[Address, Resource] = {}
    deferred: list[Deferred] = []
    for address, resource in desired.resources.items():
        lacking, rest = _judged(resource, live, connection)
        if rest is not None:
            kept[address] = rest
        deferred += [Deferred(address.sibling(kind, address.path), reason) for kind, reason in lacking]
    return desired.with_resources(_used(kept, desired), deferred)


def _used(kept: Mapping[Address, Resource], desired: Catalog) -> dict[Address, Resource]:
    """The tables without attributes of indexes that were left out: the store refuses those that no key has."""
    holders: dict[Address, set[str]] = {}
    for address, resource in kept.items():
        key = resource.key if isinstance(resource, Table) else _key(resource)
        holders.setdefault(table_address(address), set()).update(k.name for k in key)
    return {
        address: replace(r, attributes=tuple(a for a in r.attributes if a.name in holders[address]))
        if isinstance(r, Table) and r == desired.resources[address]
        else r
        for address, r in kept.items()
    }


def _key(index: Resource) -> Key:
    key: Key = (*getattr(index, "partition", ()), *getattr(index, "sort", ()))
    return key


Lacking = list[tuple[str, str]]
"""What cannot be had, as the kind that an address is shown with, and why."""


WORDS = {
    "tags": "tags",
    "pitr": "point-in-time recovery",
    "resource_policy": "resource policies",
    "kinesis": "Kinesis destinations",
    "contributor_insights": "contributor insights",
    "index_insights": "contributor insights",
    "autoscaling": "autoscaling",
    "index_autoscaling": "autoscaling",
    "encryption": "encryption keys",
    "global_table": "replicas",
    "vector_index": "vector indexes",
}
ASPECTS = {
    "index_insights": "contributor_insights",
    "index_autoscaling": "autoscaling",
    "replica_pitr": "pitr",
    "replica_tags": "tags",
    "replica_kinesis": "kinesis",
    "replica_contributor_insights": "contributor_insights",
    "replica_index_insights": "contributor_insights",
    "replica_resource_policy": "resource_policy",
    "replica_autoscaling": "autoscaling",
    "replica_index_autoscaling": "autoscaling",
}
"""What a kind needs of the store, where that has another name."""

LOCAL = frozenset({"encryption", "global_table", "vector_index"})
"""What no endpoint but DynamoDB Local is known to lack."""


def _judged(resource: Resource, live: Catalog, connection: Connection) -> tuple[Lacking, Resource | None]:
    """(what is lacking, what is left of the resource)."""
    kind = resource.address.kind
    if kind.startswith("replica") and connection.local:
        return [], None  # the table's `global_table` is told
    product = "DynamoDB Local" if connection.local else "this store"
    if ASPECTS.get(kind, kind) in connection.lacks or (kind in LOCAL and connection.local):
        implied = isinstance(resource, Pitr) and resource.implied
        return [] if implied else [(kind, f"{product} has no {_words(kind)}")], None
    match resource:
        case Table() if connection.local:
            return _table(resource)
        case Gsi() if connection.local:
            return _index(resource, live)
    return [], resource


def _words(kind: str) -> str:
    return WORDS.get(kind) or WORDS[ASPECTS[kind]]


def _table(table: Table) -> tuple[Lacking, Table]:
    lacking: Lacking = []
    if table.table_class != "standard":
        lacking.append(("table_class", "DynamoDB Local keeps no table class"))
        table = replace(table, table_class="standard")
    if not table.billing.provisioned and (table.billing.read < 0) != (table.billing.write < 0):
        lacking.append(("maximum", "DynamoDB Local keeps a maximum only for both reads and writes"))
        table = replace(table, billing=throughput.ON_DEMAND)
    if table.warm != COLD:
        lacking.append(("warm_throughput", "DynamoDB Local has no warm throughput"))
        table = replace(table, warm=COLD)
    return lacking, table


def _index(index: Gsi, live: Catalog) -> tuple[Lacking, Gsi | None]:
    if max(len(index.partition), len(index.sort)) > 1:
        return [("gsi", "DynamoDB Local has no keys of several attributes")], None
    cold: Lacking = []
    if index.warm != COLD:
        cold, index = [("warm_throughput", "DynamoDB Local has no warm throughput")], replace(index, warm=COLD)
    found = live.get(index.address, Gsi)
    if found and _same_mode(found, index) and found.throughput != index.throughput:
        lacking = [("maximum", "DynamoDB Local does not change an index's maximum")]
        return [*cold, *lacking], replace(index, throughput=found.throughput)
    return cold, index


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
