"""Attribute values as plain data: what a check compares and a plan file holds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from reconciler.model.expr import Expr


def plain(value: Any) -> Any:
    """Scalars and tuples of scalars that say the same as `value`; `plain(plain(x)) == plain(x)`.

    Expressions become the text that is compared, enumerations their value, sets and mappings sorted tuples.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Expr):
        return value.text
    if isinstance(value, (tuple, list)):
        return tuple(plain(v) for v in value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted((plain(v) for v in value), key=repr))
    if isinstance(value, dict):
        return tuple(sorted(((plain(k), plain(v)) for k, v in value.items()), key=repr))
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(plain(getattr(value, f.name)) for f in fields(value) if f.compare)
    raise TypeError(f"a {type(value).__name__} is no attribute value")
