"""Point-in-time recovery: continuous backups of the last days, from which a new table can be restored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.enclosing import physical, with_table
from reconciler.engines.dynamodb.operations import Call
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Pitr(Resource):
    """`days` is how far back it reaches; 0 is a declared "off", which `complete` turns into no resource at all."""

    days: int = attr(default=limits.MAX_RECOVERY_DAYS)
    implied: bool = attr(Role.INFORMATIONAL, reason="whether production's default put it there", default=False)


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "description": "true, false or {days: 1 to 35}; on in production unless it says false",
    "anyOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "properties": {
                "days": {
                    "type": "integer",
                    "minimum": limits.MIN_RECOVERY_DAYS,
                    "maximum": limits.MAX_RECOVERY_DAYS,
                }
            },
            "required": ["days"],
            "additionalProperties": False,
        },
    ],
}


def lower(_name: str, node: Any, place: Place) -> Pitr:
    """`point_in_time_recovery:` of a table."""
    days = node["days"] if isinstance(node, dict) else limits.MAX_RECOVERY_DAYS if node else 0
    return Pitr(place.address("pitr"), days)


def lift(pitr: Pitr, _catalog: Catalog) -> bool | dict[str, int]:
    """The shortest node that lowers to it."""
    return {"days": pitr.days} if 0 < pitr.days < limits.MAX_RECOVERY_DAYS else pitr.days > 0


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Pitr]:
    """Recovery that is on; a store that knows no period keeps the full one."""
    if row.backups and row.backups.get("PointInTimeRecoveryStatus") == "ENABLED":
        days = row.backups.get("RecoveryPeriodInDays", limits.MAX_RECOVERY_DAYS)
        yield Pitr(table.sibling("pitr", table.path), days)


# -- steps ------------------------------------------------------------------------------------------------------------


def _set(table: str, days: int) -> Call:
    specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": days > 0}
    if days:
        specification["RecoveryPeriodInDays"] = days
    return Call("UpdateContinuousBackups", {"TableName": table, "PointInTimeRecoverySpecification": specification})


def _kept(days: int) -> str:
    return f"{days} day{'s' if days > 1 else ''}"


def _lost(message: str) -> Hazard:
    return hazard(Code.DELETES_DATA, message)


def create(change: Change[Pitr], context: Context) -> list[Draft]:
    """Turn it on: recovery reaches back to this moment at most."""
    table, days = physical(change.address, context), change.desired.days
    return [
        Draft(
            "enable",
            Phase.EXPAND,
            f"keep backups of {table} to restore any second of the last {_kept(days)}",
            _set(table, days),
            hazards=(hazard(Code.COST, "continuous backups are paid for by the table's size"),),
            done=(Check(change.address, attributes=(("days", days),)),),
            undo=(_set(table, 0),),
        )
    ]


def drop(change: Change[Pitr], context: Context) -> list[Draft]:
    """Turn it off: the backups are gone, and undo begins new ones."""
    table = physical(change.address, context)
    return [
        Draft(
            "disable",
            Phase.CONTRACT,
            f"keep no more backups of {table}",
            _set(table, 0),
            hazards=(_lost(f"the continuous backups of the last {_kept(change.live.days)} are deleted"),),
            done=(Check(change.address, present=False),),
            undo=(_set(table, change.live.days),),
        )
    ]


def change_days(change: Change[Pitr], context: Context) -> list[Draft]:
    """A longer period costs nothing old; a shorter one deletes what is older."""
    table, before, after = physical(change.address, context), change.live.days, change.desired.days
    shorter = after < before
    return [
        Draft(
            "period",
            Phase.CONTRACT if shorter else Phase.EXPAND,
            f"keep backups of {table} for {_kept(after)} instead of {before}",
            _set(table, after),
            hazards=(_lost(f"backups older than {_kept(after)} are deleted"),) if shorter else (),
            done=(Check(change.address, attributes=(("days", after),)),),
            undo=(_set(table, before),),
        )
    ]


KIND = DynamoKind(
    name="pitr",
    resource=Pitr,
    section="point_in_time_recovery",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_table,
    create=create,
    drop=drop,
    rules=(rule("days", emit=change_days),),
    order=40,
)
