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
from reconciler.model.kind import Disturbance
from reconciler.model.naming import parent_of, references_of
from reconciler.model.step import Draft, Phase
from reconciler.planner.rebuild import stays


@dataclass(slots=True)
class Node:
    """One draft in the graph. `phase` is raised along edges, never lowered.

    `after` are drafts that must run before; `gladly` those that should, by what a text mentions; `parts` the nodes that
    were joined to this one (`planner.fuse`).
    """

    address: Address
    draft: Draft
    slot: int
    phase: Phase
    index: int
    after: set[int] = field(default_factory=set)
    gladly: set[int] = field(default_factory=set)
    parts: tuple[Node, ...] = ()


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
            node = Node(address, draft, slot, draft.phase, len(self.nodes))
            if mine:
                node.after.add(mine[-1])
            mine.append(node.index)
            self.nodes.append(node)
        self.of[address] = mine

    def order(self) -> list[Node]:
        """The one answer: topological, ties by (phase, kind, address, slot), columns that are new as they are
        declared; deletions in reverse order of kinds.

        Raises InternalError naming the drafts of a cycle, or a required draft that is not there.
        """
        for change in self.changes.values():
            self._connect(change)
        self._connect_renames()
        self._wait_for_gone()
        self._raise_phases()
        while self._wait_for_altered():
            self._raise_phases()
        for change in self.changes.values():
            self._connect_gladly(change)
        order = {k.name: k.order for k in self.engine.kinds.values()}
        places = self._places()

        def key(index: int) -> tuple[Any, ...]:
            node = self.nodes[index]
            gone = node.draft.removes or self.changes[node.address].action is Action.DELETE
            rank = order[node.address.kind]
            path = places.get(node.address, node.address.path)
            return (node.phase, -rank if gone else rank, path, node.slot, index)

        return [self.nodes[i] for i in self._topological(key)]

    def _places(self) -> dict[Address, tuple[str, ...]]:
        """What stands for the paths of new resources of kinds in which the order of declaration counts."""
        new = {a for a in self.of if self.engine.kinds[a.kind].ordered and self.changes[a].before is None}
        declared = enumerate(self.desired.resources) if new else ()
        return {a: (*a.path[:-1], f"{number:09}") for number, a in declared if a in new}

    def _connect(self, change: Change[Any]) -> None:
        mine = self._drafts(change.address)
        kept: set[Address] = set()
        if change.after is not None and change.action is not Action.FORGET:
            wanted = references_of(change.after, self.desired, self.engine.kinds)
            staying = [i for i in mine if not (self.nodes[i].draft.removes or self.nodes[i].draft.renames)]
            makers = [i for i in staying if not self.nodes[i].draft.releases] or staying
            for address in sorted(wanted | {a for a in change.causes if not self._given_up(change, a)}):
                self._create_after(makers, mine, address)
            for cause in change.causes:
                if self.changes[cause].action is Action.DELETE and makers:
                    self.nodes[makers[0]].after.update(i for i in self._drafts(cause) if i not in mine)
            kept = set() if change.forced else wanted
        if change.before is not None:
            removers = [i for i in mine if self.nodes[i].draft.removes]
            if not removers and change.action is Action.UPDATE:
                removers = [i for i in mine if self.nodes[i].draft.releases]
            if not removers and (change.forced is None or change.action is Action.DELETE):
                removers = [
                    i for i in mine if not self.nodes[i].draft.renames
                ]  # what is forced and removes nothing itself is gone with its carrier
            for held in sorted(references_of(change.before, self.live, self.engine.kinds) | {*change.causes}):
                if held not in kept:
                    self._release_before(removers, mine, held, change)
        for index in self.of.get(change.address, ()):
            for address, slot in self.nodes[index].draft.requires:
                self._require(index, address, slot)

    def _given_up(self, change: Change[Any], cause: Address) -> bool:
        """Whether it used the cause by its text alone, and no longer does: then the cause may even use it by now."""
        kinds = self.engine.kinds
        return kinds[cause.kind].bound and cause not in kinds[change.address.kind].mentions(change.after, self.desired)

    def _drafts(self, address: Address | None) -> list[int]:
        """The drafts that make the change of an address: its own, or those of the parent that absorbed it."""
        while address is not None:
            if self.of.get(address):
                return self.of[address]
            parent = parent_of(address, self.engine.kinds) if address in self.changes else None
            whole = self.changes.get(parent) if parent is not None else None
            if whole is None or whole.action is Action.UPDATE:
                for carrier in self._carriers(address):
                    if self._drafts(carrier):
                        return self._drafts(carrier)
            address = parent
        return []

    def maker(self, address: Address) -> Address:
        """The change whose drafts make that of an address along with their own; itself where none does."""
        while not self.of.get(address):
            found = [a for a in self._carriers(address) if self._drafts(a)]
            if not found:
                return address
            address = found[0]
        return address

    def _carriers(self, address: Address) -> list[Address]:
        """Changes elsewhere that make this one along with their own; a key goes with a column of it."""
        change, kinds = self.changes.get(address), self.engine.kinds
        if change is None:
            return []
        sides = ((change.before, self.live), (change.after, self.desired))
        carried = kinds[address.kind].carried
        found = [a for r, catalog in sides if r is not None for a in carried(r, catalog) if a in self.changes]
        if change.action is Action.DELETE and change.before is not None:
            beside = (a for a in references_of(change.before, self.live, kinds) if a in self.changes)
            gone = (a for a in beside if self.changes[a].action is Action.DELETE)
            found += sorted(a for a in gone if parent_of(a, kinds) == parent_of(address, kinds) is not None)
        return found

    def _providers(self, theirs: list[int]) -> list[int]:
        """The drafts after which the resource is there with its new definition; an update may have none."""
        change = self.changes.get(self.nodes[theirs[0]].address) if theirs else None
        if change is None or change.action is Action.DELETE:
            return []
        providers = [i for i in theirs if self.nodes[i].draft.provides]
        if providers or change.action is Action.UPDATE:
            return providers
        return [i for i in theirs if not (self.nodes[i].draft.removes or self.nodes[i].draft.renames)][:1]

    def _create_after(self, makers: list[int], mine: list[int], wanted: Address) -> None:
        theirs = self._drafts(wanted)
        if makers and theirs != mine:
            aside = self._aside(self.nodes[makers[0]].address, theirs)
            self.nodes[makers[0]].after.update(aside or self._providers(theirs))

    def _aside(self, address: Address, theirs: list[int]) -> list[int]:
        """The drafts after which what stands in something that only steps aside can change: before it is back."""
        whole = self.nodes[theirs[0]].address if theirs else None
        if whole is None or parent_of(address, self.engine.kinds) != whole:
            return []
        aside = stays(self.changes[whole], self.engine.kinds[whole.kind])
        return [i for i in theirs if aside and self.nodes[i].draft.removes]

    def _release_before(self, removers: list[int], mine: list[int], held: Address, change: Change[Any]) -> None:
        theirs = self._drafts(held)
        other = self.changes.get(self.nodes[theirs[0]].address) if theirs else None
        if not mine or theirs == mine or other is None:
            return
        if aside := self._aside(change.address, theirs):
            for index in removers[:1]:
                self.nodes[index].after.update(aside)
            return
        if other.action is Action.DELETE or other.action is Action.REPLACE:
            last = [i for i in theirs if self.nodes[i].draft.removes][:1] or theirs[-1:]
        elif change.forced is not None:
            last = [i for i in theirs if self.nodes[i].draft.provides][:1]
        else:
            return
        for index in last:
            self.nodes[index].after.update(removers)

    def _require(self, index: int, address: Address, slot: str | None) -> None:
        theirs = self._drafts(address)
        drafts = ((i, self.nodes[i].draft) for i in theirs)
        wanted = [i for i, d in drafts if d.slot == slot or (slot is None and d.awaited)]
        if slot is not None and not wanted:
            here = self.nodes[index].address
            raise InternalError(f"a draft of {here} requires {slot} of {address}, which is not planned")
        self.nodes[index].after.update(i for i in wanted if i != index)

    def _wait_for_altered(self) -> bool:
        """Raise the phase of what, once made, would bind what it mentions against its own change; whether any was.

        What is only altered stands against views and their like; what is dropped and created, or comes late, against
        all that uses it, but for what stands in the same table: their order is a matter of `requires`.
        """
        raised, altered = False, self._altered()
        for change in self.changes.values() if altered else ():
            kind = self.engine.kinds[change.address.kind]
            if change.action not in (Action.CREATE, Action.UPDATE) or change.after is None:
                continue
            inside = None if kind.top else parent_of(change.address, self.engine.kinds)
            named = (a for a in kind.mentions(change.after, self.desired) if a in altered)
            said = (altered[a] for a in named if inside is None or parent_of(a, self.engine.kinds) != inside)
            waits = (phase for phase, how in said if kind.bound or how is Disturbance.DROPS)
            phase = max(waits, default=Phase.EXPAND)
            for index in self.of.get(change.address, ()):
                raised |= self.nodes[index].phase < phase
                self.nodes[index].phase = max(self.nodes[index].phase, phase)
        return raised

    def _altered(self) -> dict[Address, tuple[Phase, Disturbance]]:
        """What changes in a way that what is bound to it would stand against, and when it is done."""
        found: dict[Address, tuple[Phase, Disturbance]] = {}
        for address, change in self.changes.items():
            if change.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
                continue
            created = change.action is Action.CREATE  # some were raised, since they mention what changes late
            if created and all(self.nodes[i].phase is self.nodes[i].draft.phase for i in self.of.get(address, ())):
                continue
            how = Disturbance.DROPS if created else self.engine.kinds[address.kind].disturbs(change)
            if how is not Disturbance.NONE:
                makers = self._providers(self._drafts(address))
                found[address] = (max((self.nodes[i].phase for i in makers), default=Phase.EXPAND), how)
        late = {a: waits for a, waits in found.items() if waits[0] is not Phase.EXPAND}
        return self._followers(late) | late

    def _followers(self, late: Mapping[Address, tuple[Phase, Disturbance]]) -> dict[Address, tuple[Phase, Disturbance]]:
        """What follows a late change in place, as a column does its type, and what it stands in."""
        kinds = self.engine.kinds
        found: dict[Address, tuple[Phase, Disturbance]] = {}
        following = {k.name for k in kinds.values() if any(a.kind in k.follows for a in late)}
        for address, resource in self.desired.resources.items() if following else ():
            if address.kind in following:
                for source in kinds[address.kind].references(resource, self.desired):
                    if source in late:
                        found |= dict.fromkeys(self._enclosing(address)[:2], late[source])
        return found

    def _wait_for_gone(self) -> None:
        """What is new and would be bound to something that goes, as `*` is to all columns, waits until it is gone."""
        gone = {a for a, c in self.changes.items() if c.action is Action.DELETE and self.of.get(a)}
        for address, change in self.changes.items() if gone else ():
            kind = self.engine.kinds[address.kind]
            if kind.bound and change.action is Action.CREATE and change.after is not None and self.of.get(address):
                first = self.nodes[self.of[address][0]]
                first.after.update(i for a in kind.mentions(change.after, self.live) if a in gone for i in self.of[a])

    def _connect_gladly(self, change: Change[Any]) -> None:
        if change.after is None:
            return
        makers = [i for i in self._drafts(change.address) if not self.nodes[i].draft.removes][:1]
        for address in self.engine.kinds[change.address.kind].mentions(change.after, self.desired):
            for index in makers:
                phase = self.nodes[index].phase
                theirs = [i for i in self._providers(self._drafts(address)) if self.nodes[i].phase <= phase]
                self.nodes[index].gladly.update(i for i in theirs if self.nodes[i].address != change.address)

    def _connect_renames(self) -> None:
        """What goes by a new name, or takes over an old one, comes after the rename. Renames wait for those of what
        encloses them, and for whoever gives up the name."""
        renames = {a: [i for i in mine if self.nodes[i].draft.renames] for a, mine in self.of.items()}
        renames = {a: mine for a, mine in renames.items() if mine}
        given_up = {c.moved: renames[a] for a, c in self.changes.items() if c.moved is not None and a in renames}
        for address in self.changes if renames else ():
            above = self._enclosing(address)
            touched = {t for t in self._touched(address) if t in renames}
            for index in self.of.get(address, ()):
                renaming = self.nodes[index].draft.renames
                before = [i for a in (touched & {*above[1:]} if renaming else touched) for i in renames[a]]
                before += given_up.get(address, []) if self.changes[address].action is not Action.DELETE else []
                self.nodes[index].after.update(i for i in before if i != index)
                if renaming and len(above) > 1:
                    self._create_after([index], [index], above[1])

    def _enclosing(self, address: Address) -> list[Address]:
        """It, and what encloses it."""
        found = [address]
        while (parent := parent_of(found[-1], self.engine.kinds)) is not None:
            found.append(parent)
        return found

    def _touched(self, address: Address) -> set[Address]:
        """What a change goes by the name of: all it refers to or mentions, and what encloses that."""
        change, kinds = self.changes[address], self.engine.kinds
        said = {address}
        if change.before is not None:
            said |= references_of(change.before, self.live, kinds)
        if change.after is not None:
            said |= references_of(change.after, self.desired, kinds)
            said.update(kinds[address.kind].mentions(change.after, self.desired))
        return {a for s in said for a in self._enclosing(s)}

    def _raise_phases(self) -> None:
        """Law: what must follow a contract step is itself contract."""
        for index in self._topological(lambda i: (i,)):
            node = self.nodes[index]
            node.phase = max([node.phase, *(self.nodes[i].phase for i in node.after)])

    def _topological(self, key: Any) -> list[int]:
        """Kahn's algorithm with a heap; where only mentions hold everything up, one of a circle of them goes ahead."""
        hard = [len(n.after) for n in self.nodes]
        soft = [len(n.gladly - n.after) for n in self.nodes]
        followers: list[list[tuple[int, bool]]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for before in node.after:
                followers[before].append((index, True))
            for before in node.gladly - node.after:
                followers[before].append((index, False))
        ready = [(key(i), i) for i in range(len(self.nodes)) if not hard[i] and not soft[i]]
        heapq.heapify(ready)
        done: set[int] = set()
        result: list[int] = []
        while len(result) < len(self.nodes):
            following = heapq.heappop(ready)[1] if ready else self._ahead(hard, done, key)
            if following is None:
                break
            index = following
            if index in done:
                continue
            done.add(index)
            result.append(index)
            for follower, strict in followers[index]:
                counts = hard if strict else soft
                counts[follower] -= 1
                if not hard[follower] and not soft[follower] and follower not in done:
                    heapq.heappush(ready, (key(follower), follower))
        if len(result) != len(self.nodes):
            stuck = sorted({str(n.address) for i, n in enumerate(self.nodes) if i not in done})
            message = f"these changes wait for each other: {', '.join(stuck)}"
            raise InternalError(message, hint="split them over two plans")
        return result

    def _ahead(self, hard: list[int], done: set[int], key: Any) -> int | None:
        """The node that goes ahead of what it mentions: on a circle that waits for nothing outside it, late ones first.

        None where nothing is held up by mentions alone.
        """
        waiting = {n.index: {i for i in n.after | n.gladly if i not in done} for n in self.nodes if n.index not in done}
        on_circle = [i for i in first_circle(waiting) if not hard[i]]
        return min(on_circle, key=lambda i: (not self.nodes[i].draft.late, key(i)), default=None)


def first_circle(waiting: Mapping[int, set[int]]) -> list[int]:
    """Nodes that all wait for each other and for nothing else: the first strongly connected component that Tarjan's
    algorithm completes, so linear in what it has to look at.
    """
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    start = min(waiting)
    path = [(start, iter(sorted(waiting[start])))]
    number[start] = low[start] = 0
    stack.append(start)
    while True:
        index, rest = path[-1]
        wanted = next(rest, None)
        if wanted is not None and wanted not in number:
            number[wanted] = low[wanted] = len(number)
            stack.append(wanted)
            path.append((wanted, iter(sorted(waiting[wanted]))))
        elif wanted is not None:
            low[index] = min(low[index], number[wanted])
        elif low[index] == number[index]:
            return stack[stack.index(index) :]
        else:
            path.pop()
            low[path[-1][0]] = min(low[path[-1][0]], low[index])
