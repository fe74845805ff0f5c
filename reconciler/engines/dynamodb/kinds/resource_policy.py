"""A table's resource policy: who else may use it, and who may not.

The service wants the table's ARN in it, which holds an account and an environment: a declaration leaves it out, or
writes `{table_arn}`, and it is looked up when the policy is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import policies
from reconciler.engines.dynamodb.enclosing import physical, with_table
from reconciler.engines.dynamodb.operations import POLICY_STORED, Call
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class ResourcePolicy(Resource):
    """`document` is the canonical text of `policies`."""

    document: str = attr()


# -- declaration ------------------------------------------------------------------------------------------------------

_STATEMENT = {
    "type": "object",
    "properties": {"Effect": {"enum": ["Allow", "Deny"]}},
    "required": ["Effect"],
}
SPEC: dict[str, Any] = {
    "description": "{Statement: [{Effect: Allow, Principal: {AWS: …}, Action: dynamodb:Query}]}, or its text as JSON",
    "anyOf": [
        {"type": "string", "minLength": 2},
        {
            "type": "object",
            "properties": {
                "Version": {"type": "string"},
                "Id": {"type": "string"},
                "Statement": {"anyOf": [_STATEMENT, {"type": "array", "items": _STATEMENT, "minItems": 1}]},
            },
            "required": ["Statement"],
            "additionalProperties": False,
        },
    ],
}


def lower(_name: str, node: Any, place: Place) -> ResourcePolicy:
    """`resource_policy:` of a table. Raises what `place.fail` makes for a text that is no policy."""
    try:
        document = policies.loaded(node) if isinstance(node, str) else node
    except ValueError as error:
        raise place.fail(f"the resource policy is no JSON: {error}", "write it as YAML") from None
    return ResourcePolicy(place.address("resource_policy"), policies.canonical(document))


def lift(policy: ResourcePolicy, _catalog: Catalog) -> dict[str, Any]:
    """The document, without what goes without saying."""
    return policies.lifted(policy.document)


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[ResourcePolicy]:
    """The policy, if there is one."""
    if row.policy:
        yield ResourcePolicy(table.sibling("resource_policy", table.path), policies.of_live(row))


# -- steps ------------------------------------------------------------------------------------------------------------


def stored(table: str, document: str) -> Call:
    """The call that makes a document the policy of a table; an empty one takes it away."""
    if not document:
        return Call("DeleteResourcePolicy", {"TableName": table}, POLICY_STORED)
    text = json.dumps(json.loads(document), ensure_ascii=False)
    return Call("PutResourcePolicy", {"TableName": table, "Policy": text}, POLICY_STORED)


def _draft(change: Change[ResourcePolicy], context: Context, before: str, after: str) -> Draft:
    """Expand only where nothing is taken from anybody: a first policy that denies nothing."""
    table = physical(change.address, context)
    takes = bool(before) or policies.denies(after)
    there = Check(change.address, attributes=(("document", after),)) if after else Check(change.address, present=False)
    what = "replace" if before and after else "set" if after else "remove"
    message = "access that others had by the old one may end" if before else "others may use the table, or may not"
    return Draft(
        "policy",
        Phase.CONTRACT if takes else Phase.EXPAND,
        f"{what} the resource policy of table {table}",
        stored(table, after),
        hazards=(hazard(Code.SECURITY, message),),
        done=(there,),
        undo=(stored(table, before),),
    )


def create(change: Change[ResourcePolicy], context: Context) -> list[Draft]:
    """The first policy, of a new table too: its ARN is not known before."""
    return [_draft(change, context, "", change.desired.document)]


def drop(change: Change[ResourcePolicy], context: Context) -> list[Draft]:
    """No policy: access is what identities are allowed."""
    return [_draft(change, context, change.live.document, "")]


def change_document(change: Change[ResourcePolicy], context: Context) -> list[Draft]:
    """Another policy, in one call: there is no moment without one."""
    return [_draft(change, context, change.live.document, change.desired.document)]


KIND = DynamoKind(
    name="resource_policy",
    resource=ResourcePolicy,
    section="resource_policy",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=with_table,
    create=create,
    drop=drop,
    rules=(rule("document", emit=change_document),),
    order=47,
)
