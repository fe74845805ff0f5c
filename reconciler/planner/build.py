"""From two catalogs to a plan: pure, the same bytes for the same input (law 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler import __version__
from reconciler.diff.lookalikes import lookalikes
from reconciler.diff.ownership import owned
from reconciler.diff.renames import Moves, with_moves
from reconciler.diff.structural import Changes, diff
from reconciler.errors import DeclarationError, DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.change import Action, Change
from reconciler.model.engine import Engine, Noting, Server
from reconciler.model.kind import Policy
from reconciler.model.naming import top_of
from reconciler.model.plan import Note, Plan, PlannedChange, TargetStamp
from reconciler.model.resource import Resource, compared_attributes
from reconciler.model.step import Phase, Size, Step
from reconciler.planner.context import UNKNOWN, PlanContext
from reconciler.planner.expand import expand, renamed, shown
from reconciler.planner.fuse import fused
from reconciler.planner.graph import Graph, Node
from reconciler.planner.rebuild import Forcing, with_rebuilds
from reconciler.planner.regain import Regaining


@dataclass(frozen=True, slots=True)
class TargetState:
    """One target as far as planning needs it: both catalogs, canonical, and what was read beside them."""

    engine: Engine
    desired: Catalog
    live: Catalog
    server: Server
    policy: Policy
    managed: frozenset[Address] = frozenset()
    changes: Changes = field(default_factory=dict)
    unmanaged: tuple[Unmanaged, ...] = ()
    sizes: Mapping[Address, Size] = field(default_factory=dict)
    moves: Moves | None = None
    """The renames that are due; `live` is as they leave it then, and `found` as it is."""
    found: Catalog | None = None
    notes: tuple[Note, ...] = ()
    """What whoever reads the plan has to know beside its steps."""
    nodes: tuple[Node, ...] | None = None
    """The ordered drafts, once they were worked out."""

    @property
    def there(self) -> Catalog:
        """What is live, under the names it has now."""
        return self.live if self.found is None else self.found

    @property
    def name(self) -> str:
        """`payment/postgres`."""
        return f"{self.desired.service}/{self.engine.name}"


def compared(state: TargetState, differences: tuple[Changes, tuple[Unmanaged, ...]] | None = None) -> TargetState:
    """The state with its changes and what is unmanaged. Raises DeclarationErrors for what the server cannot have.

    `differences` are those of `owned_differences` where they are known already.
    """
    problems = list(state.engine.unsupported(state.desired, state.server))
    if problems:
        raise DeclarationErrors(
            DeclarationError(message, hint=hint or None, where=state.desired.origin(address))
            for address, message, hint in problems
        )
    found, unmanaged = differences or owned_differences(state)
    held = {d.address for d in (*state.desired.deferred, *state.live.deferred)}
    own = {a: c for a, c in found.items() if a not in held or c.renames}
    engine = state.engine
    forced = engine.forced(own, state.desired, state.live) if isinstance(engine, Forcing) else ()
    changes = with_rebuilds(own, state.desired, state.live, engine.kinds, forced)
    return replace(state, changes=changes, unmanaged=(*state.live.unmanaged, *unmanaged))


def owned_differences(state: TargetState) -> tuple[Changes, tuple[Unmanaged, ...]]:
    """What differs as the catalogs stand and is ours to change; what is there undeclared and is not."""
    kinds = state.engine.kinds
    changes, unmanaged = owned(
        diff(state.desired, state.live, kinds), state.desired, kinds, state.managed, state.policy
    )
    return (with_moves(changes, state.desired, state.live, state.moves) if state.moves else changes), unmanaged


def measured_addresses(state: TargetState) -> list[Address]:
    """Addresses whose size the emitters may ask for: the changes, what they refer to, and the tops of either."""
    kinds, wanted = state.engine.kinds, dict.fromkeys(state.changes)
    for address, change in state.changes.items():
        if change.after is not None:
            wanted |= dict.fromkeys(kinds[address.kind].references(change.after, state.desired))
    return sorted({a for w in wanted for a in (w, top_of(w, kinds))})


def steps_of(state: TargetState) -> list[Node]:
    """The ordered drafts of one target."""
    if state.nodes is not None:
        return list(state.nodes)
    context = PlanContext(
        state.desired, state.live, state.changes, state.policy, state.server, state.engine.kinds, state.sizes
    )
    graph, kinds = Graph(state.engine, state.desired, state.live, state.changes), state.engine.kinds
    absorbed = {a for a, change in state.changes.items() if kinds[a.kind].absorbed(change, context)}
    regaining = Regaining(state.engine, context, absorbed)
    for address in sorted(state.changes, key=lambda a: (kinds[a.kind].order, a.path)):
        change, kind = state.changes[address], kinds[address.kind]
        if address in absorbed:
            graph.add(address, renamed(change, kind, context))
        else:
            graph.add(address, regaining.whole(change, expand(change, kind, context)))
    return fused(state.engine, graph.order(), state.changes, graph.maker)


def build(
    environment: str,
    states: Sequence[TargetState],
    stamps: Sequence[TargetStamp],
    stop_before: Phase | None,
    notes: Iterable[Note] = (),
) -> Plan:
    """One plan over all targets: steps by phase, then service order as given, then each target's own order."""
    drafted = [(state, steps_of(state)) for state in states]
    nodes = [(node.phase, position, state, node) for position, (state, found) in enumerate(drafted) for node in found]
    nodes.sort(key=lambda item: item[:2])  # stable: each target's own order holds
    steps = [_step(number, state, node) for number, (_, _, state, node) in enumerate(nodes, 1)]
    return Plan(
        tool_version=__version__,
        environment=environment,
        targets=tuple(stamps),
        changes=tuple(change for state in states for change in _changes(state)),
        steps=tuple(steps),
        unmanaged=tuple(sorted(u for state in states for u in state.unmanaged)),
        deferred=tuple(sorted(d for state in states for d in _deferred(state))),
        notes=(*notes, *(note for state, found in drafted for note in (*state.notes, *_hints(state, found)))),
        stop_before=stop_before,
    )


