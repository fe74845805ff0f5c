"""Refusing writes to the old table before the last look at it, where `copy.fence` says so.

A statement in the old table's resource policy: an explicit deny holds for everybody, the account's administrators
included, and writes that come late get AccessDeniedException instead of stopping the switch. Reads, the stream, backups
and DeleteTable go on. The service's own expiry of items is no call of anybody, and goes on too (the chapter on
resource-based policies in the developer guide).
"""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb import policies
from reconciler.engines.dynamodb.kinds import resource_policy
from reconciler.engines.dynamodb.kinds.resource_policy import ResourcePolicy
from reconciler.model.address import Address
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase

SID = "ReconcileRefusesWrites"
WRITES = (
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
"""All actions that write items: a transaction takes those of its parts (the actions of DynamoDB in the service
authorization reference)."""


def fence(table: str, there: Address, context: Context) -> Draft:
    """The step that puts it up. `there` is the address of the old table while it has the name; undo brings its policy
    back as it was."""
    address = there.sibling("resource_policy", there.path)
    found = context.live.get(address, ResourcePolicy)
    before = _without(found.document) if found else ""
    after = _fenced(before)
    return Draft(
        "fence",
        Phase.CONTRACT,
        f"refuse all writes to {table} from here on",
        resource_policy.stored(table, after),
        hazards=(
            hazard(
                Code.OLD_WRITERS,
                f"whoever writes to {table} from here on gets AccessDeniedException, until code uses the new table;"
                " a policy takes some seconds to be in force everywhere",
            ),
        ),
        done=(Check(address, attributes=(("document", after),)),),
        undo=(resource_policy.stored(table, before),),
    )


def _fenced(document: str) -> str:
    whole: dict[str, Any] = policies.loaded(document) if document else {"Statement": []}
    refusal = {"Sid": SID, "Effect": "Deny", "Principal": "*", "Action": list(WRITES)}
    return policies.canonical({**whole, "Statement": [*whole["Statement"], refusal]})


def _without(document: str) -> str:
    """The policy as it was before a fence that is up already; empty where that is all of it."""
    whole = policies.loaded(document)
    kept = [statement for statement in whole["Statement"] if statement.get("Sid") != SID]
    return policies.canonical({**whole, "Statement": kept}) if kept else ""
