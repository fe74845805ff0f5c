"""Addresses as text that reads well and reads back: `column public.transactions.currency`.

A name that is not plain is written as a JSON string: `table public."odd.name"`. So no text is ever split at a dot that
belongs to a name.
"""

from __future__ import annotations

import json
import re

from reconciler.model.address import Address

_PLAIN = re.compile(r"[\w$#@+-]+")
_PART = re.compile(r'[\w$#@+-]+|"(?:[^"\\]|\\.)*"')


def write_address(address: Address) -> str:
    """Kind and path; the service and engine stand beside it, in `target`."""
    return f"{address.kind} " + ".".join(p if _PLAIN.fullmatch(p) else _quoted(p) for p in address.path)


def read_address(text: str, target: str) -> Address:
    """The inverse of `write_address`. Raises ValueError for text that it never writes."""
    service, slash, engine = target.partition("/")
    kind, _, rest = text.partition(" ")
    path: list[str] = []
    position = 0
    while True:
        part = _PART.match(rest, position)
        if part is None:
            raise ValueError(f"{text!r} is not an address")
        path.append(json.loads(part[0]) if part[0].startswith('"') else part[0])
        position = part.end()
        if position == len(rest):
            break
        if rest[position] != ".":
            raise ValueError(f"{text!r} is not an address")
        position += 1
    address = Address(service, engine, kind, tuple(path))
    if not (slash and service and engine and kind) or write_address(address) != text:
        raise ValueError(f"{text!r} in {target!r} is not an address")
    return address


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
