"""From a call of a plan to the request that is sent: what only the live table knows is filled in.

A plan holds no account number: the service wants ARNs of tables and streams, which are looked up when the call is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb import local_edition
from reconciler.engines.dynamodb.operations import SCALING, Call
from reconciler.engines.dynamodb.policies import TABLE_ARN
from reconciler.engines.dynamodb.row import TableRow

BY_ARN = frozenset({"TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy"})


def request(call: Call, row: TableRow | None, *, local: bool) -> dict[str, Any]:
    """The members of the request; `local`: DynamoDB Local answers, which forgets what is not repeated."""
    members = dict(call.parameters)
    arn = row.arn if row is not None else ""
    if call.call == "UpdateTable" and local and row is not None:
        return local_edition.kept(members, row)
    if call.call in BY_ARN:
        members = {"ResourceArn": arn, **{k: v for k, v in members.items() if k != "TableName"}}
    if "Policy" in members and call.call == "PutResourcePolicy":
        members["Policy"] = members["Policy"].replace(TABLE_ARN, arn)
    if "StreamArn" in members:
        members["StreamArn"] = stream_arn(members["StreamArn"], arn)
    if call.call == "ImportTable":
        del members["TableName"]
    if call.api.service == SCALING:
        del members["TableName"]
        members["ServiceNamespace"] = "dynamodb"
    return members


def stream_arn(name: str, table_arn: str) -> str:
    """The ARN of a Kinesis stream; a bare name is one in the table's own account and region."""
    if name.startswith("arn:"):
        return name
    _, partition, _, region, account, _ = table_arn.split(":", 5)
    return f"arn:{partition}:kinesis:{region}:{account}:stream/{name}"


def stream_name(arn: str, table_arn: str) -> str:
    """The inverse of `stream_arn`: a bare name where the stream is in the table's own account and region."""
    name = arn.rpartition("/")[2]
    return name if table_arn.count(":") >= 5 and stream_arn(name, table_arn) == arn else arn


def scaled(table: str, index: str, dimension: str) -> dict[str, str]:
    """The members that say what is scaled, as every call about autoscaling begins."""
    units = "ReadCapacityUnits" if dimension == "read" else "WriteCapacityUnits"
    return {
        "TableName": table,
        "ResourceId": f"table/{table}/index/{index}" if index else f"table/{table}",
        "ScalableDimension": f"dynamodb:{'index' if index else 'table'}:{units}",
    }


def scaling_key(parameters: Mapping[str, Any]) -> tuple[str, str, str]:
    """(table, index, dimension) of such members."""
    _, _, index = parameters["ResourceId"].partition("/index/")
    dimension = "read" if parameters["ScalableDimension"].endswith("ReadCapacityUnits") else "write"
    return parameters["TableName"], index, dimension
