"""Asking a store whether it takes what a plan leads to, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol, runtime_checkable

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.step import Operation


class Trial(NamedTuple):
    """What a plan leads to, to be tried out beside the real things, without a trace.

    `changed`: the addresses in `final` that are new or other than before; `gone`: those that are live and go; `final`:
    all that is there once the plan has run; `build` gives, in order, the operations that make a catalog where another
    one is, each with what it makes; `beside` what other services declare in the same place, which may come first.
    """

    changed: frozenset[Address]
    gone: frozenset[Address]
    final: Catalog
    live: Catalog
    build: Callable[[Catalog, Catalog], list[tuple[Address, Operation]]]
    beside: Callable[[], Collection[Address]]


class Refused(NamedTuple):
    """What the store will not have: the declared resource, why, and what to do about it."""

    address: Address
    message: str
    hint: str | None = None


@runtime_checkable
class Trying(Protocol):
    """A session with a store that can be asked, without a trace and in nobody's way, whether it takes what is new."""

    def tried(self, trial: Trial) -> list[Refused]:
        """What of the changes the store refuses for good; nothing where that cannot be tried."""
        ...
