"""A table that is made of a folder in S3: `ImportTable` creates it, and only then. On a live table it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StoreError

TAKEN = frozenset(
    {
        "TableName",
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "ProvisionedThroughput",
        "OnDemandThroughput",
        "SSESpecification",
        "GlobalSecondaryIndexes",
        "VectorIndexes",
    }
)
"""What of CreateTable an import takes; the rest is set afterwards (the service model in botocore)."""


class Source(NamedTuple):
    """Where the items are, and how they are written. `header` names the columns of a CSV file that does not."""

    bucket: str
    prefix: str = ""
    owner: str = ""
    format: str = "dynamodb_json"
    compression: str = "none"
    delimiter: str = ""
    header: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


SPEC: dict[str, Any] = {
    "type": "object",
    "description": "where the first items come from, when the table is created: {bucket: name, prefix: folder/}",
    "properties": {
        "bucket": {"type": "string", "minLength": 3, "maxLength": 255},
        "prefix": {"type": "string", "maxLength": 1024},
        "owner": {"type": "string", "pattern": "^[0-9]{12}$", "description": "the account that owns the bucket"},
        "format": {"enum": ["dynamodb_json", "ion", "csv"]},
        "compression": {"enum": ["none", "gzip", "zstd"]},
        "delimiter": {"enum": [",", ";", ":", "|", "\t", " "]},
        "header": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 255},
    },
    "required": ["bucket"],
    "additionalProperties": False,
}


def lowered(node: Mapping[str, Any] | None) -> Source | None:
    """`import_from:` as declared."""
    if not node:
        return None
    return Source(**{**node, "header": tuple(node.get("header", ()))})


def lifted(source: Source) -> dict[str, Any]:
    """The inverse of `lowered`, without defaults."""
    usual = Source(source.bucket)._asdict()
    node = {key: value for key, value in source._asdict().items() if key == "bucket" or value != usual[key]}
    return {**node, "header": list(source.header)} if source.header else node


def request(source: Source, creation: Mapping[str, Any]) -> dict[str, Any]:
    """The members of ImportTable; `creation` are those of CreateTable."""
    bucket = {"S3Bucket": source.bucket, "S3KeyPrefix": source.prefix, "S3BucketOwner": source.owner}
    request: dict[str, Any] = {
        "TableName": creation["TableName"],
        "S3BucketSource": {key: value for key, value in bucket.items() if value},
        "InputFormat": source.format.upper(),
        "InputCompressionType": source.compression.upper(),
        "TableCreationParameters": {key: value for key, value in creation.items() if key in TAKEN},
    }
    csv: dict[str, Any] = {"Delimiter": source.delimiter} if source.delimiter else {}
    if source.header:
        csv["HeaderList"] = list(source.header)
    return {**request, "InputFormatOptions": {"Csv": csv}} if csv else request


def raise_if_failed(client: Client, row: TableRow) -> None:
    """Raise StoreError with the service's reason where the newest import of the table came to nothing.

    The service leaves the table behind, with what it had imported until then.
    """
    listed = client.list_imports(TableArn=row.arn).get("ImportSummaryList", ())
    newest = max(listed, key=lambda i: str(i.get("StartTime", "")), default=None)
    if newest is None or newest.get("ImportStatus") not in ("FAILED", "CANCELLED"):
        return
    found = client.describe_import(ImportArn=newest["ImportArn"])["ImportTableDescription"]
    why = " ".join(filter(None, (found.get("FailureCode", ""), found.get("FailureMessage", ""))))
    ended = found["ImportStatus"].lower()
    raise StoreError(
        f"the import into {row.table['TableName']} ended as {ended}: {why or 'no reason given'}",
        hint="delete the table, correct the files or their format, and plan again",
        effect="the table is there, with what was imported until then",
    )
