"""Where in a declaration something was written."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A place in a file: `line` and `column` count from 1; 0 means "somewhere in the file"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file
