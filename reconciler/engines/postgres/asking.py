"""Asking the server how it spells what is declared: what every question needs, and where the answers are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres.inspect import inspect
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.enum import Enum
from reconciler.engines.postgres.kinds.enum import definition as enum_definition
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.function import Function
from reconciler.engines.postgres.kinds.function import definition as function_definition
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.kinds.sequence import definition as sequence_definition
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.engines.postgres.retyping import bare
from reconciler.engines.postgres.slips import NO_TYPE, is_slip, unquoted
from reconciler.engines.postgres.table_spelling import CHILD
from reconciler.engines.postgres.type_names import STANDALONE, named, type_name
from reconciler.errors import DeclarationError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, unequal
from reconciler.model.engine import Server
from reconciler.model.expr import Expr
from reconciler.model.later import at_once
from reconciler.model.resource import Resource

NAMELESS = "reconcile_asks_"
NOT_THERE_YET = 'at or near "%"'
"""What PL/pgSQL says before 17 of `t.a%TYPE` where there is no such table yet (pl_gram.y, read_datatype; measured)."""
NO_SQL = "syntax error"
"""How the server begins to tell of text that no grammar takes; others of that code count columns that may yet come."""


@dataclass
class Asking:
    """The questions of one comparison. `answers`: declared resources as the server spells them; `uses`: what it knows
    that they use; `slips`: what the author got wrong; `taken`: what the server takes, among what is live now.
    """

    connection: psycopg.Connection[Any]
    kinds: Mapping[str, PgKind[Any]]
    desired: Catalog
    live: Catalog
    server: Server
    answers: dict[Address, Resource] = field(default_factory=dict)
    uses: dict[Address, tuple[Address, ...]] = field(default_factory=dict)
    slips: list[DeclarationError] = field(default_factory=list)
    taken: set[Address] = field(default_factory=set)

    @contextmanager
    def world(self, *, hidden: bool) -> Iterator[None]:
        """A transaction that is rolled back, with all there that declarations need beside relations. `hidden`: a
        temporary relation stands behind the real one of its name, so that texts mean and name what they always do.
        """
        with self.connection.transaction(force_rollback=True):
            if hidden:
                self.connection.execute(
                    "SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', true)"
                )
            self.prepare()
            yield

    def look(self, schema: str) -> Catalog:
        """What was built, as if it stood in the schema."""
        own = self.connection.execute("SELECT pg_my_temp_schema(), pg_my_temp_schema()::regnamespace::text")
        oid, name = own.fetchone() or (0, "")
        version = self.server.version[0]
        return inspect(self.connection, self.kinds, self.desired.service, version, [oid], {name: schema})

    def take(self, declared: Resource, answer: Resource, only: Collection[str] | None = None) -> None:
        """Keep the answer about a resource that was built for it."""
        if isinstance(declared, Table) or not self._built(declared):
            return
        only = self.kinds[declared.address.kind].spells if only is None else only
        self.answers[declared.address] = spelled(declared, answer, only, self.live.resources.get(declared.address))

    def use(self, found: Catalog) -> None:
        """Keep what is known of who uses what."""
        self.uses.update({a: used for a, used in found.uses.items() if a in self.desired.resources})

    def _built(self, declared: Resource) -> bool:
        """Whether it was built for the answer; what stands in the database itself is the live one."""
        kind = self.kinds[declared.address.kind]
        return kind.temporary is not None or (not kind.attaches and self._in_schema(kind))

    def _in_schema(self, kind: PgKind[Any]) -> bool:
        """Whether its objects live in schemas, so that those of pg_temp are not those of the database."""
        while kind.parent is not None and kind.name != "schema":
            kind = self.kinds[kind.parent]
        return kind.name == "schema"

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

    def judge(self, resource: Resource, error: psycopg.Error) -> None:
        """What the author got wrong is an error at its line; the rest shows when applied."""
        if is_slip(error, resource, self.desired, self.live, self.kinds):
            self.slip(resource, error)

    def read_through(self, addresses: Collection[Address]) -> None:
        """Have the server parse what is new, and bodies. What it does not find may come before it; what is no SQL stays
        so.
        """
        told = {slip.where for slip in self.slips}
        left = [self.desired.resources[a] for a in addresses if self.desired.origin(a) not in told]
        if not left:
            return
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET LOCAL check_function_bodies = on")
            for resource in left:
                temporary = self.kinds[resource.address.kind].temporary
                error = self.tried(temporary(resource)) if temporary is not None else None
                if error is None:
                    self.taken.add(resource.address)
                said = (error.diag.message_primary or "") if isinstance(error, errors.SyntaxError) else ""
                if error is not None and said.startswith(NO_SQL) and not said.endswith(NOT_THERE_YET):
                    self.slip(resource, error)

    def slip(self, resource: Resource, error: psycopg.Error) -> None:
        """What the server says of the author's text, at its line."""
        said = (error.diag.message_primary or "").replace(CHILD, resource.address.name)
        message = f"{resource.address}: the server says: {said}"
        where = self.desired.origin(resource.address)
        no_type = isinstance(error, errors.UndefinedObject) and "type " in message
        hint = unquoted(resource) or error.diag.message_hint or (NO_TYPE if no_type else None)
        self.slips.append(DeclarationError(message, hint=hint, where=where))

    def overloads(self, table: Address) -> Iterator[str]:
        """Statements that make functions over rows of the table take those of its temporary twin too."""
        for function in self._over_rows.get(table.path, ()):
            taken = tuple(
                a._replace(type=f"pg_temp.{ident(table.name)}") if named(a.type) == table.path else a
                for a in function.arguments
            )
            yield function_definition(replace(function, arguments=taken))

    @cached_property
    def _over_rows(self) -> dict[tuple[str, ...], list[Function]]:
        """Tables → functions that take their rows."""
        found: dict[tuple[str, ...], list[Function]] = {}
        for function in self.desired.of_kind(Function):
            for path in dict.fromkeys(named(a.type) for a in function.arguments):
                if function.address.sibling("table", path) in self.desired.resources:
                    found.setdefault(path, []).append(function)
        return found

    def prepare(self) -> None:
        """Make what relations need and the server does not have yet; all of it is rolled back."""
        self._move_extensions()
        types: dict[Address, str] = {}
        there, wanted = at_once(self.live.resources), self.desired.resources
        for resource in (wanted[a] for a in unequal(self.desired, self.live) if a not in there):
            kind = self.kinds[resource.address.kind]
            self._make_way(resource.address)
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
        left = self._unmade(types)
        rows = [u for a in left for u in self.kinds[a.kind].references(wanted[a], self.desired) if u.kind == "table"]
        self._unmade({**{a: self._row_type(a) for a in rows if a not in there}, **left})

    def _make_way(self, address: Address) -> None:
        """Give a type of another kind, which goes, another name, so that the new one can have its own."""
        for rival in (address.sibling(kind, address.path) for kind in STANDALONE if address.kind in STANDALONE):
            if rival in self.live.resources and rival not in self.desired.resources:
                self.tried(f"ALTER TYPE {type_name(rival)} RENAME TO {ident(fitting(rival.name, suffix='_old'))}")

    def _unmade(self, types: dict[Address, str]) -> dict[Address, str]:
        """Make them, which may be made of each other; what could not be made."""
        left = len(types) + 1
        while len(types) < left:
            left = len(types)
            types = {a: t for a, t in types.items() if self.tried(t) is not None}
        return types

    def _row_type(self, table: Address) -> str:
        """The statement that makes a new table for the types that are made of its row type."""
        columns = self.desired.children(table, "column", Column)
        return f"CREATE TABLE {qualified(*table.path)} ({', '.join(map(bare, columns))})"

    def _move_extensions(self) -> None:
        """Put extensions where they are declared to be."""
        for extension in self.desired.of_kind(Extension):
            found = self.live.get(extension.address, Extension)
            if found is not None and extension.schema and extension.schema != found.schema:
                self.tried(f"CREATE SCHEMA IF NOT EXISTS {ident(extension.schema)}")
                self.tried(f"ALTER EXTENSION {ident(extension.address.name)} SET SCHEMA {ident(extension.schema)}")


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
