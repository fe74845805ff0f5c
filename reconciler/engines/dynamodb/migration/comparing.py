"""Whether two tables hold the same: counts and checksums, and by name what differs.

Each item, converted, is put into one of many buckets by its new key; a bucket keeps how many there are and the sum of
their digests, which no order changes. So two tables of any size are compared in a fixed amount of memory, each read
once; only buckets that differ are read again, to name the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reconciler.engines.dynamodb.connect import Client
from reconciler.engines.dynamodb.migration.conversion import Conversion, Unfit, digest, identity
from reconciler.engines.dynamodb.migration.copying import pages, print_of

Json = dict[str, Any]
Texts = tuple[str, ...]

BUCKETS = 4096
READERS = 4
MODULUS = 1 << 128


@dataclass(slots=True)
class Summary:
    """One table: items, bytes of all digests added up, both by bucket; `unfit` cannot be converted."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    unfit: list[str] = field(default_factory=list)

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(self.counts)

    @property
    def checksum(self) -> str:
        """32 digits for all of them."""
        return f"{sum(self.sums) % MODULUS:032x}"

    def add(self, bucket: int, value: int) -> None:
        """Count an item."""
        self.counts[bucket] += 1
        self.sums[bucket] = (self.sums[bucket] + value) % MODULUS

    def plus(self, other: Summary) -> None:
        """Take in another part of the same table."""
        for bucket in range(BUCKETS):
            self.counts[bucket] += other.counts[bucket]
            self.sums[bucket] = (self.sums[bucket] + other.sums[bucket]) % MODULUS
        self.unfit += other.unfit


class Side(NamedTuple):
    """A table to be compared; `old`: its items are converted first."""

    client: Client
    table: str
    conversion: Conversion
    old: bool

    def each(self, segment: int, unfit: list[str]) -> Iterator[Json]:
        """The items of a segment as the new table has them, or should."""
        for page in pages(self.client, self.table, segment, READERS):
            for item in page["Items"]:
                if not self.old:
                    yield item
                    continue
                try:
                    yield self.conversion.converted(item)
                except Unfit as error:
                    unfit.append(str(error))

    def over(self, work: Callable[[int], Any]) -> list[Any]:
        """Some work on all segments, side by side."""
        with ThreadPoolExecutor(READERS, "compare") as pool:
            return list(pool.map(work, range(READERS)))


def summary(side: Side) -> Summary:
    """A table in numbers. Raises StoreError."""

    def part(segment: int) -> Summary:
        found = Summary()
        for item in side.each(segment, found.unfit):
            found.add(print_of(side.conversion, item) % BUCKETS, int.from_bytes(digest(item), "big"))
        return found

    whole = Summary()
    for found in side.over(part):
        whole.plus(found)
    return whole


class Difference(NamedTuple):
    """New keys, as texts, by what is wrong with them; `twice`: two old items have the key."""

    missing: frozenset[Texts] = frozenset()
    surplus: frozenset[Texts] = frozenset()
    other: frozenset[Texts] = frozenset()
    twice: frozenset[Texts] = frozenset()

    @property
    def all(self) -> frozenset[Texts]:
        """Every key that differs."""
        return self.missing | self.surplus | self.other | self.twice

    def without(self, keys: set[Texts]) -> Difference:
        """Those that are not among the given ones."""
        return Difference(*(part - keys for part in self))

    def __str__(self) -> str:
        parts = zip(("lacks", "has too many", "has otherwise", "has for two old items"), self, strict=True)
        said = [f"{word} {len(keys)} ({_some(keys)})" for word, keys in parts if keys]
        return "; ".join(said) or "nothing"


def _some(keys: frozenset[Texts]) -> str:
    return ", ".join("/".join(key) for key in sorted(keys)[:3]) + (" …" if len(keys) > 3 else "")


def difference(old: Side, new: Side, here: Summary, there: Summary) -> Difference:
    """What differs in the buckets that differ; both tables are read again. Raises StoreError."""
    pairs = zip(here.counts, here.sums, there.counts, there.sums, strict=True)
    wanted = {b for b, (count, total, count2, total2) in enumerate(pairs) if (count, total) != (count2, total2)}
    if not wanted:
        return Difference()
    wants, has = _listed(old, wanted), _listed(new, wanted)
    times = Counter(text for text, _ in wants)
    left, right = dict(wants), dict(has)
    return Difference(
        frozenset(left.keys() - right.keys()),
        frozenset(right.keys() - left.keys()),
        frozenset(k for k in left.keys() & right.keys() if left[k] != right[k] and times[k] == 1),
        frozenset(k for k, count in times.items() if count > 1),
    )


def _listed(side: Side, wanted: set[int]) -> list[tuple[Texts, bytes]]:
    def part(segment: int) -> list[tuple[Texts, bytes]]:
        found = []
        for item in side.each(segment, []):
            if print_of(side.conversion, item) % BUCKETS in wanted:
                found.append((identity(item, side.conversion.after), digest(item)))
        return found

    return [pair for found in side.over(part) for pair in found]
