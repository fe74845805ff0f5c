"""Hands out the slices of a copy, and writes down how far each segment is."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from reconciler.engines.dynamodb import introspect
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.migration import copying
from reconciler.engines.dynamodb.migration.conversion import callable_of, decoded, identity
from reconciler.engines.dynamodb.migration.copying import Done, Slice, unfit
from reconciler.engines.dynamodb.migration.records import Move, Records, packed_key, unpacked_key
from reconciler.errors import Blocked, StoreError
from reconciler.model.engine import Progress

Json = dict[str, Any]

THREADS = 8
ON_DEMAND_READS = 12_000.0
ON_DEMAND_WRITES = 4_000.0
"""Units a second that a new on-demand table takes at once (the capacity pages of the service's guide)."""
TELL_SECONDS = 5.0
MOST_IDLE = 20
PRINTS = 4_000_000
"""New keys that are looked at for twins in one pass over the table: 8 bytes each, and twice that to sort them."""


@dataclass(slots=True)
class Segments:
    """The copy of one table. `said` are the parameters of the plan: `Segments`, `Share`, `Executor`, `Items`."""

    client: Client
    settings: Mapping[str, str]
    records: Records
    move: Move
    said: Mapping[str, Any]
    progress: Progress
    held: Callable[[], None]
    _told: float = 0.0
    _totals: dict[str, int] = field(default_factory=dict)
    _idle: dict[int, int] = field(default_factory=dict)

    def copy(self) -> None:
        """Everything, from where it stopped. Raises Blocked for items that do not fit, StoreError, LockBusy."""
        places = self.records.checkpoints(self.move)
        with self._executor() as pool:
            if "examined" not in places:
                self._examine(pool)
                self.records.checkpoint(self.move, "examined", True)
            self._work(pool, self._slices(self.move.new, places), self._copied)

    @property
    def count(self) -> int:
        """How many segments there are."""
        return int(self.said["Segments"])

    @contextmanager
    def _executor(self) -> Iterator[Executor]:
        """What runs the slices. One that a factory gave is not shut down: it is the factory's."""
        name = str(self.said.get("Executor", ""))
        if name:
            yield callable_of(name)()
            return
        with ThreadPoolExecutor(min(self.count, THREADS), "copy") as pool:
            yield pool

    def _slices(self, target: str, places: Mapping[str, Any]) -> list[Slice]:
        reads, writes = self._rates()
        found = []
        for segment in range(self.count):
            place = places.get(f"segment#{segment}", {}) if target else {}
            if place.get("done"):
                continue
            found.append(
                Slice(
                    tuple(sorted(self.settings.items())),
                    self.move.old,
                    target,
                    decoded(self.said["Items"]),
                    segment,
                    self.count,
                    unpacked_key(place.get("last")),
                    reads=reads / self.count,
                    writes=writes / self.count,
                )
            )
        return found

    def _rates(self) -> tuple[float, float]:
        """Units a second for reading and writing: a share of what the two tables have."""
        share = float(self.said["Share"])
        old, new = (introspect.describe(self.client, table) or {} for table in (self.move.old, self.move.new))
        reads = old.get("ProvisionedThroughput", {}).get("ReadCapacityUnits") or ON_DEMAND_READS
        writes = new.get("ProvisionedThroughput", {}).get("WriteCapacityUnits") or ON_DEMAND_WRITES
        return float(reads) * share, float(writes) * share

    def _work(self, pool: Executor, slices: list[Slice], finished: Callable[[Slice, Done], None]) -> None:
        """All slices and those that go on after them; each segment has one at a time."""
        running: dict[Future[Done], Slice] = {pool.submit(copying.run, self._now(s)): s for s in slices}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    work = running.pop(future)
                    result = future.result()
                    self.held()
                    self._in_time(work, result)
                    finished(work, result)
                    if not result.ended:
                        further = replace(work, start=result.last)
                        running[pool.submit(copying.run, self._now(further))] = further
        except BaseException:
            for future in running:
                future.cancel()
            wait(running)
            raise

    def _in_time(self, work: Slice, result: Done) -> None:
        """Raise StoreError where slices come too late again and again to do anything."""
        idle = not result.ended and result.items == 0
        self._idle[work.segment] = self._idle.get(work.segment, 0) + 1 if idle else 0
        if self._idle[work.segment] > MOST_IDLE:
            hint = "what runs them is too busy, or its clock is wrong"
            raise StoreError(f"slices of segment {work.segment} come too late to do anything", hint=hint)

    def _now(self, work: Slice) -> Slice:
        return replace(work, until=time.time() + work.seconds + copying.GRACE_SECONDS)

    def _copied(self, work: Slice, result: Done) -> None:
        if result.unfits:
            raise unfit(result.unfits, result.unfit)
        place = {"last": packed_key(result.last), "done": result.ended}
        self.records.checkpoint(self.move, f"segment#{work.segment}", place)
        self._tell("copied", result.items)

    def _tell(self, what: str, items: int) -> None:
        self._totals[what] = self._totals.get(what, 0) + items
        if time.monotonic() - self._told > TELL_SECONDS:
            self._told = time.monotonic()
            self.progress(f"{what} {self._totals[what]} items of {self.move.old}")

    # -- before anything is written -----------------------------------------------------------------------------------

    def _examine(self, pool: Executor) -> None:
        """Raise Blocked for items that do not fit, or would become one."""
        found: list[array[int]] = []
        bad: list[str] = []
        count = 0

        def finished(_work: Slice, result: Done) -> None:
            nonlocal count
            count += result.unfits
            bad.extend(result.unfit)
            found.append(result.prints)
            self._tell("looked at", result.items)

        self._work(pool, self._slices("", {}), finished)
        if count:
            raise unfit(count, bad)
        if not decoded(self.said["Items"]).contained:
            self._no_twins(found)

    def _no_twins(self, prints: list[array[int]]) -> None:
        """Raise Blocked for two items with the same new key; looks at a part of all keys at a time."""
        parts = max(1, sum(map(len, prints)) // PRINTS + 1)
        twins: set[int] = set()
        for part in range(parts):
            keys = sorted(p for some in prints for p in some if p % parts == part)
            twins |= {one for one, other in pairwise(keys) if one == other}
        if twins:
            self._name_twins(twins)

    def _name_twins(self, twins: set[int]) -> None:
        conversion = decoded(self.said["Items"])
        first: dict[tuple[str, ...], Json] = {}
        for page in copying.pages(self.client, self.move.old, 0, 1):
            for item in page["Items"]:
                new = conversion.converted(item)
                if copying.print_of(conversion, new) not in twins:
                    continue
                key = identity(new, conversion.after)
                if key in first:
                    error = copying.same_key(conversion, new, first[key])
                    more = f" (and {len(twins) - 1} more such keys)" if len(twins) > 1 else ""
                    raise Blocked(error.message + more, hint=error.hint)
                first[key] = new
