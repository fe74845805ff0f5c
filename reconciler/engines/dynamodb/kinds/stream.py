"""A table's stream: the record of its changes of the last 24 hours.

What the records hold is fixed when the stream is turned on; another view is another stream, which its consumers have
to find (the service model in botocore; measured on DynamoDB Local).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.enclosing import physical, within_created_table
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call, Calls
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Stream(Resource):
    """`view` says what a record holds: keys_only, new_image, old_image, new_and_old_images."""

    view: str = attr()


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "enum": ["keys_only", "new_image", "old_image", "new_and_old_images"],
    "description": "what a record of the stream holds",
}


def lower(_name: str, node: Any, place: Place) -> Stream:
    """The view in `stream:`."""
    return Stream(place.address("stream"), node)


def lift(stream: Stream, _catalog: Catalog) -> str:
    """The view."""
    return stream.view


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Stream]:
    """The stream that is on. One that was turned off leaves its ARN behind, but no specification."""
    specification = row.table.get("StreamSpecification") or {}
    if specification.get("StreamEnabled"):
        yield Stream(table.sibling("stream", table.path), specification["StreamViewType"].lower())


# -- steps ------------------------------------------------------------------------------------------------------------


def part(stream: Stream) -> Mapping[str, Any]:
    """Its share in CreateTable."""
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": stream.view.upper()}}


def _on(table: str, stream: Stream) -> Call:
    return Call("UpdateTable", {"TableName": table, **part(stream)}, TABLE_ACTIVE)


def _off(table: str) -> Call:
    return Call("UpdateTable", {"TableName": table, "StreamSpecification": {"StreamEnabled": False}}, TABLE_ACTIVE)


def create(change: Change[Stream], context: Context) -> list[Draft]:
    """Turn it on."""
    table, stream = physical(change.address, context), change.desired
    return [
        Draft(
            "enable",
            Phase.EXPAND,
            f"turn on the stream of {table}: {stream.view.replace('_', ' ')}",
            _on(table, stream),
            done=(Check(change.address, attributes=(("view", stream.view),)),),
            undo=(_off(table),),
        )
    ]


def drop(change: Change[Stream], context: Context) -> list[Draft]:
    """Turn it off. What it holds can still be read for a day, but the stream that undo makes is another one."""
    table = physical(change.address, context)
    message = f"consumers get no more records; those there can be read for {limits.STREAM_HOURS} hours"
    return [
        Draft(
            "disable",
            Phase.CONTRACT,
            f"turn off the stream of {table}",
            _off(table),
            hazards=(hazard(Code.OLD_READERS, message),),
            done=(Check(change.address, present=False),),
            undo=(_on(table, change.live),),
        )
    ]


def change_view(change: Change[Stream], context: Context) -> list[Draft]:
    """Off, wait, on: a new stream with a new ARN, and changes in between are in neither."""
    table, before, after = physical(change.address, context), change.live, change.desired
    message = "the new stream has another ARN, and changes made between the two are in neither"
    return [
        Draft(
            "view",
            Phase.CONTRACT,
            f"replace the stream of {table}: {after.view.replace('_', ' ')}",
            Calls((_off(table), _on(table, after))),
            hazards=(hazard(Code.CONSUMERS_MOVE, message),),
            done=(Check(change.address, attributes=(("view", after.view),)),),
            undo=(Calls((_off(table), _on(table, before))),),
        )
    ]


KIND = DynamoKind(
    name="stream",
    resource=Stream,
    section="stream",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_created_table,
    create=create,
    drop=drop,
    rules=(rule("view", emit=change_view),),
    order=35,
)
