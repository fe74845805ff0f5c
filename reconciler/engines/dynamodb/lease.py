"""The applier's lock: an item with a lease, renewed by a heartbeat, that a kill lets run out.

Whoever takes the lock counts its `fence` up; journal entries are written on the condition that the lock is still the
writer's own, so one that was paused for longer than its lease cannot write over its successor. Time is the service's
own (the `Date` of its answers), so that clocks of appliers need not agree.
"""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.engines.dynamodb import faults, items, limits
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.naming import STATE_TABLE
from reconciler.errors import LockBusy

SKEW_SECONDS = 2.0
"""The service tells its time in whole seconds; a lease counts as over that much later."""

FREE = "attribute_not_exists(pk) OR lease < :over OR nonce = :nonce"
OURS = "nonce = :nonce"


class Lease:
    """One holding of the lock, as a context manager. Entering raises LockBusy, StoreError."""

    def __init__(
        self,
        client: Client,
        owner: str,
        holder: str,
        seconds: float | None = None,
        beat: float | None = None,
    ) -> None:
        self.client = client
        self.owner = owner
        self.holder = holder
        self.seconds = limits.LEASE_SECONDS if seconds is None else seconds
        self.beat = limits.HEARTBEAT_SECONDS if beat is None else beat
        self.fence = 0
        self._nonce = uuid.uuid4().hex
        self._ahead = 0.0
        self._until = 0.0
        self._lost = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Lease:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._ahead = self._offset()
            self._acquire()
        except (BotoCoreError, ClientError) as error:
            raise faults.refused("UpdateItem", STATE_TABLE, error) from None
        self._thread = threading.Thread(target=self._beat, name=f"lease-{self.owner}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(self.beat + 1)
        self._release()

    def check(self) -> None:
        """Raise LockBusy when the lock is no longer ours; asks the store when the heartbeat has been late."""
        if not self._lost and time.monotonic() > self._until:
            self._renew()
        if self._lost or time.monotonic() > self._until:
            raise LockBusy(f"the lock on {self._shown} was lost", hint="run the plan again: it goes on from here")

    def guard(self) -> dict[str, Any]:
        """The `ConditionCheck` of a transaction: the lock is still this holding."""
        return {
            "TableName": STATE_TABLE,
            "Key": items.key("lock", self.owner),
            "ConditionExpression": OURS,
            "ExpressionAttributeValues": {":nonce": {"S": self._nonce}},
        }

    @property
    def _shown(self) -> str:
        service, _, environment = self.owner.partition("#")
        return f"{service}/dynamodb in {environment}"

    def _now(self) -> float:
        return time.time() + self._ahead

    def _offset(self) -> float:
        reply = self.client.describe_table(TableName=STATE_TABLE)
        stamp = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(stamp).timestamp() - time.time() if stamp else 0.0

    def _update(self, expression: str, condition: str, values: dict[str, dict[str, str]]) -> dict[str, Any]:
        reply: dict[str, Any] = self.client.update_item(
            TableName=STATE_TABLE,
            Key=items.key("lock", self.owner),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues={":nonce": {"S": self._nonce}, **values},
            ReturnValues="ALL_NEW",
        )
        return reply

    def _acquire(self) -> None:
        from botocore.exceptions import ClientError

        started, now = time.monotonic(), self._now()
        values = {
            ":holder": {"S": self.holder},
            ":since": {"S": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")},
            ":lease": {"N": f"{now + self.seconds:.3f}"},
            ":over": {"N": f"{now - SKEW_SECONDS:.3f}"},
            ":one": {"N": "1"},
            ":zero": {"N": "0"},
        }
        expression = (
            "SET holder = :holder, since = :since, lease = :lease, nonce = :nonce,"
            " fence = if_not_exists(fence, :zero) + :one"
        )
        try:
            reply = self._update(expression, FREE, values)
        except ClientError as error:
            if faults.code(error) == faults.CONDITION:
                raise self._busy() from None
            raise
        self.fence = int(reply["Attributes"]["fence"]["N"])
        self._until = started + self.seconds

    def _busy(self) -> LockBusy:
        reply = self.client.get_item(TableName=STATE_TABLE, Key=items.key("lock", self.owner), ConsistentRead=True)
        item = reply.get("Item", {})
        holder = item.get("holder", {}).get("S", "another applier")
        since = item.get("since", {}).get("S", "a moment ago")
        left = max(0.0, float(item.get("lease", {}).get("N", 0)) + SKEW_SECONDS - self._now())
        return LockBusy(
            f"{self._shown} is locked by {holder} since {since}",
            hint=f"wait until it is done; if it died, its lock ends in {left:.0f} s",
        )

    def _beat(self) -> None:
        while not self._stop.wait(self.beat):
            self._renew()

    def _renew(self) -> None:
        """Longer by a lease. An answer that does not come is no loss yet; that the item is another's is."""
        from botocore.exceptions import BotoCoreError, ClientError

        started = time.monotonic()
        try:
            self._update("SET lease = :lease", OURS, {":lease": {"N": f"{self._now() + self.seconds:.3f}"}})
            self._until = started + self.seconds
        except (BotoCoreError, ClientError) as error:
            self._lost = self._lost or faults.code(error) == faults.CONDITION

    def _release(self) -> None:
        """Let go. The item stays, since its fence has to go on counting."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._update("SET lease = :zero REMOVE holder, since, nonce", OURS, {":zero": {"N": "0"}})
        except (BotoCoreError, ClientError):
            self._lost = True  # taken over, or out of reach: the lease runs out by itself
