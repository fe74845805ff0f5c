"""What the stream tells, done to the new table: in order for each item, so that its last record decides.

Where the new key holds the whole old one, no other old item can ever have the same new key, and the images of the
records say all. Elsewhere a key may pass from one old item to another, and nothing orders the records of the two: there
a record only says which item changed, and what the old table holds of it now is what is written. A new item is taken
away only if it is the item's own; the old key in it tells (`Conversion.kept`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, digest, identity
from reconciler.engines.dynamodb.migration.copying import got, same_key
from reconciler.errors import Blocked, StoreError

Json = dict[str, Any]
Texts = tuple[str, ...]

BATCH = 25
"""Requests of one BatchWriteItem (the service model in botocore)."""
SERVICE = "dynamodb.amazonaws.com"
"""Who deletes expired items, as records tell (the time-to-live pages of the service's guide)."""
STRIPES = 64
TRIES = 10


@dataclass(slots=True)
class Follower:
    """Brings records over. `held` raises LockBusy where the applier's lock was lost; `touched` are the new keys, as
    texts, that were written or taken away since it was emptied."""

    client: Client
    old: str
    new: str
    conversion: Conversion
    held: Callable[[], None] = lambda: None
    touched: set[Texts] = field(default_factory=set)
    _locks: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(STRIPES)])

    def take(self, records: list[Json]) -> None:
        """Records of one shard, in order; when it returns, the new table has them. Raises StoreError, Blocked."""
        self.held()
        latest: dict[Texts, list[Json]] = {}
        for record in records:
            latest.setdefault(identity(record["Keys"], self.conversion.before), []).append(record)
        requests: list[tuple[Texts, Json]] = []
        for mine in latest.values():
            try:
                requests += self._by_images(mine) if self.conversion.contained else self._settle(mine)
            except Unfit:
                requests += self._settle(mine)
        self._write(requests)

    def _by_images(self, records: list[Json]) -> list[tuple[Texts, Json]]:
        """What the last of an item's records leaves; what its earlier images left under other keys goes."""
        last, images = records[-1], [r[i] for r in records for i in ("OldImage", "NewImage") if i in r]
        final = self.conversion.converted(last["NewImage"]) if "NewImage" in last else None
        gone = {self._text(key): key for key in map(self._key, images) if key is not None}
        writes: list[tuple[Texts, Json]] = []
        if final is not None:
            key = self.conversion.new_key(final)
            gone.pop(self._text(key), None)
            writes.append((self._text(key), {"PutRequest": {"Item": final}}))
        return [*((text, {"DeleteRequest": {"Key": key}}) for text, key in gone.items()), *writes]

    def _settle(self, records: list[Json]) -> list[tuple[Texts, Json]]:
        """Make the new table hold what the old one holds of an item at this moment, and nothing else of it."""
        images = [r[i] for r in records for i in ("OldImage", "NewImage") if i in r]
        keys = {self._text(key): key for key in map(self._key, images) if key is not None}
        own = records[-1]["Keys"]
        with ExitStack() as stack:
            current = got(self.client, self.old, own)
            try:
                final = self.conversion.converted(current) if current is not None else None
            except Unfit as error:
                raise unfit(1, [str(error)]) from None
            if final is not None:
                key = self.conversion.new_key(final)
                keys[self._text(key)] = key
            for stripe in sorted({hash(text) % STRIPES for text in keys}):
                stack.enter_context(self._locks[stripe])
            held = None if final is None else self._text(self.conversion.new_key(final))
            writes = [w for text, key in keys.items() if text != held for w in self._leave(text, key, own)]
            if final is not None and held is not None:
                self._may_take(final)
                writes.append((held, {"PutRequest": {"Item": final}}))
            self._write(writes)
        return []

    def _leave(self, text: Texts, key: Json, own: Json) -> list[tuple[Texts, Json]]:
        """Take a new item away, if it is this old item's."""
        there = got(self.client, self.new, key)
        mine = there is not None and self.conversion.source(there) == self._origin(own)
        return [(text, {"DeleteRequest": {"Key": key}})] if mine else []

    def _origin(self, own: Json) -> tuple[str, ...]:
        return self.conversion.origin(own)

    def _may_take(self, item: Json) -> None:
        """Raise Blocked where another old item lives under that key; one that has left it may be overwritten."""
        there = got(self.client, self.new, self.conversion.new_key(item))
        if there is None or self.conversion.source(there) == self.conversion.source(item):
            return
        other = got(self.client, self.old, self.conversion.old_key(there))
        try:
            still = other is not None and self.conversion.converted(other)
        except Unfit:
            still = False
        if still and self.conversion.new_key(still) == self.conversion.new_key(item):
            raise same_key(self.conversion, item, there)

    def _key(self, image: Json) -> Json | None:
        """The new key of an image; None of one that has none: it was never copied."""
        try:
            return self.conversion.new_key(self.conversion.converted(image))
        except Unfit:
            return None

    def _text(self, key: Json) -> Texts:
        return identity(key, self.conversion.after)

    def _write(self, requests: Iterable[tuple[Texts, Json]]) -> None:
        wanted = list(requests)
        self.touched.update(text for text, _ in wanted)
        for first in range(0, len(wanted), BATCH):
            self._batch([request for _, request in wanted[first : first + BATCH]])

    def _batch(self, requests: list[Json]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(TRIES):
            try:
                reply = self.client.batch_write_item(RequestItems={self.new: requests})
            except (BotoCoreError, ClientError) as error:
                raise faults.refused("BatchWriteItem", self.new, error) from None
            requests = reply.get("UnprocessedItems", {}).get(self.new, [])
            if not requests:
                return
            time.sleep(min(0.1 * 2**attempt, 5.0))
        raise StoreError(f"{self.new} takes no more items for now", hint="run the plan again: it goes on there")


@dataclass(slots=True)
class LateWrites:
    """Looks at records that came after the switch: `keys` are the old items that the new table does not have just so.

    What the service itself took away, because its time had come, is no write.
    """

    follower: Follower
    keys: set[Texts] = field(default_factory=set)

    def take(self, records: list[Json]) -> None:
        """Records of one shard."""
        for record in records:
            if record["By"].get("principalId") != SERVICE and not self._there(record):
                self.keys.add(identity(record["Keys"], self.follower.conversion.before))

    def _there(self, record: Json) -> bool:
        follower, conversion = self.follower, self.follower.conversion
        current = got(follower.client, follower.old, record["Keys"])
        image = current or record.get("OldImage")
        try:
            wanted = conversion.converted(image) if image is not None else None
        except Unfit:
            return current is None
        if wanted is None:
            return True
        there = got(follower.client, follower.new, conversion.new_key(wanted))
        if current is None:
            return there is None or conversion.source(there) != conversion.source(wanted)
        return there is not None and digest(there) == digest(wanted)


def unfit(count: int, sample: list[str]) -> Blocked:
    """The error for items that the new table cannot hold."""
    return Blocked(
        f"{count} items do not fit the new table: {'; '.join(sample[:5])}",
        hint="correct these items or what `copy:` makes of them (then plan again); nothing of them was written",
    )
