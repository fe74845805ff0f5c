"""Runs the operations of a move. Each may be killed at any moment and run again: it goes on from what is on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import introspect
from reconciler.engines.dynamodb.connect import Client, Connection
from reconciler.engines.dynamodb.execute import Runner
from reconciler.engines.dynamodb.migration import backups
from reconciler.engines.dynamodb.migration.comparing import Difference, Side, difference, summary
from reconciler.engines.dynamodb.migration.conversion import Conversion, decoded
from reconciler.engines.dynamodb.migration.copying import unfit
from reconciler.engines.dynamodb.migration.following import Follower, LateWrites
from reconciler.engines.dynamodb.migration.operations import Moving
from reconciler.engines.dynamodb.migration.records import KEPT_SECONDS, LOST, Move, Records
from reconciler.engines.dynamodb.migration.segments import Segments
from reconciler.engines.dynamodb.migration.shards import ANEW, Stream, Trimmed
from reconciler.errors import Blocked, StoreError
from reconciler.model.engine import Progress

IMAGES = "new_and_old_images"
COMPARISONS = 4
"""How often tables are compared before what differs counts: a late record shows in the next one."""
SETTLING_SECONDS = 2.0


@dataclass(slots=True)
class Mover:
    """One applier's hands: its connection, what is on record, how it tells and whether it still holds the lock."""

    connection: Connection
    settings: Mapping[str, str]
    records: Records
    runner: Runner
    progress: Progress
    held: Callable[[], None]
    now: Callable[[], float] = time.time

    def run(self, operation: Moving) -> None:
        """Raises StoreError, Blocked, LockBusy."""
        work: Mapping[str, Callable[[Moving], None]] = {
            "begin": self._begin,
            "copy": self._copy,
            "follow": self._follow,
            "switch": self._switch,
            "retire": self._retire,
            "keep": self._keep,
            "abandon": self._abandon,
        }
        work[operation.word](operation)

    @property
    def client(self) -> Client:
        """The client of the tables."""
        return self.connection.client

    def _begin(self, operation: Moving) -> None:
        """On record first, then the table: one that is there and not on record is somebody else's."""
        said, known = operation.parameters, self.records.move(operation.logical)
        move = Move(said["From"], said["To"], said["Base"], said["Shape"])
        if known is None or known.new != move.new or known.shape != move.shape:
            if known is not None:
                raise StoreError(f"a move of {operation.logical} to {known.new} is under way", hint="plan again")
            if introspect.describe(self.client, move.new) is not None:
                hint = "it was made by somebody else: delete it, or declare another name"
                raise StoreError(f"there is a table {move.new} already", hint=hint)
            self.records.begin(operation.logical, move)
        self._run(operation)

    def _under_way(self, operation: Moving) -> Move:
        move = self.records.move(operation.logical)
        if move is None or move.new != operation.parameters["To"]:
            raise StoreError(
                f"no move of {operation.logical} to {operation.parameters['To']} is under way", hint="plan again"
            )
        return move

    def _copy(self, operation: Moving) -> None:
        """Look at all items first: nothing is written before all of them fit and no two of them become one."""
        move, said = self._under_way(operation), operation.parameters
        if move.state != "begun":
            return
        if not decoded(said["Items"]).told_by(self._view(move.old)):
            raise StoreError(
                f"{move.old} has no stream that tells old and new images", hint="plan again: it was turned off"
            )
        segments = Segments(self.client, self.settings, self.records, move, said, self.progress, self.held)
        if not move.drained:
            self._still_empty(move)
            move = self.records.reached(operation.logical, move, drained=self.now(), stream=self._arn(move))
        segments.copy()
        self.records.reached(operation.logical, move, state="copied")

    def _still_empty(self, move: Move) -> None:
        """Raise Blocked where somebody else has written to the new table."""
        if self.client.scan(TableName=move.new, Limit=1, ConsistentRead=True)["Items"]:
            raise Blocked(f"{move.new} holds items that nobody copied there", hint="delete them, then apply again")

    def _follow(self, operation: Moving) -> None:
        """Until nothing is left, then compare while writers go on: what changed meanwhile is compared again."""
        move, conversion = self._under_way(operation), decoded(operation.parameters["Items"])
        if move.state == "switched":
            return
        follower = self._follower(move, conversion)
        move = self._drained(operation.logical, move, follower)
        for attempt in range(COMPARISONS):
            follower.touched.clear()
            wrong, counted = self._compared(move, conversion)
            move = self._drained(operation.logical, move, follower)
            if not wrong.without(follower.touched).all:
                self.progress(f"{counted}; {len(wrong.all)} changed meanwhile")
                self.records.reached(operation.logical, move, state="compared")
                return
            self.progress(f"comparison {attempt + 1}: {move.new} {wrong.without(follower.touched)}")
            time.sleep(SETTLING_SECONDS)
        raise self._unequal(move, wrong.without(follower.touched))

    def _switch(self, operation: Moving) -> None:
        """The last changes, an exact comparison with nothing written meanwhile, and the name: the gate."""
        said = operation.parameters
        becomes = str(said.get("Becomes") or operation.logical)
        after = self.records.move(becomes)
        if after is not None and after.state == "switched" and after.new == said["To"]:
            return
        move = self._under_way(operation)
        if said.get("Empty"):
            self._must_be_empty(move)
        else:
            self._exactly_equal(operation.logical, move, decoded(said["Items"]))
        self._run(operation)
        self.held()
        self.records.switch(operation.logical, becomes, self.records.move(operation.logical) or move)

    def _run(self, operation: Moving) -> None:
        """Its calls, each only if its effect is not there."""
        for call in operation.calls:
            self.runner.run(call)

    def _must_be_empty(self, move: Move) -> None:
        for page in self.client.get_paginator("scan").paginate(TableName=move.old, ConsistentRead=True, Limit=100):
            if page["Items"]:
                hint = "plan again: the new plan copies them"
                raise Blocked(f"{move.old} was empty when this was planned, and holds items now", hint=hint)

    def _exactly_equal(self, logical: str, move: Move, conversion: Conversion) -> None:
        follower = self._follower(move, conversion)
        for _attempt in range(COMPARISONS):
            move = self._drained(logical, move, follower)
            follower.touched.clear()
            wrong, counted = self._compared(move, conversion)
            self._drained(logical, move, follower)
            if not follower.touched:
                if wrong.all:
                    time.sleep(SETTLING_SECONDS)
                    continue
                self.progress(counted)
                return
            self.progress(f"{move.old} is still written to: {len(follower.touched)} items just now")
        if follower.touched:
            hint = "stop everything that writes to it, then apply the same plan again: it goes on there"
            raise Blocked(f"{move.old} is still written to; nothing was switched", hint=hint)
        raise self._unequal(move, wrong)

    def _compared(self, move: Move, conversion: Conversion) -> tuple[Difference, str]:
        old, new = Side(self.client, move.old, conversion, True), Side(self.client, move.new, conversion, False)
        here, there = summary(old), summary(new)
        if here.unfit:
            raise unfit(len(here.unfit), here.unfit)
        said = f"{move.old}: {here.items} items, checksum {here.checksum}; {move.new}: {there.items}, {there.checksum}"
        return difference(old, new, here, there), said

    def _unequal(self, move: Move, wrong: Difference) -> Blocked:
        return Blocked(
            f"{move.new} is not as {move.old}: it {wrong}",
            hint=f"see what else writes to {move.new} and correct these items there, then apply the same plan again;"
            " to copy anew, declare the table as it was, apply, and declare this again",
        )

    def _follower(self, move: Move, conversion: Conversion) -> Follower:
        return Follower(self.client, move.old, move.new, conversion, self._view(move.old) == IMAGES, self.held)

    def _drained(self, logical: str, move: Move, follower: Follower) -> Move:
        """The move once the stream is read to its end. Raises StoreError where it may have lost records before that."""
        if move.stale(self.now()):
            raise StoreError(f"the stream of {move.old} was not read for a day, and keeps no more", hint=ANEW)
        if self._arn(move) != move.stream:
            self.records.reached(logical, move, drained=LOST)
            raise StoreError(f"{move.old} has another stream than when the copy began", hint=ANEW)
        began, total = self.now(), 0

        def tell(count: int) -> None:
            nonlocal total
            total += count
            if count:
                self.progress(f"brought over {total} changes of {move.old}")

        try:
            self._stream(move, follower.take).drain(tell)
        except Trimmed:
            self.records.reached(logical, move, drained=LOST)
            raise
        return self.records.reached(logical, move, drained=began)

    def _stream(self, move: Move, take: Callable[[list[dict[str, Any]]], None], *, remember: bool = True) -> Stream:
        places = {
            n.removeprefix("shard#"): p for n, p in self.records.checkpoints(move).items() if n.startswith("shard#")
        }

        def note(shard: str, place: str) -> None:
            if remember:
                self.records.checkpoint(move, f"shard#{shard}", place)

        return Stream(self.connection.beside("dynamodbstreams"), move.stream, take, note, places)

    def _arn(self, move: Move) -> str:
        """The stream of the old table; empty where it is off."""
        described = introspect.describe(self.client, move.old) or {}
        on = (described.get("StreamSpecification") or {}).get("StreamEnabled")
        return str(described.get("LatestStreamArn", "")) if on else ""

    def _view(self, table: str) -> str:
        """What the stream of a table tells; `none` where it is off."""
        said = (introspect.describe(self.client, table) or {}).get("StreamSpecification") or {}
        return str(said.get("StreamViewType", "none")).lower() if said.get("StreamEnabled") else "none"

    def _retire(self, operation: Moving) -> None:
        """Delete the old table, if nothing was written to it after the switch, and a backup is there."""
        move = self.records.move(operation.logical)
        if move is None:
            return
        if move.state != "switched":
            raise StoreError(f"{operation.logical} still is {move.old}", hint="plan again")
        described = introspect.describe(self.client, move.old)
        if described is not None and described.get("TableStatus") != "DELETING":
            self._may_go(move, operation.parameters, described)
        self._run(operation)
        self.records.end(operation.logical, move)

    def _may_go(self, move: Move, said: Mapping[str, Any], described: Mapping[str, Any]) -> None:
        if described.get("DeletionProtectionEnabled"):
            hint = "plan again: a protected table is left there"
            raise Blocked(f"{move.old} is protected against deletion", hint=hint)
        if said.get("Empty"):
            self._must_be_empty(move)
        elif "Items" in said:
            self._no_late_writes(move, decoded(said["Items"]))
        if said.get("Backup"):
            backups.made(self.client, move.old, str(said["Backup"]), self.progress)

    def _no_late_writes(self, move: Move, conversion: Conversion) -> None:
        """Raise Blocked where the old table was written to after the switch and the new one does not have it."""
        if self._arn(move) != move.stream or move.drained < self.now() - KEPT_SECONDS:
            raise Blocked(
                f"the stream of {move.old} does not reach back to the switch: it may have been written to since",
                hint=f"see that {move.new} has everything, delete {move.old} yourself, then plan again",
            )
        late = LateWrites(self._follower(move, conversion))
        self._stream(move, late.take, remember=False).drain()
        if late.keys:
            sample = ", ".join("/".join(k) for k in sorted(late.keys)[:5])
            raise Blocked(
                f"{len(late.keys)} items of {move.old} were written to after the switch: {sample}",
                hint=f"bring them over to {move.new}, stop what writes to {move.old}, then apply the same plan again",
            )

    def _keep(self, operation: Moving) -> None:
        move = self.records.move(operation.logical)
        if move is not None:
            self._run(operation)
            self.records.end(operation.logical, move, keep=move.old)

    def _abandon(self, operation: Moving) -> None:
        """Delete what was made for a move that is not to be, and what is on record of it."""
        move = self.records.move(operation.logical)
        if move is None:
            return
        if move.state == "switched":
            raise StoreError(f"{operation.logical} is {move.new} by now; that cannot be given up", hint="plan again")
        described = introspect.describe(self.client, move.new)
        if described is not None and described.get("TableStatus") != "DELETING":
            self._run(operation)
        self.records.end(operation.logical, move)
