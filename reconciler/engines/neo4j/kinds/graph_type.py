"""Graph types: read where a server has one, and refused where one is declared, with what to write instead.

Only the Enterprise edition has them, from 2026.02 on, in Cypher 25. A graph type holds its constraints, which it alone
can change; what it holds is told as unmanaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.kind import Neo4jKind, stays_done
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server
from reconciler.model.kind import Place, rule
from reconciler.model.resource import Resource

SHOW = "SHOW CURRENT GRAPH TYPE"
SINCE = (2026, 2)
INSTEAD = "declare what it demands one by one: 'constraints' of rule key, exists, unique and type"


@dataclass(frozen=True, slots=True)
class GraphType(Resource):
    """`specification`: the text between the braces of ALTER CURRENT GRAPH TYPE SET."""

    specification: str


SPEC = {"type": "string", "minLength": 1, "description": "the specification of a graph type"}


def lower(name: str, node: str, place: Place) -> GraphType:
    """What is declared."""
    return GraphType(place.address("graph_type", name), node)


def lift(graph_type: GraphType, _catalog: Catalog) -> str:
    """The specification."""
    return graph_type.specification


def exists(server: Server) -> bool:
    """Whether a server can have one."""
    return server.edition == "enterprise" and server.version >= SINCE


def specification(rows: list[dict[str, Any]]) -> str:
    """The text of a reply to SHOW CURRENT GRAPH TYPE; empty where the graph type is."""
    said = "\n".join(str(value) for row in rows for value in row.values() if value)
    return said if said.strip("{} \n") else ""


def unsupported(_graph_type: GraphType, server: Server) -> tuple[str, str]:
    """(message, hint): no server can have one declared here."""
    if exists(server):
        return "graph types are read and not changed here: one that is set replaces all that was there", INSTEAD
    return f"graph types need the Enterprise edition from 2026.02 on; this is {server}", INSTEAD


KIND = Neo4jKind(
    name="graph_type",
    resource=GraphType,
    section="graph_types",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=stays_done,
    drop=stays_done,
    rules=(rule("specification", emit=stays_done),),
    order=5,
    implicit=lambda _graph_type: True,
    unsupported=unsupported,
)
