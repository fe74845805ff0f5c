"""A client that answers from a script, for what no emulator does: throttling, quotas, lagging descriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from reconciler.engines.dynamodb.connect import FEATURES, Connection
from reconciler.engines.dynamodb.execute import Runner
from reconciler.model.engine import Limits, Server


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Scripted:
    """`tables`: successive answers of DescribeTable, the last one again and again; None is "no such table".
    `refusals`: what successive other calls raise; after that they go through. `sent` are those that did."""

    tables: list[dict[str, Any] | None]
    refusals: list[Exception] = field(default_factory=list)
    ttl: list[dict[str, Any]] = field(default_factory=lambda: [{"TimeToLiveStatus": "DISABLED"}])
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    on_send: Callable[[], None] = lambda: None

    def describe_table(self, TableName: str) -> dict[str, Any]:
        table = self.tables[0] if len(self.tables) == 1 else self.tables.pop(0)
        if table is None:
            raise refusal("ResourceNotFoundException")
        return {"Table": table}

    def describe_time_to_live(self, TableName: str) -> dict[str, Any]:
        return {"TimeToLiveDescription": self.ttl[0] if len(self.ttl) == 1 else self.ttl.pop(0)}

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(**parameters: Any) -> None:
            if self.refusals:
                raise self.refusals.pop(0)
            self.sent.append((name, parameters))
            self.on_send()

        return call


@dataclass
class Rig:
    """A runner over a scripted client, with what it said."""

    client: Scripted
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list)
    held: Callable[[], None] = lambda: None
    edition: str = ""

    @property
    def runner(self) -> Runner:
        connection = Connection(self.client, Server("DynamoDB", (2012, 8, 10), self.edition), frozenset(FEATURES))
        return Runner(connection, self.limits, self.said.append, self.held, self.clock, self.clock.sleep)
