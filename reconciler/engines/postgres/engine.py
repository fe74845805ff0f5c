"""The pure half of the PostgreSQL engine."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres import (
    backfill,
    column_order,
    firing,
    foreign_key_targets,
    held_columns,
    inheritance,
    persistence,
    some_partitions,
    types,
)
from reconciler.engines.postgres import kinds as kinds_package
from reconciler.engines.postgres import operations as operations_module
from reconciler.engines.postgres.column_parts import Generated
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds import base_type, identity_sequence, operator_class, trigger_state
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.range import Range
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.names import RELATIONS, TYPES
from reconciler.engines.postgres.object_names import own_name
from reconciler.engines.postgres.quoting import MAX_BYTES
from reconciler.engines.postgres.renames import renamable
from reconciler.engines.postgres.subscription_parts import Subscription, too_new
from reconciler.engines.postgres.type_names import KINDS, named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.engine import ScratchServer, Server, Session, Target
from reconciler.model.kind import Place
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Operation


def _virtual(generated: Any) -> bool:
    return isinstance(generated, Generated) and generated.virtual


SINCE: tuple[tuple[str, Callable[[Any], bool], int, str], ...] = (
    ("nulls_not_distinct", bool, 15, "NULLS NOT DISTINCT"),
    ("not_null_no_inherit", bool, 18, "NOT NULL NO INHERIT"),
    ("not_null_valid", lambda valid: valid is False, 18, "NOT NULL NOT VALID"),
    ("enforced", lambda enforced: enforced is False, 18, "NOT ENFORCED"),
    ("without_overlaps", bool, 18, "WITHOUT OVERLAPS"),
    ("period", bool, 18, "PERIOD"),
    ("generated", _virtual, 18, "a virtual column"),
    ("columns", lambda columns: any(getattr(c, "virtual", False) for c in columns or ()), 18, "a virtual column"),
    ("checks", lambda checks: not all(getattr(c, "enforced", True) for c in checks or ()), 18, "NOT ENFORCED"),
    ("excepted", bool, 19, "EXCEPT"),
    ("all_sequences", bool, 19, "ALL SEQUENCES"),
)
"""(attribute, the values that need it, the version that came with it, what the documentation calls it)."""


def discovered() -> dict[str, PgKind[Any]]:
    """The kinds of this engine: the `KIND` of every module in `kinds/`, in their order, but attached ones last."""
    modules = (
        importlib.import_module(f"{kinds_package.__name__}.{m.name}")
        for m in pkgutil.iter_modules(kinds_package.__path__)
    )
    found = sorted((m.KIND for m in modules), key=lambda k: (k.attaches_to is not None, k.order))
    return {k.name: renamable(_attached(k, found)) for k in found}


def _attached(kind: PgKind[Any], others: Iterable[PgKind[Any]]) -> PgKind[Any]:
    """The kind with all that may carry one; nothing is attached to what is attached itself."""
    if kind.attaches_to is None:
        return kind
    return replace(kind, attaches=frozenset(k.name for k in others if not k.attaches_to and kind.attaches_to(k)))


class Postgres:
    """Implements `model.engine.Engine`."""

    name = "postgres"
    default_parents: Mapping[str, str] = {"schema": "public"}

    def __init__(self) -> None:
        self.kinds = discovered()

    def decode(self, fields: Mapping[str, Any]) -> Operation:
        """The operation of a plan file's step."""
        return backfill.decode(fields) if "backfill" in fields else operations_module.decode(fields)

    def fuse(self, operations: Sequence[Operation]) -> Operation | None:
        """All statements in one transaction; None where one of them refuses to run in any."""
        if not all(isinstance(o, operations_module.Sql) and o.transaction for o in operations):
            return None
        parts = [o for o in operations if isinstance(o, operations_module.Sql)]
        return operations_module.sql(*(s for o in parts for s in o.statements))

    def complete(self, resources: dict[Address, Resource], place: Place) -> None:
        """What tables have without saying so; see `inheritance.complete`."""
        inheritance.complete(resources)
        identity_sequence.complete(resources)
        foreign_key_targets.complete(resources)
        operator_class.complete(resources)
        base_type.complete(resources)
        some_partitions.complete(resources)

    def check(self, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
        """Names that do not fit, types that cannot be, names that clash within a schema."""
        for address in catalog.resources:
            if not self.kinds[address.kind].attaches:  # what is attached goes by the name of what carries it
                yield from _fits(address)
        for address in inheritance.orphaned(catalog.resources):
            lacks = "type" if address.kind == "column" else "condition"
            yield address, f"{address} has no {lacks}", f"say it: no parent has {address.name}"
        yield from inheritance.circles(catalog)
        yield from identity_sequence.astray(catalog)
        yield from foreign_key_targets.check(catalog)
        yield from persistence.check(catalog)
        yield from trigger_state.check(catalog)
        yield from _unknown_types(catalog)
        yield from _clashes(catalog)

    def unsupported(self, catalog: Catalog, server: Server) -> Iterable[tuple[Address, str, str]]:
        """What the server's version does not have yet."""
        if server.version < (18,):
            for column in catalog.of_kind(Column):
                if column.not_null_name:
                    yield (
                        column.address,
                        f"{column.address}: a NOT NULL with a name needs PostgreSQL 18",
                        f"this is {server}",
                    )
        missing = [s for s in SINCE if server.version < (s[2],)]
        for address, resource in catalog.resources.items() if missing else ():
            for attribute, new, version, words in missing:
                if new(getattr(resource, attribute, None)):
                    yield address, f"{address}: {words} needs PostgreSQL {version}", f"this is {server}"

        for subscription in catalog.of_kind(Subscription):
            for words, since in too_new(subscription, server.version[0]):
                message = f"{subscription.address}: {words} needs PostgreSQL {since}"
                yield subscription.address, message, f"this is {server}"

    def forced(
        self, changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog
    ) -> Iterable[tuple[Address, Address]]:
        """See `planner.rebuild.Forcing`: keys in a circle of tables that change together, indexes that a new partition
        is to have no part of, partitions whose keys are part of an index that goes, what stands on columns that hold
        rows of a table that is rewritten.
        """
        yield from persistence.set_aside(changes, desired, live)
        yield from some_partitions.unwanted(changes, desired, live)
        yield from some_partitions.held_by_keys(changes, desired, live)
        yield from held_columns.forced(changes, desired, live)

    def roots(self, catalog: Catalog) -> frozenset[str]:
        """The declared schemas."""
        return frozenset(s.address.name for s in catalog.of_kind(Schema))

    def open(self, target: Target) -> AbstractContextManager[Session]:
        """Connect; see `session.connect`."""
        from reconciler.engines.postgres.session import connect

        return connect(target, self.kinds)

    def notes(
        self, desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]], drafts: Iterable[Draft]
    ) -> Iterable[str]:
        """Event triggers that fire on the drafts, and columns that stand in another order than declared."""
        yield from firing.notes(live, drafts)
        yield from column_order.notes(desired, live, changes)

    def release(self, server: Server) -> str:
        """The major version: what servers of one build is the same."""
        return str(server.version[0])

    def reaching(self, catalog: Catalog) -> frozenset[Address]:
        """Subscriptions that are enabled: they connect to their publishers."""
        return frozenset(s.address for s in catalog.of_kind(Subscription) if s.enabled)

    def scratch(
        self, server: ScratchServer, live: Target, catalogs: Iterable[Catalog]
    ) -> AbstractContextManager[Target]:
        """A database with a random name; see `scratch.scratch`."""
        from reconciler.engines.postgres.scratch import scratch

        return scratch(server, live, catalogs)


