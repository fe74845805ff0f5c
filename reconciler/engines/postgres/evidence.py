"""What shows in the live store that a step is done."""

from __future__ import annotations

from typing import Any

from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.step import Check


def shows(address: Address, *attributes: tuple[str, Any]) -> tuple[Check, ...]:
    """The resource has these values. Nothing shows it while the server could not say how it spells one of them: then a
    resumed step runs again, which its statements have to allow.
    """
    return () if any(_unspelled(value) for _, value in attributes) else (Check(address, attributes=attributes),)


def became(change: Change[Any], *without: str) -> tuple[Check, ...]:
    """Every attribute that differs, but those, is as declared."""
    return shows(change.address, *((a.name, a.after) for a in change.attributes if a.name not in without))


def _unspelled(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_unspelled, value))
    return isinstance(value, Expr) and value.canonical is None
