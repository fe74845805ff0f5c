"""Items whose records cannot be taken at their word: what the old table holds of them now is what the new one gets.

Where a new key may pass from one old item to another, nothing orders the records of the two. So a record only says
which item changed; the item is read again, and whatever came after that read has a record of its own, still to come.
An item is taken away from a key it has left only if it is still its own there, by the old key in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, identity
from reconciler.engines.dynamodb.migration.copying import same_key, unfit
from reconciler.errors import StoreError

Json = dict[str, Any]
Texts = tuple[str, ...]

MOST_READ = 100
"""Keys of one BatchGetItem (the service model in botocore)."""
TRIES = 10


@dataclass(slots=True)
class Settling:
    """Some old items, by their old keys as texts, and the new keys that any of their images had."""

    client: Client
    old: str
    new: str
    conversion: Conversion
    keys: Mapping[Texts, Json]
    left: Mapping[Texts, Mapping[Texts, Json]]
    finals: dict[Texts, Json] = field(default_factory=dict)

    def read(self) -> None:
        """What each item is by now. Raises Blocked for one that does not fit."""
        current = got_many(self.client, self.old, list(self.keys.values()))
        bad = []
        for item in current:
            try:
                self.finals[identity(item, self.conversion.before)] = self.conversion.converted(item)
            except Unfit as error:
                bad.append(str(error))
        if bad:
            raise unfit(len(bad), bad)

    @property
    def touches(self) -> dict[Texts, Json]:
        """All new keys that may have to be written or cleared."""
        found = {text: key for mine in self.left.values() for text, key in mine.items()}
        return found | {self._text(item): self.conversion.new_key(item) for item in self.finals.values()}

    def requests(self) -> list[tuple[Texts, Json]]:
        """What to write, each new key once. Nobody else may write to these keys meanwhile. Raises Blocked."""
        there = {self._text(i): i for i in got_many(self.client, self.new, list(self.touches.values()))}
        puts: dict[Texts, Json] = {}
        for item in self.finals.values():
            self._put(puts, item, there)
        found: list[tuple[Texts, Json]] = [(text, {"PutRequest": {"Item": item}}) for text, item in puts.items()]
        for own, mine in self.left.items():
            for text, key in mine.items():
                held = there.get(text)
                if text not in puts and held is not None and self._source(held) == own:
                    found.append((text, {"DeleteRequest": {"Key": key}}))
        return found

    def _put(self, puts: dict[Texts, Json], item: Json, there: Mapping[Texts, Json]) -> None:
        text = self._text(item)
        rival = puts.get(text) or there.get(text)
        if rival is None or self._source(rival) == self._source(item):
            puts[text] = item
            return
        known = self.finals.get(self._source(rival))
        if known is not None and self._text(known) != text and text not in puts:
            puts[text] = item  # the other one has left the key
            return
        winner = self._only_one(item, rival)
        if winner is not None:
            puts[text] = winner

    def _only_one(self, item: Json, rival: Json) -> Json | None:
        """Which of two has the key at one moment. Raises Blocked where both do."""
        pair = [self.conversion.old_key(item), self.conversion.old_key(rival)]
        text, holders = self._text(item), []
        for found in self._at_once([key for key in pair if len(key) == len(self.conversion.before)]):
            try:
                new = self.conversion.converted(found)
            except Unfit:
                continue
            if self._text(new) == text:
                holders.append(new)
        if len(holders) > 1:
            raise same_key(self.conversion, *holders)
        return holders[0] if holders else None

    def _at_once(self, keys: list[Json]) -> list[Json]:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(TRIES):
            try:
                gets = [{"Get": {"TableName": self.old, "Key": key}} for key in keys]
                reply = self.client.transact_get_items(TransactItems=gets)
                return [r["Item"] for r in reply["Responses"] if r.get("Item")]
            except (BotoCoreError, ClientError) as error:
                if faults.code(error) != "TransactionCanceledException" or attempt == TRIES - 1:
                    raise faults.refused("TransactGetItems", self.old, error) from None
                time.sleep(0.05 * 2**attempt)
        return []

    def _text(self, item: Json) -> Texts:
        return identity(item, self.conversion.after)

    def _source(self, item: Json) -> Texts:
        return self.conversion.source(item)


def got_many(client: Client, table: str, keys: Iterable[Json]) -> list[Json]:
    """Items as they are just now; keys that have none are left out. Raises StoreError."""
    wanted, found = list(keys), list[Json]()
    for first in range(0, len(wanted), MOST_READ):
        found += _got(client, table, wanted[first : first + MOST_READ])
    return found


def _got(client: Client, table: str, keys: list[Json], sleep: Callable[[float], None] = time.sleep) -> list[Json]:
    from botocore.exceptions import BotoCoreError, ClientError

    found: list[Json] = []
    for attempt in range(TRIES):
        try:
            reply = client.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
        except (BotoCoreError, ClientError) as error:
            raise faults.refused("BatchGetItem", table, error) from None
        found += reply["Responses"].get(table, [])
        keys = reply.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        if not keys:
            return found
        sleep(min(0.1 * 2**attempt, 5.0))
    raise StoreError(f"{table} gives no more items for now", hint="run the plan again: it goes on there")
