"""Checks that stand for a while, so that ATTACH PARTITION need not look for what they say (rows 3 and 86 of the online
catalogue): one that says of the partition what its bound will, one that says the opposite of a DEFAULT partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.engines.postgres.attaching import below, default_beside, made_below, name_of, path_of
from reconciler.engines.postgres.bound_conditions import condition, of_bound
from reconciler.engines.postgres.detached import missing
from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import fitting, ident
from reconciler.model.address import Address
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Lock, Operation, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table


class Guard(NamedTuple):
    """A check of a table, its name and condition. `slots` and `titles` are those of the drafts that add and validate
    it; `refused` says what it keeps out, `probe` finds rows against it.
    """

    table: Table
    name: str
    condition: str
    slots: tuple[str, str]
    titles: tuple[str, str]
    refused: str
    probe: Probe

    @property
    def check(self) -> Address:
        """Where it shows in the live store."""
        return self.table.address.sibling("check", (*path_of(self.table), self.name))

    @property
    def adding(self) -> str:
        """Instant: rows that are there are not looked at."""
        return f"{self._start} ADD CONSTRAINT {ident(self.name)} CHECK ({self.condition}) NOT VALID"

    @property
    def validating(self) -> str:
        """Reads all rows while the table is in use."""
        return f"{self._start} VALIDATE CONSTRAINT {ident(self.name)}"

    @property
    def dropping(self) -> str:
        """Away with it, as the table is locked anyway."""
        return f"{self._start} DROP CONSTRAINT {ident(self.name)}"

    @property
    def _start(self) -> str:
        return f"ALTER TABLE {name_of(self.table)}"

    def held(self, context: Context) -> tuple[Lock, ...]:
        """What adding and dropping it locks: the table, and what is below it."""
        return access_exclusive(path_of(self.table), *below(self.table, context))

    def drafts(self, context: Context, waits: tuple[Ref, ...]) -> list[Draft]:
        """Added for new rows, then validated while the table is in use; not before what ATTACH PARTITION waits for."""
        add, validate = self.slots
        return [
            Draft(
                add,
                Phase.CONTRACT,
                self.titles[0],
                sql(self.adding),
                locks=self.held(context),
                hazards=(hazard(Code.OLD_WRITERS, self.refused),),
                probes=(self.probe,),
                done=(Check(self.check),),
                undo=(sql(self.dropping),),
                requires=(*waits, *made_below(self.table, context)),
            ),
            Draft(
                validate,
                Phase.CONTRACT,
                self.titles[1],
                sql(self.validating),
                locks=share_update_exclusive(path_of(self.table), *below(self.table, context)),
                done=(Check(self.check, attributes=(("validated", True),)),),
                undo=(),
                reads=self.table.address,
            ),
        ]


def guards(table: Table, context: Context) -> list[Guard]:
    """Those that a table needs to become a partition, or one with another bound: its own, that of a DEFAULT partition.
    None where there are no rows, or where no condition says what the bound does.
    """
    return [g for g in (_inside(table, context), _beside(table, context)) if g is not None]


def tidied(guards: list[Guard]) -> list[str]:
    """The statements that take them away in the transaction of ATTACH PARTITION."""
    return [g.dropping for g in guards]


def restored(guards: list[Guard]) -> tuple[tuple[str, ...], tuple[Operation, ...]]:
    """What brings them back: statements for the transaction that undoes ATTACH PARTITION, and operations after it."""
    return tuple(g.adding for g in guards), tuple(sql(g.validating) for g in guards)


def _inside(table: Table, context: Context) -> Guard | None:
    within = condition(table, context) if _has_rows(table, context) else None
    if within is None:
        return None
    name = table.address.path[1]
    return Guard(
        table,
        fitting(name, suffix="_attach"),
        within,
        ("check", "validate"),
        (f"let {name} hold only what its bound will let in", f"check the rows that are in {name}"),
        f"rows of {name_of(table)} that are not {within} are refused from here on",
        _outside(table, within),
    )


def _beside(table: Table, context: Context) -> Guard | None:
    other = default_beside(table, context)
    own = of_bound(table, context.desired)
    if other is None or own is None or not _has_rows(other, context):
        return None
    name, there = table.address.path[1], other.address.path[1]
    mistaken = f"rows of {name_of(other)} belong in {name_of(table)}, which cannot be attached beside them: move them"
    return Guard(
        other,
        fitting(there, name, suffix="_attach"),
        f"NOT ({own})",
        ("exclude", "validate default"),
        (f"let {there} hold nothing that is to go to {name}", f"check the rows that are in {there}"),
        f"rows with {own} are refused from here on, until {name_of(table)} is there for them",
        Probe(
            f"{mistaken} out of it into another table, apply, and insert them again",
            f"SELECT ctid::text FROM {name_of(other)} WHERE {own}",
        ),
    )


def _has_rows(table: Table, context: Context) -> bool:
    """As far as is known; a new table has none."""
    there = table.address in context.live.resources and not context.creates(table.address)
    return there and context.size(table.address).rows != 0


def outside(table: Table, context: Context) -> tuple[Probe, ...]:
    """Rows that the bound lets in no more, where that can be told."""
    within = condition(table, context) if _has_rows(table, context) else None
    return (_outside(table, within),) if within is not None else ()


def _outside(table: Table, within: str) -> Probe:
    name = name_of(table)
    return Probe(f"rows of {name} are outside the bound", f"SELECT ctid::text FROM {name} WHERE NOT ({within})")


def scanned(table: Table, context: Context, guarded: bool = True) -> list[Table]:
    """What ATTACH reads under its lock all the same: rows that no check speaks of, those it has to index; all, if not
    `guarded`.
    """
    live, other = table_at(context.live, table.address), default_beside(table, context)
    built = (live is not None and live.partition_of == table.partition_of) or not missing(table, context)
    spared = {g.table.address for g in guards(table, context)} if guarded else set()
    spared -= set() if built else {table.address}
    asked = (table, other) if other is not None else (table,)
    return [t for t in asked if _has_rows(t, context) and t.address not in spared]


def scans(tables: list[Table]) -> tuple[Hazard, ...]:
    """Of what `scanned` tells."""
    return tuple(
        hazard(Code.SCAN_UNDER_LOCK, f"{name_of(t)} is read from end to end while nobody writes to it") for t in tables
    )
