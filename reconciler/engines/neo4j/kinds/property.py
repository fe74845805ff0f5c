"""Properties made of others: renamed, split, or merged, of the nodes of a label or the relationships of a type.

    full_name:  {node: Person, property: full_name, renamed_from: name}
    name_parts: {node: Person, from: name, into: {first: "split(n.name, ' ')[0]", last: "split(n.name, ' ')[1]"}}
    full_names: {node: Person, from: [first, last], into: {full_name: "n.first + ' ' + n.last"}}

What was done is recorded in the journal, and that record is the live resource, as for labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j import fixes
from reconciler.engines.neo4j.batches import Batches, Record
from reconciler.engines.neo4j.claims import DROP
from reconciler.engines.neo4j.keeping import ID, keeping
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, stays_done, supported
from reconciler.engines.neo4j.kinds.constraint import Constraint
from reconciler.engines.neo4j.naming import DIFFERING, NAME, NAMES, elements, labelled, listed, shortest
from reconciler.engines.neo4j.render import matching, properties, shortened
from reconciler.engines.neo4j.snapshot import Restore, Snapshot
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Probe, Ref


@dataclass(frozen=True, slots=True)
class Property(Resource):
    """`into`: (property, expression about n) pairs; `sources` go afterwards, unless `keep`. `differing`: which value
    counts where the new one is there and another one: new, old, or stop."""

    element: str
    label: str
    sources: tuple[str, ...]
    into: tuple[tuple[str, str], ...]
    keep: bool = False
    differing: str = attr(Role.INFORMATIONAL, reason="about the data, on the way", default="stop")


SPEC = {
    "type": "object",
    "properties": {
        "node": NAME,
        "relationship": NAME,
        "property": NAME,
        "renamed_from": NAME,
        "from": NAMES,
        "into": {"type": "object", "minProperties": 1, "additionalProperties": NAME, "propertyNames": NAME},
        "keep": {"type": "boolean"},
        "differing": DIFFERING,
    },
}


def lower(name: str, node: dict[str, Any], place: Place) -> Property:
    """The change of properties a declaration describes. Raises through `place.fail`."""
    element, labels = elements(node, place, many=False)
    if ("property" in node) != ("renamed_from" in node) or ("from" in node) != ("into" in node):
        raise place.fail(f"property {name!r} is not said in full", _FORMS)
    if ("from" in node) == ("property" in node):
        raise place.fail(f"property {name!r} says both, or nothing", _FORMS)
    if "property" in node:
        sources: tuple[str, ...] = (labelled(node["renamed_from"], place, "renamed_from"),)
        into: tuple[tuple[str, str], ...] = ((labelled(node["property"], place, "property"), properties(sources)),)
    else:
        sources = listed(node["from"], place, "from")
        said = sorted(node["into"].items())
        into = tuple((labelled(k, place, "into"), fixes.expression(v, place, "into")) for k, v in said)
    if both := {n for n, _ in into} & {*sources}:
        raise place.fail(f"{shortened(min(both))} is made of itself", "choose another name for what is made", "into")
    address = place.address("property", name)
    return Property(address, element, labels[0], sources, into, node.get("keep", False), node.get("differing", "stop"))


_FORMS = "write {node: L, property: NEW, renamed_from: OLD}, or {node: L, from: OLD, into: {NEW: EXPRESSION}}"


def lift(change: Property, _catalog: Catalog) -> dict[str, Any]:
    """The shortest declaration of the change."""
    node: dict[str, Any] = {change.element: change.label}
    if len(change.into) == 1 and change.into[0][1] == properties(change.sources) and len(change.sources) == 1:
        node |= {"property": change.into[0][0], "renamed_from": change.sources[0]}
    else:
        node |= {"from": shortest(change.sources), "into": dict(change.into)}
    node |= {"keep": True} if change.keep else {}
    return node if change.differing == "stop" else {**node, "differing": change.differing}


def recorded(name: str, said: dict[str, Any], reading: Reading) -> Property:
    """A record of the journal."""
    into = tuple((str(k), str(v)) for k, v in said["into"])
    address = reading.address("property", name)
    return Property(address, said["element"], said["label"], tuple(said["sources"]), into, said["keep"])


def _record(change: Property) -> Record:
    said = ("element", "label", "sources", "into", "keep")
    return Record("property", change.address.name, tuple((key, getattr(change, key)) for key in said))


def references(change: Property, catalog: Catalog) -> list[Address]:
    """The rename of its label, if there is one: the nodes have to have it first."""
    kind = "label" if change.element == "node" else "relationship_type"
    found = change.address.sibling(kind, (change.label,))
    return [found] if found in catalog.resources else []


def _value(name: str, text: str, differing: str) -> str:
    new = properties((name,))
    return f"coalesce(({text}), {new})" if differing == "old" else f"coalesce({new}, ({text}))"


def _lacking(change: Property) -> str:
    return " OR ".join(f"({properties((name,))} IS NULL AND ({text}) IS NOT NULL)" for name, text in change.into)


def _old(change: Property) -> str:
    return " OR ".join(f"{properties((name,))} IS NOT NULL" for name in change.sources)


def _probes(change: Property) -> tuple[Probe, ...]:
    find = f"MATCH {matching(change.element, change.label)} WHERE ({_old(change)})"
    lost = " OR ".join(f"coalesce({properties((name,))}, ({text})) IS NULL" for name, text in change.into)
    label, said = shortened(change.label), shortened(", ".join(change.sources))
    found = [Probe(f"{label} whose {said} gives nothing", f"{find} AND ({lost}) RETURN elementId(n) AS element")] * (
        not change.keep
    )
    if change.differing == "stop":
        differ = " OR ".join(f"{properties((name,))} <> ({text})" for name, text in change.into)
        message = f"{label} that have another value by now (say 'differing: new' or 'differing: old')"
        found.append(Probe(message, f"{find} AND ({differ}) RETURN elementId(n) AS element"))
    return tuple(found)


def create(change: Change[Property], context: Context) -> list[Draft]:
    """Migrate: the new properties beside the old ones. Contract: what was written since, then the old ones go."""
    wanted = change.desired
    find = f"MATCH {matching(wanted.element, wanted.label)}\nWHERE "
    names, old = _shown(wanted)
    filled = ", ".join(f"{properties((n,))} = {_value(n, text, 'new')}" for n, text in wanted.into)
    last = find + (_lacking(wanted) if wanted.keep else _old(wanted))
    before, after = _kept_before(wanted), _kept_after(wanted, last)
    return [
        keeping(change.address, Phase.MIGRATE, f"what {names} holds already", before, slot="keep before"),
        Draft(
            "fill",
            Phase.MIGRATE,
            f"fill {names} from {old}",
            Batches(find + _lacking(wanted), f"SET {filled}"),
            undo=_emptied(wanted, before),
        ),
        keeping(change.address, Phase.CONTRACT, f"what {old} and {names} hold", after),
        _finished(change, context, last, after),
    ]


def _shown(change: Property) -> tuple[str, str]:
    """The new properties and the old ones, in a title."""
    names = shortened(f"{change.label}.{', '.join(n for n, _ in change.into)}")
    return names, shortened(f"{change.label}.{', '.join(change.sources)}")


def _finished(change: Change[Property], context: Context, last: str, after: Snapshot) -> Draft:
    wanted, said = change.desired, _record(change.desired)
    names, old = _shown(wanted)
    settled = ", ".join(f"{properties((n,))} = {_value(n, text, wanted.differing)}" for n, text in wanted.into)
    removed = "" if wanted.keep else f" REMOVE {properties(wanted.sources)}"
    gone = (
        hazard(Code.OLD_READERS, f"code that reads {old} finds nothing"),
        hazard(Code.OLD_WRITERS, f"what is still written to {old} is not seen in {names}"),
    )
    return Draft(
        "finish",
        Phase.CONTRACT,
        f"fill {names} once more" + ("" if wanted.keep else f" and take {old} away"),
        Batches(last, f"SET {settled}{removed}", record=said),
        hazards=() if wanted.keep else gone,
        probes=_probes(wanted),
        done=(Check(change.address, True, said.values or ()),),
        undo=(_given_back(wanted, after, change),),
        requires=_ruled(wanted, context),
        provides=True,
    )


def _values(names: Iterable[str]) -> str:
    return f"[{properties(names)}]"


def _given(names: Iterable[str], column: str) -> str:
    return ", ".join(f"{properties((name,))} = row.{column}[{number}]" for number, name in enumerate(names))


def _kept_before(change: Property) -> Snapshot:
    made = [name for name, _ in change.into]
    there = " OR ".join(f"{properties((name,))} IS NOT NULL" for name in made)
    find = f"MATCH {matching(change.element, change.label)}\nWHERE {there}"
    return Snapshot(f"property {change.address.name}, before", (f"{find}\nRETURN {ID}, {_values(made)} AS made",))


def _emptied(change: Property, before: Snapshot) -> tuple[Batches | Restore, ...]:
    """What was filled is taken away where the old properties are, and what was there before stands there again."""
    made = [name for name, _ in change.into]
    there = " OR ".join(f"{properties((name,))} IS NOT NULL" for name in made)
    find = f"MATCH {matching(change.element, change.label)}\nWHERE ({_old(change)}) AND ({there})"
    again = f"MATCH {matching(change.element, change.label)} WHERE elementId(n) = row.id\nSET {_given(made, 'made')}"
    return Batches(find, f"REMOVE {properties(made)}"), Restore(before.name, (again,))


def _kept_after(change: Property, find: str) -> Snapshot:
    made = [name for name, _ in change.into]
    kept = f"{ID}, {_values(change.sources)} AS old, {_values(made)} AS made"
    return Snapshot(f"property {change.address.name}", (f"{find}\nRETURN {kept}",))


def _given_back(change: Property, after: Snapshot, whole: Change[Property]) -> Restore:
    made = [name for name, _ in change.into]
    given = f"{_given(change.sources, 'old')}, {_given(made, 'made')}"
    again = f"MATCH {matching(change.element, change.label)} WHERE elementId(n) = row.id\nSET {given}"
    record = (Record("property", whole.address.name, None) if whole.before is None else _record(whole.before),)
    return Restore(after.name, (again,), record=record)


def _ruled(change: Property, context: Context) -> tuple[Ref, ...]:
    """The drops of rules that the old properties have to be there."""
    return tuple(
        Ref(other.address, DROP)
        for other in context.live.of_kind(Constraint)
        if (other.element, other.label) == (change.element, change.label)
        and {*change.sources} & {*other.properties}
        and (planned := context.changes.get(other.address)) is not None
        and planned.action in (Action.DELETE, Action.REPLACE)
        and planned.moved is None
    )


KIND = Neo4jKind(
    name="property",
    resource=Property,
    section="properties",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=stays_done,
    rules=(rule("element", "label", "sources", "into", "keep", emit=create),),
    references=references,
    order=32,
    keeps_former=True,
    implicit=lambda _change: True,
    recorded=recorded,
    unsupported=supported,
)
