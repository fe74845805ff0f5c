"""Resources to declarations: the inverse of `lower`, in the shortest form that says the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Engine
from reconciler.model.kind import Kind
from reconciler.model.naming import parent_of
from reconciler.model.resource import Resource


def lift(engine: Engine, catalog: Catalog) -> dict[str, Any]:
    """The engine's section of a declaration, such that lowering it gives the catalog's resources again (law 2).

    Sections stand in the order of the kinds; what an implied parent covers is written at the top.
    """
    top: dict[str, Any] = {}
    nodes: dict[Address, Any] = {}
    places: dict[Address, tuple[dict[str, Any], str]] = {}
    kinds = sorted(engine.kinds.values(), key=lambda k: k.order)
    grouped: dict[str, list[Resource]] = {k.name: [] for k in kinds}
    for resource in catalog.resources.values():
        grouped[resource.address.kind].append(resource)
    for kind in _parents_first(kinds):
        for resource in grouped[kind.name]:
            if (kind.attaches and kind.implicit(resource)) or kind.implied(resource, catalog):
                continue
            node = kind.lift(resource, catalog)
            nodes[resource.address] = node
            places[resource.address] = _place(engine, kind, resource.address, node, top, nodes, places)
    return _shortened(engine, top)


def _parents_first(kinds: list[Kind[Any]]) -> Iterable[Kind[Any]]:
    names = {k.name: k for k in kinds}

    def depth(kind: Kind[Any]) -> int:
        if kind.attaches:
            return 1 + max(depth(names[holder]) for holder in kind.attaches)
        return 0 if kind.parent is None else 1 + depth(names[kind.parent])

    return sorted(kinds, key=lambda k: (depth(k), k.order))


def _place(
    engine: Engine,
    kind: Kind[Any],
    address: Address,
    node: Any,
    top: dict[str, Any],
    nodes: dict[Address, Any],
    places: dict[Address, tuple[dict[str, Any], str]],
) -> tuple[dict[str, Any], str]:
    """Put the node into its parent's, which takes its long form for that; returns where it went."""
    parent = parent_of(address, engine.kinds)
    if parent is not None and parent not in nodes:  # it went without saying, but for what stands in it
        nodes[parent] = {}
        places[parent] = _place(engine, engine.kinds[parent.kind], parent, nodes[parent], top, nodes, places)
    holder = top if parent is None else nodes[parent]
    if parent is not None and not isinstance(holder, dict):
        container, key = places[parent]
        holder = nodes[parent] = container[key] = engine.kinds[parent.kind].long(holder)
    if kind.singleton:
        holder[kind.section] = node
        return holder, kind.section
    section = holder.setdefault(kind.section, {})
    section[address.name] = node
    return section, address.name


def _shortened(engine: Engine, top: dict[str, Any]) -> dict[str, Any]:
    """`schemas: {public: {tables: …}}` as `tables: …` where the parent itself says nothing else."""
    for kind_name, default in engine.default_parents.items():
        kind = engine.kinds[kind_name]
        parents = top.get(kind.section, {})
        node = parents.get(default)
        sections = {k.section for k in engine.kinds.values() if k.parent == kind_name}
        if isinstance(node, dict) and node and set(node) <= sections:
            del parents[default]
            top = {**top, **node}
            if not parents:
                del top[kind.section]
    order = {k.section: k.order for k in engine.kinds.values()}
    return dict(sorted(top.items(), key=lambda item: order.get(item[0], 0)))
