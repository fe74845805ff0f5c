"""The order of steps: a graph for truth, phases for meaning (DESIGN section 7)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import InternalError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.engine import Engine
from reconciler.model.naming import parent_of
from reconciler.model.step import Draft, Phase


@dataclass(slots=True)
class Node:
    """One draft in the graph. `phase` is raised along edges, never lowered."""

    address: Address
    draft: Draft
    slot: int
    phase: Phase
    after: set[int] = field(default_factory=set)


class Graph:
    """The drafts of one target and which of them must run before which."""

    def __init__(self, engine: Engine, desired: Catalog, live: Catalog, changes: Mapping[Address, Change[Any]]) -> None:
        self.engine = engine
        self.desired = desired
        self.live = live
        self.changes = changes
        self.nodes: list[Node] = []
        self.of: dict[Address, list[int]] = {}

    def add(self, address: Address, drafts: Iterable[Draft]) -> None:
        """The drafts of one change, chained in their order. Absorbed changes have none."""
        mine: list[int] = []
        for slot, draft in enumerate(drafts):
            node = Node(address, draft, slot, draft.phase)
            if mine:
                node.after.add(mine[-1])
            mine.append(len(self.nodes))
            self.nodes.append(node)
        self.of[address] = mine

    def order(self) -> list[Node]:
        """The one answer: topological, ties by (phase, service, kind, address, slot).

        Raises InternalError naming the drafts of a cycle, or a required draft that is not there.
        """
        for change in self.changes.values():
            self._connect(change)
        self._raise_phases()
        return self._sorted()

    def _connect(self, change: Change[Any]) -> None:
        kind = self.engine.kinds[change.address.kind]
        mine = self._drafts(change.address)
        if change.after is not None and change.action is not Action.FORGET:
            for wanted in [*kind.references(change.after, self.desired), *self._parent(change.address)]:
                self._create_after(mine, wanted)
        if change.before is not None:
            kept = set(kind.references(change.after, self.desired)) if change.after is not None else set()
            for held in [*kind.references(change.before, self.live), *self._parent(change.address)]:
                if held not in kept:
                    self._release_before(mine, held)
        for index in self.of.get(change.address, ()):
            for address, slot in self.nodes[index].draft.requires:
                self._require(index, address, slot)

    def _parent(self, address: Address) -> list[Address]:
        parent = parent_of(address, self.engine.kinds)
        return [parent] if parent is not None else []

    def _drafts(self, address: Address | None) -> list[int]:
        """The drafts that make the change of an address: its own, or those of the parent that absorbed it."""
        while address is not None:
            if self.of.get(address):
                return self.of[address]
            address = parent_of(address, self.engine.kinds) if address in self.changes else None
        return []

    def _create_after(self, mine: list[int], wanted: Address) -> None:
        theirs = self._drafts(wanted)
        change = self.changes.get(self.nodes[theirs[0]].address) if theirs else None
        if not mine or change is None or theirs == mine or change.action is Action.DELETE:
            return
        providers = [i for i in theirs if self.nodes[i].draft.provides]
        if not providers and change.action is not Action.UPDATE:
            providers = theirs[:1]
        self.nodes[mine[0]].after.update(providers)

    def _release_before(self, mine: list[int], held: Address) -> None:
        theirs = self._drafts(held)
        change = self.changes.get(self.nodes[theirs[0]].address) if theirs else None
        if mine and theirs != mine and change is not None and change.action in (Action.DELETE, Action.REPLACE):
            self.nodes[theirs[-1]].after.update(mine)

    def _require(self, index: int, address: Address, slot: str | None) -> None:
        theirs = self._drafts(address)
        wanted = [i for i in theirs if slot in (None, self.nodes[i].draft.slot)]
        if slot is not None and not wanted:
            raise InternalError(
                f"a draft of {self.nodes[index].address} requires {slot} of {address}, which is not planned"
            )
        self.nodes[index].after.update(i for i in wanted if i != index)

    def _raise_phases(self) -> None:
        """Law: what must follow a contract step is itself contract."""
        for index in self._topological(lambda i: (i,)):
            node = self.nodes[index]
            node.phase = max([node.phase, *(self.nodes[i].phase for i in node.after)])

    def _sorted(self) -> list[Node]:
        order = {k.name: k.order for k in self.engine.kinds.values()}

        def key(index: int) -> tuple[Any, ...]:
            node = self.nodes[index]
            return (node.phase, order[node.address.kind], node.address.path, node.slot, index)

        return [self.nodes[i] for i in self._topological(key)]

    def _topological(self, key: Any) -> list[int]:
        waiting = [len(n.after) for n in self.nodes]
        followers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for before in node.after:
                followers[before].append(index)
        heap = [(key(i), i) for i, n in enumerate(waiting) if n == 0]
        heapq.heapify(heap)
        result: list[int] = []
        while heap:
            _, index = heapq.heappop(heap)
            result.append(index)
            for follower in followers[index]:
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    heapq.heappush(heap, (key(follower), follower))
        if len(result) != len(self.nodes):
            stuck = sorted({str(n.address) for i, n in enumerate(self.nodes) if waiting[i]})
            raise InternalError(
                f"these changes wait for each other: {', '.join(stuck)}", hint="split them over two plans"
            )
        return result
