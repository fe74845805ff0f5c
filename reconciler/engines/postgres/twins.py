"""How the server spells tables and what is in them: built as temporary ones, read with the queries that read live ones.

They stand behind the live ones of their names, which other texts go on to mean. A piece that says its own table with
the schema is built as if it said the temporary one, and functions that take rows of the table get an overload for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg

from reconciler.engines.postgres import conditions, facts, table_spelling
from reconciler.engines.postgres.asking import NAMELESS, Asking
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.column import clause as column_clause
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.mentions import requalified
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.reshaping import Reshaping
from reconciler.engines.postgres.retyping import Retyping, bare
from reconciler.engines.postgres.slips import SLIPS
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.resource import Resource

BATCH = 150
"""Tables of one transaction: temporary tables too take entries of the server's lock table."""


@dataclass
class Twins:
    """`wanted`: conditions of others about the rows of a table; `said`: how the server spells them."""

    asking: Asking
    wanted: Mapping[Address, Sequence[str]]
    said: dict[tuple[Address, str], str] = field(default_factory=dict)

    def ask(self, tables: Sequence[Address]) -> None:
        """Build these tables of one schema after another, read them back, ask about changes, roll back."""
        for schema in dict.fromkeys(a.path[0] for a in tables):
            inside = [a for a in tables if a.path[0] == schema]
            for start in range(0, len(inside), BATCH):
                with self.asking.world(hidden=True):
                    self._batch(schema, inside[start : start + BATCH])
        reshaping = Reshaping(self.asking)
        for address in [
            a for a in self.asking.answers if self.asking.kinds[a.kind].piece and reshaping.meant(reshaping.said(a))
        ]:
            del self.asking.answers[address]  # asked among relations as they are

    def _batch(self, schema: str, tables: Sequence[Address]) -> None:
        for table in tables:
            self._build(table)
        look = partial(self.asking.look, schema)
        found, desired = look(), self.asking.desired.resources
        self.asking.use(found)
        for address, answer in found.resources.items():
            if (declared := desired.get(address)) is not None:
                self.asking.take(declared, answer)
        for table in tables:
            self._table(table, found)
        for table in tables:
            self._facts(table, look)
            self._checks(table)
            for source in self.wanted.get(table, ()):
                text = conditions.ask(self.asking.connection, table, self._own(table, source))
                self.said |= {} if text is None else {(table, source): text}

    def _table(self, address: Address, found: Catalog) -> None:
        """How the server spells what the table is partitioned by, and its bound."""
        declared = self.asking.desired.get(address, Table)
        if declared is None:
            return
        live, answer = self.asking.live.get(address, Table), found.get(address, Table)
        connection, desired = self.asking.connection, self.asking.desired
        try:
            with connection.transaction():
                self.asking.answers[address] = table_spelling.spelled(connection, declared, answer, live, desired)
        except SLIPS as error:
            self.asking.slip(declared, error)
        except psycopg.Error:
            return

    def _build(self, table: Address) -> None:
        """The table at once; piece by piece where that fails, to learn which piece it is."""
        name = ident(table.name)
        declared_columns = self.asking.desired.children(table, "column", Column)
        columns = [replace(c, not_null=False) for c in declared_columns]  # its name could be that of a check
        pieces = [
            (piece, kind.temporary(piece))
            for kind in self.asking.kinds.values()
            if kind.piece and kind.temporary
            for piece in self.asking.desired.children(table, kind.name, kind.resource)
        ]
        declared = self.asking.desired.get(table, Table)
        key = f" PARTITION BY {declared.partition_by}" if declared is not None and declared.partition_by else ""
        whole = f"CREATE TEMP TABLE {name} ({', '.join(map(column_clause, columns))}){key}"
        overloads = list(self.asking.overloads(table))
        if self.asking.tried("; ".join([whole, *overloads, *(statement for _, statement in pieces)])) is None:
            self.asking.taken.update((table, *(r.address for r in (*columns, *(p for p, _ in pieces)))))
            return
        self.asking.tried(f"CREATE TEMP TABLE {name} ()")
        for column in columns:
            self._piece(column, f"ALTER TABLE pg_temp.{name} ADD COLUMN {bare(column)}")
        if key and declared is not None:
            self._piece(declared, f"CREATE TEMP TABLE {NAMELESS}key (LIKE pg_temp.{name}){key}")
        for column in columns:
            if column.default is not None:
                action = f"ALTER COLUMN {ident(column.address.name)} SET DEFAULT {column.default.source}"
                self._piece(column, f"ALTER TABLE pg_temp.{name} {action}")
            elif column.generated is not None or column.identity is not None:
                again = f"DROP COLUMN {ident(column.address.name)}, ADD COLUMN {column_clause(column)}"
                self._piece(column, f"ALTER TABLE pg_temp.{name} {again}")
        for overload in overloads:
            self.asking.tried(overload)
        for piece, statement in pieces:
            self._piece(piece, statement)

    def _piece(self, resource: Resource, statement: str) -> None:
        error = self.asking.tried(statement)
        own = self._own(resource.address, statement)
        if error is not None and (own == statement or self.asking.tried(own) is not None):
            self.asking.judge(resource, error)

    @staticmethod
    def _own(piece: Address, text: str) -> str:
        """The text with columns of its own table, said with the schema, as those of the temporary one."""
        return requalified(text, {piece.path[:2]: "pg_temp"}, columns=True)

    def _facts(self, table: Address, look: Callable[[], Catalog]) -> None:
        """What the server says of adding and retyping columns of a live table."""
        asking = self.asking
        if table not in asking.live.resources:
            return
        for column in asking.desired.children(table, "column", Column):
            column = self._answer(column)
            found = asking.live.get(column.address, Column)
            if found == column:
                continue
            learned = Facts(fast_default=False)  # what cannot be asked is taken for the worst
            try:
                with asking.connection.transaction():
                    learned = facts.learn(asking.connection, column, found, asking.server, self._beside(column))
            except psycopg.Error as error:
                if column.using is not None:
                    asking.judge(column, error)
            if found is not None and (found.type, found.collation) != (column.type, column.collation):
                retyping = Retyping(asking.connection, asking.kinds, asking.live, column, look, asking.answers.get)
                learned = retyping.told(learned)
            asking.answers[column.address] = replace(column, facts=learned)

    def _beside(self, column: Column) -> list[Column]:
        """The other columns of its table while it changes: those that are live, and new ones."""
        table = column.address.sibling("table", column.table)
        catalogs = (self.asking.desired, self.asking.live)  # what is live as it is
        found = {c.address: c for k in catalogs for c in k.children(table, "column", Column)}
        return [c for c in found.values() if c.address != column.address]

    def _checks(self, table: Address) -> None:
        """Whether new checks let rows without any value pass; whether all make sense of rows before a new type."""
        asking, name = self.asking, ident(table.name)
        columns = asking.desired.children(table, "column", Column)
        before = {c.address: c.type for c in asking.live.children(table, "column", Column)}
        retyped = any(before.get(c.address, c.type) != self._answer(c).type for c in columns)
        old = ", ".join(f"NULL::{kind} AS {ident(a.name)}" for a, kind in before.items())
        nothing = ", ".join(f"NULL::{self._answer(c).type} AS {ident(c.address.name)}" for c in columns)
        for check in asking.desired.children(table, "check", Check):
            found = asking.answers.get(check.address)
            if retyped and isinstance(found, Check):
                said = asking.tried(f"SELECT ({check.expression.source}) FROM (SELECT {old}) {name}") is None
                found = asking.answers[check.address] = replace(found, of_old_rows=said)
            if table in asking.live.resources and check.address not in asking.live.resources:
                if not isinstance(found, Check):
                    continue
                query = f"SELECT ({check.expression.source}) IS NOT FALSE FROM (SELECT {nothing}) {name}"
                with contextlib.suppress(psycopg.Error), asking.connection.transaction(force_rollback=True):
                    row = asking.connection.execute(query).fetchone()
                    asking.answers[check.address] = replace(found, lets_null=bool(row and row[0]))

    def _answer(self, column: Column) -> Column:
        """The column as far as the server has spelled it."""
        found = self.asking.answers.get(column.address)
        return found if isinstance(found, Column) else column
