"""How fast a table is made anew with its items while writers go on, on DynamoDB Local.

    python -m benchmarks.dynamodb_move [ITEMS] [by-email]

Prints items a second of the copy and of what follows, and how long writers have to stop for the switch. In the end both
what the writers know and the new table are compared, item by item. DynamoDB Local is one process with a small heap: the
figures say what the tool costs, not what the service takes.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.local import throwaway
from reconciler.model.step import Phase
from tests.engines.dynamodb.traffic import Traffic, contents, filled
from tests.engines.dynamodb.workshop import Workshop

BEFORE = "orders: {attributes: {id: S}, key: {partition: id}}"
SORTED = "orders: {attributes: {tenant: S, id: S}, key: {partition: tenant, sort: id}}"
BY_EMAIL = "orders: {attributes: {email: S}, key: {partition: email}}"
OLD, NEW = "shop-orders-dev", "shop-orders.v2-dev"


class Clock(list[Any]):
    """Takes the events of an apply and the time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[tuple[str, str], float] = {}

    def append(self, event: Any) -> None:
        word = event.step.operation.encode().get("move", "") if event.step else ""
        self.at[word, event.state] = time.monotonic()
        if event.state == "waiting":
            print(f"    {event.message}", flush=True)

    def seconds(self, word: str) -> float:
        return self.at[word, "done"] - self.at[word, "started"]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(count: int, after: str, swap: bool) -> None:
    with throwaway("dynamodb") as instance, TemporaryDirectory() as folder:
        shop = Workshop(Path(folder), instance.uri)
        shop.converge(BEFORE)
        began = time.monotonic()
        traffic = Traffic(shop.client, OLD, filled(shop.client, OLD, count), swap=swap)
        print(f"{count} items written in {time.monotonic() - began:.0f} s")
        shop.declare(after)
        plan, clock = shop.plan(), Clock()
        shop.events = clock
        used = cpu()
        with traffic.flowing():
            began = time.monotonic()
            shop.apply(plan, through=Phase.MIGRATE)
            flowed = time.monotonic() - began
        writes = traffic.count
        shop.apply(plan, through=Phase.CONTRACT)
        assert traffic.errors == [], traffic.errors[:3]
        assert contents(shop.client, NEW) == traffic.truth, "the tables differ"
        print(f"writers made {writes} changes, {writes / flowed:.0f} a second, and met no error")
        for word in ("copy", "follow", "switch"):
            print(f"{word}: {clock.seconds(word):.1f} s")
        print(f"copy: {count / clock.seconds('copy'):.0f} items a second (each looked at, then written)")
        print(f"CPU of this process, writers included: {cpu() - used:.0f} s")
        print(f"{len(traffic.truth)} items are equal, item by item")


if __name__ == "__main__":
    by_email = "by-email" in sys.argv
    main(int(next((a for a in sys.argv[1:] if a.isdigit()), "100000")), BY_EMAIL if by_email else SORTED, by_email)
