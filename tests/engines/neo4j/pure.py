"""The engine without a server: declarations to catalogs and back, catalogs to ordered steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import dedent
from typing import Any

import yaml

from reconciler.desired.documents import Document
from reconciler.desired.emit import dump
from reconciler.desired.lift import lift
from reconciler.desired.lower import lower
from reconciler.desired.strictyaml import parse
from reconciler.engines.neo4j import ENGINE
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server
from reconciler.model.kind import Policy
from reconciler.model.step import Size
from reconciler.planner.build import TargetState, compared, measured_addresses, steps_of
from reconciler.planner.graph import Node

COMMUNITY = Server("Neo4j", (2026, 9, 0), "community")
ENTERPRISE = Server("Neo4j", (2026, 9, 0), "enterprise")
OLD_COMMUNITY = Server("Neo4j", (5, 26, 30), "community")
OLD_ENTERPRISE = Server("Neo4j", (5, 26, 30), "enterprise")
POLICY = Policy("dev", prune="all")


def document(data: Any) -> Document:
    """A declaration file that holds this section."""
    text = dump({"service": "graph", "neo4j": data})
    return Document("graph.yaml", text, parse(text, "graph.yaml"), "")


def catalog(text: str | Mapping[str, Any]) -> Catalog:
    """What a `neo4j:` section declares, checks included."""
    data = yaml.safe_load(dedent(text)) if isinstance(text, str) else text
    return lower(ENGINE, [document(data)], "graph", POLICY)


def lowered(live: Catalog) -> Catalog:
    """What is live, lifted, written as YAML and lowered again."""
    return lower(ENGINE, [document(lift(ENGINE, live))], live.service, POLICY)


def address(kind: str, name: str) -> Address:
    return Address("graph", "neo4j", kind, (name,))


def planned(
    live: str, desired: str, rows: int = -1, server: Server = ENTERPRISE, policy: Policy = POLICY
) -> list[Node]:
    """The ordered steps from one declaration to another; every label has so many elements (-1: not known)."""
    state = compared(TargetState(ENGINE, catalog(desired), catalog(live), server, policy))
    sizes = {a: Size(rows, -1) for a in measured_addresses(state)}
    return steps_of(TargetState(ENGINE, state.desired, state.live, server, policy, changes=state.changes, sizes=sizes))


def statements(nodes: list[Node]) -> list[str]:
    """What the steps run, without the dialect's prefix."""
    return [s.removeprefix("CYPHER 25 ") for n in nodes for s in getattr(n.draft.operation, "statements", ())]


def merged(texts: Iterable[str]) -> dict[str, Any]:
    """Several declarations in one, kept apart by a number in the place of each `@`."""
    found: dict[str, Any] = {}
    for number, text in enumerate(texts):
        for section, nodes in yaml.safe_load(dedent(text).replace("@", str(number))).items():
            found.setdefault(section, {}).update(nodes)
    return found
