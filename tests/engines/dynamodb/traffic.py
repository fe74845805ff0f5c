"""Writers that insert, change, re-key and delete items at a steady rate, and know what must be there in the end.

Each item belongs to one writer, so what it wrote last is the truth. Nothing here uses the code that is tested.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Item = dict[str, Any]


def item(number: int, tenant: int, version: int) -> Item:
    return {
        "id": {"S": f"o{number}"},
        "tenant": {"S": f"t{tenant}"},
        "email": {"S": f"{number}@example.org"},
        "version": {"N": str(version)},
        "tags": {"SS": ["a", f"b{number % 7}"]},
        "body": {"M": {"text": {"S": "x" * 40}, "blob": {"B": bytes([number % 256])}}},
    }


def filled(client: Any, table: str, count: int) -> dict[str, Item]:
    """Write so many items, as fast as it goes; what was written, by id."""
    items = [item(n, n % 50, 0) for n in range(count)]

    def write(first: int) -> None:
        left = [{"PutRequest": {"Item": i}} for i in items[first : first + 25]]
        while left:
            left = client.batch_write_item(RequestItems={table: left})["UnprocessedItems"].get(table, [])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, count, 25)))
    return {i["id"]["S"]: i for i in items}


@dataclass
class Writer:
    """One thread. `truth` is what its items are; `mine` says which numbers are its own: those equal to `lane` modulo
    `lanes`. With `swap`, two of its items exchange their emails now and then, through a third value."""

    client: Any
    table: str
    truth: dict[str, Item]
    lane: int
    lanes: int
    rate: float
    swap: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("insert", "update", "delete", "swap"), 0))
    errors: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        dice = random.Random(self.lane)
        mine = [k for k in self.truth if int(k[1:]) % self.lanes == self.lane]
        following = len(self.truth) * 10 // self.lanes * self.lanes + self.lane
        due = time.monotonic()
        while not stop.is_set():
            kind = dice.choices(("insert", "update", "delete", "swap"), (3, 5, 2, 2 if self.swap else 0))[0]
            try:
                if kind == "insert" or len(mine) < 4:
                    self._put(item(following, dice.randrange(50), 0))
                    mine.append(f"o{following}")
                    following += self.lanes
                elif kind == "update":
                    self._update(dice.choice(mine), dice.randrange(50))
                elif kind == "delete":
                    self._delete(mine.pop(dice.randrange(len(mine))))
                else:
                    self._swap(*dice.sample(mine, 2))
                self.counts[kind] += 1
            except Exception as error:
                self.errors.append(repr(error))
            due += 1 / self.rate
            time.sleep(max(0.0, due - time.monotonic()))

    def _put(self, new: Item) -> None:
        self.client.put_item(TableName=self.table, Item=new)
        self.truth[new["id"]["S"]] = new

    def _update(self, key: str, tenant: int) -> None:
        """Counts the version up; the item may get another tenant, and with it another new key."""
        old = self.truth[key]
        version = {"N": str(int(old["version"]["N"]) + 1)}
        self.client.update_item(
            TableName=self.table,
            Key={"id": {"S": key}},
            UpdateExpression="SET tenant = :t, version = :v",
            ExpressionAttributeValues={":t": {"S": f"t{tenant}"}, ":v": version},
        )
        self.truth[key] = {**old, "tenant": {"S": f"t{tenant}"}, "version": version}

    def _delete(self, key: str) -> None:
        self.client.delete_item(TableName=self.table, Key={"id": {"S": key}})
        del self.truth[key]

    def _swap(self, one: str, other: str) -> None:
        first, second = self.truth[one]["email"], self.truth[other]["email"]
        for key, email in ((one, {"S": f"aside-{one}"}), (other, first), (one, second)):
            self._put({**self.truth[key], "email": email})


@dataclass
class Traffic:
    """Several writers. `truth` is complete once they have stopped."""

    client: Any
    table: str
    truth: dict[str, Item]
    lanes: int = 3
    rate: float = 30.0
    swap: bool = False
    writers: list[Writer] = field(default_factory=list)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Writers run as long as the block does; they go on from where they were."""
        stop = threading.Event()
        shares = [{k: v for k, v in self.truth.items() if int(k[1:]) % self.lanes == n} for n in range(self.lanes)]
        self.writers = [
            Writer(self.client, self.table, share, n, self.lanes, self.rate, self.swap)
            for n, share in enumerate(shares)
        ]
        threads = [threading.Thread(target=w.run, args=(stop,)) for w in self.writers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self.truth = {k: v for w in self.writers for k, v in w.truth.items()}

    @property
    def errors(self) -> list[str]:
        return [e for w in self.writers for e in w.errors]

    @property
    def count(self) -> int:
        return sum(n for w in self.writers for n in w.counts.values())


def contents(client: Any, table: str) -> dict[str, Item]:
    """All items of a table, by id, sets sorted."""
    found: dict[str, Item] = {}
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, Limit=500):
        for one in page["Items"]:
            assert one["id"]["S"] not in found, f"{one['id']} is there twice"
            found[one["id"]["S"]] = {
                k: {t: sorted(c) if t == "SS" else c for t, c in v.items()} for k, v in one.items()
            }
    return found
