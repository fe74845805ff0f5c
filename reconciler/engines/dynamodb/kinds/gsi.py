"""A global secondary index: a second key over a table, built and kept by the service.

One index of a table is built or removed at a time, and only its throughput changes in place. Under the same name a
new definition is therefore: delete, wait, create, with no index in between (the service model in botocore; `limits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import Any

from reconciler.engines.dynamodb import along, keys, limits, projection, throughput, turns, warm
from reconciler.engines.dynamodb.enclosing import physical, within_table
from reconciler.engines.dynamodb.keys import Key, KeyAttribute
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.newcomers import items_left_out, scan
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call, Calls, Wait
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.engines.dynamodb.throughput import ON_DEMAND, UNSET, Throughput
from reconciler.engines.dynamodb.warm import COLD, Warm
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Gsi(Resource):
    """One index. Both parts of its key may hold up to four attributes, whose order counts."""

    partition: Key = attr(Role.REPLACE)
    sort: Key = attr(Role.REPLACE, default=())
    projection: str = attr(Role.REPLACE, default="all")
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    throughput: Throughput = attr(default=ON_DEMAND)
    warm: Warm = attr(default=COLD)
    state: str = attr(Role.INFORMATIONAL, reason="the service moves it", default="active")
    former: str = attr(Role.INFORMATIONAL, reason="the index whose place it takes, which is no rename", default="")

    @property
    def definition(self) -> str:
        """Key and projection in words: what never changes of an index. `done` checks compare it."""
        by = " + ".join(", ".join(map(str, part)) for part in (self.partition, self.sort) if part)
        return f"by {by}, holds {projection.shown(self.projection, self.include)}"

    @property
    def built(self) -> bool:
        """Whether it can be queried."""
        return self.state != "creating"

    @property
    def warmth(self) -> str:
        """The warm throughput in words."""
        return str(self.warm)

    @property
    def capacity(self) -> str:
        """The throughput in words."""
        return str(self.throughput)


# -- declaration ------------------------------------------------------------------------------------------------------

_ATTRIBUTES: dict[str, Any] = {
    "description": "an attribute, or a list of up to four",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": limits.MAX_KEY_ATTRIBUTES,
            "uniqueItems": True,
        },
    ],
}
SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "partition": _ATTRIBUTES,
        "sort": _ATTRIBUTES,
        "projection": projection.SPEC,
        "throughput": {
            "description": "{read: 5, write: 5} or {max_read: 100, max_write: 50}, by the table's billing",
            "anyOf": [throughput.PROVISIONED_SPEC, throughput.MAXIMUM_SPEC],
        },
        "warm_throughput": warm.SPEC,
    },
    "required": ["partition"],
}


def lower(name: str, node: Any, place: Place) -> Gsi:
    """A node of `indexes:`. Types and unsaid throughput come from the table, once it is known (`complete`)."""
    kind, include = projection.lowered(node.get("projection"))
    return Gsi(
        place.address("gsi", name),
        partition=keys.named(node["partition"]),
        sort=keys.named(node.get("sort")),
        projection=kind,
        include=include,
        throughput=throughput.lowered(node["throughput"]) if "throughput" in node else UNSET,
        warm=warm.lowered(node.get("warm_throughput")),
        former=node.get("renamed_from", ""),
    )


def completed(index: Gsi, table: Table) -> Gsi:
    """The index with what its table says: types of attributes, and units where it declares none."""
    types = {a.name: a.type for a in table.attributes}
    units = index.throughput
    if units == UNSET:
        units = table.billing if table.billing.provisioned else ON_DEMAND
    partition, sort = keys.typed(index.partition, types), keys.typed(index.sort, types)
    return replace_fields(index, partition=partition, sort=sort, throughput=units)


def lift(index: Gsi, catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to the index; units like the table's are left to it."""
    node: dict[str, Any] = {"partition": keys.lifted(index.partition)}
    if index.sort:
        node["sort"] = keys.lifted(index.sort)
    node |= projection.lifted(index.projection, index.include)
    table = catalog.get(table_address(index.address), Table)
    units = throughput.lifted(index.throughput)
    if units and (table is None or not index.throughput.provisioned or index.throughput != table.billing):
        node["throughput"] = units
    if index.former:
        node["renamed_from"] = index.former
    return {**node, **warm.lifted(index.warm)}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Gsi]:
    """The indexes of a description, but those on their way out. An on-demand index may lack any word on throughput."""
    for reply in row.table.get("GlobalSecondaryIndexes") or ():
        state = reply.get("IndexStatus", "ACTIVE").lower()
        if state != "deleting":
            partition, sort = keys.read(reply["KeySchema"], row.types)
            kind, include = projection.read(reply.get("Projection", {}))
            units = throughput.read(reply, row.provisioned)
            address = table.sibling("gsi", (*table.path, reply["IndexName"]))
            yield Gsi(address, partition, sort, kind, include, units, warm.read(reply), state)


