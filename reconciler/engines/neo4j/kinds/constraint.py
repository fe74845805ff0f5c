"""Constraints: unique, exists, key and property type, of one label or relationship type.

The range index that a uniqueness or key constraint owns is part of it. The order of properties counts: the server keeps
a constraint on (a, b) beside one on (b, a), measured on 5.26 and 2026.09.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reconciler.engines.neo4j import fixes, mending, property_types
from reconciler.engines.neo4j.claims import DROP, Claim, claims, cleared
from reconciler.engines.neo4j.fixes import Fix
from reconciler.engines.neo4j.kind import Neo4jKind, Reading, Row
from reconciler.engines.neo4j.naming import (
    ANY_NAME,
    ANY_NAME_REASON,
    NAME,
    NAMES,
    elements,
    former,
    listed,
    named,
    shortest,
)
from reconciler.engines.neo4j.operations import Cypher, cypher
from reconciler.engines.neo4j.render import NODE, dialect, matching, pattern, properties, quoted, shortened
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Unmanaged
from reconciler.model.change import Action, Change
from reconciler.model.engine import Server
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Lock, Phase, Probe


@dataclass(frozen=True, slots=True)
class Constraint(Resource):
    """`rule`: unique, exists, key or type. `element`: node or relationship. `type`: the property type, canonical."""

    rule: str = attr(Role.REPLACE)
    element: str = attr(Role.REPLACE)
    label: str = attr(Role.REPLACE)
    properties: tuple[str, ...] = attr(Role.REPLACE)
    type: str = attr(Role.REPLACE, default="")
    any_name: bool = attr(Role.INFORMATIONAL, reason=ANY_NAME_REASON, default=False)
    fix: Fix = attr(Role.INFORMATIONAL, reason="about the data, on the way to the rule", default=Fix())


@claims.register
def _(constraint: Constraint) -> frozenset[Claim]:
    schema = (constraint.element, (constraint.label,), constraint.properties)
    owns_index = constraint.rule in ("unique", "key")
    return frozenset({("name", constraint.address.name), ("range" if owns_index else constraint.rule, *schema)})


# Declaration

RULES = ("unique", "exists", "key", "type")
SPEC = {
    "type": "object",
    "properties": {
        "node": {**NAME, "description": "one label: a constraint holds for a single one; write one for each"},
        "relationship": {**NAME, "description": "one relationship type: a constraint holds for a single one"},
        "unique": NAMES,
        "key": NAMES,
        "exists": {**NAME, "description": "one property: write one constraint for each"},
        "property": NAME,
        "type": {"type": "string", "description": "such as INTEGER, LIST<STRING NOT NULL> or STRING | INTEGER"},
        "name": ANY_NAME,
        "backfill": fixes.BACKFILL,
        "deduplicate": fixes.DEDUPLICATE,
    },
}


def lower(name: str, node: dict[str, Any], place: Place) -> Constraint:
    """The constraint a declaration describes. Raises through `place.fail`."""
    named(name, place)
    element, labels = elements(node, place, many=False)
    said = [rule for rule in RULES if rule in node]
    if len(said) != 1:
        raise place.fail(
            f"constraint {name!r} says " + (" and ".join(said) if said else "no rule"),
            "exactly one of: unique: PROPERTIES · key: PROPERTIES · exists: PROPERTY · property: P with type: TYPE",
        )
    rule = said[0]
    if ("property" in node) != (rule == "type"):
        raise place.fail(
            "'property' and 'type' belong together",
            "write {node: Label, property: age, type: INTEGER}",
            "property" if "property" in node else "type",
        )
    key = "property" if rule == "type" else rule
    names = listed(node[key], place, key)
    address = place.address("constraint", name)
    wanted = _type(node, place) if rule == "type" else ""
    fix = fixes.lower(node, rule, element, names, place)
    return Constraint(address, rule, element, labels[0], names, wanted, "name" in node, fix)


def _type(node: dict[str, Any], place: Place) -> str:
    try:
        return property_types.canonical(node["type"])
    except ValueError as error:
        raise place.fail(str(error), "types are those of Cypher: 'Values and types' in its manual", "type") from None


def lift(constraint: Constraint, _catalog: Catalog) -> dict[str, Any]:
    """The shortest declaration of the constraint."""
    node: dict[str, Any] = {constraint.element: constraint.label}
    if constraint.rule == "type":
        node |= {"property": constraint.properties[0], "type": constraint.type}
    else:
        node[constraint.rule] = shortest(constraint.properties)
    node |= fixes.lift(constraint.fix, constraint.properties)
    return {**node, "name": "any"} if constraint.any_name else node


# Introspection

SHOW = "SHOW CONSTRAINTS YIELD *"
_RULE_OF = {"UNIQUENESS": "unique", "EXISTENCE": "exists", "KEY": "key", "TYPE": "type"}


def read(row: Row, reading: Reading) -> Constraint | Unmanaged:
    """A row of SHOW CONSTRAINTS; type names of Cypher 5 and 25 end alike. Rules of graph types are left alone."""
    address = reading.address("constraint", row["name"])
    rule = _RULE_OF.get(row["type"].rpartition("_")[2])
    labels, names = row["labelsOrTypes"] or [], row["properties"] or []
    if row.get("classification") == "dependent":
        return Unmanaged(address, "belongs to the graph type, which alone can change it")
    if rule is None or len(labels) != 1 or not names:
        return Unmanaged(address, f"constraints of type {row['type']} are not known here")
    element = row["entityType"].lower()
    return Constraint(address, rule, element, labels[0], tuple(names), row["propertyType"] or "")


# What a server cannot have

_ENTERPRISE = {
    "exists": "check for the property in the code that writes",
    "key": "declare 'unique' instead and see to it in the code that every element has the properties",
    "type": "check the type in the code that writes",
}


def unsupported(constraint: Constraint, server: Server) -> tuple[str, str] | None:
    """(message, hint) when this server cannot have it, by its edition or its version."""
    if constraint.rule in _ENTERPRISE and server.edition == "community":
        return (
            f"{described(constraint)} needs the Enterprise edition; {server} has constraints of rule 'unique' only",
            _ENTERPRISE[constraint.rule],
        )
    if property_types.needs_cypher_25(constraint.type) and not dialect(server.version):
        return f"{server} does not know the property type {constraint.type}", "it needs a server with Cypher 25"
    return None


# Emitters


def described(constraint: Constraint) -> str:
    """The rule in words: `Tutor.tutor_id is unique`."""
    names = ", ".join(constraint.properties)
    on = f"{constraint.label}.{names}" if len(constraint.properties) == 1 else f"{constraint.label} ({names})"
    rule = {"unique": "unique", "exists": "required", "key": "the key", "type": constraint.type}[constraint.rule]
    return f"{shortened(on)} is {rule}"


def _statement(constraint: Constraint, version: tuple[int, ...]) -> str:
    names = properties(constraint.properties)
    what = names if len(constraint.properties) == 1 else f"({names})"
    must = {
        "unique": "UNIQUE",
        "exists": "NOT NULL",
        "key": "NODE KEY" if constraint.element == NODE else "RELATIONSHIP KEY",
        "type": f":: {constraint.type}",
    }[constraint.rule]
    on = pattern(constraint.element, (constraint.label,))
    return f"{dialect(version)}CREATE CONSTRAINT {quoted(constraint.address.name)} FOR {on} REQUIRE {what} IS {must}"


def _creation(constraint: Constraint, context: Context) -> Cypher:
    return cypher(_statement(constraint, context.server.version))


def _removal(constraint: Constraint, context: Context) -> Cypher:
    name = quoted(constraint.address.name)
    return cypher(f"{dialect(context.server.version)}DROP CONSTRAINT {name} IF EXISTS")


def _locks(constraint: Constraint) -> tuple[Lock, ...]:
    token = "LABEL" if constraint.element == NODE else "RELATIONSHIP_TYPE"
    return (Lock("EXCLUSIVE", f"{token} {shortened(constraint.label)}"),)


def _probes(constraint: Constraint) -> tuple[Probe, ...]:
    find, names = f"MATCH {matching(constraint.element, constraint.label)}", constraint.properties
    found: list[Probe] = []
    if constraint.rule in ("exists", "key"):
        missing = " OR ".join(f"{properties((name,))} IS NULL" for name in names)
        element_id = f"{find} WHERE {missing} RETURN elementId(n) AS element"
        found.append(Probe(f"{shortened(constraint.label)} without {shortened(', '.join(names))}", element_id))
    if constraint.rule in ("unique", "key"):
        present = " AND ".join(f"{properties((name,))} IS NOT NULL" for name in names)
        key = f"[{properties(names)}]"
        copies = f"{find} WHERE {present} WITH {key} AS key, count(*) AS copies WHERE copies > 1 RETURN key, copies"
        found.append(Probe(f"several {shortened(constraint.label)} of one {shortened(', '.join(names))}", copies))
    if constraint.rule == "type":
        value = properties(names)
        wrong = f"{find} WHERE NOT {value} IS :: {constraint.type} RETURN elementId(n) AS element, "
        message = f"{shortened(constraint.label)}.{shortened(names[0])} that is no {constraint.type}"
        found.append(Probe(message, f"{wrong}valueType({value}) AS type"))
    return tuple(found)


def _present(constraint: Constraint) -> tuple[Check, ...]:
    values = {"rule": constraint.rule, "label": constraint.label, "properties": constraint.properties}
    return (Check(constraint.address, True, tuple(values.items())),)


def nobody(constraint: Constraint) -> tuple[Probe, ...]:
    """That there is no element which the constraint could be about."""
    find = f"MATCH {matching(constraint.element, constraint.label)} RETURN elementId(n) AS element"
    return (Probe(f"{shortened(constraint.label)} by now, and there was none when this was planned: plan again", find),)


def create(change: Change[Constraint], context: Context) -> list[Draft]:
    """Contract, after the data was checked. Expand where the server counts no element of the label.

    A rule about elements that nobody has written tightens nothing that code of the old schema does, as a constraint
    of a new table does not; and new code needs it before it writes the first. The server's count store is exact and not
    an estimate. Once somebody has written one, the step is refused, and a new plan has it in contract.
    """
    constraint = change.desired
    empty = context.size(change.address).rows == 0
    refused = hazard(Code.OLD_WRITERS, f"writes are refused unless {described(constraint)}")
    return [
        *([] if empty else mending.steps(constraint.address, _subject(constraint), constraint.fix)),
        Draft(
            "create",
            Phase.EXPAND if empty else Phase.CONTRACT,
            f"require that {described(constraint)}",
            _creation(constraint, context),
            locks=_locks(constraint),
            hazards=() if empty else (refused,),
            probes=nobody(constraint) if empty else _probes(constraint),
            done=_present(constraint),
            undo=(_removal(constraint, context),),
            reads=change.address,
            requires=cleared(change, context),
            provides=True,
        ),
    ]


def _subject(constraint: Constraint) -> mending.Subject:
    return mending.Subject(constraint.element, constraint.label, constraint.properties, constraint.type)


def _dropping(constraint: Constraint, context: Context) -> Draft:
    index = " and its index is gone" if constraint.rule in ("unique", "key") else ""
    return Draft(
        DROP,
        Phase.CONTRACT,
        f"no longer require that {described(constraint)}",
        _removal(constraint, context),
        locks=_locks(constraint),
        hazards=(hazard(Code.LOOSENS, f"nothing enforces any more that {described(constraint)}{index}"),),
        done=(Check(constraint.address, present=False),),
        undo=(_creation(constraint, context),),
    )


def drop(change: Change[Constraint], context: Context) -> list[Draft]:
    """Contract: the rule is given up, and the index that came with it."""
    return [_dropping(change.live, context)]


def replace(change: Change[Constraint], context: Context) -> list[Draft]:
    """Drop and create under the same name, in two transactions: servers differ in what they take in one.

    The data is checked before the old rule is given up, and once more by the server. What the drop did does not show
    any more once the name stands again, so it has no check: repeating it is safe.
    """
    *mended, created = create(change, context)
    refused = hazard(Code.OLD_WRITERS, f"writes are refused unless {described(change.desired)}")
    enforced = dataclasses.replace(created, phase=Phase.CONTRACT, hazards=(refused,), probes=())
    if change.moved is not None:
        return [*mended, enforced]
    dropped = dataclasses.replace(_dropping(change.live, context), probes=_probes(change.desired), done=())
    return [*mended, dropped, enforced]


def rename(change: Change[Constraint], context: Context) -> list[Draft]:
    """Drop under the old name and create under the new one: Neo4j renames nothing, and allows no two alike.

    What is to be another rule as well is created as that, by `replace`.
    """
    old = dataclasses.replace(change.live, address=change.moved or change.address)
    wanted = change.desired if change.action is Action.REPLACE else change.live
    dropped = dataclasses.replace(_dropping(old, context), slot="give up", probes=_probes(wanted), renames=True)
    if change.action is Action.REPLACE:
        return [dropped]
    again = dataclasses.replace(create(change, context)[-1], phase=Phase.CONTRACT, hazards=(), probes=(), renames=True)
    return [dropped, again]


@lru_cache(maxsize=4)
def _makers(catalog: Catalog) -> Mapping[tuple[str, str, str], list[Address]]:
    """(node or relationship, label, property) → the changes of data that make it."""
    found: dict[tuple[str, str, str], list[Address]] = {}
    for address, other in catalog.resources.items():
        for name, _ in getattr(other, "into", ()):
            found.setdefault((getattr(other, "element", ""), getattr(other, "label", ""), name), []).append(address)
    return found


def references(constraint: Constraint, catalog: Catalog) -> list[Address]:
    """The changes of data that make its properties."""
    made = _makers(catalog)
    return [a for n in constraint.properties for a in made.get((constraint.element, constraint.label, n), ())]


KIND = Neo4jKind(
    name="constraint",
    resource=Constraint,
    section="constraints",
    spec=SPEC,
    lower=lower,
    lift=lift,
    create=create,
    drop=drop,
    replace=replace,
    former=former,
    rename=rename,
    references=references,
    order=10,
    show=SHOW,
    read=read,
    unsupported=unsupported,
)
