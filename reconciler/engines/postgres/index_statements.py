"""How indexes are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres.constraint_parts import (
    table_name,
)
from reconciler.engines.postgres.index_parts import render as render_part
from reconciler.engines.postgres.index_settings import tail
from reconciler.engines.postgres.quoting import columns, ident

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.index import Index


def definition(index: Index, name: str, concurrently: bool) -> str:
    """CREATE INDEX."""
    unique = "UNIQUE " if index.unique else ""
    how = "CONCURRENTLY " if concurrently else ""
    using = f" USING {ident(index.method)}" if index.method != "btree" else ""
    text = f"CREATE {unique}INDEX {how}{ident(name)} ON {table_name(index.address)}{using}"
    text += f" ({', '.join(map(render_part, index.parts))})"
    text += f" INCLUDE {columns(index.include)}" if index.include else ""
    text += " NULLS NOT DISTINCT" if index.nulls_not_distinct else ""
    text += tail(index)
    return text + (f" WHERE {index.where.source}" if index.where else "")
