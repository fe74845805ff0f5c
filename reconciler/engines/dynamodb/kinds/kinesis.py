"""Streaming of a table's changes into a Kinesis data stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb.enclosing import physical, with_table
from reconciler.engines.dynamodb.operations import Call, Calls, Wait
from reconciler.engines.dynamodb.requests import stream_name
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase

USUAL = "millisecond"
ON = frozenset({"ENABLING", "ACTIVE", "UPDATING"})


@dataclass(frozen=True, slots=True)
class Kinesis(Resource):
    """`stream` is a name in the table's account and region, or an ARN; `precision` that of the times in records."""

    stream: str = attr()
    precision: str = attr(default=USUAL)


# -- declaration ------------------------------------------------------------------------------------------------------

_STREAM = {"type": "string", "minLength": 1, "maxLength": 1024}
SPEC: dict[str, Any] = {
    "description": "the name of a stream, or its ARN; {stream: NAME, precision: microsecond}",
    "anyOf": [
        _STREAM,
        {
            "type": "object",
            "properties": {"stream": _STREAM, "precision": {"enum": ["millisecond", "microsecond"]}},
            "required": ["stream"],
            "additionalProperties": False,
        },
    ],
}


def lower(_name: str, node: Any, place: Place) -> Kinesis:
    """`kinesis:` of a table."""
    said = node if isinstance(node, dict) else {"stream": node}
    return Kinesis(place.address("kinesis"), said["stream"], said.get("precision", USUAL))


def lift(kinesis: Kinesis, _catalog: Catalog) -> Any:
    """The shortest node that lowers to it."""
    more = {"precision": kinesis.precision}
    return kinesis.stream if kinesis.precision == USUAL else {"stream": kinesis.stream, **more}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Kinesis]:
    """The destination that is on, or being turned on; those of the past are listed too, and left out."""
    for destination in row.kinesis or ():
        if destination.get("DestinationStatus") in ON:
            stream = stream_name(destination["StreamArn"], row.arn)
            precision = destination.get("ApproximateCreationDateTimePrecision", USUAL).lower()
            yield Kinesis(table.sibling("kinesis", table.path), stream, precision)
            return


# -- steps ------------------------------------------------------------------------------------------------------------


def _on(table: str, kinesis: Kinesis) -> Call:
    configuration = {"ApproximateCreationDateTimePrecision": kinesis.precision.upper()}
    return Call(
        "EnableKinesisStreamingDestination",
        {"TableName": table, "StreamArn": kinesis.stream, "EnableKinesisStreamingConfiguration": configuration},
        Wait("kinesis", "active", kinesis.stream),
    )


def _off(table: str, kinesis: Kinesis) -> Call:
    return Call(
        "DisableKinesisStreamingDestination",
        {"TableName": table, "StreamArn": kinesis.stream},
        Wait("kinesis", "disabled", kinesis.stream),
    )


def _precise(table: str, kinesis: Kinesis) -> Call:
    configuration = {"ApproximateCreationDateTimePrecision": kinesis.precision.upper()}
    return Call(
        "UpdateKinesisStreamingDestination",
        {"TableName": table, "StreamArn": kinesis.stream, "UpdateKinesisStreamingConfiguration": configuration},
        Wait("kinesis", "active", kinesis.stream),
    )


def _streams(kinesis: Kinesis) -> Check:
    return Check(kinesis.address, attributes=(("stream", kinesis.stream), ("precision", kinesis.precision)))


def create(change: Change[Kinesis], context: Context) -> list[Draft]:
    """Begin to stream: changes made from here on."""
    table, kinesis = physical(change.address, context), change.desired
    return [
        Draft(
            "enable",
            Phase.EXPAND,
            f"stream changes of table {table} to Kinesis {kinesis.stream}",
            _on(table, kinesis),
            hazards=(hazard(Code.COST, "every change is paid for, by the service and by the stream"),),
            done=(_streams(kinesis),),
            undo=(_off(table, kinesis),),
        )
    ]


def drop(change: Change[Kinesis], context: Context) -> list[Draft]:
    """Stop: the stream stays, and gets no more."""
    table, kinesis = physical(change.address, context), change.live
    return [
        Draft(
            "disable",
            Phase.CONTRACT,
            f"stream changes of table {table} no longer to Kinesis {kinesis.stream}",
            _off(table, kinesis),
            hazards=(hazard(Code.OLD_READERS, f"consumers of {kinesis.stream} get no more records of the table"),),
            done=(Check(change.address, present=False),),
            undo=(_on(table, kinesis),),
        )
    ]


def change_stream(change: Change[Kinesis], context: Context) -> list[Draft]:
    """Off, then on with the other stream: a table streams to one at a time, and what changes between is in neither."""
    table, before, after = physical(change.address, context), change.live, change.desired
    message = f"records go to {after.stream} from here on, and changes made between the two go to neither"
    return [
        Draft(
            "stream",
            Phase.CONTRACT,
            f"stream changes of table {table} to Kinesis {after.stream}, no longer to {before.stream}",
            Calls((_off(table, before), _on(table, after))),
            hazards=(hazard(Code.CONSUMERS_MOVE, message),),
            done=(_streams(after),),
            undo=(Calls((_off(table, after), _on(table, before))),),
        )
    ]


def change_precision(change: Change[Kinesis], context: Context) -> list[Draft]:
    """Other times in records: consumers read another number."""
    table, before, after = physical(change.address, context), change.live, change.desired
    message = f"times in records are in {after.precision}s from here on, no longer in {before.precision}s"
    return [
        Draft(
            "precision",
            Phase.CONTRACT,
            f"stream times of table {table} to Kinesis in {after.precision}s",
            _precise(table, after),
            hazards=(hazard(Code.OLD_READERS, message),),
            done=(_streams(after),),
            undo=(_precise(table, before),),
        )
    ]


def _moves(change: Change[Kinesis], _context: Context) -> bool:
    return change.changed("stream")


KIND = DynamoKind(
    name="kinesis",
    resource=Kinesis,
    section="kinesis",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_table,
    create=create,
    drop=drop,
    rules=(
        rule("stream", "precision", emit=change_stream, when=_moves),
        rule("precision", emit=change_precision),
    ),
    order=37,
)
