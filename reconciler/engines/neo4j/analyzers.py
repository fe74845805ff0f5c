"""Analyzers of full-text indexes: a server has its own list, to which its plugins add."""

from __future__ import annotations

from difflib import get_close_matches

from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.kinds.index import Index
from reconciler.engines.neo4j.render import shortened
from reconciler.errors import DeclarationError, DeclarationErrors, StoreError
from reconciler.model.catalog import Catalog

_LIST = "CALL db.index.fulltext.listAvailableAnalyzers() YIELD analyzer RETURN analyzer"


def check(connection: Connection, desired: Catalog, live: Catalog) -> None:
    """Raises DeclarationErrors for analyzers that this server does not have. Asks only for what is not live already."""
    there = {i.analyzer for i in live.of_kind(Index)}
    wanted = [i for i in desired.of_kind(Index) if i.analyzer is not None and i.analyzer not in there]
    if not wanted:
        return
    try:
        known = sorted(row["analyzer"] for row in connection.rows(_LIST, "reading the analyzers"))
    except StoreError:
        return  # who may not list them is told by CREATE
    errors = [
        DeclarationError(
            f"the server has no analyzer {shortened(index.analyzer or '')!r}",
            hint=_hint(index.analyzer or "", known),
            where=desired.origin(index.address),
        )
        for index in wanted
        if index.analyzer not in known
    ]
    if errors:
        raise DeclarationErrors(errors)


def _hint(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 3) or known[:5]
    return f"such as {', '.join(close)}; db.index.fulltext.listAvailableAnalyzers() lists all {len(known)}"
