"""Text in a store's own language, compared by what the store makes of it."""

from __future__ import annotations


class Expr:
    """An expression as written (`source`) and as the server spells it (`canonical`).

    DDL renders `source`; comparison, hashing and fingerprints use `canonical`, or `source` as long as the server has
    not been asked. Live text is canonical by construction: `Expr(text, text)`.
    """

    __slots__ = ("canonical", "source")

    def __init__(self, source: str, canonical: str | None = None) -> None:
        self.source = source
        self.canonical = canonical

    @classmethod
    def live(cls, text: str) -> Expr:
        """An expression read from a store."""
        return cls(text, text)

    @property
    def text(self) -> str:
        """What is compared."""
        return self.source if self.canonical is None else self.canonical

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expr):
            return False
        mine = self.source if self.canonical is None else self.canonical  # not `text`: a call for each of 100,000
        return mine == (other.source if other.canonical is None else other.canonical)

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type[Expr], tuple[str, str | None]]:
        return Expr, (self.source, self.canonical)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        # fingerprints hash the repr: only what is compared may show
        return f"Expr({self.text!r})"
