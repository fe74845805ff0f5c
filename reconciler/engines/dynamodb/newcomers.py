"""What a new index means for items that are there already.

An item whose key attribute has another type than the index wants, or is too long or empty, is silently left out while
the index is built; afterwards writes of such an item are refused. So an index can break a writer ([gsi] in `limits`,
measured on DynamoDB Local).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.keys import Key, KeyAttribute
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.step import Probe, Size

SCAN = "Scan"
"""`Probe.query` of this engine. The parameters are those of the call, with tuples for mappings: (name, value) for names
of attributes, (name, type, value) for values."""


def items_left_out(index: str, key: Key, size: Size) -> Hazard:
    """The warning on a step that builds an index over a live table; `size` is the table's."""
    wanted = ", ".join(f"{k.name} is no {k.type}" for k in key)
    counted = {-1: "", 0: " (none when last counted)"}.get(size.rows, f" ({size.rows} when last counted)")
    return hazard(
        Code.OLD_WRITERS,
        f"of the items there{counted}, those whose {wanted} (or is empty, or too long) are left out of {index},"
        " and once it is built, writes of such items are refused",
    )


def scan(index: str, table: str, partition: Key, sort: Key, size: Size) -> tuple[Probe, ...]:
    """A search for such items, for tables small enough to be read for it (`limits.PROBE_BYTES`)."""
    if size.bytes < 0 or size.bytes > limits.PROBE_BYTES:
        return ()
    key = (*partition, *sort)
    names = {_placeholder(number, k.name): k.name for number, k in enumerate(key)}
    values: dict[str, tuple[str, str]] = {}
    conditions: list[str] = []
    for name, attribute in zip(names, key, strict=True):
        longest = limits.MAX_PARTITION_BYTES if attribute in partition else limits.MAX_SORT_BYTES
        values[f":type_{attribute.type}"] = ("S", attribute.type)
        if attribute.type != "N":
            values |= {f":most_{longest}": ("N", str(longest)), ":nothing": ("N", "0")}
        conditions += _unfit(name, attribute, longest)
    return (
        Probe(
            f"items that index {index} cannot hold",
            SCAN,
            (
                ("TableName", table),
                ("FilterExpression", " OR ".join(conditions)),
                ("ExpressionAttributeNames", tuple(names.items())),
                ("ExpressionAttributeValues", tuple((name, *value) for name, value in values.items())),
            ),
        ),
    )


def _placeholder(number: int, name: str) -> str:
    """Its own name where the service's grammar allows it, since people read this; `#own…` are the session's."""
    return f"#{name}" if re.fullmatch(r"(?!own\d|key\d)[A-Za-z]\w*", name, re.ASCII) else f"#key{number}"


def _unfit(name: str, attribute: KeyAttribute, longest: int) -> Iterator[str]:
    kind = f":type_{attribute.type}"
    yield f"(attribute_exists({name}) AND NOT attribute_type({name}, {kind}))"
    if attribute.type != "N":
        yield f"(attribute_type({name}, {kind}) AND (size({name}) > :most_{longest} OR size({name}) = :nothing))"
