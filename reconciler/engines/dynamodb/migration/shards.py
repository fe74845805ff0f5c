"""The stream of a table, read in the order in which each item changed.

Records of one item are all in one line of shards: a shard that ends is followed by its children. So a shard is read
only when its parent has been read to the end, and within a shard in its order; nothing orders the shards of different
lines, nor is that needed, since they never hold the same item (the streams pages of the service's guide).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client
from reconciler.errors import StoreError

Json = dict[str, Any]

BATCH = 1000
"""Records of one GetRecords (the service model in botocore)."""
READERS = 8
LAG_SECONDS = 5.0
LAST_ROUNDS = 3
PAUSE_SECONDS = 0.4
"""A stream counts as read up to now after that many rounds, so far apart, that took less than the lag each."""
END = "end"
ANEW = "the copy has to begin anew: run `reconcile plan` and apply what it says"
TRIMMED = frozenset({"TrimmedDataAccessException"})
AGAIN = frozenset({"LimitExceededException", "InternalServerError", "ThrottlingException"})


class Trimmed(StoreError):
    """The stream does not hold any more what was to be read next."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard as DescribeStream tells it."""

    id: str
    parent: str | None


@dataclass(slots=True)
class Stream:
    """One stream, and how far each shard was read: `places` holds the last sequence number, or END.

    `take(records)` is given the records of one shard in order, and must have done everything with them when it returns;
    only then `remember(shard, place)` is told.
    """

    client: Client
    arn: str
    take: Callable[[list[Json]], None]
    remember: Callable[[str, str], None]
    places: dict[str, str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _iterators: dict[str, str] = field(default_factory=dict)

    def drain(self, tell: Callable[[int], None] = lambda _count: None) -> int:
        """Read up to now, and some moments more, since records take a while to come; how many there were. `tell` hears
        of each round. Ends though writers go on, as soon as it keeps up with them.

        Raises StoreError where records were trimmed before they were read.
        """
        total, left = 0, LAST_ROUNDS
        with ThreadPoolExecutor(READERS, "stream") as pool:
            while left:
                began = self.clock()
                count = self._round(pool)
                total += count
                tell(count)
                if self.clock() - began < LAG_SECONDS:
                    left -= 1
                    self.sleep(PAUSE_SECONDS if left else 0)
        return total

    def _round(self, pool: ThreadPoolExecutor) -> int:
        """Each shard that is ready, to its end for now; as long as one ends, its children are read too."""
        count = 0
        while True:
            ready = list(readable(self.shards(), self.places))
            count += sum(pool.map(self._read, ready))
            if not any(self.places.get(s.id) == END for s in ready):
                return count

    def shards(self) -> list[Shard]:
        """All that the stream has, those that have ended included. Raises StoreError."""
        found: list[Shard] = []
        more: Json = {}
        while True:
            described = self._ask("DescribeStream", self.client.describe_stream, StreamArn=self.arn, **more)
            page = described["StreamDescription"]
            found += [Shard(s["ShardId"], s.get("ParentShardId")) for s in page["Shards"]]
            if "LastEvaluatedShardId" not in page:
                return found
            more = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def _read(self, shard: Shard) -> int:
        """One shard up to where it is empty; how many records."""
        count = 0
        while True:
            reply = self._next(shard)
            records = reply["Records"]
            if records:
                self.take([{**r["dynamodb"], "By": r.get("userIdentity", {})} for r in records])
                count += len(records)
                self._at(shard, str(records[-1]["dynamodb"]["SequenceNumber"]))
            following = reply.get("NextShardIterator")
            if following is None:
                self._iterators.pop(shard.id, None)
                self._at(shard, END)
                return count
            self._iterators[shard.id] = following
            if not records:
                return count

    def _at(self, shard: Shard, place: str) -> None:
        self.places[shard.id] = place
        self.remember(shard.id, place)

    def _next(self, shard: Shard) -> Json:
        iterator = self._iterators.get(shard.id)
        if iterator is not None:
            found = self._records(iterator)
            if found is not None:
                return found
        fresh = self._ask("GetShardIterator", self.client.get_shard_iterator, **self._start(shard))["ShardIterator"]
        found = self._records(fresh)
        if found is None:
            raise StoreError(f"the stream {self.arn} gives no iterator that holds", hint="run the plan again")
        return found

    def _start(self, shard: Shard) -> Json:
        place = self.places.get(shard.id)
        start = {"StreamArn": self.arn, "ShardId": shard.id}
        if place is None:
            return {**start, "ShardIteratorType": "TRIM_HORIZON"}
        return {**start, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}

    def _records(self, iterator: str) -> Json | None:
        """A reply; None where the iterator is too old (they hold for 15 minutes)."""
        try:
            return self._ask("GetRecords", self.client.get_records, ShardIterator=iterator, Limit=BATCH)
        except StoreError as error:
            if "ExpiredIterator" in error.message:
                return None
            raise

    def _ask(self, name: str, call: Callable[..., Any], **members: Any) -> Json:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(10):
            try:
                reply: Json = call(**members)
                return reply
            except (BotoCoreError, ClientError) as error:
                code = faults.code(error)
                if code in TRIMMED:
                    raise Trimmed("the stream has lost changes that were not read yet", hint=ANEW) from None
                if code not in AGAIN or attempt == 9:
                    raise faults.refused(name, self.arn, error) from None
                self.sleep(min(0.2 * 2**attempt, 5.0))
        raise StoreError(f"{name} of {self.arn} does not answer")


def readable(shards: Iterable[Shard], places: dict[str, str]) -> Iterator[Shard]:
    """The shards whose turn it is: not read to their end, and with a parent that was, or that is gone."""
    listed = list(shards)
    there = {s.id for s in listed}
    for shard in listed:
        waiting = shard.parent in there and places.get(str(shard.parent)) != END
        if places.get(shard.id) != END and not waiting:
            yield shard
