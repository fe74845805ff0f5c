"""The copy: parallel segments of a scan, each item written only where none is yet.

A segment is worked off in slices of some seconds. A slice is a function and plain data, so that any
`concurrent.futures` executor can run it, in this process or on a cluster; whoever hands out slices writes down after
each how far its segment is. What was written of a slice that nobody wrote down is met again and left as it is.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any

from reconciler.engines.dynamodb import faults
from reconciler.engines.dynamodb.connect import Client, connect
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, identity, shown
from reconciler.errors import Blocked, StoreError

Json = dict[str, Any]

PAGE = 1000
BATCH = 25
"""Statements of one BatchExecuteStatement (the service model in botocore)."""
LONGEST_STATEMENT = 8000
"""Characters; the service takes 8,192 (the service model in botocore)."""
SLICE_SECONDS = 10.0
GRACE_SECONDS = 15.0
"""How long a slice may wait for its turn; with its own time it is over before a dead applier's lock is
(`limits.LEASE_SECONDS`), so that nobody copies any more when the next applier reads the stream."""
TRIES = 8
REFUSALS = frozenset({"ValidationError", "AccessDenied", "ResourceNotFound", "ItemCollectionSizeLimitExceeded"})
"""What trying again does not help against; all else is throttling or a conflict."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of work: where a segment goes on, for how long, how fast.

    `connection` is that of the target, as pairs. `until` is a time of the clock (seconds since 1970) after which
    nothing is begun, whoever runs this. `reads`, `writes` are capacity units a second; 0 is no limit. `target` empty:
    the items are only looked at.
    """

    connection: tuple[tuple[str, str], ...]
    source: str
    target: str
    conversion: Conversion
    segment: int
    segments: int
    start: Json | None = None
    seconds: float = SLICE_SECONDS
    until: float = 0.0
    reads: float = 0.0
    writes: float = 0.0


@dataclass(slots=True)
class Done:
    """How far a slice came.

    `last` is where the segment goes on, unless it has `ended`; `unfit` are the first few items that the new table
    cannot hold; `prints` are 8 bytes for each new key, of a slice that only looks; `met` were there already.
    """

    segment: int
    last: Json | None = None
    ended: bool = False
    items: int = 0
    met: int = 0
    unfit: list[str] = field(default_factory=list)
    unfits: int = 0
    prints: Any = None


class Pace:
    """Holds back so that no more than `rate` units a second are used; 0 is no limit."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.clock = clock
        self.began = clock()
        self.used = 0.0

    def spend(self, units: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Count units, and wait until they are earned."""
        self.used += units
        ahead = self.used / self.rate - (self.clock() - self.began) if self.rate else 0.0
        if ahead > 0:
            sleep(ahead)


@cache
def _client(connection: tuple[tuple[str, str], ...]) -> Client:
    return connect(dict(connection)).client


def run(work: Slice) -> Done:
    """Work off a slice; items that do not fit are counted. Raises StoreError, and Blocked for two with one new key."""
    client, conversion = _client(work.connection), work.conversion
    done, end = Done(work.segment, work.start), time.monotonic() + work.seconds
    done.prints = None if work.target else array("Q")
    read, write = Pace(work.reads), Pace(work.writes)
    for page in pages(client, work.source, work.segment, work.segments, work.start):
        for first in range(0, len(page["Items"]), BATCH):
            if time.monotonic() > end or (work.until and time.time() > work.until):
                return done
            some = page["Items"][first : first + BATCH]
            fitting = list(_fitting(some, work, done))
            if work.target:
                done.met += insert(client, work.target, fitting, conversion, write)
            else:
                done.prints.extend(print_of(conversion, item) for item in fitting)
            done.items += len(some)
            done.last = {k.name: some[-1][k.name] for k in conversion.before}
        done.last = page.get("LastEvaluatedKey")
        read.spend(page.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
    done.ended = True
    return done


def pages(client: Client, table: str, segment: int, segments: int, start: Json | None = None) -> Iterator[Json]:
    """The pages of a segment, consistently read. Raises StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    request: Json = {"TableName": table, "ConsistentRead": True, "Limit": PAGE, "ReturnConsumedCapacity": "TOTAL"}
    if segments > 1:
        request |= {"Segment": segment, "TotalSegments": segments}
    while True:
        try:
            page = client.scan(**request, **({"ExclusiveStartKey": start} if start else {}))
        except (BotoCoreError, ClientError) as error:
            raise faults.refused("Scan", table, error) from None
        yield page
        start = page.get("LastEvaluatedKey")
        if start is None:
            return


def _fitting(items: Iterable[Json], work: Slice, done: Done) -> Iterator[Json]:
    for item in items:
        try:
            yield work.conversion.converted(item)
        except Unfit as error:
            done.unfits += 1
            if len(done.unfit) < 5:
                done.unfit.append(str(error))


def print_of(conversion: Conversion, item: Json) -> int:
    """8 bytes of a new item's key."""
    text = repr(identity(item, conversion.after)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


# -- writing ----------------------------------------------------------------------------------------------------------


def insert(client: Client, table: str, items: list[Json], conversion: Conversion, pace: Pace) -> int:
    """Write items where there are none with their keys yet; how many there were. Raises StoreError, Blocked."""
    met, plain = 0, [item for item in items if len(statement(table, item)) <= LONGEST_STATEMENT]
    for first in range(0, len(plain), BATCH):
        met += _inserted(client, table, plain[first : first + BATCH], conversion, pace)
    for item in (i for i in items if len(statement(table, i)) > LONGEST_STATEMENT):
        met += _put(client, table, item, conversion, pace)
    return met


def statement(table: str, item: Mapping[str, Any]) -> str:
    """An INSERT, which refuses to overwrite; values are parameters, and names are quoted."""
    members = ", ".join("'{}': ?".format(name.replace("'", "''")) for name in item)
    return f"""INSERT INTO "{table}" VALUE {{{members}}}"""


def _inserted(client: Client, table: str, items: list[Json], conversion: Conversion, pace: Pace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    met, left = 0, items
    for attempt in range(TRIES):
        statements = [{"Statement": statement(table, i), "Parameters": list(i.values())} for i in left]
        try:
            reply = client.batch_execute_statement(Statements=statements, ReturnConsumedCapacity="TOTAL")
        except (BotoCoreError, ClientError) as error:
            raise faults.refused("BatchExecuteStatement", table, error) from None
        pace.spend(sum(c.get("CapacityUnits", 0.0) for c in reply.get("ConsumedCapacity", ())))
        again: list[Json] = []
        for item, response in zip(left, reply["Responses"], strict=True):
            code = response.get("Error", {}).get("Code")
            if code is None:
                continue
            if code == "DuplicateItem":
                met += _met(client, table, item, conversion)
            elif code in REFUSALS:
                raise StoreError(f"DynamoDB refused an item of {table}: {code}: {response['Error'].get('Message', '')}")
            else:
                again.append(item)
        if not again:
            return met
        left = again
        time.sleep(min(0.1 * 2**attempt, 5.0))
    raise StoreError(f"{table} takes no more items for now", hint="run the plan again: it goes on there")


def _put(client: Client, table: str, item: Json, conversion: Conversion, pace: Pace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    names = {"#key": conversion.after[0].name}
    try:
        reply = client.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames=names,
            ReturnConsumedCapacity="TOTAL",
        )
    except (BotoCoreError, ClientError) as error:
        if faults.code(error) == faults.CONDITION:
            return _met(client, table, item, conversion)
        raise faults.refused("PutItem", table, error) from None
    pace.spend(reply.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
    return 0


def _met(client: Client, table: str, item: Json, conversion: Conversion) -> int:
    """An item was there: the same one from before a kill. Raises Blocked where another old item has its key."""
    there = got(client, table, conversion.new_key(item))
    if there is not None and conversion.source(there) != conversion.source(item):
        raise same_key(conversion, item, there)
    return 1


def same_key(conversion: Conversion, one: Json, other: Json) -> Blocked:
    """The error for two old items that would be one."""
    old = [
        ", ".join(f"{o}={v}" for (o, _), v in zip(conversion.kept, conversion.source(i), strict=False))
        for i in (one, other)
    ]
    return Blocked(
        f"two items would become one: {old[0]} and {old[1] or 'one that is no copy'} both become"
        f" {shown(one, conversion.after)}",
        hint="choose a key that tells them apart, or delete one of them; then apply the same plan again",
    )


def unfit(count: int, sample: list[str]) -> Blocked:
    """The error for items that the new table cannot hold."""
    return Blocked(
        f"{count} items do not fit the new table: {'; '.join(sample[:5])}",
        hint="correct these items, or what `copy:` makes of them (then plan again)",
    )


def got(client: Client, table: str, key: Json) -> Json | None:
    """An item as it is just now. Raises StoreError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found: Json | None = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    except (BotoCoreError, ClientError) as error:
        raise faults.refused("GetItem", table, error) from None
    return found
