"""Time to live with the service's rules: one change an hour, and none of the attribute while it is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.engines.dynamodb.beside import Answer, Beside, Refused

HOUR = 3600.0


@dataclass
class Expiring(Beside):
    """`now` is the account's time in seconds; a refusal for coming too soon lets half an hour pass, so that tests do
    not."""

    now: float = 0.0
    ttl: dict[str, tuple[str, float]] = field(default_factory=dict)

    def UpdateTimeToLive(self, TableName: str, TimeToLiveSpecification: dict[str, Any]) -> Answer:
        attribute, changed = self.ttl.get(TableName, ("", -HOUR))
        if self.now - changed < HOUR:
            self.now += HOUR / 2
            raise invalid("Time to live has been modified multiple times within a fixed interval")
        wanted = TimeToLiveSpecification["AttributeName"] if TimeToLiveSpecification["Enabled"] else ""
        if attribute and wanted:
            raise invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}")
        if attribute == wanted:
            raise invalid("TimeToLive is already that way")
        self.ttl[TableName] = (wanted, self.now)
        return {"TimeToLiveSpecification": TimeToLiveSpecification}

    def DescribeTimeToLive(self, TableName: str) -> Answer:
        attribute, _ = self.ttl.get(TableName, ("", 0.0))
        on = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
        return {"TimeToLiveDescription": on if attribute else {"TimeToLiveStatus": "DISABLED"}}


def invalid(message: str) -> Refused:
    return Refused("ValidationException", message)
