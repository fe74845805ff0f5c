"""What the stream tells, done to the new table: in order for each item, so that its last record decides.

Where the new key holds the whole old one, no other old item can ever have the same new key, and the images of the
records say all. Elsewhere, and where the stream has no images, the items are read again (`settling`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, digest, identity
from reconciler.engines.dynamodb.migration.copying import got
from reconciler.engines.dynamodb.migration.settling import Settling
from reconciler.errors import StoreError

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
    """Brings records over. `images`: they hold both. `held` raises LockBusy where the applier's lock was lost.

    `touched`: the new keys, as texts, that were written or taken away since it was emptied.
    """

    client: Client
    old: str
    new: str
    conversion: Conversion
    images: bool = True
    held: Callable[[], None] = lambda: None
    touched: set[Texts] = field(default_factory=set)
    _locks: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(STRIPES)])

    def take(self, records: list[Json]) -> None:
        """Records of one shard, in order; when it returns, the new table has them. Raises StoreError, Blocked."""
        self.held()
        items: dict[Texts, list[Json]] = {}
        for record in records:
            items.setdefault(identity(record["Keys"], self.conversion.before), []).append(record)
        requests: list[tuple[Texts, Json]] = []
        doubtful: dict[Texts, list[Json]] = {}
        for own, mine in items.items():
            try:
                if self.images and self.conversion.contained:
                    requests += self._by_images(mine)
                    continue
            except Unfit:
                pass
            doubtful[own] = mine
        self._write(requests)
        if doubtful:
            self._settle(doubtful)

    def _by_images(self, records: list[Json]) -> list[tuple[Texts, Json]]:
        """What the last of an item's records leaves; what its earlier images left under other keys goes."""
        last = records[-1]
        final = self.conversion.converted(last["NewImage"]) if "NewImage" in last else None
        gone = dict(self._left(records))
        writes: list[tuple[Texts, Json]] = []
        if final is not None:
            key = self.conversion.new_key(final)
            gone.pop(self._text(key), None)
            writes.append((self._text(key), {"PutRequest": {"Item": final}}))
        return [*((text, {"DeleteRequest": {"Key": key}}) for text, key in gone.items()), *writes]

    def _settle(self, items: dict[Texts, list[Json]]) -> None:
        """Make the new table hold what the old one holds of these items by now, and nothing else of them."""
        settling = Settling(
            self.client,
            self.old,
            self.new,
            self.conversion,
            {own: mine[-1]["Keys"] for own, mine in items.items()},
            {own: dict(self._left(mine)) for own, mine in items.items()},
        )
        settling.read()
        with ExitStack() as stack:
            for stripe in sorted({hash(text) % STRIPES for text in settling.touches}):
                stack.enter_context(self._locks[stripe])
            self._write(settling.requests())

    def _left(self, records: list[Json]) -> Iterator[tuple[Texts, Json]]:
        """The new keys that an item had."""
        if self.conversion.fixed:
            only = self.conversion.moved_key(records[-1]["Keys"])
            yield self._text(only), only
            return
        for image in (r[i] for r in records for i in ("OldImage", "NewImage") if i in r):
            key = self._key(image)
            if key is not None:
                yield self._text(key), key

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
