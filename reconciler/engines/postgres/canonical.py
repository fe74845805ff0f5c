"""Canonical comparison: the server itself says how it spells what is declared (DESIGN section 5).

The declared tables are built as temporary ones in a transaction that is rolled back, then read with the very queries
that read the live ones. No lock on any user table, no trace. Only tables of which something differs are sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres import conditions, facts, plain_columns, table_spelling, toast
from reconciler.engines.postgres.adoption import adopted
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.inspect import inspect
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.column import clause as column_clause
from reconciler.engines.postgres.kinds.enum import Enum
from reconciler.engines.postgres.kinds.enum import definition as enum_definition
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.kinds.sequence import definition as sequence_definition
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.retyping import Retyping, bare
from reconciler.engines.postgres.slips import NO_TYPE, SLIPS, is_slip
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, unequal
from reconciler.model.engine import Server
from reconciler.model.expr import Expr
from reconciler.model.later import at_once
from reconciler.model.resource import Resource

NAMELESS = "reconcile_asks_"
BATCH = 150
"""Tables of one transaction: temporary tables too take entries of the server's lock table."""


def canonicalise(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    desired: Catalog,
    live: Catalog,
    server: Server,
) -> Catalog:
    """The desired catalog with the server's spelling and its facts about changes.

    Raises DeclarationErrors for what the server refuses to parse. What cannot be asked (a role without the right to
    make temporary tables, a standby) comes back deferred, unless its text equals the live text already.
    """
    desired = adopted(_adopted(desired, live, kinds), live, server.version[0], lambda: _who(connection))
    asking = conditions.wanted(desired, live, kinds)
    known = plain_columns.known(desired, live)
    tables, others = _differing(known, live, kinds)
    if not tables and not others and not asking:
        return known
    tables, others = _differing(desired, live, kinds)  # those that are known as well: others may name them
    tables += [t for t in asking if t not in tables]
    asked = _Asked(connection, kinds, desired, live, server, asking)
    try:
        for schema in dict.fromkeys(a.path[0] for a in (*tables, *others)):
            inside = [a for a in tables if a.path[0] == schema]
            asked.ask(schema, inside[:BATCH], [a for a in others if a.path[0] == schema])
            for start in range(BATCH, len(inside), BATCH):
                asked.ask(schema, inside[start : start + BATCH], [])
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        reason = f"the server does not let us ask how it spells this: {error.diag.message_primary}"
        return desired.with_resources(desired.resources, _unknown(desired, live, tables, reason))
    if asked.slips:
        raise DeclarationErrors(asked.slips)
    asked.answers.update(conditions.told(desired, asked.said, kinds))
    return desired.updated(asked.answers, asked.uses)


def _who(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""


def _adopted(desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]) -> Catalog:
    """What a declaration leaves to the server is as it is: an extension's version, where it put itself."""
    taken: dict[Address, Resource] = {}
    for extension in desired.of_kind(Extension):
        found = live.get(extension.address, Extension)
        if found is not None and (extension.version is None or extension.schema is None):
            taken[extension.address] = replace(
                extension, version=extension.version or found.version, schema=extension.schema or found.schema
            )
    for address in unequal(desired, live):
        there, adopts = live.resources.get(address), kinds[address.kind].adopts
        if there is not None and adopts is not None:
            taken[address] = adopts(desired.resources[address], there)
    return desired.updated(taken)


def _differing(
    desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]
) -> tuple[list[Address], list[Address]]:
    """(tables of which anything differs from live, other objects that differ and can be asked about), in order."""
    pieces = {"table", "column"} | {k.name for k in kinds.values() if k.piece}
    alone = {k.name for k in kinds.values() if k.temporary and not k.piece}
    tables: dict[Address, None] = {}
    others: list[Address] = []
    for address in unequal(desired, live):
        if plain_columns.is_known(desired.resources[address]):
            continue
        if address.kind in pieces:
            tables[address.sibling("table", address.path[:2])] = None
        elif address.kind in alone and address in live.resources:
            others.append(address)
    tables |= dict.fromkeys(toast.in_question(desired, live))
    return [a for a in tables if a in desired.resources], others


def _unknown(desired: Catalog, live: Catalog, tables: list[Address], reason: str) -> Iterator[Deferred]:
    """What differs from live in the text of an expression only: that may be no difference at all."""
    inside = {a.path for a in tables}
    for address, resource in desired.resources.items():
        found = live.resources.get(address)
        if address.path[:2] in inside and found is not None and found != resource:
            yield Deferred(address, reason)


