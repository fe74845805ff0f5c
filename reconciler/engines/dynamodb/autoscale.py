"""The steps about autoscaling, of tables and of global indexes alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import scaling
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.row import TableRow
from reconciler.engines.dynamodb.scaling import Scaling
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class Autoscaling(Resource):
    """What scales the units of a table; `policies` are the live policies' names, by dimension."""

    read: Scaling | None = attr(default=None)
    write: Scaling | None = attr(default=None)
    policies: tuple[tuple[str, str], ...] = attr(
        Role.INFORMATIONAL, reason="any name will do, and a policy keeps the one it has", default=()
    )

    @property
    def reads(self) -> str:
        """The scaling of reads in words, as `done` checks compare it."""
        return str(self.read or "")

    @property
    def writes(self) -> str:
        """The same of writes."""
        return str(self.write or "")

    def of(self, dimension: str) -> Scaling | None:
        """The scaling of `read` or `write`."""
        return self.read if dimension == "read" else self.write


@dataclass(frozen=True, slots=True)
class IndexAutoscaling(Autoscaling):
    """What scales the units of a global index."""


def lowered(node: Mapping[str, Any]) -> tuple[Scaling | None, Scaling | None]:
    """(read, write) of `autoscaling:`."""
    return scaling.lowered(node.get("read")), scaling.lowered(node.get("write"))


def lift(resource: Autoscaling, _catalog: Any) -> dict[str, Any]:
    """The shortest node that lowers to it."""
    found = {dimension: resource.of(dimension) for dimension in scaling.DIMENSIONS}
    return {dimension: scaling.lifted(s) for dimension, s in found.items() if s is not None}


def found(row: TableRow, index: str) -> tuple[Scaling | None, Scaling | None, tuple[tuple[str, str], ...]] | None:
    """(read, write, names of policies) of a live table or index; None where nothing scales it."""
    both = {dimension: scaling.read(row, index, dimension) for dimension in scaling.DIMENSIONS}
    if not any(both.values()):
        return None
    read, write = (entry and entry[0] for entry in both.values())
    return read, write, tuple((dimension, entry[1]) for dimension, entry in both.items() if entry)


def create(change: Change[Any], context: Context) -> list[Draft]:
    """Begin to scale."""
    return [_draft(change, context, d) for d in scaling.DIMENSIONS if change.desired.of(d)]


def drop(change: Change[Any], context: Context) -> list[Draft]:
    """Stop, also before the table or the index goes: what is on record of them would outlive them."""
    return [_draft(change, context, d) for d in scaling.DIMENSIONS if change.live.of(d)]


def change_read(change: Change[Any], context: Context) -> list[Draft]:
    """Other settings for reads."""
    return [_draft(change, context, "read")]


def change_write(change: Change[Any], context: Context) -> list[Draft]:
    """Other settings for writes."""
    return [_draft(change, context, "write")]


def _draft(change: Change[Any], context: Context, dimension: str) -> Draft:
    table, index = physical(change.address, context), "".join(change.address.path[1:])
    before = change.before.of(dimension) if change.before else None
    after = change.after.of(dimension) if change.after else None
    names = dict(change.before.policies) if change.before else {}
    name = names.get(dimension, "")
    what = f"index {index} of {table}" if index else f"table {table}"
    return Draft(
        dimension,
        Phase.CONTRACT if _less(before, after) else Phase.EXPAND,
        f"scale {dimension} units of {what}: {after}" if after else f"no longer scale {dimension} units of {what}",
        scaling.move(table, index, dimension, before, after, name),
        hazards=(hazard(Code.COST, f"{before or 'fixed units'} → {after or 'the units of that moment'}"),),
        done=(_check(change, dimension, after),),
        undo=(scaling.move(table, index, dimension, after, before, name),),
        requires=tuple(_after_units(change, context)),
    )


def _check(change: Change[Any], dimension: str, after: Scaling | None) -> Check:
    """Of two that go the first leaves the other one behind."""
    if change.after is None and not (dimension == "read" and change.live.write):
        return Check(change.address, present=False)
    return Check(change.address, attributes=((f"{dimension}s", str(after or "")),))


def _less(before: Scaling | None, after: Scaling | None) -> bool:
    """Whether fewer units are to be had: what old code asks beyond them is throttled."""
    return after is None or (before is not None and after.most < before.most)


def _after_units(change: Change[Any], context: Context) -> Iterator[Ref]:
    """Units come first: an on-demand table has none to scale."""
    table = context.changes.get(table_address(change.address))
    if table is not None and change.after is not None and table.action is Action.UPDATE and table.changed("billing"):
        yield Ref(table.address, "billing")
