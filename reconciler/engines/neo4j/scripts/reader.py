"""A place in the tokens of one statement, and what can be read there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.engines.neo4j.scripts.tokens import Token


class NotRead(Exception):
    """The statement, or this part of it, is not what a schema statement looks like; the text says why."""


class Unrelated(NotRead):
    """The statement is about something else than constraints and indexes."""


class Reader:
    """Reads tokens from left to right. Every method raises NotRead where something else stands."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def next_is(self, *words: str) -> bool:
        """Whether one of these words or signs comes next."""
        return self._at < len(self._tokens) and self._tokens[self._at].says(*words)

    def take(self, *words: str) -> bool:
        """Go past these words if they come next, all of them in order."""
        there = self._tokens[self._at : self._at + len(words)]
        if len(there) == len(words) and all(t.says(w) for t, w in zip(there, words, strict=True)):
            self._at += len(words)
            return True
        return False

    def need(self, *words: str) -> None:
        """Go past these words."""
        if not self.take(*words):
            raise NotRead(f"expected {' '.join(words)} before {self._shown()}")

    def end(self) -> None:
        """Nothing comes any more."""
        if self._at < len(self._tokens):
            fresh = self._at > 0 and self._tokens[self._at].line > self._tokens[self._at - 1].line
            raise NotRead(f"{self._shown()} was not expected" + ("; is a ; missing before it?" if fresh else ""))

    def token(self) -> Token:
        """The next token, whatever it is."""
        if self._at >= len(self._tokens):
            raise NotRead("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def name(self) -> str:
        """A name, in backticks or not."""
        token = self.token()
        if token.kind not in ("word", "quoted"):
            raise NotRead(f"expected a name, not {token.value!r}")
        return token.value

    def names(self, separator: str) -> tuple[str, ...]:
        """Names with signs between them."""
        found = [self.name()]
        while self.take(separator):
            found.append(self.name())
        return tuple(found)

    def property(self, variable: str) -> str:
        """`n.name`."""
        if self.name() != variable:
            raise NotRead(f"a property of something else than {variable!r}")
        self.need(".")
        return self.name()

    def properties(self, variable: str, close: str) -> tuple[str, ...]:
        """`n.a, n.b)` up to and with the closing sign."""
        found = [self.property(variable)]
        while self.take(","):
            found.append(self.property(variable))
        self.need(close)
        return tuple(found)

    def chosen(self, variable: str) -> tuple[str, ...]:
        """`(n.a, n.b)` or `n.a`."""
        return self.properties(variable, ")") if self.take("(") else (self.property(variable),)

    def pattern(self) -> tuple[str, str, tuple[str, ...]]:
        """`(n:A|B)` or `()-[r:T]-()`: (variable, node or relationship, labels or types)."""
        self.need("(")
        if not self.take(")"):
            variable = self.name()
            labels = self.names("|") if self.take(":") else ()
            self.need(")")
            return variable, "node", labels
        if not (self.take("-") or self.take("<-")):
            raise NotRead("expected a relationship after ()")
        self.need("[")
        variable = self.name()
        types = self.names("|") if self.take(":") else ()
        self.need("]")
        if not (self.take("-") or self.take("->")):
            raise NotRead("expected () after the relationship")
        self.need("(", ")")
        return variable, "relationship", types

    def literal(self) -> Any:
        """A number, a text, a truth value, a list or a map."""
        if self.take("{"):
            return self._map()
        if self.take("["):
            return self._list()
        if self.take("-"):
            value = self.literal()
            if not isinstance(value, int | float):
                raise NotRead("expected a number after -")
            return -value
        token = self.token()
        if token.kind == "text":
            return token.value
        if token.kind == "number":
            return int(token.value) if token.value.isdigit() else float(token.value)
        if token.says("TRUE", "FALSE"):
            return token.says("TRUE")
        raise NotRead(f"{token.value!r} is no literal value")

    def _map(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self.take("}"):
            key = self.token()
            if key.kind not in ("word", "quoted", "text"):
                raise NotRead(f"expected a key, not {key.value!r}")
            self.need(":")
            found[key.value] = self.literal()
            if not self.take(",") and not self.next_is("}"):
                raise NotRead(f"expected , or }} before {self._shown()}")
        return found

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while not self.take("]"):
            found.append(self.literal())
            if not self.take(",") and not self.next_is("]"):
                raise NotRead(f"expected , or ] before {self._shown()}")
        return found

    def rest(self) -> str:
        """All that is left, as one text: a property type."""
        found = [t.value for t in self._tokens[self._at :]]
        self._at = len(self._tokens)
        return " ".join(found)

    def _shown(self) -> str:
        return repr(self._tokens[self._at].value) if self._at < len(self._tokens) else "the end"
