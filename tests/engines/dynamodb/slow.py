"""What takes half a minute: an index on DynamoDB Local with `-delayTransientStatuses`, built while other tests run.

An applier is killed in the middle of the build, its lock runs out, and the same plan is applied again. Run as a program
this module is that applier: `python -m tests.engines.dynamodb.slow FOLDER ENDPOINT ACCESS_KEY`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from reconciler.engines.dynamodb import ENGINE, lease, limits
from reconciler.errors import LockBusy
from reconciler.model.plan import Plan
from reconciler.model.step import Phase
from reconciler.planfile import store
from reconciler.results import ApplyResult
from tests.engines.dynamodb.workshop import Workshop

BEFORE = "t: {attributes: {id: S}, key: {partition: id}}"
AFTER = """
t:
  attributes: {id: S, who: S}
  key: {partition: id}
  indexes: {by_who: {partition: who}}
"""
LEASE_SECONDS = 5.0
"""Long enough for a busy machine to ask for the lock before it is over, short against the half minute of the build."""


@dataclass
class Story:
    """What was seen, in order."""

    before: str = ""
    busy: LockBusy | None = None
    result: ApplyResult | None = None
    waited: list[str] = field(default_factory=list)
    left: Plan | None = None
    items: list[Any] = field(default_factory=list)


def told(endpoint: str, folder: Path) -> Story:
    """Live through it all; about 40 s."""
    folder.mkdir()
    shop = Workshop(folder, endpoint)
    shop.converge(BEFORE)
    shop.client.put_item(TableName="shop-t-dev", Item={"id": {"S": "1"}, "who": {"S": "me"}})
    shop.declare(AFTER)
    plan = shop.plan()
    store.write(folder / "plan.yaml", plan)
    story = Story()
    with shop.session() as session:  # connected before the kill: the lease is running from there on
        _kill_in_the_middle(shop)
        try:
            with session.exclusive("another"):
                pass
        except LockBusy as busy:
            story.busy = busy
    (index,) = shop.client.describe_table(TableName="shop-t-dev")["Table"]["GlobalSecondaryIndexes"]
    story.before = index["IndexStatus"]
    time.sleep(LEASE_SECONDS + lease.SKEW_SECONDS + 1)
    story.result = shop.apply(store.read(folder / "plan.yaml", {"dynamodb": ENGINE}), through=Phase.CONTRACT)
    story.waited = [e.message for e in shop.events if e.state == "waiting"]
    story.left = shop.plan()
    query = {"KeyConditionExpression": "who = :w", "ExpressionAttributeValues": {":w": {"S": "me"}}}
    story.items = shop.client.query(TableName="shop-t-dev", IndexName="by_who", **query)["Items"]
    return story


def _kill_in_the_middle(shop: Workshop) -> None:
    arguments = [sys.executable, "-m", __name__, str(shop.folder), shop.endpoint, shop.access_key]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as applier:
        assert applier.stdout is not None
        for line in applier.stdout:
            if "is creating" in line:
                break
        applier.kill()


def begun(endpoint: str, folder: Path) -> Future[Story]:
    """The story, told in a thread of its own."""
    future: Future[Story] = Future()

    def run() -> None:
        try:
            future.set_result(told(endpoint, folder))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def main(folder: str, endpoint: str, access_key: str) -> None:
    """The applier that is going to be killed. Its lease is short, so that nobody waits long for it."""
    limits.LEASE_SECONDS, limits.HEARTBEAT_SECONDS = LEASE_SECONDS, 0.5
    shop = Workshop(Path(folder), endpoint, access_key)

    class Loud(list[Any]):
        def append(self, event: Any) -> None:
            print(event.state, event.message, flush=True)

    shop.events = Loud()
    shop.apply(store.read(Path(folder) / "plan.yaml", {"dynamodb": ENGINE}))


if __name__ == "__main__":
    main(*sys.argv[1:])
