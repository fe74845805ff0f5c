"""Relationship types that take the place of others: `relationship_types: {TEACHES: {renamed_from: INSTRUCTS}}`.

A relationship cannot change its type. So each gets a twin of the new one, which knows its original, and the original
knows its twin: that is how a killed or repeated step tells what is done, and how a relationship that old or new code
deletes meanwhile does not live on in the other one. In contract the original goes, and with it what its twin knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.batches import Batches, Record
from reconciler.engines.neo4j.keeping import MARK, PAIR, keeping, records
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, stays_done, supported
from reconciler.engines.neo4j.naming import DIFFERING, NAME, labelled
from reconciler.engines.neo4j.render import quoted, shortened
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Probe

TWIN, ORIGINAL = "_reconcile_twin", "_reconcile_original"
"""Properties that hold an element id: of the twin on the original, of the original on the twin."""


@dataclass(frozen=True, slots=True)
class RelationshipType(Resource):
    """Relationships of the type `renamed_from` become ones of this type. `differing`: which one counts where both have
    changed: new, old, or stop."""

    renamed_from: str
    differing: str = attr(Role.INFORMATIONAL, reason="about the data, on the way", default="stop")


SPEC = {
    "type": "object",
    "properties": {"renamed_from": NAME, "differing": DIFFERING},
    "required": ["renamed_from"],
}


def lower(name: str, node: dict[str, Any], place: Place) -> RelationshipType:
    """The rename a declaration describes. Raises through `place.fail`."""
    old = labelled(node["renamed_from"], place, "renamed_from")
    if labelled(name, place) == old:
        raise place.fail(f"the type {shortened(name)} is renamed from its own name", "take it out", "renamed_from")
    return RelationshipType(place.address("relationship_type", name), old, node.get("differing", "stop"))


def lift(kind: RelationshipType, _catalog: Catalog) -> dict[str, Any]:
    """The declaration of the rename."""
    differing = {} if kind.differing == "stop" else {"differing": kind.differing}
    return {"renamed_from": kind.renamed_from, **differing}


def recorded(name: str, said: dict[str, Any], reading: Reading) -> RelationshipType:
    """A record of the journal."""
    return RelationshipType(reading.address("relationship_type", name), said["renamed_from"])


def _twinned(new: str) -> str:
    return (
        f"CREATE (a)-[t:{quoted(new)}]->(b) SET t = properties(n) "
        f"SET t.{ORIGINAL} = elementId(n) SET n.{TWIN} = elementId(t)"
    )


def _differ(old: str) -> Probe:
    find = (
        f"MATCH ()-[n:{quoted(old)}]->() WHERE n.{TWIN} IS NOT NULL\n"
        f"MATCH ()-[t]->() WHERE elementId(t) = n.{TWIN}\n"
        f"WITH n, t WHERE any(k IN keys(n) WHERE k <> '{TWIN}' AND (t[k] IS NULL OR t[k] <> n[k]))\n"
        f"RETURN elementId(n) AS original, elementId(t) AS twin"
    )
    return Probe(f"{shortened(old)} that differ from their twins (say 'differing: new' or 'differing: old')", find)


def _orphans(new: str, old: str) -> Batches:
    return Batches(
        f"MATCH ()-[n:{quoted(new)}]->()\nWHERE n.{ORIGINAL} IS NOT NULL\n"
        f"  AND NOT EXISTS {{ MATCH ()-[o:{quoted(old)}]->() WHERE elementId(o) = n.{ORIGINAL} }}",
        "DELETE n",
    )


def _finished(kind: RelationshipType) -> Batches:
    new, old = kind.address.name, kind.renamed_from
    taken = f"SET t = properties(n) REMOVE t.{TWIN} " if kind.differing == "old" else ""
    change = (
        f"CALL (a, b, n) {{ WITH * WHERE n.{TWIN} IS NULL {_twinned(new)} }}\n  WITH n\n"
        f"  OPTIONAL MATCH ()-[t:{quoted(new)}]->() WHERE elementId(t) = n.{TWIN} AND t.{ORIGINAL} = elementId(n)\n"
        f"  {taken}REMOVE t.{ORIGINAL} DELETE n"
    )
    record = Record("relationship_type", new, (("renamed_from", old),), forgets=(old,))
    return Batches(f"MATCH (a)-[n:{quoted(old)}]->(b)", change, ("a", "b", "n"), record=record)


def _kept(new: str, old: str) -> Snapshot:
    return Snapshot(
        f"relationship type {new}",
        (
            f"MATCH (a)-[n:{quoted(old)}]->(b)\nRETURN elementId(n) AS id, elementId(a) AS a, elementId(b) AS b, "
            f"properties(n) AS p, n.{TWIN} AS twin",
        ),
    )


def _brought_back(new: str, old: str, record: tuple[Record, ...]) -> tuple[Restore | Batches, ...]:
    """The originals again, each knowing its twin: one that was written after the twins were made has its by all that
    it holds."""
    again = (
        f"MATCH (a) WHERE elementId(a) = row.a\nMATCH (b) WHERE elementId(b) = row.b\n"
        f"MERGE (a)-[n:{quoted(old)} {{{MARK}: row.was.id}}]->(b)\nSET n = row.p SET n.{MARK} = row.was.id\n"
        f"WITH row, a, b, n\nOPTIONAL MATCH ()-[x:{quoted(new)}]->() WHERE elementId(x) = row.twin\n"
        f"OPTIONAL MATCH (a)-[y:{quoted(new)}]->(b)\n"
        f"  WHERE row.twin IS NULL AND y.{ORIGINAL} IS NULL AND properties(y) = row.p\n"
        f"WITH row, n, x, head(collect(y)) AS y\nWITH row, n, coalesce(x, y) AS t\n"
        f"SET n.{TWIN} = elementId(t), t.{ORIGINAL} = elementId(n)\n{PAIR.format('n')}"
    )
    marked = f"MATCH ()-[n:{quoted(old)}]->()\nWHERE n.{MARK} IS NOT NULL"
    return Restore(_kept(new, old).name, (again,), record=record), Batches(marked, f"REMOVE n.{MARK}")


def create(change: Change[RelationshipType], context: Context) -> list[Draft]:
    """Migrate: a twin of the new type for each. Contract: the originals go."""
    kind = change.desired
    new, old = kind.address.name, kind.renamed_from
    said, was = f":{shortened(new)}", f":{shortened(old)}"
    gone = (
        hazard(Code.OLD_READERS, f"code that follows {was} finds nothing"),
        hazard(Code.OLD_WRITERS, f"relationships that are still created as {was} are not {said}"),
    )
    return [
        _filled(new, old),
        Draft(
            "orphans",
            Phase.CONTRACT,
            f"take away {said} whose {was} was deleted meanwhile",
            _orphans(new, old),
            probes=(_differ(old),) if kind.differing == "stop" else (),
            undo=(),
        ),
        keeping(change.address, Phase.CONTRACT, f"all {was}", _kept(new, old)),
        Draft(
            "finish",
            Phase.CONTRACT,
            f"delete {was}, which are {said} now",
            _finished(kind),
            hazards=gone,
            done=(Check(change.address, True, (("renamed_from", old),)),),
            undo=_brought_back(new, old, records(change, context, old)),
        ),
    ]


def _filled(new: str, old: str) -> Draft:
    said, was = f":{shortened(new)}", f":{shortened(old)}"
    doubled = hazard(Code.OLD_READERS, f"queries that name no type find {was} and {said} side by side until contract")
    unmark = Batches(f"MATCH ()-[n:{quoted(old)}]->()\nWHERE n.{TWIN} IS NOT NULL", f"REMOVE n.{TWIN}")
    untwin = Batches(f"MATCH ()-[n:{quoted(new)}]->()\nWHERE n.{ORIGINAL} IS NOT NULL", "DELETE n")
    return Draft(
        "fill",
        Phase.MIGRATE,
        f"give every {was} a twin of type {said}",
        Batches(f"MATCH (a)-[n:{quoted(old)}]->(b)\nWHERE n.{TWIN} IS NULL", _twinned(new), ("a", "b", "n")),
        hazards=(doubled,),
        undo=(untwin, unmark),
        provides=True,
    )


KIND = Neo4jKind(
    name="relationship_type",
    resource=RelationshipType,
    section="relationship_types",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=stays_done,
    rules=(rule("renamed_from", emit=create),),
    order=31,
    keeps_former=True,
    implicit=lambda _kind: True,
    recorded=recorded,
    unsupported=supported,
)
