"""Relations that get other columns in a plan: what a text finds in them, and what a `*` stands for, is to come."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from reconciler.engines.postgres.asking import Asking
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.quoting import columns as in_parentheses
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, undeclared, unequal

Shape = dict[str, tuple[str, tuple[str, str] | None]]
"""Column → (type, collation)."""


@dataclass
class Reshaping:
    """To be looked at once tables have been asked about: their types are canonical then."""

    asking: Asking

    @cached_property
    def relations(self) -> dict[Address, Shape]:
        """Declared tables and foreign tables that are new or get other columns, with those; new ones come last."""
        desired, live = self._desired, self.asking.live
        touched = {
            a.sibling("table", a.path[:2]) if a.kind == "column" else a
            for a in (*unequal(desired, live), *undeclared(desired, live))
            if a.kind in ("column", "table", "foreign_table")
        }
        shapes = {a: (_shape(a, desired), _shape(a, live)) for a in sorted(touched) if a in desired.resources}
        return {
            a: {c: wanted[c] for c in (*(c for c in there if c in wanted), *(c for c in wanted if c not in there))}
            for a, (wanted, there) in shapes.items()
            if a not in live.resources or wanted != there
        }

    def meant(self, said: Set[Address]) -> bool:
        """Whether texts that name this, all columns where there is a `*`, may mean something else after the plan: new
        columns and retyped ones, relations that are new, all columns of one that loses some.
        """
        for address in self.relations.keys() & said:
            shape = self.relations[address]
            there = _shape(address, self.asking.live)
            named = {c for c in shape if address.sibling("column", (*address.path, c)) in said}
            changes = any(shape[c] != there.get(c) for c in named)
            loses = len(named) == len(shape) and there.keys() > shape.keys()
            if changes or loses or not there or address.kind == "foreign_table":
                return True
        return False

    @cached_property
    def _desired(self) -> Catalog:
        return self.asking.desired.updated(self.asking.answers)

    def said(self, address: Address) -> set[Address]:
        """What the declared resource may use beside the relation that it is in."""
        kind = self.asking.kinds[address.kind]
        found = kind.mentions(self.asking.desired.resources[address], self.asking.desired)
        return {a for a in found if not kind.piece or a.path[:2] != address.path[:2]}

    def twin(self, relation: Address) -> str:
        """The statement that makes its temporary twin, as it will be; the key counts for GROUP BY."""
        lines = _lines(self.relations[relation])
        key = self.asking.desired.get(relation.sibling("primary_key", relation.path), PrimaryKey)
        lines += [f"PRIMARY KEY {in_parentheses(key.columns)}"] if key is not None else []
        return f"CREATE TEMP TABLE {ident(relation.name)} ({', '.join(lines)})"

    def passing(self, relation: Address) -> tuple[str, list[str]]:
        """The statements that make its twin as it is instead, and those that then take away and add columns."""
        there, wanted, name = _shape(relation, self.asking.live), self.relations[relation], ident(relation.name)
        new = {c: shape for c, shape in wanted.items() if c not in there}
        actions = [f"DROP COLUMN {ident(c)}" for c in there if c not in wanted]
        actions += [f"ADD COLUMN {line}" for line in _lines(new)]
        made = f"DROP TABLE IF EXISTS pg_temp.{name} CASCADE; CREATE TEMP TABLE {name} ({', '.join(_lines(there))})"
        return made, [f"ALTER TABLE pg_temp.{name} {action}" for action in actions]


def _lines(shape: Shape) -> list[str]:
    return [f"{ident(n)} {t}{f' COLLATE {qualified(*c)}' if c else ''}" for n, (t, c) in shape.items()]


def _shape(relation: Address, catalog: Catalog) -> Shape:
    foreign = catalog.get(relation, ForeignTable)
    if foreign is not None:
        by_name = {c.name: c for c in foreign.columns}
        return {n: (by_name[n].type, by_name[n].collation) for n in foreign.order or by_name}
    return {c.address.name: (c.type, c.collation) for c in catalog.children(relation, "column", Column)}