@dataclass
class _Asked:
    connection: psycopg.Connection[Any]
    kinds: Mapping[str, PgKind[Any]]
    desired: Catalog
    live: Catalog
    server: Server
    asking: Mapping[Address, list[str]] = field(default_factory=dict)
    said: dict[tuple[Address, str], str] = field(default_factory=dict)
    answers: dict[Address, Resource] = field(default_factory=dict)
    uses: dict[Address, tuple[Address, ...]] = field(default_factory=dict)
    slips: list[DeclarationError] = field(default_factory=list)

    def ask(self, schema: str, tables: list[Address], others: list[Address]) -> None:
        """Build these tables and objects of one schema, read them back, ask about changes, roll back."""
        with self.connection.transaction(force_rollback=True):
            self.prepare()
            for table in tables:
                self.build(table)
            nameless = self.alone(schema, others)
            own = self.connection.execute("SELECT pg_my_temp_schema(), pg_my_temp_schema()::regnamespace::text")
            oid, name = own.fetchone() or (0, "")
            version, service = self.server.version[0], self.desired.service
            look = partial(inspect, self.connection, self.kinds, service, version, [oid], {name: schema})
            found = look()
            self.uses.update({a: used for a, used in found.uses.items() if a in self.desired.resources})
            for address, answer in found.resources.items():
                declared = self.desired.resources.get(nameless.get(address.path, address))
                if declared is not None and not isinstance(declared, Table) and self.built(declared):
                    only = self.kinds[declared.address.kind].spells
                    found_there = self.live.resources.get(declared.address)
                    self.answers[declared.address] = spelled(declared, answer, only, found_there)
            for table in tables:
                self.table(table, found)
            self.foreign_partitions(others)
            for table in tables:
                self.facts(table, look)
                self.checks(table)
                for source in self.asking.get(table, ()):
                    text = conditions.ask(self.connection, table, source)
                    self.said |= {} if text is None else {(table, source): text}

    def table(self, address: Address, found: Catalog) -> None:
        """How the server spells what the table is partitioned by, and its bound."""
        declared = self.desired.get(address, Table)
        if declared is None:
            return
        live = self.live.get(address, Table)
        try:
            with self.connection.transaction():
                answer = found.get(address, Table)
                self.answers[address] = table_spelling.spelled(self.connection, declared, answer, live, self.desired)
        except SLIPS as error:
            self.slip(declared, error)
        except psycopg.Error:
            return

    def foreign_partitions(self, others: list[Address]) -> None:
        """How the server spells foreign tables that are partitions."""
        for address in others:
            declared, live = self.desired.get(address, ForeignTable), self.live.get(address, ForeignTable)
            if declared is None or declared.bound is None:
                continue
            with contextlib.suppress(psycopg.Error), self.connection.transaction():
                self.answers[address] = table_spelling.spelled_partition(self.connection, declared, live, self.desired)

    def built(self, declared: Resource) -> bool:
        """Whether it was built for the answer; what stands in the database itself is the live one."""
        kind = self.kinds[declared.address.kind]
        return kind.temporary is not None or (not kind.attaches and self.in_schema(kind))

    def in_schema(self, kind: PgKind[Any]) -> bool:
        """Whether its objects live in schemas, so that those of pg_temp are not those of the database."""
        while kind.parent is not None and kind.name != "schema":
            kind = self.kinds[kind.parent]
        return kind.name == "schema"

    def alone(self, schema: str, others: list[Address]) -> dict[tuple[str, ...], Address]:
        """Build objects of their own; whose names those without meaning stand for."""
        nameless: dict[tuple[str, ...], Address] = {}
        for number, address in enumerate(others):
            kind, resource = self.kinds[address.kind], self.desired.resources[address]
            path = (schema, f"{NAMELESS}{number}", *address.path[2:]) if kind.anonymous else address.path
            if kind.anonymous and len(path) > 2:
                self.tried(f"CREATE TEMP VIEW {path[1]} AS SELECT * FROM {qualified(*address.path[:2])}")
            built = replace(resource, address=address.sibling(address.kind, path))
            error = self.tried(kind.temporary(built)) if kind.temporary else None
            if isinstance(error, errors.SyntaxError):
                self.slip(resource, error)
            elif error is None and kind.anonymous:
                nameless[path] = address
        return nameless

    def move_extensions(self) -> None:
        """Put extensions where they are declared to be."""
        for extension in self.desired.of_kind(Extension):
            found = self.live.get(extension.address, Extension)
            if found is not None and extension.schema and extension.schema != found.schema:
                self.tried(f"CREATE SCHEMA IF NOT EXISTS {ident(extension.schema)}")
                self.tried(f"ALTER EXTENSION {ident(extension.address.name)} SET SCHEMA {ident(extension.schema)}")

    def prepare(self) -> None:
        """Make what the tables need and the server does not have yet; all of it is rolled back."""
        self.move_extensions()
        types: dict[Address, str] = {}
        there, wanted = at_once(self.live.resources), self.desired.resources
        for resource in (wanted[a] for a in unequal(self.desired, self.live) if a not in there):
            kind = self.kinds[resource.address.kind]
            if kind.prepares:
                types[resource.address] = kind.prepares(resource)
            elif isinstance(resource, Schema):
                self.tried(f"CREATE SCHEMA {ident(resource.address.name)}")
            elif isinstance(resource, Enum):
                self.tried(enum_definition(resource))
            elif isinstance(resource, Sequence):
                self.tried(sequence_definition(resource))
            elif isinstance(resource, Extension):
                where = f" SCHEMA {ident(resource.schema)}" if resource.schema else ""
                self.tried(f"CREATE EXTENSION {ident(resource.address.name)}{where}")
        left = self.unmade(types)
        rows = [u for a in left for u in self.kinds[a.kind].references(wanted[a], self.desired) if u.kind == "table"]
        self.unmade({**{a: self.row_type(a) for a in rows if a not in there}, **left})

    def unmade(self, types: dict[Address, str]) -> dict[Address, str]:
        """Make them, which may be made of each other; what could not be made."""
        left = len(types) + 1
        while len(types) < left:
            left = len(types)
            types = {a: t for a, t in types.items() if self.tried(t) is not None}
        return types

    def row_type(self, table: Address) -> str:
        """The statement that makes a new table for the types that are made of its row type."""
        columns = self.desired.children(table, "column", Column)
        return f"CREATE TABLE {qualified(*table.path)} ({', '.join(map(bare, columns))})"

    def build(self, table: Address) -> None:
        """The table at once; piece by piece where that fails, to learn which piece it is."""
        name = ident(table.name)
        declared_columns = self.desired.children(table, "column", Column)
        columns = [replace(c, not_null=False) for c in declared_columns]  # its name could be that of a check
        pieces = [
            (piece, kind.temporary(piece))
            for kind in self.kinds.values()
            if kind.piece and kind.temporary
            for piece in self.desired.children(table, kind.name, kind.resource)
        ]
        declared = self.desired.get(table, Table)
        key = f" PARTITION BY {declared.partition_by}" if declared is not None and declared.partition_by else ""
        whole = f"CREATE TEMP TABLE {name} ({', '.join(map(column_clause, columns))}){key}"
        if self.tried("; ".join([whole, *(statement for _, statement in pieces)])) is None:
            return
        self.tried(f"CREATE TEMP TABLE {name} ()")
        for column in columns:
            self.piece(column, f"ALTER TABLE pg_temp.{name} ADD COLUMN {bare(column)}")
        if key and declared is not None:
            self.piece(declared, f"CREATE TEMP TABLE {NAMELESS}key (LIKE pg_temp.{name}){key}")
        for column in columns:
            if column.default is not None:
                action = f"ALTER COLUMN {ident(column.address.name)} SET DEFAULT {column.default.source}"
                self.piece(column, f"ALTER TABLE pg_temp.{name} {action}")
            elif column.generated is not None or column.identity is not None:
                again = f"DROP COLUMN {ident(column.address.name)}, ADD COLUMN {column_clause(column)}"
                self.piece(column, f"ALTER TABLE pg_temp.{name} {again}")
        for piece, statement in pieces:
            self.piece(piece, statement)

    def tried(self, statement: str) -> psycopg.Error | None:
        """Run it in a savepoint; the error, if it failed. A refusal to write at all is not for the caller to judge."""
        try:
            with self.connection.transaction():
                self.connection.execute(statement)
        except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction):
            if "TEMP TABLE" in statement:
                raise
            return None
        except psycopg.Error as error:
            return error
        return None

    def piece(self, resource: Resource, statement: str) -> None:
        """One piece of a table. What the author got wrong is an error at its line; the rest shows when applied."""
        error = self.tried(statement)
        if error is not None and is_slip(error, resource, self.desired, self.live, self.kinds):
            self.slip(resource, error)

    def slip(self, resource: Resource, error: psycopg.Error) -> None:
        """What the server says of the author's text, at its line."""
        message = f"{resource.address}: the server says: {error.diag.message_primary}"
        where = self.desired.origin(resource.address)
        no_type = isinstance(error, errors.UndefinedObject) and "type " in message
        hint = error.diag.message_hint or (NO_TYPE if no_type else None)
        self.slips.append(DeclarationError(message, hint=hint, where=where))

    def facts(self, table: Address, look: Callable[[], Catalog]) -> None:
        """What the server says of adding and retyping columns of a live table."""
        if table not in self.live.resources:
            return
        for column in self.desired.children(table, "column", Column):
            column = self.answer(column)
            found = self.live.get(column.address, Column)
            if found == column:
                continue
            learned = Facts(fast_default=False)  # what cannot be asked is taken for the worst
            with contextlib.suppress(psycopg.Error), self.connection.transaction():
                learned = facts.learn(self.connection, column, found, self.server)
            if found is not None and (found.type, found.collation) != (column.type, column.collation):
                retyping = Retyping(self.connection, self.kinds, self.live, column, look, self.answers.get)
                learned = retyping.told(learned)
            self.answers[column.address] = replace(column, facts=learned)

    def checks(self, table: Address) -> None:
        """Whether new checks let rows without any value pass; whether all make sense of rows before a new type."""
        columns = self.desired.children(table, "column", Column)
        before = {c.address: c.type for c in self.live.children(table, "column", Column)}
        retyped = any(before.get(c.address, c.type) != self.answer(c).type for c in columns)
        old = ", ".join(f"NULL::{kind} AS {ident(a.name)}" for a, kind in before.items())
        nothing = ", ".join(f"NULL::{self.answer(c).type} AS {ident(c.address.name)}" for c in columns)
        for check in self.desired.children(table, "check", Check):
            found = self.answers.get(check.address)
            if retyped and isinstance(found, Check):
                said = self.tried(f"SELECT ({check.expression.source}) FROM (SELECT {old}) nothing") is None
                found = self.answers[check.address] = replace(found, of_old_rows=said)
            if table in self.live.resources and check.address not in self.live.resources and isinstance(found, Check):
                query = f"SELECT ({check.expression.source}) IS NOT FALSE FROM (SELECT {nothing}) nothing"
                with contextlib.suppress(psycopg.Error), self.connection.transaction(force_rollback=True):
                    row = self.connection.execute(query).fetchone()
                    self.answers[check.address] = replace(found, lets_null=bool(row and row[0]))

    def answer(self, column: Column) -> Column:
        """The column as far as the server has spelled it."""
        found = self.answers.get(column.address)
        return found if isinstance(found, Column) else column


