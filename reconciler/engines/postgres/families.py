"""What a table and those below it have of one constraint, where the parent's step alone does not make it as declared.

The server passes a parent's check or NOT NULL on with what it is at that moment: to a child that has none as the
parent's, to one that has its own as something that it keeps when the parent gives it up. What a child has from a parent
can be neither dropped nor altered there (ALTER TABLE, measured on 14 to 18). So all of a family goes and comes again by
one transaction, in which nobody writes, not valid at first; what is to be checked is checked afterwards, in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.engines.postgres.inheritance import descendants, inherited_from, parents_of, table_at
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Probe


class Pair(NamedTuple):
    """A column or check of one table as it is and as it is declared; None where there is none."""

    live: Any
    desired: Any


@dataclass(frozen=True, slots=True)
class Constraint:
    """How checks and NOT NULL are said. All but `follows` and `changes` take the resource that has it.

    `declared`: the table says so itself. `flag`: whether rows are checked. `same`: one may stay for the other. `add`
    leaves rows unchecked. `follows`: the step of the parent, whose change is told, does what a child wants that had its
    own before, and after, or not. `merges`: what a partition has by itself becomes its parent's with that.
    """

    there: Callable[[Any], bool]
    passes: Callable[[Any], bool]
    declared: Callable[[Any], bool]
    flag: str
    same: Callable[[Any, Any], bool]
    name: Callable[[Any], str]
    label: Callable[[Any], str]
    drop: Callable[[Any], str]
    add: Callable[[Any], str]
    shows: Callable[[Any], tuple[Check, ...]]
    probe: Callable[[Any, Context], Probe]
    merges: bool
    changes: Callable[[Change[Any]], bool]
    follows: Callable[[Change[Any], Pair, bool, bool], bool]

    def valid(self, resource: Any) -> bool:
        """Whether the rows that are there are checked."""
        return bool(getattr(resource, self.flag))

    def own(self, resource: Any, catalog: Catalog) -> bool:
        """Whether the table has it by itself, too."""
        if not self.there(resource) or not self.passed(resource, catalog):
            return self.there(resource)
        partition = getattr(table_at(catalog, resource.address), "partition_of", None) is not None
        return self.declared(resource) and not (partition and self.merges)

    def passed(self, resource: Any, catalog: Catalog) -> list[Address]:
        """The parents' from which it has it."""
        return [a for a in inherited_from(resource, catalog) if self.passes(catalog.resources.get(a))]

    def apart(self, change: Change[Any], context: Context) -> bool:
        """Whether the change is part of one of the whole family."""
        return self.changes(change) and self._top(change, context) is not None

    def together(self, change: Change[Any], context: Context) -> list[Draft]:
        """The steps of the family, with its uppermost change; none with the others."""
        top = self._top(change, context)
        return self._anew(top, context) if top is not None and top.address == change.address else []

    def held(self, change: Change[Any], context: Context) -> bool:
        """Whether a parent passes one on before and after the plan, and does not change it."""
        stays = _parents(change.address, context)
        both = (
            self.passes(context.live.resources.get(a)) and self.passes(context.desired.resources.get(a)) for a in stays
        )
        return any(both) and not any((c := context.changes.get(a)) is not None and self.changes(c) for a in stays)

    def _top(self, change: Change[Any], context: Context) -> Change[Any] | None:
        """The change above, or this one, that does not make what is below as it is declared."""
        for address in _parents(change.address, context):
            above: Change[Any] | None = context.changes.get(address)
            if above is not None and (top := self._top(above, context)) is not None:
                return top
        return change if _parts(self, change.address, context) else None

    def below(self, address: Address, context: Context) -> list[Pair]:
        """What is below before and after, parents first; nothing where another parent passes its own on too."""
        found: list[Pair] = []
        family = {address.path[:2]}
        after = set(descendants(address.path, context.desired))
        for path in descendants(address.path, context.live):
            there = address.sibling(address.kind, (*path, address.name))
            pair = Pair(context.live.resources.get(there), context.desired.resources.get(there))
            if path not in after or not set(_tables(there, context)) & family:
                continue
            for resource, catalog in zip(pair, (context.live, context.desired), strict=True):
                if resource is not None and any(a.path[:2] not in family for a in self.passed(resource, catalog)):
                    return []
            family.add(path)
            if self.there(pair.live) or self.there(pair.desired):
                found.append(pair)
        return found

    def _anew(self, change: Change[Any], context: Context) -> list[Draft]:
        """All of the family in one transaction; then what rows are to be checked by, each by itself."""
        top = Pair(change.before, change.after)
        below = self.below(change.address, context)
        tables = [change.address.path[:2], *(next(r for r in p if r is not None).address.path[:2] for p in below)]
        statements, checked = self._made(top, below, context.live, context.desired)
        back = [Pair(after, before) for before, after in below]
        undo, again = self._made(Pair(top.desired, top.live), back, context.desired, context.live)
        about = top.desired if top.desired is not None else top.live
        first = Draft(
            "family",
            Phase.CONTRACT,
            f"set {self.label(about)} of {change.address.path[1]} and what is below it",
            sql(*statements),
            locks=access_exclusive(*((t[0], t[1]) for t in tables)),
            hazards=tuple(self._hazards(self.label(about), [top, *below])),
            probes=tuple(self.probe(r, context) for r, _ in checked),
            done=tuple(c for p in (top, *below) for c in self._shown(p)),
            undo=(sql(*undo, *(_validating(r, name) for r, name in again)),),
            provides=True,
        )
        return [first, *(self.validation(r, name, context) for r, name in checked)]

    def _hazards(self, label: str, pairs: list[Pair]) -> Iterator[Hazard]:
        both = (p for p in pairs if self.there(p.live) and self.there(p.desired))
        kept = [p for p in both if _condition(p.live) == _condition(p.desired)]
        if any(self.there(p.desired) and p not in kept for p in pairs):
            yield hazard(Code.OLD_WRITERS, f"rows that break {label} are refused from here on")
        if any(self.there(p.live) and not self.there(p.desired) for p in pairs):
            yield hazard(Code.LOOSENS, f"rows that break {label} are let in")

    def _shown(self, pair: Pair) -> tuple[Check, ...]:
        if pair.desired is None:
            return (Check(pair.live.address, present=False),)
        waits = () if self.valid(pair.desired) else (Check(pair.desired.address, attributes=((self.flag, False),)),)
        return (*self.shows(pair.desired), *(waits if self.there(pair.desired) else ()))

    def validation(self, resource: Any, name: str, context: Context) -> Draft:
        """Checks the rows that are there, while they are in use."""
        path = resource.address.path
        below = ((p[0], p[1]) for p in descendants(path, context.live) if self.passes(resource))
        return Draft(
            f"validate {'.'.join(path[:2])}",
            Phase.CONTRACT,
            f"check the rows that are in {path[1]} by {self.label(resource)}",
            sql(_validating(resource, name)),
            locks=share_update_exclusive((path[0], path[1]), *below),
            done=(Check(resource.address, attributes=((self.flag, True),)),),
            undo=(),
            reads=resource.address.sibling("table", path[:2]),
        )

    def _made(
        self, top: Pair, below: list[Pair], old: Catalog, new: Catalog
    ) -> tuple[list[str], list[tuple[Any, str]]]:
        """From one state to the other: the statements, and what is to be validated then, by its name there.

        Down the family to let go, up to add, so that each has its own before it gets that of its parent; that of the
        uppermost comes last. What stays the same is kept.
        """
        own = [p for p in below if self.own(p.desired, new)]
        kept = {p.desired.address: p.desired for p in own if self.own(p.live, old) and self.same(p.live, p.desired)}
        gone = [top.live] if self.there(top.live) else []
        gone += [p.live for p in below if self.own(p.live, old) and p.live.address not in kept]
        added = [p.desired for p in reversed(own) if p.desired.address not in kept]
        added += [top.desired] if self.there(top.desired) else []
        names = {r.address: self.name(r) for r in (*added, *kept.values())}
        valid = {address for address, resource in kept.items() if self.valid(resource)}
        checked: list[tuple[Any, str]] = []
        for resource in (r for r in (top.desired, *(p.desired for p in below)) if self.there(r)):
            above = self.passed(resource, new)
            name = names.setdefault(resource.address, next((names[a] for a in above if a in names), ""))
            if not valid.isdisjoint(above) or resource.address in valid:
                valid.add(resource.address)
            elif self.valid(resource):
                checked.append((resource, name))
                valid.add(resource.address)
        return [*map(self.drop, gone), *map(self.add, added)], checked