def _hints(state: TargetState, nodes: Sequence[Node]) -> Iterable[Note]:
    """What the store does by itself, and renames that nobody declared, perhaps."""
    if nodes and isinstance(state.engine, Noting):
        found = state.engine.notes(state.desired, state.live, state.changes, [n.draft for n in nodes])
        yield from (Note(state.name, text) for text in found)
    for old, new in lookalikes(state.changes, state.desired, state.live, state.engine.kinds):
        kept = state.engine.kinds[old.kind].keeps_former
        end = "that is built before the old one goes" if kept else "nothing is dropped"
        hint = f"if it is a rename, write 'renamed_from: {old.name}' on {new}, and {end}"
        yield Note(state.name, f"{old} goes and {new} comes, and they look alike: {hint}")


def _deferred(state: TargetState) -> tuple[Deferred, ...]:
    return (*state.desired.deferred, *state.live.deferred)


def _changes(state: TargetState) -> Iterable[PlannedChange]:
    order = {k.name: k.order for k in state.engine.kinds.values()}
    for address in sorted(state.changes, key=lambda a: (a.path[:2], order[a.kind], a.path)):
        change = state.changes[address]
        if _silent(change, state):
            continue
        names = [("name", _named(change.moved, address), _named(address, change.moved))] if change.moved else []
        yield PlannedChange(
            address,
            change.action,
            (
                *names,
                *(("name inside", old, new) for old, new in change.within),
                *((a.name, shown(a.before), shown(a.after)) for a in change.attributes),
            ),
        )


def _silent(change: Change[Resource], state: TargetState) -> bool:
    """A part that says nothing and goes without saying, as the sequence of an identity column: its whole is told."""
    resource, catalog = (change.after, state.desired) if change.after is not None else (change.before, state.live)
    if resource is None or any(getattr(resource, a) is not None for a in compared_attributes(type(resource))):
        return False
    return state.engine.kinds[change.address.kind].implied(resource, catalog)


def _named(address: Address, other: Address) -> str:
    """The name, with where it is if that is another place."""
    return address.name if address.path[:-1] == other.path[:-1] else ".".join(address.path)


def _step(number: int, state: TargetState, node: Node) -> Step:
    draft, change = node.draft, state.changes[node.address]
    because = "; ".join(f"{a.name} {shown(a.before)} → {shown(a.after)}" for a in change.attributes)
    if draft.renames:
        because = "declared under another name"
    return Step(
        id=number,
        phase=node.phase,
        address=node.address,
        title=draft.title,
        because=because or _reason(change),
        operation=draft.operation,
        locks=draft.locks,
        hazards=draft.hazards,
        probes=draft.probes,
        done=draft.done,
        undo=draft.undo,
        size=_size(state, node),
    )


def _size(state: TargetState, node: Node) -> Size | None:
    """Of all that the step reads, each once; None where nothing is known of any of it."""
    read = dict.fromkeys(n.draft.reads for n in node.parts or (node,) if n.draft.reads is not None)
    known = [state.sizes[a] for a in read if state.sizes.get(a, UNKNOWN) != UNKNOWN]
    return Size(sum(s.rows for s in known), sum(s.bytes for s in known)) if known else None


def _reason(change: Change[Resource]) -> str:
    if change.forced is not None:
        return f"{change.forced} changes under it"
    return {Action.CREATE: "declared, not there", Action.DELETE: "there, not declared"}.get(change.action, "")
