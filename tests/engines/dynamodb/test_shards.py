"""The order in which the shards of a stream are read, with a stream made up: DynamoDB Local has but one shard."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.engines.dynamodb.migration.shards import END, Stream
from reconciler.errors import StoreError


class Scripted:
    """A stream of shards: id → (parent, record numbers, whether it has ended). Pages of two shards and two records."""

    def __init__(self, shards: dict[str, tuple[str | None, list[int], bool]]) -> None:
        self.shards = shards
        self.trimmed: set[str] = set()
        self.expired = 0

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> Any:
        names = list(self.shards)
        first = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        page = names[first : first + 2]
        found = {"Shards": [{"ShardId": n, **({"ParentShardId": p} if (p := self.shards[n][0]) else {})} for n in page]}
        more = {"LastEvaluatedShardId": page[-1]} if first + 2 < len(names) else {}
        return {"StreamDescription": {**found, **more}}

    def get_shard_iterator(self, StreamArn: str, ShardId: str, ShardIteratorType: str, SequenceNumber: str = "") -> Any:
        if ShardId in self.trimmed and ShardIteratorType != "TRIM_HORIZON":
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException"}}, "GetShardIterator")
        start = self.shards[ShardId][1].index(int(SequenceNumber)) + 1 if SequenceNumber else 0
        return {"ShardIterator": f"{ShardId} {start}"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:
        if self.expired:
            self.expired -= 1
            raise ClientError({"Error": {"Code": "ExpiredIteratorException"}}, "GetRecords")
        name, start = ShardIterator.split()
        _parent, numbers, ended = self.shards[name]
        page = numbers[int(start) : int(start) + 2]
        end = int(start) + len(page)
        records = [{"eventName": "MODIFY", "dynamodb": {"SequenceNumber": str(n)}} for n in page]
        following = {} if ended and end == len(numbers) else {"NextShardIterator": f"{name} {end}"}
        return {"Records": records, **following}


SHARDS: dict[str, tuple[str | None, list[int], bool]] = {
    "child-b": ("parent", [20, 21, 22], False),
    "grandchild": ("child-a", [30], False),
    "child-a": ("parent", [10], True),
    "parent": ("trimmed-long-ago", [1, 2, 3, 4, 5], True),
    "other": (None, [], False),
}


def stream(client: Scripted, places: dict[str, str], taken: list[int]) -> Stream:
    def take(records: list[dict[str, Any]]) -> None:
        taken.extend(int(r["SequenceNumber"]) for r in records)

    return Stream(client, "arn", take, lambda _shard, _place: None, places, sleep=lambda _seconds: None)


def test_parents_come_before_their_children() -> None:
    taken: list[int] = []
    places: dict[str, str] = {}
    assert stream(Scripted(SHARDS), places, taken).drain() == 10
    assert taken[:5] == [1, 2, 3, 4, 5]
    assert [n for n in taken if n in (10, 30)] == [10, 30]
    assert [n for n in taken if n >= 20 and n < 30] == [20, 21, 22]
    assert places == {"parent": END, "child-a": END, "child-b": "22", "grandchild": "30"}


def test_reading_goes_on_where_it_was() -> None:
    taken: list[int] = []
    stream(Scripted(SHARDS), {"parent": END, "child-b": "21"}, taken).drain()
    assert sorted(taken) == [10, 22, 30]


def test_an_iterator_that_is_too_old_is_asked_for_again() -> None:
    taken: list[int] = []
    client = Scripted({"only": (None, [1, 2, 3], False)})
    reader = stream(client, {}, taken)
    reader.drain()
    client.shards["only"][1].append(4)
    client.expired = 1
    reader.drain()
    assert taken == [1, 2, 3, 4]


def test_what_was_trimmed_before_it_was_read_is_an_error() -> None:
    client = Scripted({"only": (None, [1, 2, 3], False)})
    client.trimmed = {"only"}
    with pytest.raises(StoreError, match="lost changes that were not read yet"):
        stream(client, {"only": "1"}, []).drain()