@lru_cache(maxsize=64)
def _parts(constraint: Constraint, address: Address, context: Context) -> bool:
    """Whether the change there leaves something below otherwise than it is declared. Kept, as each below it asks."""
    change = context.changes[address]
    if not constraint.changes(change) or not (constraint.passes(change.before) or constraint.passes(change.after)):
        return False
    return not all(
        constraint.follows(change, p, constraint.own(p.live, context.live), constraint.own(p.desired, context.desired))
        for p in constraint.below(address, context)
    )


def _condition(resource: Any) -> tuple[Any, ...]:
    """What rows have to fulfil, beside having values."""
    return getattr(resource, "expression", None), getattr(resource, "enforced", True)


def stepping_out(change: Change[Any], context: Context, inside: list[str], done: tuple[Check, ...]) -> Draft:
    """NO INHERIT leaves the child what it has, to be changed; INHERIT finds it there. Raises UnsupportedChange for a
    partition, whose parent's readers would miss its rows.
    """
    table, live = table_at(context.desired, change.address), table_at(context.live, change.address)
    if table is None or table.partition_of or parents_of(table) != parents_of(live):
        raise UnsupportedChange(
            f"{change.address}: it is that of its parent, and can be no other as long as that stays",
            hint="declare of it what is live: `reconcile import` writes that",
        )
    name = qualified(*change.address.path[:2])
    return Draft(
        "step out",
        Phase.CONTRACT,
        f"change {'.'.join(change.address.path[1:])} beside that of the parents",
        sql(
            *(f"ALTER TABLE {name} NO INHERIT {qualified(*p)}" for p in table.inherits),
            *inside,
            *(f"ALTER TABLE {name} INHERIT {qualified(*p)}" for p in table.inherits),
        ),
        locks=(
            *access_exclusive((change.address.path[0], change.address.path[1])),
            *share_update_exclusive(*table.inherits),
        ),
        done=done,
        undo=None,  # NO INHERIT leaves the columns the child's own
    )


def _validating(resource: Any, name: str) -> str:
    return f"ALTER TABLE {qualified(*resource.address.path[:2])} VALIDATE CONSTRAINT {ident(name)}"


def _tables(address: Address, context: Context) -> list[tuple[str, ...]]:
    """The parents that its table has before and after the plan."""
    before, after = (parents_of(table_at(c, address)) for c in (context.live, context.desired))
    stay = (p for p in before if p in after)
    return [p for p in stay if not context.creates(t := address.sibling("table", p)) and not context.deletes(t)]


def _parents(address: Address, context: Context) -> list[Address]:
    """The same column or check in these."""
    return [address.sibling(address.kind, (*p, *address.path[2:])) for p in _tables(address, context)]