def spelled(
    declared: Resource, answer: Resource, only: Collection[str] | None = None, live: Resource | None = None
) -> Resource:
    """The declared resource with the server's spelling: sources stay, canonical text and names of types come.

    `only` names the attributes that the answer tells of. Text that is the live text already stays so: temporary
    relations hide others, of which the answer then says more than the live text does.
    """
    taken = {
        f.name: _taken(getattr(declared, f.name), getattr(answer, f.name), getattr(live, f.name, None))
        for f in fields(declared)
        if hasattr(answer, f.name) and (only is None or f.name in only)
    }
    unbuilt = {n for n in ("default", "identity", "generated") if n in taken and taken[n] is None}
    for name in ("address", "position", "facts", *unbuilt):  # what could not be built is not known, but declared
        taken.pop(name, None)
    return replace(declared, **taken)


def _taken(declared: Any, answer: Any, live: Any) -> Any:
    if isinstance(declared, Expr) and isinstance(live, Expr) and declared.source == live.text:
        return Expr(declared.source, live.text)
    if isinstance(declared, Expr) and isinstance(answer, Expr):
        return Expr(declared.source, answer.text)
    if isinstance(declared, bool):
        return declared
    if isinstance(declared, tuple) and isinstance(answer, tuple) and len(declared) == len(answer):
        there = live if isinstance(live, tuple) and len(live) == len(answer) else (None,) * len(answer)
        pairs = [_taken(d, a, t) for d, a, t in zip(declared, answer, there, strict=True)]
        return type(declared)(*pairs) if hasattr(declared, "_fields") else tuple(pairs)
    return answer