# -- steps ------------------------------------------------------------------------------------------------------------


def part(index: Gsi) -> Mapping[str, Any]:
    """Its share in CreateTable."""
    return {"GlobalSecondaryIndexes": [_definition(index)]}


def _definition(index: Gsi) -> dict[str, Any]:
    return {
        "IndexName": index.address.name,
        "KeySchema": keys.schema(index.partition, index.sort),
        "Projection": projection.request(index.projection, index.include),
        **throughput.request(index.throughput),
        **warm.request(index.warm),
    }


def _build(index: Gsi, context: Context) -> Call:
    """UpdateTable creating the index. It repeats all definitions: the service merges them, some stores do not."""
    table = _table(index, context.desired)
    own = {a.name: a for a in (*index.partition, *index.sort)}
    known = {**_steady(table, _table(index, context.live)), **own}
    return Call(
        "UpdateTable",
        {
            "TableName": physical(index.address, context),
            "AttributeDefinitions": keys.definitions(known.values()),
            "GlobalSecondaryIndexUpdates": [{"Create": _definition(_fitting(index, table))}],
        },
        Wait("index", "active", index.address.name),
    )


def _steady(desired: Table | None, live: Table | None) -> dict[str, KeyAttribute]:
    """The declared attributes, but those that live indexes hold with another type, which may be there still."""
    types = {a.name: a.type for a in live.attributes} if live else {}
    return {a.name: a for a in (desired.attributes if desired else ()) if types.get(a.name, a.type) == a.type}


def _fitting(index: Gsi, table: Table | None) -> Gsi:
    """The index with throughput of its table's new mode, which is in force when it is built, also by an undo."""
    if table is None or index.throughput.provisioned == table.billing.provisioned:
        return index
    return replace_fields(index, throughput=table.billing if table.billing.provisioned else ON_DEMAND)


def _remove(index: Gsi, context: Context) -> Call:
    name = index.address.name
    update = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]}
    return Call("UpdateTable", {"TableName": physical(index.address, context), **update}, Wait("index", "gone", name))


def _table(index: Gsi, catalog: Catalog) -> Table | None:
    return catalog.get(table_address(index.address), Table)


def _built(index: Gsi) -> Check:
    return Check(index.address, attributes=(("definition", index.definition), ("built", True)))


def create(change: Change[Gsi], context: Context) -> list[Draft]:
    """Build it, and wait as long as that takes. After what it has to wait for, which may be a removal.

    Expand, since new code queries it, and it makes no rule about data that code writes for it. What no index can hold
    is refused, as by a B-tree of PostgreSQL: a key attribute of another type, empty, or too long. The probe looks for
    such items in tables small enough to be read for it; the hazard names them in every case.
    """
    index = change.desired
    first = (*turns.makes_room(index, context), *turns.other_types(index, context))
    table, owner = table_address(index.address), physical(index.address, context)
    old = turns.taken_over(index, context)
    instead = f", which takes the place of {old.name}" if old else ""
    gap = f"queries of index {index.former} fail before {index.address.name} is built: both cannot be there at once"
    gaps = (hazard(Code.INDEX_GAP, gap),) if any(ref.address == old for ref in first) else ()
    return [
        Draft(
            "create",
            Phase.CONTRACT if first else Phase.EXPAND,
            f"build index {index.address.name} on {owner}{instead}",
            _build(index, context),
            hazards=(*gaps, items_left_out(index.address.name, (*index.partition, *index.sort), context.size(table))),
            probes=scan(index.address.name, owner, index.partition, index.sort, context.size(table)),
            done=(_built(index),),
            undo=(_remove(index, context),),
            reads=table,
            requires=(*first, *turns.after_billing(index, context)),
            provides=True,
        )
    ]


