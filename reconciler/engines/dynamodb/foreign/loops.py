"""`Fn::ForEach` of the language extensions: a piece of a template that stands for several, one for each of a list.

`${Identifier}` in keys and texts is replaced by the item, `&{Identifier}` by what of it may stand in a logical id, and
a `Ref` of the identifier is the item itself (the page of the function in CloudFormation's template reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

LOOP = "Fn::ForEach::"


def expanded(node: Any, value: Callable[[Any], Any]) -> Any:
    """The node with its loops written out; `value` works out a collection and may raise Unknown."""
    if isinstance(node, list):
        return [expanded(n, value) for n in node]
    if not isinstance(node, Mapping):
        return node
    found: dict[Any, Any] = {}
    for key, inner in node.items():
        found |= loop(inner, value) if str(key).startswith(LOOP) else {key: expanded(inner, value)}
    return found


def loop(arguments: Any, value: Callable[[Any], Any]) -> dict[Any, Any]:
    """What one loop stands for: its arguments are an identifier, a collection and a mapping."""
    identifier, collection, body = arguments
    found: dict[Any, Any] = {}
    for item in value(collection):
        found |= expanded(_replaced(body, str(identifier), str(item)), value)
    return found


def _replaced(node: Any, identifier: str, item: str) -> Any:
    if isinstance(node, list):
        return [_replaced(n, identifier, item) for n in node]
    if isinstance(node, str):
        bare = re.sub(r"[^A-Za-z0-9]", "", item)
        return node.replace(f"${{{identifier}}}", item).replace(f"&{{{identifier}}}", bare)
    if not isinstance(node, Mapping):
        return node
    if dict(node) == {"Ref": identifier}:
        return item
    return {_replaced(key, identifier, item): _replaced(inner, identifier, item) for key, inner in node.items()}
