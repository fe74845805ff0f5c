"""Encryption at rest, where it is not by the service's own key: a key of AWS KMS, which the account pays for and sees.

The declaration may name a key by its alias; what is live is an ARN. KMS itself tells which is which (`settled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.enclosing import physical, within_table
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase

MANAGED = "aws_managed"


@dataclass(frozen=True, slots=True)
class Encryption(Resource):
    """`key` is `aws_managed`, or the ARN, id or alias of a key of one's own; empty is a declared "the service's own
    key", which `complete` takes out."""

    key: str = attr()


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "description": "aws_owned (the default), aws_managed, or {key: ARN, id or alias/NAME}",
    "anyOf": [
        {"enum": ["aws_owned", MANAGED]},
        {
            "type": "object",
            "properties": {"key": {"type": "string", "minLength": 1, "maxLength": 2048}},
            "required": ["key"],
            "additionalProperties": False,
        },
    ],
}


def lower(_name: str, node: Any, place: Place) -> Encryption:
    """`encryption:` of a table."""
    key = node["key"] if isinstance(node, dict) else MANAGED if node == MANAGED else ""
    return Encryption(place.address("encryption"), key)


def lift(encryption: Encryption, _catalog: Catalog) -> Any:
    """The shortest node that lowers to it."""
    return {"key": encryption.key} if encryption.key not in ("", MANAGED) else encryption.key or "aws_owned"


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Encryption]:
    """The key, where it is one of KMS; a table with the service's own key says nothing."""
    if row.key_arn:
        yield Encryption(table.sibling("encryption", table.path), MANAGED if row.managed_key else row.key_arn)
    elif (row.table.get("SSEDescription") or {}).get("SSEType") == "KMS":
        yield Encryption(table.sibling("encryption", table.path), MANAGED)


# -- steps ------------------------------------------------------------------------------------------------------------


def part(encryption: Encryption) -> Mapping[str, Any]:
    """Its share in CreateTable."""
    return {"SSESpecification": _specification(encryption.key)}


def _specification(key: str) -> dict[str, Any]:
    if not key:
        return {"Enabled": False}
    own = {} if key == MANAGED else {"KMSMasterKeyId": key}
    return {"Enabled": True, "SSEType": "KMS", **own}


def _shown(key: str) -> str:
    return {"": "the service's own key", MANAGED: "the key that AWS manages for the account"}.get(key, key)


def _own(key: str) -> bool:
    return key not in ("", MANAGED)


def _hazards(before: str, after: str) -> tuple[Hazard, ...]:
    found = [hazard(Code.COST, f"{_shown(before)} → {_shown(after)}; {limits.KEY_RULE}")]
    if _own(after):
        lost = "whoever may not use the key may not use the table, and without the key its items cannot be read"
        found.append(hazard(Code.OLD_READERS, lost))
    return tuple(found)


def _draft(change: Change[Encryption], context: Context, before: str, after: str) -> Draft:
    """Contract where the key is one's own: callers need leave to use it."""
    table = physical(change.address, context)

    def call(key: str) -> Call:
        return Call("UpdateTable", {"TableName": table, "SSESpecification": _specification(key)}, TABLE_ACTIVE)

    there = Check(change.address, attributes=(("key", after),)) if after else Check(change.address, present=False)
    return Draft(
        "key",
        Phase.CONTRACT if _own(after) or not after else Phase.EXPAND,
        f"encrypt table {table} with {_shown(after)}",
        call(after),
        hazards=_hazards(before, after),
        done=(there,),
        undo=(call(before),),
    )


def create(change: Change[Encryption], context: Context) -> list[Draft]:
    """From the service's own key to another."""
    return [_draft(change, context, "", change.desired.key)]


def drop(change: Change[Encryption], context: Context) -> list[Draft]:
    """Back to the service's own key."""
    return [_draft(change, context, change.live.key, "")]


def change_key(change: Change[Encryption], context: Context) -> list[Draft]:
    """From one key to another."""
    return [_draft(change, context, change.live.key, change.desired.key)]


KIND = DynamoKind(
    name="encryption",
    resource=Encryption,
    section="encryption",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_table,
    create=create,
    drop=drop,
    rules=(rule("key", emit=change_key),),
    order=42,
)