def drop(change: Change[Gsi], context: Context) -> list[Draft]:
    """Remove it, last of all: code may still query it, and another billing mode names every index that is there."""
    index = change.live
    new = turns.successor(index, context)
    also = f"; {new.name} answers them" if new else ""
    gone = f"queries of index {index.address.name} fail from here on{also}; building it again reads the whole table"
    return [
        Draft(
            "delete",
            Phase.CONTRACT,
            f"remove index {index.address.name} from {physical(index.address, context)}",
            _remove(index, context),
            hazards=(hazard(Code.OLD_READERS, gone),),
            done=(Check(change.address, present=False),),
            undo=(_build(index, context),),
            requires=(*turns.after_billing(index, context), *turns.after_successor(new, context)),
        )
    ]


def replace(change: Change[Gsi], context: Context) -> list[Draft]:
    """Delete, wait, create: under the same name there is a time without an index, so this is contract."""
    before, after = change.live, change.desired
    name, table, owner = after.address.name, table_address(after.address), physical(after.address, context)
    gap = f"queries of index {name} fail until the new one is built; under another name it could be built first"
    return [
        Draft(
            "replace",
            Phase.CONTRACT,
            f"replace index {name} of {owner}: remove it, then build it {after.definition}",
            Calls((_remove(before, context), _build(after, context))),
            hazards=(
                hazard(Code.INDEX_GAP, gap),
                items_left_out(name, (*after.partition, *after.sort), context.size(table)),
            ),
            probes=scan(name, owner, after.partition, after.sort, context.size(table)),
            done=(_built(after),),
            undo=(Calls((_remove(after, context), _build(before, context))), *along.calls(before, context.live)),
            reads=table,
            requires=(*turns.other_types(after, context), *turns.after_billing(after, context)),
            provides=True,
        ),
        *along.drafts(after, context),
    ]


def change_warm(change: Change[Gsi], context: Context) -> list[Draft]:
    """A higher floor; nothing takes it back."""
    before, after = change.live, change.desired
    update = {"Update": {"IndexName": after.address.name, "WarmThroughput": warm.units(after.warm)}}
    members = {"TableName": physical(after.address, context), "GlobalSecondaryIndexUpdates": [update]}
    return [
        Draft(
            "warm throughput",
            Phase.EXPAND,
            f"warm index {after.address.name} of {physical(after.address, context)} up for {after.warm}",
            Call("UpdateTable", members, TABLE_ACTIVE),
            hazards=(hazard(Code.COST, f"{before.warm} → {after.warm}; it is paid for once and never goes back"),),
            done=(Check(change.address, attributes=(("warmth", str(after.warm)), ("built", True))),),
            undo=None,
            requires=tuple(turns.after_billing(after, context)),
        )
    ]


def change_throughput(change: Change[Gsi], context: Context) -> list[Draft]:
    """Units or a maximum of its own; contract where they are fewer, since requests beyond them are throttled.

    A switch of the table's mode has set the units already.
    """
    before, after = change.live, change.desired
    switched = before.throughput.provisioned != after.throughput.provisioned
    tighter = throughput.tighter(before.throughput, after.throughput)
    limit = f"; {limits.DECREASE_RULE}" if tighter and after.throughput.provisioned else ""
    message = f"{before.throughput} → {after.throughput}; requests beyond that are throttled{limit}"
    if switched and (after.throughput.provisioned or after.throughput == ON_DEMAND):
        return []
    return [
        Draft(
            "throughput",
            Phase.CONTRACT if tighter else Phase.EXPAND,
            f"serve index {after.address.name} of {physical(after.address, context)}: {after.throughput}",
            _units(after, context),
            hazards=(hazard(Code.COST, message),),
            done=(Check(change.address, attributes=(("capacity", after.capacity), ("built", True))),),
            undo=() if switched else (_units(before, context),),
            requires=tuple(turns.after_billing(after, context)),
        )
    ]


def _units(index: Gsi, context: Context) -> Call:
    units = index.throughput
    members = (
        {"ProvisionedThroughput": throughput.units(units)}
        if units.provisioned
        else {"OnDemandThroughput": throughput.maximum(units)}
    )
    update = {"Update": {"IndexName": index.address.name, **members}}
    whole = {"TableName": physical(index.address, context), "GlobalSecondaryIndexUpdates": [update]}
    return Call("UpdateTable", whole, TABLE_ACTIVE)


KIND = DynamoKind(
    name="gsi",
    resource=Gsi,
    section="indexes",
    parent="table",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_table,
    create=create,
    drop=drop,
    replace=replace,
    former=lambda address, text: address.sibling("gsi", (*address.path[:1], text)),
    keeps_former=True,
    rules=(rule("throughput", emit=change_throughput), rule("warm", emit=change_warm)),
    order=20,
)
