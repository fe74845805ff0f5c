"""What has to be built to learn whether the server takes what is new: that, and what it is made of or collides with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.inheritance import parents_of
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
from reconciler.engines.postgres.kinds.materialized_view import MaterializedView
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.kinds.unique import Unique
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.naming import parent_of, references_of, top_of
from reconciler.model.resource import Resource
from reconciler.model.trial import Trial

FAR = frozenset({"subscription", "event_trigger", "settings", "default_privileges", "user_mapping"})
"""Kinds that act beyond what is built: on another server, on other statements, on sessions."""
QUIET = frozenset({"cast", "operator", "operator_class", "operator_family", "transform", "aggregate"})
"""Kinds that texts use without a name of theirs: they come along with what they are about."""
CONSTRAINTS = ("check", "unique", "foreign_key", "exclusion")
KEYS = ("column", "primary_key", "unique")
ORDERED = frozenset(
    {
        *("smallint", "integer", "bigint", "numeric", "text", "character varying", "uuid", "boolean", "bytea", "date"),
        *("timestamp with time zone", "timestamp without time zone", "interval", "inet"),
    }
)
"""Types of which a key can be made."""
SYSTEM = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
"""Names that no column can have (documentation, 5.6 "System Columns")."""
APART = ("partition_of", "inherits", "of_type", "access_method", "tablespace", "options", "without_overlaps")
"""Attributes of which temporary objects know nothing."""
NAMED = frozenset(
    {
        *("table", "view", "materialized_view", "foreign_table", "sequence", "index", "materialized_view_index"),
        *("primary_key", "unique", "exclusion", "composite", "enum", "domain", "range", "base_type", "shell_type"),
    }
)
"""Kinds whose objects may not bear the name of another in the same schema: relations and types."""


class World:
    """What is there in the end, to take parts of."""

    def __init__(self, final: Catalog, kinds: Mapping[str, PgKind[Any]]) -> None:
        self.final, self.kinds = final, kinds
        self._beside = self._by_neighbour()

    def part(self, starts: Iterable[Address]) -> Catalog:
        """The resources at these addresses and all that they need; no rows are looked up for a materialized view."""
        found, needed, work = self.final.resources, set[Address](), list(starts)
        while work:
            address = work.pop()
            if address not in found and (whole := parent_of(address, self.kinds)) is not None:
                work.append(whole)  # something in it is named that is not there
            if address in needed or address not in found or not self._buildable(address):
                continue
            needed.add(address)
            work += self.used(address)
            work += self._beside.get(address, ())
            if self.kinds[address.kind].top:
                work += [*self._keys(address), *self._marked(address)]
        return self.final.with_resources({a: _without_rows(r) for a, r in found.items() if a in needed})

    def used(self, address: Address) -> set[Address]:
        """What a resource is made of, and may be."""
        resource = self.final.resources[address]
        said = self.kinds[address.kind].mentions(resource, self.final)
        return {*references_of(resource, self.final, self.kinds), *said} - {address}

    def colliding(self, starts: Iterable[Address]) -> list[Address]:
        """What bears the name of one of these in its schema, and the other partitions of their tables."""
        names = {_name(a) for a in starts if a.kind in NAMED}
        parents = {p for a in starts for p in self._parents(a)}
        return [
            a
            for a in self.final.resources
            if (a.kind in NAMED and _name(a) in names) or (parents and not parents.isdisjoint(self._parents(a)))
        ]

    def _parents(self, address: Address) -> tuple[tuple[str, ...], ...]:
        found = self.final.resources.get(address)
        return parents_of(found) if isinstance(found, Table | ForeignTable) else ()

    def _buildable(self, address: Address) -> bool:
        return address.kind not in FAR and not self.kinds[address.kind].attaches

    def _keys(self, top: Address) -> Iterator[Address]:
        """What others may refer to in it."""
        for kind in KEYS:
            yield from (r.address for r in self.final.children(top, kind, Resource))
        yield from (r.address for r in self.final.children(top, "index", Resource) if getattr(r, "unique", False))

    def _marked(self, address: Address) -> Iterator[Address]:
        """The column that a sequence goes with, which it is made before; the indexes that a table names."""
        table = self.final.get(address, Table)
        for name in (table.clustered_on, *table.replica_identity[1:]) if table is not None else ():
            yield address.sibling("index", (*address.path, name))
        sequence = self.final.get(address, Sequence)
        if sequence is not None and sequence.owned_by is not None:
            yield address.sibling("column", (address.path[0], *sequence.owned_by))

    def _by_neighbour(self) -> dict[Address, list[Address]]:
        """Quiet things by what they are about."""
        found: dict[Address, list[Address]] = {}
        for address in self.final.resources if self.final.holds(*QUIET) else ():
            if address.kind in QUIET:
                for used in self.used(address):
                    found.setdefault(used, []).append(address)
        return found


def tried_alone(address: Address, trial: Trial, kinds: Mapping[str, PgKind[Any]]) -> bool:
    """Whether the change of an address can be judged: what stands in no schema only where it is new."""
    if address not in trial.final.resources or address.kind in FAR or kinds[address.kind].attaches:
        return False
    return in_schema(address, kinds) or address not in trial.live.resources


def surely_taken(address: Address, trial: Trial, taken: Collection[Address]) -> bool:
    """Whether nothing is left to ask: what the server took among the live things, where none of these goes, and keys of
    plain tables over columns of types that all have an order.
    """
    resource = trial.final.resources[address]
    named_so = sum(address.sibling(kind, address.path) in trial.final.resources for kind in CONSTRAINTS)
    said = any(getattr(resource, name, None) for name in APART)
    if trial.gone or said or named_so > 1 or isinstance(resource, MaterializedView):
        return False
    if isinstance(resource, Column):
        return address in taken or _plain(resource)
    if isinstance(resource, ForeignKey):
        near, far = (_types(address, path, names, trial) for path, names in _ends(resource))
        return near == far and "" not in near and not resource.period
    table = trial.final.get(address.sibling("table", address.path[:2]), Table)
    if isinstance(resource, PrimaryKey | Unique):
        plain = table is not None and table.partition_by is None
        return plain and {*_types(address, address.path[:2], resource.columns, trial)} <= ORDERED
    return address in taken


def _plain(column: Column) -> bool:
    """Whether it is a name and a type that every server has."""
    said = (column.default, column.generated, column.identity, column.collation, column.storage, column.compression)
    more = (*said, column.not_null_name, column.options, column.using)
    return _base(column.type) in ORDERED and column.address.name not in SYSTEM and not any(more)


def _base(spelled: str) -> str:
    """The type without its modifiers."""
    return spelled.partition("(")[0]


def _ends(key: ForeignKey) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    return (key.address.path[:2], key.columns), (key.table, key.referenced)


def _types(address: Address, table: tuple[str, ...], names: Iterable[str], trial: Trial) -> list[str]:
    columns = (trial.final.get(address.sibling("column", (*table, name)), Column) for name in names)
    return ["" if c is None else _base(c.type) for c in columns]


def in_schema(address: Address, kinds: Mapping[str, PgKind[Any]]) -> bool:
    """Whether it stands in a schema, or is one."""
    if address.kind == "schema":
        return True
    parent = kinds[address.kind].parent
    return parent is not None and in_schema(address.sibling(parent, address.path), kinds)


def tops(addresses: Iterable[Address], kinds: Mapping[str, PgKind[Any]]) -> dict[Address, list[Address]]:
    """Addresses by what they stand in, in order."""
    found: dict[Address, list[Address]] = {}
    for address in sorted(addresses):
        found.setdefault(top_of(address, kinds), []).append(address)
    return found


def _name(address: Address) -> tuple[str, str]:
    return address.path[0], address.path[-1]


def _without_rows(resource: Resource) -> Resource:
    return replace(resource, with_data=False) if isinstance(resource, MaterializedView) else resource
