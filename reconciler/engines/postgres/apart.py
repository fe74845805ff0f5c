"""How the server spells views and other objects of their own.

Each is built as a temporary one under a name of no meaning, among the live relations, so that it is spelled as it would
be in its place. What means something that the plan changes is built among temporary twins of that instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import psycopg
from psycopg import errors

from reconciler.engines.postgres import inheritance, table_spelling
from reconciler.engines.postgres.asking import NAMELESS, Asking
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
from reconciler.engines.postgres.kinds.function import Function
from reconciler.engines.postgres.kinds.function import definition as function_definition
from reconciler.engines.postgres.kinds.materialized_view import MaterializedView
from reconciler.engines.postgres.kinds.view import View
from reconciler.engines.postgres.mentions import RELATIONS, aliases_columns, requalified
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.reshaping import Reshaping
from reconciler.engines.postgres.routine_arguments import signature
from reconciler.engines.postgres.view_parts import DEFINITION, rows_of
from reconciler.model.address import Address
from reconciler.model.resource import Resource

PLAIN = "public"
"""The schema whose names go unsaid in live text, as those of temporary relations do."""

Queried = View | MaterializedView


@dataclass
class Apart:
    """To be asked once tables have been."""

    asking: Asking
    addresses: Sequence[Address]

    def ask(self) -> None:
        """Build them, read them back, roll back; schema by schema."""
        later = self._later
        self._ask([a for a in self.addresses if a not in later], among_twins=False)
        self._ask([a for a in later if self._lost.isdisjoint(self._said[a])], among_twins=True)

    def _ask(self, addresses: Sequence[Address], *, among_twins: bool) -> None:
        for schema in dict.fromkeys(a.path[0] for a in addresses):
            inside = [a for a in addresses if a.path[0] == schema]
            with self.asking.world(hidden=not among_twins):
                if among_twins:
                    self._build_twins()
                paths = {path: a for n, a in enumerate(inside) if (path := self._build(a, n, among_twins))}
                found = self.asking.look(schema)
                for address, answer in found.resources.items():
                    asked = paths.get(address.path, address)
                    if asked in inside:
                        self._take(self.asking.desired.resources[asked], answer)
                self.asking.use(found)
                for address in inside:
                    self._partition(address)

    def _build(self, address: Address, number: int, among_twins: bool) -> tuple[str, ...]:
        """Its path in the temporary schema; empty where that is its own, or it could not be built."""
        kind, resource = self.asking.kinds[address.kind], self.asking.desired.resources[address]
        path = (address.path[0], f"{NAMELESS}{number}", *address.path[2:]) if kind.anonymous else address.path
        named = replace(resource, address=address.sibling(address.kind, path))
        statements = [kind.temporary(named)] if kind.temporary else []
        if kind.anonymous and len(path) > 2:
            statements.insert(0, f"CREATE TEMP VIEW {path[1]} AS SELECT * FROM {qualified(*address.path[:2])}")
        for statement in statements:
            error = self.asking.tried(requalified(statement, self._twins) if among_twins else statement)
            if isinstance(error, errors.SyntaxError):
                self.asking.slip(resource, error)
            if error is not None:
                return ()
        return path if kind.anonymous else ()

    def _take(self, declared: Resource, answer: Resource) -> None:
        """Keep the answer. A twin of another schema is spelled without it: what is alike but for that is sure.

        What the live text becomes by itself is as good as the live text.
        """
        outside = {p: "" for p in self._twins if p[0] != PLAIN}
        live = self.asking.live.resources.get(declared.address)
        if declared.address not in self._later:
            self.asking.take(declared, answer)
        elif (
            isinstance(live, Queried)
            and isinstance(answer, Queried)
            and answer.query.text in (requalified(live.query.text, outside), self._becomes(live))
        ):
            self.asking.take(declared, replace(answer, query=live.query))
        elif not any(a.path in outside for a in self._said[declared.address]):
            self.asking.take(declared, answer)
        elif isinstance(declared, Queried):
            self.asking.take(declared, answer, only={"columns"})

    def _becomes(self, live: Queried) -> str | None:
        """The text of a live view once its tables have their columns of the plan, where it tells the places of these.

        None where it does not, and where that cannot be asked.
        """
        if not aliases_columns(live.query.text, self.asking.live):
            return None
        connection, view = self.asking.connection, f"{NAMELESS}live"
        with contextlib.suppress(psycopg.Error), connection.transaction(force_rollback=True):
            said = self._said[live.address]
            passing = [self._reshaping.passing(a) for a in self._reshaping.relations if a in said]
            functions = [made for a, made in self._row_functions.items() if a in said]
            connection.execute("; ".join([*(made for made, _ in passing), *functions]))
            connection.execute(f"CREATE TEMP VIEW {view} AS\n{requalified(live.query.text, self._twins)}")
            connection.execute("; ".join(action for _, actions in passing for action in actions))
            row = connection.execute(f"SELECT {DEFINITION} FROM pg_class c WHERE c.oid = '{view}'::regclass").fetchone()
            return str(row[0]) if row else None
        return None

    def _partition(self, address: Address) -> None:
        """How the server spells a foreign table that has parents."""
        asking = self.asking
        declared, live = asking.desired.get(address, ForeignTable), asking.live.get(address, ForeignTable)
        if declared is not None and inheritance.parents_of(declared):
            with contextlib.suppress(psycopg.Error), asking.connection.transaction():
                asking.answers[address] = table_spelling.spelled_child(
                    asking.connection, declared, live, asking.desired
                )

    @cached_property
    def _reshaping(self) -> Reshaping:
        return Reshaping(self.asking)

    @cached_property
    def _said(self) -> dict[Address, set[Address]]:
        """What each may use; a rule its view as well."""
        return {a: {*self._reshaping.said(a), a.sibling("view", a.path[:2])} - {a} for a in self.addresses}

    @cached_property
    def _later(self) -> dict[Address, None]:
        """Those that mean something that changes, or one of these, in an order in which they can be built."""
        meaning = {a for a in self.addresses if self._reshaping.meant(self._said[a])}
        while more := {a for a in self.addresses if a not in meaning and not meaning.isdisjoint(self._said[a])}:
            meaning |= more
        ordered: dict[Address, None] = {}

        def visit(address: Address, above: frozenset[Address]) -> None:
            for used in sorted(self._said[address] & meaning - above):
                if used not in ordered:
                    visit(used, above | {address})
            ordered[address] = None

        for address in self.addresses:
            if address in meaning and address not in ordered:
                visit(address, frozenset({address}))
        return ordered

    @cached_property
    def _changed(self) -> list[Address]:
        """The relations that they mean and that change, in an order in which twins can be built."""
        said = set[Address]().union(*(self._said[a] for a in self._later))
        return [a for a in (*self._reshaping.relations, *self._later) if a in said and a.kind in RELATIONS]

    @cached_property
    def _twins(self) -> dict[tuple[str, ...], str]:
        """Those that get one → its schema: one of each name, and none that hides another relation of `public`."""
        by_name: dict[str, list[Address]] = {}
        for address in self._changed:
            by_name.setdefault(address.name, []).append(address)
        shown = {a.path for c in (self.asking.desired, self.asking.live) for a in c.resources if a.kind in RELATIONS}
        return {
            a.path: "pg_temp"
            for name, (a, *others) in by_name.items()
            if not others and (a.path[0] == PLAIN or (PLAIN, name) not in shown)
        }

    @cached_property
    def _lost(self) -> frozenset[Address]:
        """The others: nobody is asked about what means one of these."""
        return frozenset(a for a in self._changed if a.path not in self._twins)

    @cached_property
    def _row_functions(self) -> dict[Address, str]:
        """Functions that return rows of tables with twins → the statement that makes one that returns the twin's.

        It takes the place of the real one, which steps aside, so what calls it is spelled as it will be.
        """
        found = {}
        for address in sorted(set[Address]().union(*(self._said[a] for a in self._later))):
            table, function = rows_of(address, self.asking.desired), self.asking.desired.get(address, Function)
            if table is not None and function is not None and self._twins.get(table.path) == "pg_temp":
                twin = replace(function, returns=f"pg_temp.{ident(table.name)}", language="sql", sql_body=None, body="")
                found[address] = function_definition(twin)
        return found

    def _build_twins(self) -> None:
        relations = [self.asking.desired.resources[a] for a in self._changed]
        for table in (r.address for r in relations if not isinstance(r, Queried)):
            for statement in (self._reshaping.twin(table), *self.asking.overloads(table)):
                self.asking.tried(statement)
        for number, (address, made) in enumerate(self._row_functions.items()):
            self.asking.tried(f"ALTER FUNCTION {signature(address)} RENAME TO {NAMELESS}{number}; {made}")
        for view in (r for r in relations if isinstance(r, Queried)):
            query = requalified(view.query.source, self._twins)
            self.asking.tried(f"CREATE TEMP VIEW {ident(view.address.name)} AS\n{query}")