def _fits(address: Address) -> Iterable[tuple[Address, str, str]]:
    name = own_name(address)[0]
    if len(name) > MAX_BYTES // 4 and len(name.encode()) > MAX_BYTES:
        message = (
            f"{address.kind} name {name!r} is {len(name.encode())} bytes long; PostgreSQL cuts it after {MAX_BYTES}"
        )
        yield address, message, "choose a shorter name"
    if "\0" in name:
        yield address, f"{address.kind} name {name!r} holds NUL", "remove it"


def _unknown_types(catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
    """A bare name close to a built-in one is taken for a slip; anything else is the server's to judge."""
    own = {a.name for a in catalog.resources if a.kind in KINDS} | {r.multirange for r in catalog.of_kind(Range)}
    extensions = any(True for _ in catalog.of_kind(Extension))
    for column in catalog.of_kind(Column):
        if types.is_builtin(column.type) or named(column.type)[1] in own:
            continue
        close = None if extensions else types.suggestion(column.type)
        if close:
            yield column.address, f"{column.address}: there is no type {column.type!r}", f"did you mean {close}?"


def _clashes(catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
    """Relations of a schema share one name space, its types another one, in which relations have their row types."""
    seen: dict[tuple[str, str, str], Address] = {}
    for address, resource in catalog.resources.items():
        name = resource.name if isinstance(resource, PrimaryKey) else address.name
        spaces = [s for s, kinds in (("relations", RELATIONS), ("types", TYPES)) if address.kind in kinds]
        firsts = [seen.setdefault((space, address.path[0], name), address) for space in spaces]
        for space, first in zip(spaces, firsts, strict=True):
            if first != address:
                hint = f"{space} of a schema share one name space: rename one"
                yield address, f"{address} has the name of {first}", hint
                break


ENGINE = Postgres()
