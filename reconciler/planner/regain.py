"""The undo of what goes brings back what goes with it: the owner, grants and comment of a view, its triggers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.engine import Engine
from reconciler.model.naming import parent_of
from reconciler.model.step import Draft, Operation
from reconciler.planner.context import PlanContext
from reconciler.planner.expand import expand
from reconciler.planner.fuse import Fusing


@dataclass
class Regaining:
    """`absorbed`: the changes that have no drafts of their own."""

    engine: Engine
    context: PlanContext
    absorbed: Collection[Address]

    def whole(self, change: Change[Any], drafts: list[Draft]) -> list[Draft]:
        """The drafts of a change; where the last one drops it and can be undone, that undo is of all that goes along.

        What goes along is made by the emitters that make it anew, in the plan that leads back.
        """
        gone = self._gone_with.get(change.address)
        if change.action is not Action.DELETE or not gone or not drafts or not drafts[-1].undo:
            return drafts
        try:
            made = self._made(change.address, gone)
        except UnsupportedChange:
            return [*drafts[:-1], replace(drafts[-1], undo=None)]
        return [*drafts[:-1], replace(drafts[-1], undo=self._one((*drafts[-1].undo, *made)))] if made else drafts

    @cached_property
    def _gone_with(self) -> dict[Address, list[Address]]:
        """What has drafts of its own → what is absorbed by that and goes, in the order in which it is made."""
        kinds, changes = self.context.kinds, self.context.changes
        found: dict[Address, list[Address]] = {}
        for address in sorted(self.absorbed, key=lambda a: (kinds[a.kind].order, a.path)):
            if changes[address].action is Action.DELETE:
                carrier = parent_of(address, kinds)
                while carrier is not None and carrier in self.absorbed:
                    carrier = parent_of(carrier, kinds)
                if carrier is not None:
                    found.setdefault(carrier, []).append(address)
        return found

    def _made(self, carrier: Address, gone: Sequence[Address]) -> list[Operation]:
        changes = {a: Change(a, Action.CREATE, None, self.context.live.resources[a]) for a in (carrier, *gone)}
        back = replace(self.context, desired=self.context.live, live=self.context.desired, changes=changes)
        kinds = self.context.kinds
        apart = [(a, changes[a]) for a in gone if not kinds[a.kind].absorbed(changes[a], back)]
        return [draft.operation for a, change in apart for draft in expand(change, kinds[a.kind], back)]

    def _one(self, operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """As one, where the store can run them so."""
        whole = self.engine.fuse(operations) if isinstance(self.engine, Fusing) else None
        return operations if whole is None else (whole,)
