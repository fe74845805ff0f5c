"""What is read of one live table, and the kinds of this engine, which know how to make resources of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.model.address import Address
from reconciler.model.kind import Kind, R


class TableRow(NamedTuple):
    """The service's replies about one table, as they came.

    - `table`: `Table` of DescribeTable.
    - `ttl`: `TimeToLiveDescription`; `backups`: `PointInTimeRecoveryDescription`; `tags`: key → value. None where the
      service has no such call, or does not let us ask.
    - `explicit`: the physical name does not follow from the logical one.
    - `base`: the name by which the declaration knows it, where another table has taken its place.
    """

    table: Mapping[str, Any]
    ttl: Mapping[str, Any] | None = None
    backups: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    explicit: bool = False
    base: str = ""

    @property
    def types(self) -> dict[str, str]:
        """Attribute definitions: name → S, N or B."""
        return {d["AttributeName"]: d["AttributeType"] for d in self.table.get("AttributeDefinitions", ())}

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
