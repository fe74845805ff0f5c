"""A PostgreSQL kind: the general one plus how it is read from the catalogs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reconciler.engines.postgres.lookups import Lookups
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Kind
from reconciler.model.resource import Resource

R = TypeVar("R", bound=Resource)
Row = Sequence[Any]


@dataclass(slots=True)
class Reader:
    """What earlier kinds of one introspection learned, for the later ones. Kinds are read in their order.

    `tables`: oid → (schema, name) of the tables in scope; `objects`: (catalog, oid) → address of everything else that
    others may use: views, functions, types, sequences, indexes; `columns`: (table oid, attnum) → name;
    `column_types`: the same → (type oid, collation oid); `found`: what the earlier kinds read; `stand_ins`: oid of a
    table that is not managed → whose columns it has, so that what uses it uses those.
    """

    service: str
    version: int
    lookups: Lookups
    renamed: Mapping[str, str] = field(default_factory=dict)
    tables: dict[int, tuple[str, str]] = field(default_factory=dict)
    columns: dict[tuple[int, int], str] = field(default_factory=dict)
    objects: dict[tuple[str, int], Address] = field(default_factory=dict)
    column_types: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    found: dict[Address, Resource] = field(default_factory=dict)
    stand_ins: dict[int, Address] = field(default_factory=dict)

    def address(self, kind: str, *path: str) -> Address:
        """An address in the target that is read."""
        if path[0] in self.renamed:
            path = (self.renamed[path[0]], *path[1:])
        return Address(self.service, "postgres", kind, path)

    def table(self, oid: int, schema: str, name: str) -> Address:
        """The address of a table, remembered for what is in it."""
        self.tables[oid] = (self.renamed.get(schema, schema), name)
        return Address(self.service, "postgres", "table", self.tables[oid])

    def known(self, catalog: str, oid: int, address: Address) -> Address:
        """Remember where an object of a system catalog stands, so that what uses it can be told."""
        self.objects[catalog, oid] = address
        return address

    def relation(self, oid: int) -> tuple[str, str] | None:
        """(schema, name) of a table or materialized view that was read."""
        if oid in self.tables:
            return self.tables[oid]
        found = self.objects.get(("pg_class", oid))
        return (found.path[0], found.path[1]) if found is not None else None

    def object(self, catalog: str, oid: int, part: int) -> Address | None:
        """The address of an object, of a table's column where `part` is its number; None for what was not read."""
        path = self.tables.get(oid) if catalog == "pg_class" else None
        if path is None:
            return self.objects.get((catalog, oid))
        if part > 0:
            return Address(self.service, "postgres", "column", (*path, self.columns[oid, part]))
        return Address(self.service, "postgres", "table", path)

    def names(self, table: int, numbers: Iterable[int]) -> tuple[str, ...]:
        """Column names of a table in scope."""
        return tuple([self.columns[table, n] for n in numbers])  # a list is quicker than a generator


Query = Callable[[int], str]
"""The catalog query for a server major version; it may use %(namespaces)s, oids of the schemas in scope."""


@dataclass(frozen=True, kw_only=True)
class PgKind(Kind[R], Generic[R]):
    """`query` reads the rows of all resources of the kind in scope at once; `read` makes resources of them."""

    query: Query
    read: Callable[[Iterable[Row], Reader], Iterable[R]]
    right: str = ""
    """SQL condition without which the role may not ask `query`: nothing of the kind is read then."""
    temporary: Callable[[R], str] | None = None
    """The statement that builds it in pg_temp, for the server to spell it: a piece of a temporary table, or an object
    of its own. None for what has nothing to spell."""
    anonymous: bool = False
    """Whether the temporary one is built under a name of no meaning, so that it hides nothing that others name."""
    adopts: Callable[[R, R], R] | None = None
    """The declared resource with what a declaration leaves to the server taken from the live one."""
    spells: frozenset[str] | None = None
    """The attributes that the temporary one tells of; all of them by default."""
    prepares: Callable[[R], str] | None = None
    """The statement that makes the real thing where tables need it and the server does not have it yet: a type. It is
    rolled back."""
    piece: bool = False
    """Whether it is a piece of its table, built on the table's temporary twin."""
    conditions: Callable[[R], Sequence[tuple[Address, Expr]]] | None = None
    """Conditions about rows that it holds, each with its table, for the server to spell."""
    with_conditions: Callable[[R, Sequence[Expr]], R] | None = None
    """It with its conditions, in the same order, as the server spells them."""
    attaches_to: Callable[[Kind[Any]], bool] | None = None
    """Which of the other kinds may carry one; the engine fills `attaches` with them."""


NOT_MEMBER = """{oid} NOT IN (SELECT e.objid FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass
                                     AND e.classid = {cls} AND e.deptype = 'e')"""
"""Members of extensions are never ours. Found by the extension, of which there are few: NOT EXISTS would hash all of
pg_depend once a query."""


def short_name(schema: str, name: str) -> str:
    """SQL for a name as live text has it, from SQL for its schema and for itself: bare in `pg_catalog` and `public`."""
    return f"CASE WHEN {schema} IN ('pg_catalog', 'public') THEN '' ELSE quote_ident({schema}) || '.' END || {name}"


def function_name(oid: str) -> str:
    """SQL for the name of the function with this oid, empty for none. Unlike regproc it does not mind overloads."""
    return f"""coalesce((SELECT {short_name("fn.nspname", "quote_ident(fp.proname)")}
            FROM pg_proc fp JOIN pg_namespace fn ON fn.oid = fp.pronamespace WHERE fp.oid = {oid}::oid), '')"""


def not_member(catalog: str, oid: str) -> str:
    """The condition that an object is no member of an extension."""
    return NOT_MEMBER.format(cls=f"'{catalog}'::regclass", oid=oid)
