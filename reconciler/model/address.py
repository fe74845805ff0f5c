"""The name of one resource, wherever it lives."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """(service, engine, kind, path). A named tuple, so that hashing and sorting 100,000 of them is cheap.

    `str()` is for people; nothing ever parses it back, since names may hold dots.
    """

    service: str
    engine: str
    kind: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path[-1]

    @property
    def target(self) -> str:
        """The target the resource lives in, as plans print it: `payment/postgres`."""
        return f"{self.service}/{self.engine}"

    def sibling(self, kind: str, path: tuple[str, ...]) -> Address:
        """An address of another kind or path in the same target."""
        return Address(self.service, self.engine, kind, path)

    def __reduce__(self) -> tuple[type[Address], tuple[object, ...]]:
        return Address, (*self,)  # what named tuples do by themselves takes three calls

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(self.path)}"
