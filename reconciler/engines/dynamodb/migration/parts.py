"""What belongs to a table, made for its successor and taken away from the old one: as its kinds would do it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.engines.dynamodb.operations import Call
from reconciler.engines.dynamodb.registry import kinds
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Size

AFTER_SWITCH = frozenset(
    {
        "ttl",
        "global_table",
        "replica",
        "replica_pitr",
        "replica_tags",
        "replica_kinesis",
        "replica_contributor_insights",
        "replica_resource_policy",
        "replica_autoscaling",
        "replica_index",
        "replica_index_insights",
        "replica_index_autoscaling",
    }
)
"""Kinds that wait for the switch: the new table must not let items expire that the old one still has, and replicas want
its stream."""
AT_SWITCH = frozenset({"stream", "kinesis"})
"""Kinds that come just before it: whoever reads a stream is not to take every copied item for a new one."""


def created(change: Change[Any], context: Context, name: str, wanted: Callable[[str], bool]) -> Iterator[Draft]:
    """The drafts that would create the table of that name, and what belongs to it, were it not there; those of the
    kinds that are wanted. Items come from the old table, so nothing is imported."""
    address = change.address
    mine = {a: r for a, r in context.desired.resources.items() if a.path[:1] == address.path and wanted(a.kind)}
    mine[address] = replace(change.desired, name=name, source=None)
    place = _Elsewhere(context, context.desired.with_resources(mine), context.live.with_resources({}))
    for kind in kinds().values():
        for creation in place.of_kind(kind.name):
            if wanted(kind.name) and (kind.name in AT_SWITCH or not kind.absorbed(creation, place)):
                yield from kind.create(creation, place)


def beside(change: Change[Any], context: Context) -> Iterator[Call]:
    """The calls that take away what belongs to a table and does not go with it: what other services have of it."""
    mine = {a: r for a, r in context.live.resources.items() if a.path[:1] == change.address.path}
    place = _Elsewhere(context, context.desired.with_resources({}), context.live.with_resources(mine))
    for kind in kinds().values():
        for deletion in place.of_kind(kind.name):
            if kind.name not in ("table", "succession") and not kind.absorbed(deletion, place):
                for draft in kind.drop(deletion, place):
                    yield from draft.operation.calls  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A plan in which a table comes where none was, or goes. Implements `model.kind.Context`."""

    whole: Context
    desired: Catalog
    live: Catalog
    changes: dict[Address, Change[Resource]] = field(init=False)
    policy: Any = field(init=False)
    server: Any = field(init=False)

    def __post_init__(self) -> None:
        comes = {a: Change(a, Action.CREATE, None, r) for a, r in self.desired.resources.items()}
        goes = {a: Change(a, Action.DELETE, r, None) for a, r in self.live.resources.items()}
        object.__setattr__(self, "changes", comes | goes)
        object.__setattr__(self, "policy", self.whole.policy)
        object.__setattr__(self, "server", self.whole.server)

    def of_kind(self, kind: str) -> list[Change[Any]]:
        """The changes of a kind, in the order of their addresses."""
        return [self.changes[a] for a in sorted(self.changes) if a.kind == kind]

    def creates(self, address: Address) -> bool:
        """Everything that is declared here."""
        return address in self.desired.resources

    def deletes(self, address: Address) -> bool:
        """Everything that is live here."""
        return address in self.live.resources

    def size(self, _address: Address) -> Size:
        """There are no items yet; of what goes nobody asks."""
        return Size(0, 0)
