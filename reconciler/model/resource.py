"""Declared and live objects: one frozen dataclass a kind, and the role of each of its attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

from reconciler.model.address import Address
from reconciler.model.quick import filled_quickly


class Role(Enum):
    """What a difference in an attribute means."""

    MUTABLE = "mutable"
    """A rule of the kind changes it."""
    REPLACE = "replace"
    """Only a new object can have the new value: the kind's `replace` emitter."""
    INFORMATIONAL = "informational"
    """Known, shown, never a difference; the reason says why."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Base of all kinds' dataclasses. Structure only: what to do about differences is in the kind's rules."""

    address: Address

    def __init_subclass__(cls) -> None:
        if "__dataclass_fields__" in cls.__dict__:  # the class with slots, which `dataclass` makes of the one written
            filled_quickly(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        # the default for frozen classes with slots sets every attribute in Python: five times slower to read back
        cls = type(self)
        values = _VALUES.get(cls)
        if values is None:
            values = _VALUES[cls] = _values_of(cls)
        return cls, values(self)


_VALUES: dict[type[Resource], Callable[[Any], tuple[Any, ...]]] = {}


def _values_of(cls: type[Resource]) -> Callable[[Any], tuple[Any, ...]]:
    names = [f.name for f in fields(cls)]
    if len(names) == 1:
        return lambda resource: (resource.address,)
    return attrgetter(*names)


class Attribute(NamedTuple):
    """One attribute of a kind."""

    name: str
    role: Role
    reason: str


def attr(role: Role = Role.MUTABLE, *, reason: str = "", **options: Any) -> Any:
    """A dataclass field with a role. `options` go to `dataclasses.field`.

    An informational attribute takes no part in equality and must say why in `reason`.
    """
    if role is Role.INFORMATIONAL:
        if not reason:
            raise TypeError("an informational attribute needs a reason")
        options.setdefault("compare", False)
    return field(metadata={"role": role, "reason": reason}, **options)


_ATTRIBUTES: dict[type[Resource], tuple[Attribute, ...]] = {}
_COMPARED: dict[type[Resource], tuple[str, ...]] = {}


def attributes_of(resource: type[Resource]) -> tuple[Attribute, ...]:
    """The attributes of a resource class, the address left out. Fields without a role are mutable."""
    if resource not in _ATTRIBUTES:
        _ATTRIBUTES[resource] = tuple(
            Attribute(f.name, f.metadata.get("role", Role.MUTABLE), f.metadata.get("reason", ""))
            for f in fields(resource)
            if f.name != "address"
        )
    return _ATTRIBUTES[resource]


def compared_attributes(resource: type[Resource]) -> tuple[str, ...]:
    """Names of the attributes whose differences count."""
    if resource not in _COMPARED:
        _COMPARED[resource] = tuple(a.name for a in attributes_of(resource) if a.role is not Role.INFORMATIONAL)
    return _COMPARED[resource]
