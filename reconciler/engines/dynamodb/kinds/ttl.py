"""Time to live: the attribute whose time, once passed, has an item deleted by the service.

It takes a call of its own, also for a new table, and one change per table and hour (`limits.TTL_RULE`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.enclosing import physical, with_table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import TTL_DISABLED, Call, Calls
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Ttl(Resource):
    """`attribute` holds the time in seconds since 1970, as a number."""

    attribute: str = attr()


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "description": "the attribute with an item's time of expiry, in seconds since 1970",
}


def lower(_name: str, node: Any, place: Place) -> Ttl:
    """The attribute in `ttl:`."""
    return Ttl(place.address("ttl"), node)


def lift(ttl: Ttl, _catalog: Catalog) -> str:
    """The attribute."""
    return ttl.attribute


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Ttl]:
    """Turned on, or being turned on, which takes the service up to an hour. A store may describe the attribute of a
    TTL that is off."""
    if row.ttl and row.ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        yield Ttl(table.sibling("ttl", table.path), row.ttl["AttributeName"])


# -- steps ------------------------------------------------------------------------------------------------------------


def _set(table: str, attribute: str, on: bool, wait: bool = False) -> Call:
    specification = {"Enabled": on, "AttributeName": attribute}
    parameters = {"TableName": table, "TimeToLiveSpecification": specification}
    return Call("UpdateTimeToLive", parameters, TTL_DISABLED if wait else None)


def _expires(attribute: str, context: Context, address: Address) -> Hazard:
    rows = context.size(table_address(address)).rows
    counted = {-1: "", 0: " (none when last counted)"}.get(rows, f" ({rows} when last counted)")
    return hazard(
        Code.DELETES_DATA, f"of the items there{counted}, those whose {attribute} has passed are deleted within days"
    )


def create(change: Change[Ttl], context: Context) -> list[Draft]:
    """Turn it on: at once for a new table, in contract where items may expire that old code still reads."""
    table, attribute = physical(change.address, context), change.desired.attribute
    new = context.creates(table_address(change.address))
    return [
        Draft(
            "enable",
            Phase.EXPAND if new else Phase.CONTRACT,
            f"let items of {table} expire by {attribute}",
            _set(table, attribute, True),
            hazards=() if new else (_expires(attribute, context, change.address),),
            done=(Check(change.address, attributes=(("attribute", attribute),)),),
            undo=(_set(table, attribute, False),),
        )
    ]


def drop(change: Change[Ttl], context: Context) -> list[Draft]:
    """Turn it off: items stay from here on."""
    table, attribute = physical(change.address, context), change.live.attribute
    return [
        Draft(
            "disable",
            Phase.CONTRACT,
            f"let items of {table} no longer expire by {attribute}",
            _set(table, attribute, False),
            hazards=(hazard(Code.LOOSENS, f"items whose {attribute} has passed stay; {limits.TTL_RULE}"),),
            done=(Check(change.address, present=False),),
            undo=(_set(table, attribute, True),),
        )
    ]


def change_attribute(change: Change[Ttl], context: Context) -> list[Draft]:
    """Off by the old attribute, then on by the new one: the service makes us wait an hour in between, and one more
    after a change within the hour. It knows one attribute at a time, so code that writes both beforehand loses nothing.
    """
    table, before, after = physical(change.address, context), change.live.attribute, change.desired.attribute
    return [
        Draft(
            "attribute",
            Phase.CONTRACT,
            f"let items of {table} expire by {after}, no longer by {before}",
            Calls((_set(table, before, False, wait=True), _set(table, after, True))),
            hazards=(
                _expires(after, context, change.address),
                hazard(
                    Code.LOOSENS,
                    f"nothing expires for an hour or two: {limits.TTL_RULE}; afterwards items with {before} alone stay"
                    f" for good, so let code write {after} beside it, and fill it in for older items, before this step",
                ),
            ),
            done=(Check(change.address, attributes=(("attribute", after),)),),
            undo=(Calls((_set(table, after, False, wait=True), _set(table, before, True))),),
        )
    ]


KIND = DynamoKind(
    name="ttl",
    resource=Ttl,
    section="ttl",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_table,
    create=create,
    drop=drop,
    rules=(rule("attribute", emit=change_attribute),),
    order=30,
)
