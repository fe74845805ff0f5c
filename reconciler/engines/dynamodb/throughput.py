"""How reads and writes of a table or an index are paid for: on demand, or by provisioned units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

UNLIMITED = -1
"""How the service writes "no maximum"."""


class Throughput(NamedTuple):
    """`read` and `write` are units per second: provisioned ones, or the most served on demand (-1: no limit)."""

    mode: str
    read: int
    write: int

    @property
    def provisioned(self) -> bool:
        """Whether units are reserved and paid for by the hour."""
        return self.mode == "provisioned"

    def __str__(self) -> str:
        if self.provisioned:
            return f"{self.read} read and {self.write} write units"
        limits = [f"{n} {what}" for n, what in ((self.read, "read"), (self.write, "write")) if n != UNLIMITED]
        return f"on demand, at most {' and '.join(limits)} units" if limits else "on demand"


ON_DEMAND = Throughput("on_demand", UNLIMITED, UNLIMITED)
UNSET = Throughput("", 0, 0)
"""An index that declares none: it takes its table's mode and, if that is provisioned, its units."""

_UNITS = {"type": "integer", "minimum": 1}
PROVISIONED_SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {"read": _UNITS, "write": _UNITS},
    "required": ["read", "write"],
    "additionalProperties": False,
}
MAXIMUM_SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {"max_read": _UNITS, "max_write": _UNITS},
    "minProperties": 1,
    "additionalProperties": False,
}


def lowered(node: Mapping[str, Any]) -> Throughput:
    """`{read, write}` or `{max_read, max_write}` as declared."""
    if "read" in node:
        return Throughput("provisioned", node["read"], node["write"])
    return Throughput("on_demand", node.get("max_read", UNLIMITED), node.get("max_write", UNLIMITED))


def lifted(throughput: Throughput) -> dict[str, int]:
    """The inverse of `lowered`; empty for on-demand without a maximum."""
    if throughput.provisioned:
        return {"read": throughput.read, "write": throughput.write}
    limits = {"max_read": throughput.read, "max_write": throughput.write}
    return {name: units for name, units in limits.items() if units != UNLIMITED}


def read(reply: Mapping[str, Any], provisioned: bool) -> Throughput:
    """From the description of a table or an index; members that the service left out are defaults.

    An on-demand table may still describe the units it once had: the mode decides what counts.
    """
    if provisioned:
        units = reply.get("ProvisionedThroughput", {})
        return Throughput("provisioned", units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0))
    limits = reply.get("OnDemandThroughput", {})
    return Throughput(
        "on_demand", limits.get("MaxReadRequestUnits", UNLIMITED), limits.get("MaxWriteRequestUnits", UNLIMITED)
    )


def request(throughput: Throughput) -> dict[str, Any]:
    """The members of a request that set it when something is created; none for on-demand without a maximum."""
    if throughput.provisioned:
        return {"ProvisionedThroughput": units(throughput)}
    return {} if throughput == ON_DEMAND else {"OnDemandThroughput": maximum(throughput)}


def tighter(before: Throughput, after: Throughput) -> bool:
    """Whether fewer reads or writes a second are served after than before."""

    def most(units: int) -> float:
        return math.inf if units == UNLIMITED else units

    return most(after.read) < most(before.read) or most(after.write) < most(before.write)


def units(throughput: Throughput) -> dict[str, int]:
    """`ProvisionedThroughput` of a request."""
    return {"ReadCapacityUnits": throughput.read, "WriteCapacityUnits": throughput.write}


def maximum(throughput: Throughput) -> dict[str, int]:
    """`OnDemandThroughput` of a request; both members always, since -1 is what takes a maximum away."""
    return {"MaxReadRequestUnits": throughput.read, "MaxWriteRequestUnits": throughput.write}
