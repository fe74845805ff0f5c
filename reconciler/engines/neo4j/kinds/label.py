"""Labels that are given to nodes in the place of others: `labels: {Instructor: {renamed_from: Tutor}}`.

The graph does not tell that a label was another one before. So what was done is recorded in the journal, and that
record is the live resource: taking the declaration out later changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j.batches import Batches, Record
from reconciler.engines.neo4j.keeping import keeping, records
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, stays_done, supported
from reconciler.engines.neo4j.naming import NAME, labelled
from reconciler.engines.neo4j.render import NODE, matching, quoted, shortened
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Label(Resource):
    """Nodes with the label `renamed_from` get this one instead."""

    renamed_from: str


SPEC = {"type": "object", "properties": {"renamed_from": NAME}, "required": ["renamed_from"]}


def lower(name: str, node: dict[str, Any], place: Place) -> Label:
    """The rename a declaration describes. Raises through `place.fail`."""
    old = labelled(node["renamed_from"], place, "renamed_from")
    if labelled(name, place) == old:
        raise place.fail(f"the label {shortened(name)} is renamed from its own name", "take it out", "renamed_from")
    return Label(place.address("label", name), old)


def lift(label: Label, _catalog: Catalog) -> dict[str, Any]:
    """The declaration of the rename."""
    return {"renamed_from": label.renamed_from}


def recorded(name: str, said: dict[str, Any], reading: Reading) -> Label:
    """A record of the journal."""
    return Label(reading.address("label", name), said["renamed_from"])


def create(change: Change[Label], context: Context) -> list[Draft]:
    """Migrate: both labels, so that old and new code find every node. Contract: what was written since, then the old
    label goes."""
    label = change.desired
    new, old = label.address.name, label.renamed_from
    already = f"MATCH {matching(NODE, new)}\nRETURN elementId(n) AS id, n:{quoted(old)} AS old"
    kept = Snapshot(f"label {new}", (already,))
    return [
        keeping(change.address, Phase.MIGRATE, f"which nodes are :{shortened(new)} already", kept),
        _filled(new, old, kept),
        _finished(change, context, kept),
    ]


def _filled(new: str, old: str, kept: Snapshot) -> Draft:
    both = f"MATCH {matching(NODE, old)}\nWHERE n:{quoted(new)}"
    return Draft(
        "fill",
        Phase.MIGRATE,
        f"label :{shortened(old)} also as :{shortened(new)}",
        Batches(f"MATCH {matching(NODE, old)}\nWHERE NOT n:{quoted(new)}", f"SET n:{quoted(new)}"),
        undo=(
            Batches(both, f"REMOVE n:{quoted(new)}"),
            Restore(kept.name, (f"MATCH {matching(NODE, old)} WHERE elementId(n) = row.id SET n:{quoted(new)}",)),
        ),
        provides=True,
    )


def _finished(change: Change[Label], context: Context, kept: Snapshot) -> Draft:
    new, old = change.address.name, change.desired.renamed_from
    said, was = f":{shortened(new)}", f":{shortened(old)}"
    lone = f"MATCH {matching(NODE, new)}\nWHERE NOT n:{quoted(old)}"
    row, back = f"MATCH {matching(NODE, new)} WHERE elementId(n) = row.id", records(change, context, old)
    return Draft(
        "finish",
        Phase.CONTRACT,
        f"take the label {was} away",
        Batches(
            f"MATCH {matching(NODE, old)}",
            f"SET n:{quoted(new)} REMOVE n:{quoted(old)}",
            record=Record("label", new, (("renamed_from", old),), forgets=(old,)),
        ),
        hazards=(
            hazard(Code.OLD_READERS, f"code that looks for {was} finds nothing"),
            hazard(Code.OLD_WRITERS, f"nodes that are still created as {was} are not {said}"),
        ),
        done=(Check(change.address, True, (("renamed_from", old),)),),
        undo=(
            Batches(lone, f"SET n:{quoted(old)}"),
            Restore(kept.name, (f"{row} AND NOT row.old REMOVE n:{quoted(old)}",), record=back),
        ),
    )


KIND = Neo4jKind(
    name="label",
    resource=Label,
    section="labels",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=stays_done,
    rules=(rule("renamed_from", emit=create),),
    order=30,
    keeps_former=True,
    implicit=lambda _label: True,
    recorded=recorded,
    unsupported=supported,
)
