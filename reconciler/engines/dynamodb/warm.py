"""Warm throughput: what a table or an index can serve at once, without being split first.

It rises by itself with use and never falls; a decrease is refused (the service model in botocore). So a declared value
is a floor: a live value at or above it is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.engines.dynamodb import limits


class Warm(NamedTuple):
    """Reads and writes per second."""

    read: int
    write: int

    def covers(self, other: Warm) -> bool:
        """Whether it is at least the other one, in both."""
        return self.read >= other.read and self.write >= other.write

    def raised(self, other: Warm) -> Warm:
        """The greater of both, part by part: nothing asks for less than there is."""
        return Warm(max(self.read, other.read), max(self.write, other.write))

    def __str__(self) -> str:
        return f"{self.read} reads and {self.write} writes per second"


COLD = Warm(limits.WARM_READS, limits.WARM_WRITES)
"""What every table and index has, and what an undeclared one is compared as."""

SPEC: dict[str, Any] = {
    "type": "object",
    "description": "a floor, in units per second: {read: 15000, write: 5000}; it rises by itself and is never lowered",
    "properties": {
        "read": {"type": "integer", "minimum": limits.WARM_READS},
        "write": {"type": "integer", "minimum": limits.WARM_WRITES},
    },
    "required": ["read", "write"],
    "additionalProperties": False,
}


def lowered(node: Mapping[str, int] | None) -> Warm:
    """`warm_throughput:` as declared."""
    return Warm(node["read"], node["write"]) if node else COLD


def lifted(warm: Warm) -> dict[str, Any]:
    """The inverse of `lowered`, as a part of the node around it; nothing for what every table has."""
    return {} if warm == COLD else {"warm_throughput": warm._asdict()}


def read(reply: Mapping[str, Any]) -> Warm:
    """From the description of a table or an index; absent, and less than the default, is the default."""
    return of_request(reply.get("WarmThroughput") or {}).raised(COLD)


def of_request(member: Mapping[str, Any]) -> Warm:
    """From `WarmThroughput` of a request or a reply."""
    return Warm(member.get("ReadUnitsPerSecond", 0), member.get("WriteUnitsPerSecond", 0))


def request(warm: Warm) -> dict[str, Any]:
    """The member of a request that creates something; none for what every table has."""
    return {} if warm == COLD else {"WarmThroughput": units(warm)}


def units(warm: Warm) -> dict[str, int]:
    """`WarmThroughput` of a request."""
    return {"ReadUnitsPerSecond": warm.read, "WriteUnitsPerSecond": warm.write}
