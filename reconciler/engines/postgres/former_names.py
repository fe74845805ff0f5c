"""Probes of tables and columns that the plan renames, asked under the names that they have now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from reconciler.engines.postgres.mentions import requalified
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_probes import MADE
from reconciler.model.address import Address
from reconciler.model.step import Probe

Path = tuple[str, ...]

_COLUMNS = """
    SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""


class FormerNames:
    """`moved`: live address → the one that it will have, of all that will have another."""

    def __init__(self, connection: psycopg.Connection[Any], moved: Mapping[Address, Address]) -> None:
        self.connection = connection
        self.columns = {(*a.path[:2], a.name): new.name for a, new in moved.items() if a.kind == "column"}
        tables = {a.path: new.path for a, new in moved.items() if a.kind == "table"}
        self.tables: dict[Path, Path] = {tables.get(p, p): p for p in (*tables, *(c[:2] for c in self.columns))}

    def asked_now(self, probe: Probe) -> Probe:
        """The probe with what it reads of renamed tables put before it under the new names. A query that begins with
        one of its own stays as it is.
        """
        function, made, query = probe.query.partition(MADE)
        first, query = (function + made, query) if made else ("", probe.query)
        before: dict[str, str] = {}
        for new, old in self.tables.items():
            own = f"ONLY {qualified(*new)}"
            only, said = own in query, requalified(query.replace(own, qualified(*new)), {new: ""})
            said = requalified(said, {new: ""}, columns=True)
            if said != query and new[1] not in before:
                query, before[new[1]] = said, self._presented(old, only=only)
        if not before or query.startswith("WITH"):
            return probe
        named = ", ".join(f"{ident(name)} AS NOT MATERIALIZED ({text})" for name, text in before.items())
        return probe._replace(query=f"{first}WITH {named}\n{query}")

    def _presented(self, table: Path, *, only: bool) -> str:
        """The rows of a live table with their places, and its columns called as they will be."""
        name = qualified(*table)
        columns = [column for (column,) in self.connection.execute(_COLUMNS, (name,))]
        new = (self.columns.get((*table, c), c) for c in columns)
        said = (ident(c) if c == n else f"{ident(c)} AS {ident(n)}" for c, n in zip(columns, new, strict=True))
        return f"SELECT ctid, tableoid, {', '.join(said)} FROM {'ONLY ' if only else ''}{name}"
