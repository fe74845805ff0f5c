"""What differs between live and desired, before anybody decided what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from reconciler.model.address import Address
from reconciler.model.resource import Resource

R = TypeVar("R", bound=Resource, covariant=True)


class Action(Enum):
    """What happens to an address; the value is the word in a plan file."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    MOVE = "move"
    DELETE = "delete"
    FORGET = "forget"

    @property
    def symbol(self) -> str:
        """How plans mark it."""
        return {"create": "+", "update": "~", "replace": "-/+", "move": "→", "delete": "-", "forget": "×"}[self.value]


class AttributeChange(NamedTuple):
    """One attribute that differs."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change(Generic[R]):
    """A change of one address: `before` is the live resource, `after` the desired one."""

    address: Address
    action: Action
    before: R | None
    after: R | None
    attributes: tuple[AttributeChange, ...] = ()
    forced: Address | None = None
    """The change elsewhere for whose sake this resource goes and comes again, though it may not differ itself."""
    also: tuple[Address, ...] = ()
    """Further changes for whose sake it does."""
    moved: Address | None = None
    """Its address before it is renamed, in what encloses it once that is renamed. `before` has the new address."""
    within: tuple[tuple[str, str], ...] = ()
    """(old, new) names of what is in it and no resource of its own: a value of an enum. `before` has the new ones."""

    @property
    def causes(self) -> tuple[Address, ...]:
        """All changes for whose sake it goes and comes again."""
        return (self.forced, *self.also) if self.forced is not None else ()

    @property
    def renames(self) -> bool:
        """Whether it, or something in it, gets another name."""
        return self.moved is not None or bool(self.within)

    def changed(self, *names: str) -> bool:
        """Whether one of these attributes differs."""
        return any(a.name in names for a in self.attributes)

    @property
    def live(self) -> R:
        """The live resource of a change that has one."""
        if self.before is None:
            raise TypeError(f"{self.address} has no live side")
        return self.before

    @property
    def desired(self) -> R:
        """The desired resource of a change that has one."""
        if self.after is None:
            raise TypeError(f"{self.address} has no desired side")
        return self.after
