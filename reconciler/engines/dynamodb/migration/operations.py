"""What a plan step of a move runs: a few of our own operations, made of many calls each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import operations
from reconciler.engines.dynamodb.operations import Call, Calls
from reconciler.errors import StalePlan

WORDS = {
    "begin": "make a table beside another",
    "copy": "copy all items",
    "follow": "bring over all changes, then compare",
    "switch": "give the name to the new table",
    "retire": "delete the old table",
    "keep": "leave the old table",
    "abandon": "give the copy up",
}
"""What each operation does; all that plans may hold."""


@dataclass(frozen=True, slots=True)
class Moving:
    """One operation. `parameters` hold `Table`, the logical name, and what else the operation is told; `calls` are the
    calls of the API that it makes as they stand, besides those on items."""

    word: str
    parameters: Mapping[str, Any]
    calls: tuple[Call, ...] = ()

    @property
    def logical(self) -> str:
        """The logical name of the table."""
        return str(self.parameters["Table"])

    def encode(self) -> dict[str, Any]:
        """The fields of a plan file."""
        fields: dict[str, Any] = {"move": self.word, "parameters": dict(self.parameters)}
        return {**fields, "calls": [c.encode() for c in self.calls]} if self.calls else fields

    def lines(self) -> list[str]:
        """The operation for a person to read."""
        said = {name: value for name, value in self.parameters.items() if value not in ("", [], {})}
        lines = [WORDS[self.word], *(f"  {line}" for line in operations.readable(said))]
        return [*lines, *(line for call in self.calls for line in call.lines())]


def decode(fields: Mapping[str, Any]) -> Moving:
    """The inverse of `encode`. Raises StalePlan for an operation that plans do not hold."""
    word, parameters = fields.get("move"), fields.get("parameters")
    if word not in WORDS or not isinstance(parameters, Mapping) or "Table" not in parameters:
        raise StalePlan(f"the plan holds a move that is not known here: {word}", hint="plan again")
    found = operations.decode({"calls": fields.get("calls", ())})
    return Moving(str(word), parameters, found.calls if isinstance(found, Calls) else ())
