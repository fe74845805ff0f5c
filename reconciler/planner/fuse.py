"""One transaction for a change and for what has to go and come again around it, where the store has transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.engine import Engine
from reconciler.model.step import Operation
from reconciler.planner.graph import Node


@runtime_checkable
class Fusing(Protocol):
    """An engine that can run several operations as one."""

    def fuse(self, operations: Sequence[Operation]) -> Operation | None:
        """One operation that does them all in their order, atomically; None where that cannot be."""
        ...


def fused(
    engine: Engine,
    nodes: list[Node],
    changes: Mapping[Address, Change[Any]],
    maker: Callable[[Address], Address],
) -> list[Node]:
    """The ordered nodes, those of each forced cluster made one, so that nobody ever misses the view in between.

    `maker` tells whose drafts make a change that has none itself: a parent's, that of its child.
    """
    if not isinstance(engine, Fusing):
        return nodes
    wholes: dict[int, int] = {}  # a node that was joined with others → the one that they became
    for cluster in _clusters(nodes, changes, maker):
        members = set()
        for index in (n.index for n in cluster):
            while index in wholes:
                index = wholes[index]
            members.add(index)
        if len(members) > 1:
            nodes = _joined(engine, nodes, members, wholes, changes)
    return nodes


def _clusters(
    nodes: Sequence[Node], changes: Mapping[Address, Change[Any]], maker: Callable[[Address], Address]
) -> list[list[Node]]:
    """Nodes that belong together: a disturbing draft, and all drafts of what it forces, transitively."""
    root: dict[Address, Address] = {}

    def find(address: Address) -> Address:
        while address in root:
            address = root[address]
        return address

    for change in changes.values():
        for cause in map(maker, change.causes):
            if find(change.address) != find(cause):
                root[find(change.address)] = find(cause)
    renewed = {n.address for n in nodes if n.draft.removes and changes[n.address].after is not None}
    members = {a for c in changes.values() if c.forced for a in (c.address, *map(maker, c.causes))} | renewed
    provided = {n.address for n in nodes if n.draft.provides}  # what follows that, such as a scan, is no part of it
    groups: dict[Address, list[Node]] = {}
    for node in nodes:
        whole = changes[node.address].forced and node.address not in provided
        moving = whole or node.draft.provides or node.draft.removes
        if node.address in members and moving:
            groups.setdefault(find(node.address), []).append(node)
    return [g for g in groups.values() if len(g) > 1]


def _joined(
    engine: Fusing, nodes: list[Node], members: set[int], wholes: dict[int, int], changes: Mapping[Address, Change[Any]]
) -> list[Node]:
    """The list with the cluster as one node, noted in `wholes`; unchanged where something else has to run in its midst.

    `members` are the indexes of its nodes.
    """
    cluster = _with_what_is_between(nodes, members)
    operation = engine.fuse([n.draft.operation for n in cluster])
    if operation is None:
        return nodes
    inside = {n.index for n in cluster}
    first = min(i for i, n in enumerate(nodes) if n.index in inside)
    last = max(i for i, n in enumerate(nodes) if n.index in inside)
    before: list[Node] = []
    after: list[Node] = []
    follows = set(inside)
    whole = _merged(cluster, operation, changes)
    for node in nodes[first : last + 1]:
        waits = bool((node.after | node.gladly) & follows)
        if node.index in inside:
            if (node.after | node.gladly) & (follows - inside):
                return nodes
        elif waits:
            after.append(node)
            follows.add(node.index)
        else:
            before.append(node)
    rest = [*nodes[:first], *before, *after, *nodes[last + 1 :]]
    for node in rest:  # what waited for a part waits for the whole: another cluster may go around this one
        node.after, node.gladly = _of_whole(node.after, inside, whole), _of_whole(node.gladly, inside, whole)
    rest.insert(first + len(before), whole)
    wholes |= dict.fromkeys(inside - {whole.index}, whole.index)
    return rest


def _of_whole(indexes: set[int], inside: set[int], whole: Node) -> set[int]:
    return (indexes - inside) | {whole.index} if indexes & inside else indexes


def _with_what_is_between(nodes: list[Node], inside: set[int]) -> list[Node]:
    """The nodes of these indexes, and what has to follow one of them and go before another: the partitions of a table
    that comes anew, before a key that refers to them.
    """
    after, before = set(inside), set(inside)
    for node in nodes:
        if (node.after | node.gladly) & after:
            after.add(node.index)
    for node in reversed(nodes):
        if node.index in before:
            before |= node.after | node.gladly
    return [n for n in nodes if n.index in inside or (n.index in after and n.index in before)]


def _merged(cluster: Sequence[Node], operation: Operation, changes: Mapping[Address, Change[Any]]) -> Node:
    """One node that says all that its parts said; what later parts make untrue is no longer checked."""
    parts = [p for n in cluster for p in n.parts or (n,)]
    main = next((n for n in parts if not n.draft.removes and n.draft.provides), parts[0])
    drafts = [n.draft for n in parts]
    stays = [n.draft for n in parts if not n.draft.removes or n.draft.provides or changes[n.address].after is None]
    done = [c for d in stays for c in d.done]
    draft = replace(
        main.draft,
        title=main.draft.title + _rest(parts, main, changes),
        operation=operation,
        locks=tuple(dict.fromkeys(lock for d in drafts for lock in d.locks)),
        hazards=tuple(dict.fromkeys(h for d in drafts for h in d.hazards)),
        probes=tuple(p for d in drafts for p in d.probes),
        done=tuple(c for i, c in enumerate(done) if c not in done[:i]),
        undo=None,
    )
    inside = {n.index for n in cluster}
    return Node(
        main.address,
        draft,
        main.slot,
        max(n.phase for n in cluster),
        main.index,
        {i for n in cluster for i in n.after} - inside,
        {i for n in cluster for i in n.gladly} - inside,
        tuple(parts),
    )


def _rest(cluster: Sequence[Node], main: Node, changes: Mapping[Address, Change[Any]]) -> str:
    others = dict.fromkeys(n.address for n in cluster if n.address != main.address)
    found: dict[str, list[str]] = {"drop": [], "change": [], "build again": [], "create": []}
    for change in map(changes.__getitem__, others):
        update = "change" if change.action is Action.UPDATE else "build again"
        word = "drop" if change.after is None else "create" if change.before is None else update
        found[word].append(str(change.address))
    said = [f"{word} {', '.join(names)}" for word, names in found.items() if names]
    return f", and {', '.join(said)}" if said else ""
