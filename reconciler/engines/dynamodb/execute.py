"""Running a call so that a kill at any moment does no harm, and waiting until its effect is there.

Before a call is sent the live table is looked at: an effect that is there, or on its way, is only waited for. So a step
that was interrupted is finished by running it again, and a call whose answer was lost is not made twice.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import effects, faults, imports, introspect, local_edition, replicas, requests
from reconciler.engines.dynamodb.aspects import Asking
from reconciler.engines.dynamodb.connect import Connection
from reconciler.engines.dynamodb.operations import IMPORTED, Call, Calls, Wait
from reconciler.engines.dynamodb.patience import Patience
from reconciler.engines.dynamodb.row import TableRow
from reconciler.errors import StoreError
from reconciler.model.engine import Limits, Progress

MAKERS = frozenset({"CreateTable", "ImportTable"})
MOVING = frozenset({"CREATING", "UPDATING", "DELETING"})
GOES_WITH_THE_TABLE = frozenset({"DeleteTable", "DeregisterScalableTarget"})
"""Calls that may be made though there is no such table any more."""

GRACE_SECONDS = 3.0
"""How long descriptions may lag behind a call that went through: they are eventually consistent. It counts up to the
moment of asking, since an answer that takes long is none the fresher for it; and one look alone proves nothing."""
GRACE_LOOKS = 2

LOST_SECONDS = 30.0
"""How long something just asked for may not be described at all."""

RETRY_SECONDS = 5.0
TTL_RETRY_SECONDS = 60.0
TTL_SECONDS = 2 * 3600.0
"""A change of the time to live may have to wait for an hour (`limits.TTL_RULE`), whatever else waits are limited to."""


@dataclass(slots=True)
class Runner:
    """Runs operations over one connection. `held` raises LockBusy when the applier's lock was lost."""

    connection: Connection
    limits: Limits
    progress: Progress
    held: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, operation: Call | Calls) -> None:
        """All calls, from the one after the last whose effect is there. Raises StoreError, LockBusy."""
        calls = operation.calls
        done = self._done(calls)
        if done:
            self._await(calls[done - 1], sent=False)
        for number, call in enumerate(calls[done:], done):
            try:
                self._run(call)
            except StoreError as error:
                if number and error.effect.startswith("nothing"):
                    error.effect = f"{number} of {len(calls)} calls went through; run the plan again to go on"
                raise

    def _done(self, calls: tuple[Call, ...]) -> int:
        first = {call.region: call for call in reversed(calls)}
        rows = {region: self._row(call) for region, call in first.items()}
        there = [
            number for number, call in enumerate(calls, 1) if effects.holds(call, _staying(rows[call.region], call))
        ]
        return max(there, default=0)

    def _run(self, call: Call) -> None:
        patience = self._patience(call)
        while True:
            row = self._settled(call, patience)
            if effects.holds(call, row):
                return self._await(call, sent=False)
            self.held()
            if self._sent(call, row, patience):
                return self._await(call, sent=True)

    def _patience(self, call: Call) -> Patience:
        hint, limit = "run the same plan again: it goes on waiting", self.limits.wait_timeout
        if self.connection.local and call.wait is not None and call.wait[:2] == ("index", "gone"):
            hint = local_edition.REMOVAL_HINT
            limit = min(limit or local_edition.REMOVAL_SECONDS, local_edition.REMOVAL_SECONDS)
        if call.call == "UpdateTimeToLive" and limit:
            limit = max(limit, TTL_SECONDS)
        return Patience(f"{call.call} of {call.table}", limit, hint, self.clock, self.sleep)

    def _sent(self, call: Call, row: TableRow | None, patience: Patience) -> bool:
        """Whether it went through; False after a pause where it may do so later."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._send(call, row)
            return True
        except (BotoCoreError, ClientError) as error:
            name = faults.code(error)
            if name == "ObjectNotFoundException" and call.call == "DeregisterScalableTarget":
                return True
            if name == faults.MISSING and call.region and patience.passed < LOST_SECONDS:
                patience.pause()  # a region knows of a new index a little later
                return False
            if faults.too_often(error):
                self.progress(f"{call.table}: time to live was changed within the hour; waiting")
                patience.pause(TTL_RETRY_SECONDS)
            elif faults.used_up(error):
                raise StoreError(
                    f"{call.table}: {faults.text(error)}",
                    hint="run the same plan again when the service's limit allows it: it goes on there",
                ) from None
            elif name in faults.BUSY or name in faults.THROTTLED:
                self.progress(f"{call.table}: {faults.text(error)}; trying again")
                patience.pause(RETRY_SECONDS)
            else:
                raise faults.refused(call.call, call.table, error) from None
        return False

    def _send(self, call: Call, row: TableRow | None) -> None:
        api, connection = call.api, self.connection.elsewhere(call.region)
        client = connection.client if api.service == "dynamodb" else connection.beside(api.service)
        getattr(client, api.method)(**requests.request(call, row, local=connection.local))

    def _settled(self, call: Call, patience: Patience) -> TableRow | None:
        """The table once nothing is in the way of the call: the service refuses it until then."""
        while True:
            row = self._row(call)
            state = _in_the_way(call, row)
            if state is None:
                return row
            if not state and call.region and patience.passed < LOST_SECONDS:
                state = f"the replica in {call.region} is not described yet"
            if not state:
                raise StoreError(f"there is no table {call.table}", hint="plan again: it was there for this plan")
            patience.tell(self.progress, f"{call.table}: waiting, {state}")
            patience.pause()

    def _await(self, call: Call, sent: bool) -> None:
        if call.wait is None:
            return
        patience = self._patience(call)
        for look in itertools.count(1):
            asked = patience.passed
            row = self._row(call)
            if row is not None:
                replicas.raise_if_failed(call.parameters.get("ReplicaUpdates", ()), row)
            state = _missing(call.wait, row)
            early = asked < GRACE_SECONDS or look < GRACE_LOOKS
            if state is None and not (sent and early and not effects.holds(call, _staying(row, call))):
                return
            if state:
                patience.tell(self.progress, f"{call.table}: {state}")
            if state == "" and patience.passed > LOST_SECONDS:
                raise StoreError(f"{call.table}: {call.wait.what} {call.wait.name} is gone", hint="plan again")
            patience.pause()

    def _row(self, call: Call) -> TableRow | None:
        """What is live of the table, as far as this call is about it."""
        connection = self.connection.elsewhere(call.region)
        if call.api.aspect:
            reading = introspect.read(connection, call.table, aspects=(call.api.aspect,))
            return reading.row if reading is not None else None
        described = introspect.describe(connection.client, call.table)
        if described is None:
            return None
        row = TableRow(described)
        if call.wait == IMPORTED and described.get("TableStatus") != "DELETING":
            imports.raise_if_failed(connection.client, row)
        if "SSESpecification" in call.parameters and row.key_arn:
            return row._replace(managed_key=Asking(connection).managed_key(row.key_arn))
        return row


def _staying(row: TableRow | None, call: Call) -> TableRow | None:
    """A table that is being deleted is none for a call that would create it."""
    if row is not None and call.call in MAKERS and row.table.get("TableStatus") == "DELETING":
        return None
    return row


def _in_the_way(call: Call, row: TableRow | None) -> str | None:
    """What the call has to wait for, in words; None for nothing; empty where its table is missing."""
    if call.call in MAKERS:
        leaving = row is not None and row.table.get("TableStatus") == "DELETING"
        return "the table of that name is being deleted" if leaving else None
    if row is None:
        return None if call.call in GOES_WITH_THE_TABLE else ""
    if call.call not in ("UpdateTable", "DeleteTable"):
        return None
    return _moving(row, cancelled=_cancelled(call))


def _cancelled(call: Call) -> str:
    """The index that the call removes: a removal may cancel a build that has begun to read the table."""
    for update in call.parameters.get("GlobalSecondaryIndexUpdates", ()):
        if "Delete" in update:
            return str(update["Delete"]["IndexName"])
    return ""


def _moving(row: TableRow, cancelled: str = "") -> str | None:
    """What of a table is changing at the moment, in words."""
    for index in (*(row.table.get("GlobalSecondaryIndexes") or ()), *(row.table.get("VectorIndexes") or ())):
        status = index.get("IndexStatus", "ACTIVE")
        if status in MOVING and not (index["IndexName"] == cancelled and index.get("Backfilling")):
            return _index_words(index)
    for held in (row.table, *(row.table.get("GlobalSecondaryIndexes") or ())):
        if (held.get("WarmThroughput") or {}).get("Status") == "UPDATING":
            return f"{held.get('IndexName', 'the table')} is being warmed up"
    if (row.table.get("SSEDescription") or {}).get("Status") in ("ENABLING", "UPDATING", "DISABLING"):
        return "the key of the table is changing"
    for replica in row.table.get("Replicas") or ():
        if replica.get("ReplicaStatus") in MOVING:
            share = replica.get("ReplicaStatusPercentProgress")
            progress = f", {share}%" if share else ""
            return f"the replica in {replica['RegionName']} is {replica['ReplicaStatus'].lower()}{progress}"
    status = row.table.get("TableStatus", "ACTIVE")
    if status in MOVING and not cancelled:
        return f"the table is {status.lower()}"
    return None


def _index_words(index: Mapping[str, Any]) -> str:
    status = index["IndexStatus"].lower()
    phase = ", backfilling" if index.get("Backfilling") else ""
    return f"index {index['IndexName']} is {status}{phase}"


def _missing(wait: Wait, row: TableRow | None) -> str | None:
    """What is still awaited, in words; None when it is reached; empty where there is nothing to wait for."""
    if wait.until == "gone":
        if wait.what == "table":
            return None if row is None else "the table is being deleted"
        index = effects.index_of(row, wait.name)
        return None if index is None else _index_words(index)
    if row is None:
        return ""
    if wait.what == "index":
        index = effects.index_of(row, wait.name)
        if index is None:
            return ""
        return None if index.get("IndexStatus", "ACTIVE") == "ACTIVE" else _index_words(index)
    if wait.what == "kinesis":
        return _streaming(wait, row)
    if wait.what == "ttl":
        status = (row.ttl or {}).get("TimeToLiveStatus", "DISABLED")
        return None if status == "DISABLED" else f"time to live is {status.lower()}"
    return None if wait.what in ("tags", "policy") else _moving(row)


def _streaming(wait: Wait, row: TableRow) -> str | None:
    """Raises StoreError where the service gave up."""
    arn = requests.stream_arn(wait.name, row.arn)
    found = next((d for d in row.kinesis or () if d["StreamArn"] == arn), {})
    status = found.get("DestinationStatus", "DISABLED")
    if status == "ENABLE_FAILED":
        why = found.get("DestinationStatusDescription", "no reason given")
        raise StoreError(f"streaming to {wait.name} could not be turned on: {why}")
    return None if status == ("ACTIVE" if wait.until == "active" else "DISABLED") else f"streaming is {status.lower()}"
