"""Our own items in the state table: plain text and numbers in, DynamoDB's typed members out, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.errors import StoreError


def key(partition: str, sort: str) -> dict[str, Any]:
    """`Key` of a request."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def packed(value: Any) -> dict[str, Any]:
    """A value as one member: JSON text, compressed where it is long. Raises StoreError where it still is too long."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    raw = text.encode()
    if len(raw) <= limits.PACK_BYTES:
        return {"value": {"S": text}}
    small = zlib.compress(raw, 9)
    if len(small) > limits.MAX_ITEM_BYTES:
        raise StoreError(f"a journal entry of {len(raw)} bytes does not fit an item, compressed neither")
    return {"packed": {"B": small}}


def unpacked(item: Mapping[str, Any]) -> Any:
    """The inverse of `packed`."""
    if "packed" in item:
        return json.loads(zlib.decompress(item["packed"]["B"]))
    return json.loads(item["value"]["S"])


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item as sent, roughly: enough to keep a transaction below its limit."""
    return sum(len(name) + sum(len(v) for v in member.values()) for name, member in item.items())
