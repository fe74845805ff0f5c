"""`OPTIONS (host 'a', port '5432')` of foreign data objects, and which of them are secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.engines.postgres.quoting import ident, literal

Options = tuple[tuple[str, str], ...]

SPEC = {
    "type": "object",
    "description": "options by name; secrets stay out",
    "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
}
SECRET = re.compile(r"pass|secret|token|credential|(^|_)key$|api_?key|private|^sslkey$|^pwd$", re.IGNORECASE)
"""Names of options whose values are nobody's business: never read, compared, shown or written."""


def is_secret(name: str) -> bool:
    """Whether an option of that name may hold a secret."""
    return SECRET.search(name) is not None


def lower(node: Mapping[str, Any] | None) -> Options:
    """Values as the server keeps them: text, sorted by name."""
    return tuple(sorted((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in (node or {}).items()))


def lift(options: Options) -> dict[str, str]:
    """Names to values, as text."""
    return dict(options)


def read(stored: Iterable[str] | None) -> Options:
    """`name=value` texts → Options without the secret ones."""
    pairs = [(o.partition("=")[0], o.partition("=")[2]) for o in stored or ()]
    return tuple(sorted(p for p in pairs if not is_secret(p[0])))


def clause(options: Options) -> str:
    """` OPTIONS (…)`, with a space before it; empty where there is none."""
    said = ", ".join(f"{ident(n)} {literal(v)}" for n, v in options)
    return f" OPTIONS ({said})" if said else ""


def actions(before: Options, after: Options) -> str:
    """`OPTIONS (ADD …, SET …, DROP …)` that leads from one to the other."""
    had, wanted = dict(before), dict(after)
    said = [f"DROP {ident(n)}" for n in had if n not in wanted]
    said += [f"SET {ident(n)} {literal(v)}" for n, v in after if n in had and had[n] != v]
    said += [f"ADD {ident(n)} {literal(v)}" for n, v in after if n not in had]
    return f"OPTIONS ({', '.join(said)})"
