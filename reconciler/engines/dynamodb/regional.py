"""Settings that each replica of a global table has for itself: those of a table, said and set in the replica's region.

Which ones the service leaves to each replica: recovery, tags, protection against deletion, the resource policy, the
Kinesis destination, contributor insights and the scaling of reads; time to live, indexes and writes are the table's in
all regions (the developer guide on global tables, and `AWS::DynamoDB::GlobalTable ReplicaSpecification`). So the kinds
of a table serve for its replicas too: here each gets a twin, whose steps are those of the original in another region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from reconciler.engines.dynamodb.operations import Call, Calls
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Place, Rule
from reconciler.model.step import Check, Draft, Operation

PREFIX = "replica_"
INDEX = "replica_index"


def twin(original: DynamoKind[Any], order: int) -> DynamoKind[Any]:
    """The kind for replicas of a kind that belongs to a table (path: table, region) or, where the original belongs to a
    global index, to that index in one region (path: table, region, index)."""
    name = f"{PREFIX}{original.name}"

    def lower(title: str, node: Any, place: Place) -> Any:
        return _moved(original.lower(title, node, place), place.address(name))

    def read(row: TableRow, table: Address) -> Iterable[Any]:
        for region, regional in row.regions.items():
            for resource in original.read(regional, table):
                yield _moved(resource, there(resource.address, region))

    return replace(
        original,
        name=name,
        parent=INDEX if original.parent == "gsi" else "replica",
        lower=lower,
        read=read,
        part=lambda _resource: {},
        create=_elsewhere(original, original.create),
        drop=_elsewhere(original, original.drop),
        rules=tuple(Rule(r.attributes, _elsewhere(original, r.emit), _when(original, r)) for r in original.rules),
        references=_references,
        absorbed=_absorbed if _goes_along(original) else lambda _change, _context: False,
        order=order,
    )


def there(address: Address, region: str) -> Address:
    """The address of a table's setting as that of the replica in a region."""
    return address.sibling(f"{PREFIX}{address.kind}", (address.path[0], region, *address.path[1:]))


def replica_of(address: Address) -> Address:
    """The replica that a setting of one belongs to."""
    return address.sibling("replica", address.path[:2])


def in_region(operation: Operation, region: str) -> Operation:
    """A call or calls of a table, made in the region of a replica."""
    match operation:
        case Call():
            return replace(operation, region=region)
        case Calls():
            return Calls(tuple(replace(call, region=region) for call in operation.calls))
    raise TypeError(f"not a call of DynamoDB: {type(operation).__name__}")


def with_replica(change: Change[Any], context: Context) -> bool:
    """`Kind.absorbed` of what goes with a replica."""
    return change.action is Action.DELETE and context.deletes(replica_of(change.address))


def _references(resource: Any, catalog: Catalog) -> Iterable[Address]:
    """Its replica; and the index, which is the table's. An index of a replica about which nothing else is said is no
    resource."""
    path = resource.address.path
    yield replica_of(resource.address)
    if len(path) > 2:
        yield resource.address.sibling("gsi", (path[0], path[2]))
        if (own := resource.address.sibling(INDEX, path)) in catalog.resources:
            yield own


def _absorbed(change: Change[Any], context: Context) -> bool:
    """What an index of a table has goes with the index too."""
    path = change.address.path
    gone = len(path) > 2 and context.deletes(change.address.sibling("gsi", (path[0], path[2])))
    return with_replica(change, context) or (change.action is Action.DELETE and gone)


def _goes_along(original: DynamoKind[Any]) -> bool:
    """Whether DeleteTable takes it along: what Application Auto Scaling has on record would outlive it."""
    return "autoscaling" not in original.name


def _here(original: DynamoKind[Any], address: Address) -> Address:
    """The address that the setting has where it is the table's own: without the region."""
    return address.sibling(original.name, (address.path[0], *address.path[2:]))


def _moved(resource: Any, address: Address) -> Any:
    return replace(resource, address=address)


def _as_original(original: DynamoKind[Any], change: Change[Any]) -> Change[Any]:
    address = _here(original, change.address)
    before, after = (r and _moved(r, address) for r in (change.before, change.after))
    return replace(change, address=address, before=before, after=after)


def _when(original: DynamoKind[Any], rule: Rule[Any]) -> Callable[[Change[Any], Context], bool] | None:
    when = rule.when
    return None if when is None else lambda change, context: when(_as_original(original, change), context)


def _elsewhere(
    original: DynamoKind[Any], emit: Callable[[Change[Any], Context], list[Draft]]
) -> Callable[[Change[Any], Context], list[Draft]]:
    """An emitter of the original, for the replica in the region that stands second in the path."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        return [_regional(draft, change) for draft in emit(_as_original(original, change), context)]

    return emitted


def _regional(draft: Draft, change: Change[Any]) -> Draft:
    region = change.address.path[1]
    return replace(
        draft,
        title=f"{draft.title}, in {region}",
        operation=in_region(draft.operation, region),
        done=tuple(_check(check, change.address) for check in draft.done),
        undo=None if draft.undo is None else tuple(in_region(o, region) for o in draft.undo),
        requires=tuple(ref for ref in draft.requires if ref.address != change.address),
        reads=None,
    )


def _check(check: Check, address: Address) -> Check:
    return check._replace(address=address)
