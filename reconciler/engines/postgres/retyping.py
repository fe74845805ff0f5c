"""What a new type of a column does to the checks and indexes on it: asked of the server on a temporary twin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.column import Column, clause
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.naming import references_of
from reconciler.model.resource import Resource

ASKED = ("check", "index")


def bare(column: Column) -> str:
    """The column as CREATE TABLE writes it, without what makes its values."""
    return clause(replace(column, default=None, identity=None, generated=None))


@dataclass(frozen=True, slots=True)
class Retyping:
    """One column of a live table and its new type. `look` reads the temporary tables, under the names of the live ones;
    `wanted` is what is declared, canonical.
    """

    connection: psycopg.Connection[Any]
    kinds: Mapping[str, PgKind[Any]]
    live: Catalog
    column: Column
    look: Callable[[], Catalog]
    wanted: Callable[[Address], Resource | None]

    def told(self, facts: Facts) -> Facts:
        """The facts with who hinders the change, and who follows it to just what is declared. Leaves no trace."""
        using = f" USING {facts.using}" if facts.using else ""
        pieces = list(self._pieces())
        blockers: list[Address] = []
        followers: list[Address] = []
        if pieces:
            with contextlib.suppress(psycopg.Error), self.connection.transaction(force_rollback=True):
                self._twin()
                for address, statement in pieces:
                    if not self._built(statement, None):
                        continue
                    if not self._built(statement, using):
                        blockers.append(address)
                    elif self._follows(address, statement, using):
                        followers.append(address)
        return facts._replace(blockers=tuple(blockers), followers=tuple(followers))

    @property
    def _table(self) -> str:
        return f"pg_temp.{ident(self.column.table[1])}"

    def _pieces(self) -> list[tuple[Address, str]]:
        """What stands on the column, and the statement that puts it on the twin."""
        table = self.column.address.sibling("table", self.column.table)
        kinds = [(k, k.temporary) for k in self.kinds.values() if k.name in ASKED and k.temporary is not None]
        return [
            (piece.address, temporary(piece))
            for kind, temporary in kinds
            for piece in self.live.children(table, kind.name, kind.resource)
            if self.column.address in references_of(piece, self.live, self.kinds)
        ]

    def _twin(self) -> None:
        """The live columns as they are, in the place of the declared ones."""
        columns = self.live.children(self.column.address.sibling("table", self.column.table), "column", Column)
        self.connection.execute(f"DROP TABLE IF EXISTS {self._table}")
        self.connection.execute(f"CREATE TEMP TABLE {ident(self.column.table[1])} ({', '.join(map(bare, columns))})")

    def _built(self, statement: str, using: str | None) -> bool:
        """Whether the piece can be built, and go along with the change then (with `using` at hand)."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(statement)
                if using is not None:
                    self._retype(using)
        except psycopg.Error:
            return False
        return True

    def _retype(self, using: str) -> None:
        collate = f" COLLATE {qualified(*self.column.collation)}" if self.column.collation else ""
        name = ident(self.column.address.name)
        self.connection.execute(
            f"ALTER TABLE {self._table} ALTER COLUMN {name} TYPE {self.column.type}{collate}{using}"
        )

    def _follows(self, address: Address, statement: str, using: str) -> bool:
        wanted = self.wanted(address)
        if wanted is None or wanted == self.live.resources.get(address):
            return False
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(statement)
            self._retype(using)
            return self.look().resources.get(address) == wanted
