"""The results of `up`, `down` and `status` as text: a table with aligned columns, or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows below their head, every column as wide as its widest cell."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def printed(result: object) -> str:
    """The result as JSON; paths become strings."""
    return json.dumps(result, indent=2, default=str)
