"""What the text search kinds share: names as live text has them."""

from __future__ import annotations

from reconciler.engines.postgres.quoting import ident, qualified, undotted

NAME = {"type": "string", "minLength": 1}


def function(expression: str) -> str:
    """SQL for the name of a function column, empty for none."""
    return f"CASE WHEN {expression} = 0 THEN '' ELSE {expression}::regproc::text END"


def named(schema: str, name: str) -> str:
    """Bare in `pg_catalog` and `public`."""
    return ident(name) if schema in ("pg_catalog", "public") else qualified(schema, name)


def split(text: str) -> tuple[str, str]:
    """(schema, name); `public` goes unsaid."""
    *schema, name = undotted(text)
    return schema[0] if schema else "public", name
