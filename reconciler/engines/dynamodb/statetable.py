"""The state table: one per account and region, created on first use, shared by all services and environments.

Items: the journal (`journal#SERVICE#ENVIRONMENT`, one per key), the lock (`lock`, one per service and environment; see
`lease`), and the services on record (`service`; see `naming`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.engines.dynamodb import faults, items, limits
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.naming import STATE_TABLE, Claim
from reconciler.errors import LockBusy, StoreError

CREATE_SECONDS = 120.0
TRIES = 6
"""Transactions that touch the lock's item at the same moment are cancelled; the next try goes through."""
Json = dict[str, Any]


class StateTable:
    """The items of one service in one environment."""

    def __init__(self, client: Client, service: str, environment: str) -> None:
        self.client = client
        self.service = service
        self.environment = environment
        self.owner = f"{service}#{environment}"
        self._ready = False

    def create(self) -> None:
        """Make sure the table is there. Two that do it at once do no harm. Raises StoreError."""
        from botocore.exceptions import ClientError

        if self._ready or self._status() == "ACTIVE":
            self._ready = True
            return
        try:
            self.client.create_table(
                TableName=STATE_TABLE,
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                BillingMode="PAY_PER_REQUEST",
            )
        except ClientError as error:
            if faults.code(error) != "ResourceInUseException":
                raise faults.refused("CreateTable", STATE_TABLE, error) from None
        deadline = time.monotonic() + CREATE_SECONDS
        while self._status() != "ACTIVE":
            if time.monotonic() > deadline:
                raise StoreError(f"the table {STATE_TABLE} is not ready after {CREATE_SECONDS:.0f} s")
            time.sleep(0.2)
        self._ready = True

    def _status(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self.client.describe_table(TableName=STATE_TABLE)["Table"]["TableStatus"])
        except (BotoCoreError, ClientError) as error:
            if faults.code(error) == faults.MISSING:
                return ""
            raise faults.refused("DescribeTable", STATE_TABLE, error) from None

    def journal(self) -> dict[str, Any]:
        """All entries; empty where there is no state table, which is not created for that. Raises StoreError."""
        return {item["sk"]["S"]: items.unpacked(item) for item in self.query(self._journal)}

    @property
    def _journal(self) -> str:
        return f"journal#{self.owner}"

    def claims(self) -> list[Claim]:
        """The services on record, of all environments. Raises StoreError."""
        return [_claim(item["sk"]["S"], items.unpacked(item)) for item in self.query("service")]

    def query(self, partition: str) -> Iterator[Json]:
        """The items of a partition; none where there is no state table. Raises StoreError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            pages = self.client.get_paginator("query").paginate(
                TableName=STATE_TABLE,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": partition}},
                ConsistentRead=True,
            )
            for page in pages:
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            if faults.code(error) != faults.MISSING:
                raise faults.refused("Query", STATE_TABLE, error) from None

    def write(self, entries: Mapping[str, Any], claim: Claim | None, guard: Json | None) -> None:
        """Journal entries, None for a deletion, and what is on record of this service, all or nothing in each batch.

        `guard` is the condition that the lock is still ours; it is part of each batch. Raises StoreError, LockBusy.
        """
        actions = [self._action(self._journal, name, value) for name, value in entries.items()]
        if claim is not None:
            actions.append(self._action("service", self.owner, {"naming": claim.naming, "names": dict(claim.names)}))
        for batch in _batches(actions, limits.TRANSACTION_ITEMS - 1):
            self.transact([*([{"ConditionCheck": guard}] if guard else []), *batch])

    def _action(self, partition: str, sort: str, value: Any) -> Json:
        key = items.key(partition, sort)
        if value is None:
            return {"Delete": {"TableName": STATE_TABLE, "Key": key}}
        return {"Put": {"TableName": STATE_TABLE, "Item": {**key, **items.packed(value)}}}

    def transact(self, actions: list[Json]) -> None:
        """All or nothing; the first may be the condition that the lock is still ours. Raises StoreError, LockBusy."""
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(TRIES):
            try:
                self.client.transact_write_items(TransactItems=actions)
                return
            except (BotoCoreError, ClientError) as error:
                reasons = getattr(error, "response", {}).get("CancellationReasons") or [{}]
                if reasons[0].get("Code") == "ConditionalCheckFailed":
                    raise LockBusy(
                        "another applier has taken the lock over",
                        hint="plan again",
                        effect="the journal was not written",
                    ) from None
                if attempt == TRIES - 1 or not any(r.get("Code") == "TransactionConflict" for r in reasons):
                    raise faults.refused("TransactWriteItems", STATE_TABLE, error) from None
                time.sleep(0.05 * 2**attempt)


def _claim(owner: str, value: Json) -> Claim:
    service, _, environment = owner.partition("#")
    return Claim(service, environment, value["naming"], value["names"])


def _batches(actions: list[Json], most: int) -> Iterator[list[Json]]:
    batch: list[Json] = []
    weight = 0
    for action in actions:
        bytes_ = items.size(action.get("Put", {}).get("Item", {}))
        if batch and (len(batch) == most or weight + bytes_ > limits.TRANSACTION_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(action)
        weight += bytes_
    if batch:
        yield batch
