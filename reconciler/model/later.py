"""A mapping that is made when somebody looks into it: what nobody reads costs nothing."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def at_once(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """The mapping itself, for loops: a call through `Later` costs as much as the look-up."""
    return mapping.made() if isinstance(mapping, Later) else mapping


class Later(Mapping[K, V]):
    """Stands for what `make` gives; `make` runs once, or twice where two threads come together; it may raise."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Mapping[K, V]]) -> None:
        self._make = make
        self._made: Mapping[K, V] | None = None

    def made(self) -> Mapping[K, V]:
        """The mapping itself."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, key: K) -> V:
        return self.made()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self.made())

    def __len__(self) -> int:
        return len(self.made())

    def __contains__(self, key: object) -> bool:
        return key in self.made()

    # those of Mapping go through __getitem__, one key at a time
    def get(self, key: K, default: Any = None) -> Any:
        """See `dict.get`."""
        return self.made().get(key, default)

    def keys(self) -> KeysView[K]:
        """See `dict.keys`."""
        return self.made().keys()

    def values(self) -> ValuesView[V]:
        """See `dict.values`."""
        return self.made().values()

    def items(self) -> ItemsView[K, V]:
        """See `dict.items`."""
        return self.made().items()
