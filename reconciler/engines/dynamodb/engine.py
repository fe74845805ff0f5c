"""The pure half of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb import limits, operations, validity
from reconciler.engines.dynamodb.autoscale import Autoscaling
from reconciler.engines.dynamodb.insights import Insights
from reconciler.engines.dynamodb.kinds.encryption import Encryption
from reconciler.engines.dynamodb.kinds.gsi import Gsi
from reconciler.engines.dynamodb.kinds.gsi import completed as completed_gsi
from reconciler.engines.dynamodb.kinds.lsi import Lsi, with_local_indexes
from reconciler.engines.dynamodb.kinds.lsi import completed as completed_lsi
from reconciler.engines.dynamodb.kinds.pitr import Pitr
from reconciler.engines.dynamodb.kinds.replica import Replica
from reconciler.engines.dynamodb.kinds.replica_index import ReplicaIndex, index_of
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.kinds.vector_index import VectorIndex
from reconciler.engines.dynamodb.kinds.vector_index import completed as completed_vectors
from reconciler.engines.dynamodb.migration import operations as migration
from reconciler.engines.dynamodb.naming import root, table_address
from reconciler.engines.dynamodb.regional import PREFIX
from reconciler.engines.dynamodb.registry import kinds
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server, Session, Target
from reconciler.model.kind import Kind, Place, Policy
from reconciler.model.resource import Resource
from reconciler.model.step import Operation, Step


def _off(resource: Resource) -> bool:
    """A declared "off" is no resource: nothing lives there either."""
    match resource:
        case Pitr(days=0) | Encryption(key="") | Insights(mode="") | ReplicaIndex(read=0, max_read=0):
            return True
    return False


def _own(index: ReplicaIndex, whole: Resource | None) -> ReplicaIndex:
    """Units like those of the table's index are none of its own."""
    same = isinstance(whole, Gsi) and whole.throughput.provisioned and whole.throughput.read == index.read
    return replace(index, read=0) if same else index


def _recoveries(resources: Mapping[Address, Resource]) -> list[Address]:
    """Where recovery is kept: of each table, and of each of its replicas."""
    tables = [a.sibling("pitr", a.path) for a, r in resources.items() if isinstance(r, Table)]
    return [*tables, *(a.sibling("replica_pitr", a.path) for a, r in resources.items() if isinstance(r, Replica))]


def _alike(resource: Resource, resources: Mapping[Address, Resource]) -> bool:
    """Reads of a replica that are scaled as those of the table are nothing of its own."""
    address = resource.address
    if not isinstance(resource, Autoscaling) or not address.kind.startswith(PREFIX):
        return False
    here = resources.get(address.sibling(address.kind.removeprefix(PREFIX), (address.path[0], *address.path[2:])))
    return isinstance(here, Autoscaling) and here.read == resource.read


class DynamoDB:
    """Implements `model.engine.Engine`."""

    def __init__(self) -> None:
        self.name = "dynamodb"
        self.lanes = limits.LANES
        self.kinds: Mapping[str, Kind[Any]] = kinds()
        self.default_parents: Mapping[str, str] = {}

    def decode(self, fields: Mapping[str, Any]) -> Operation:
        """The call or calls of a plan file. Raises StalePlan for calls that plans do not hold."""
        return migration.decode(fields) if "move" in fields else operations.decode(fields)

    def complete(self, resources: dict[Address, Resource], place: Place) -> None:
        """What tables imply: types of index keys, units of indexes, recovery in production. "Off" is no resource."""
        tables = {r.address: r for r in resources.values() if isinstance(r, Table)}
        for address, resource in list(resources.items()):
            table = tables.get(table_address(address))
            if isinstance(resource, Gsi) and table:
                resources[address] = completed_gsi(resource, table)
            elif isinstance(resource, VectorIndex) and table:
                resources[address] = completed_vectors(resource, table)
            elif isinstance(resource, Lsi) and table:
                resources[address] = completed_lsi(resource, table)
            elif isinstance(resource, Replica) and table and resource.table_class == table.table_class:
                resources[address] = replace(resource, table_class="")
        for address, resource in list(resources.items()):
            if isinstance(resource, ReplicaIndex):
                resources[address] = _own(resource, resources.get(index_of(address)))
        with_local_indexes(resources)
        if place.policy.production:
            for pitr in _recoveries(resources):
                resources.setdefault(pitr, Pitr(pitr, implied=True))
        for off in [a for a, r in resources.items() if _off(r) or _alike(r, resources)]:
            del resources[off]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """`model.engine.Translating`: of templates, states and plans."""
        return (".json", ".yaml", ".yml", ".template", ".tfstate")

    def translated(self, files: Mapping[str, str], service: str, naming: str, given: Mapping[str, str]) -> Catalog:
        """The tables of CloudFormation templates, or of states or plans of Terraform. Raises ConfigError."""
        from reconciler.engines.dynamodb.foreign.files import translated

        return translated(files, service, naming, given)

    def lane(self, step: Step) -> str:
        """The table that a step is about; DynamoDB knows no order between tables."""
        return step.address.path[0]

    def adopted(self, live: Catalog, policy: Policy) -> Catalog:
        """Production implies recovery and protection: an import says where a table has none, and changes nothing."""
        if not policy.production:
            return live
        said = dict(live.resources)
        unknown = {d.address for d in live.deferred}
        for address, resource in live.resources.items():
            if isinstance(resource, (Table, Replica)):
                said[address] = replace(resource, told=True)
        for recovery in _recoveries(live.resources):
            if recovery not in unknown:
                said.setdefault(recovery, Pitr(recovery, 0))
        return live.with_resources(said)

    def check(self, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
        """What the service would refuse: (address, message, hint)."""
        return validity.problems(catalog)

    def unsupported(self, catalog: Catalog, server: Server) -> Iterable[tuple[Address, str, str]]:
        """Nothing: what DynamoDB Local lacks is deferred one by one, so that the rest can be used there."""
        return ()

    def roots(self, catalog: Catalog) -> frozenset[str]:
        """Physical names of the declared tables; `logical=physical` where the pattern does not say which is which."""
        return frozenset(root(t.address.name, t.name, t.explicit) for t in catalog.of_kind(Table))

    def open(self, target: Target) -> AbstractContextManager[Session]:
        """Connect: `target.connection` may hold `region`, `endpoint`, `profile`, and for local stores `access_key` and
        `secret_key`; what it does not say comes from the SDK's own chain.

        Raises ConnectionFailed within seconds: no region, no credentials, no answer, access denied.
        """
        from reconciler.engines.dynamodb.session import opened

        return opened(target)


ENGINE = DynamoDB()
