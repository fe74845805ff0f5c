"""Names of tables that take another one's place: the declared name with a version."""

from __future__ import annotations

import re
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.errors import UnsupportedChange

VERSION = "{version}"
"""Where in a table's `versioned` name the version stands."""


def successor(before: Any, after: Any, taken: str = "") -> str:
    """The name of the table that is to take the place of `before`: the declared one, if that is another name than it
    has; else the next version. `taken` is one that is not free. Raises UnsupportedChange for one that is too long."""
    if after.name not in (before.name, before.base) and after.name != taken:
        return str(after.name)
    pattern = "(?:\\.v([0-9]+))?".join(re.escape(part) for part in after.versioned.split(VERSION, 1))
    numbers = [int(m[1] or 1) for name in (before.name, taken) if (m := re.fullmatch(pattern, name))]
    name = str(after.versioned.replace(VERSION, f".v{max(numbers, default=1) + 1}"))
    if not re.fullmatch(limits.NAME, name):
        raise UnsupportedChange(f"{name} is too long for a table", hint="declare a shorter `name`")
    return name
