"""What is read of one live table, and the kinds of this engine, which know how to make resources of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.model.address import Address
from reconciler.model.kind import Kind, R


class ScalingKey(NamedTuple):
    """What Application Auto Scaling scales: the units of a table, or of one of its indexes; `dimension` is `read` or
    `write`."""

    table: str
    index_name: str
    dimension: str


class TableRow(NamedTuple):
    """The service's replies about one table, as they came.

    - `table`: `Table` of DescribeTable.
    - `ttl`: `TimeToLiveDescription`; `backups`: `PointInTimeRecoveryDescription`; `tags`: key → value; `policy`: its
      text; `kinesis`: `KinesisDataStreamDestinations`; `insights`: mode by index, empty for the table's own; `scaling`:
      scalable targets with their `Policies`. None where the service has no such call, does not let us ask, or was not
      asked.
    - `explicit`: the physical name does not follow from the logical one.
    - `base`: the name by which the declaration knows it, where another table has taken its place.
    - `managed_key`: the key of KMS is the account's own, which AWS keeps; None where nobody tells.
    - `regions`: the same of its replicas, by region, as far as they could be read.
    """

    table: Mapping[str, Any]
    ttl: Mapping[str, Any] | None = None
    backups: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    explicit: bool = False
    base: str = ""
    policy: str | None = None
    kinesis: tuple[Mapping[str, Any], ...] | None = None
    insights: Mapping[str, str] | None = None
    scaling: Mapping[ScalingKey, Mapping[str, Any]] | None = None
    managed_key: bool | None = None
    regions: Mapping[str, TableRow] = MappingProxyType({})

    @property
    def key_arn(self) -> str:
        """The ARN of the KMS key that the table is encrypted with; empty for the service's own."""
        said = self.table.get("SSEDescription") or {}
        on = said.get("SSEType") == "KMS" and said.get("Status") in ("ENABLED", "UPDATING", "ENABLING")
        return str(said.get("KMSMasterKeyArn", "")) if on else ""

    @property
    def arn(self) -> str:
        """The table's own ARN; made up of what is known where a store gives none."""
        return str(self.table.get("TableArn", f"arn:aws:dynamodb:::table/{self.table.get('TableName', '')}"))

    @property
    def types(self) -> dict[str, str]:
        """Attribute definitions: name → S, N or B."""
        return {d["AttributeName"]: d["AttributeType"] for d in self.table.get("AttributeDefinitions", ())}

    @property
    def indexes(self) -> list[str]:
        """Names of the global indexes, those on their way out left out."""
        found = self.table.get("GlobalSecondaryIndexes") or ()
        return [i["IndexName"] for i in found if i.get("IndexStatus") != "DELETING"]

    @property
    def provisioned(self) -> bool:
        """The billing mode. A table that was always provisioned may lack the summary: absent is the old default,
        unless the units are zero, which only an on-demand table has."""
        mode = self.table.get("BillingModeSummary", {}).get("BillingMode")
        if mode is not None:
            return bool(mode == "PROVISIONED")
        return bool(self.table.get("ProvisionedThroughput", {}).get("ReadCapacityUnits", 0))


def _nothing(_resource: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class DynamoKind(Kind[R]):
    """A kind of this engine.

    - `read(row, table)`: the live resources of this kind in one table; `table` is the table's address.
    - `part(resource)`: its share in the CreateTable call of its table, lists are joined; empty for what takes a call
      of its own.
    """

    read: Callable[[TableRow, Address], Iterable[R]]
    part: Callable[[R], Mapping[str, Any]] = _nothing
