"""Lookup indexes: which nodes have a label, which relationships a type. A database has at most one of each.

    lookup_indexes:
      nodes_by_label: node
      relationships_by_type: {for: relationship, name: any}

A new database has both, under names of the server's own; they are left alone unless they are declared. One that was
declared and is not any more is dropped, behind its hazard: without it every query that begins at a label reads all.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.claims import DROP, Claim, claims, cleared
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, Row, supported
from reconciler.engines.neo4j.kinds.index import ONLINE, SHOW
from reconciler.engines.neo4j.naming import ANY_NAME, ANY_NAME_REASON, former, named
from reconciler.engines.neo4j.operations import Cypher, cypher
from reconciler.engines.neo4j.render import NODE, RELATIONSHIP, dialect, quoted
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase

_GIVEN = re.compile(r"index_[0-9a-f]{1,8}")
"""Names that the server gives."""


@dataclass(frozen=True, slots=True)
class Lookup(Resource):
    """`element`: node or relationship. `state`: online; anything else is seen live only, and waited for."""

    element: str = attr(Role.REPLACE)
    state: str = attr(default=ONLINE)
    any_name: bool = attr(Role.INFORMATIONAL, reason=ANY_NAME_REASON, default=False)


@claims.register
def _(lookup: Lookup) -> frozenset[Claim]:
    return frozenset({("name", lookup.address.name), ("lookup", lookup.element)})


_ELEMENT = {"enum": [NODE, RELATIONSHIP], "description": "node: by label; relationship: by type"}
SPEC = {
    "type": ["string", "object"],
    "if": {"type": "string"},
    "then": _ELEMENT,
    "else": {"properties": {"for": _ELEMENT, "name": ANY_NAME}, "required": ["for"]},
    "properties": {"for": _ELEMENT, "name": ANY_NAME},
}


def lower(name: str, node: str | dict[str, Any], place: Place) -> Lookup:
    """The index that a declaration describes. Raises through `place.fail`."""
    named(name, place)
    said = {"for": node} if isinstance(node, str) else node
    if said.get("for") not in (NODE, RELATIONSHIP):
        raise place.fail(f"lookup index {name!r} says neither node nor relationship", "write node, or relationship")
    return Lookup(place.address("lookup", name), said["for"], any_name="name" in said)


def lift(lookup: Lookup, _catalog: Catalog) -> str | dict[str, Any]:
    """The shortest declaration of the index."""
    return {"for": lookup.element, "name": "any"} if lookup.any_name else lookup.element


def implied(lookup: Lookup, _catalog: Catalog) -> bool:
    """Whether an import leaves it out: every database has one, under another name."""
    return _GIVEN.fullmatch(lookup.address.name) is not None


def read(row: Row, reading: Reading) -> Lookup | None:
    """A row of SHOW INDEXES; None for any other index."""
    if row["type"] != "LOOKUP":
        return None
    return Lookup(reading.address("lookup", row["name"]), row["entityType"].lower(), row["state"].lower())


def described(lookup: Lookup) -> str:
    """What it is, in words."""
    return f"lookup index of {'nodes by label' if lookup.element == NODE else 'relationships by type'}"


def _creation(lookup: Lookup, context: Context) -> Cypher:
    on = "(n) ON EACH labels(n)" if lookup.element == NODE else "()-[r]-() ON EACH type(r)"
    name = lookup.address.name
    text = f"{dialect(context.server.version)}CREATE LOOKUP INDEX {quoted(name)} FOR {on}"
    return Cypher((text,), (name,))


def _removal(lookup: Lookup, context: Context) -> Cypher:
    return cypher(f"{dialect(context.server.version)}DROP INDEX {quoted(lookup.address.name)} IF EXISTS")


def create(change: Change[Lookup], context: Context) -> list[Draft]:
    """Expand: the server fills it beside readers and writers."""
    lookup = change.desired
    values = (("element", lookup.element), ("state", ONLINE))
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create {described(lookup)}",
            _creation(lookup, context),
            done=(Check(lookup.address, True, values),),
            undo=(_removal(lookup, context),),
            requires=cleared(change, context),
            provides=True,
        )
    ]


def _dropped(lookup: Lookup, context: Context, *, gone: bool) -> Draft:
    by = "a label reads all nodes" if lookup.element == NODE else "a type reads all relationships"
    slow = hazard(Code.INDEX_GAP, f"every query that begins at {by}; so does building any other index of them")
    return Draft(
        DROP,
        Phase.CONTRACT,
        f"drop {described(lookup)}",
        _removal(lookup, context),
        hazards=(slow,),
        done=(Check(lookup.address, present=False),) if gone else (),
        undo=(_creation(lookup, context),),
    )


def drop(change: Change[Lookup], context: Context) -> list[Draft]:
    """Contract, behind its hazard."""
    return [_dropped(change.live, context, gone=True)]


def replace(change: Change[Lookup], context: Context) -> list[Draft]:
    """Drop and create under the same name."""
    built = dataclasses.replace(create(change, context)[0], phase=Phase.CONTRACT)
    return [built] if change.moved is not None else [_dropped(change.live, context, gone=False), built]


def rename(change: Change[Lookup], context: Context) -> list[Draft]:
    """Drop under the old name and create under the new one: there cannot be two."""
    old = dataclasses.replace(change.live, address=change.moved or change.address)
    dropped = dataclasses.replace(_dropped(old, context, gone=True), slot="give up", renames=True)
    if change.action is Action.REPLACE:
        return [dropped]
    return [dropped, dataclasses.replace(create(change, context)[0], phase=Phase.CONTRACT, renames=True)]


def wait(change: Change[Lookup], context: Context) -> list[Draft]:
    """Wait for one that is being built."""
    if change.moved is not None:
        return []
    made = create(change, context)[0]
    operation = Cypher(awaits=(change.address.name,))
    return [
        dataclasses.replace(made, slot="wait", title=f"wait for {described(change.live)}", operation=operation, undo=())
    ]


KIND = Neo4jKind(
    name="lookup",
    resource=Lookup,
    section="lookup_indexes",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=drop,
    replace=replace,
    former=former,
    rename=rename,
    rules=(rule("state", emit=wait),),
    order=22,
    implied=implied,
    default=lambda _lookup: True,
    show=SHOW,
    read=read,
    unsupported=supported,
)
