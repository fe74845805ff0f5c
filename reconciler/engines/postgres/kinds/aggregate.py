"""Aggregates: `aggregates: {"product(numeric)": {sfunc: numeric_mul, stype: numeric, initcond: "1"}}`."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.engines.postgres.aggregate_parts import (
    FUNCTIONS,
    SPEC,
    Aggregate,
    lift,
    lower,
    query,
    read,
    usual_modify,
)
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import literal, qualified
from reconciler.engines.postgres.routine_arguments import render, signature, split
from reconciler.engines.postgres.routine_changes import shown
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, rule
from reconciler.model.step import Draft, Phase

WHOLE = ("arguments", "kind", "direct", "stype", "finalfunc", "finalfunc_extra")
"""What may change the type of the result: CREATE OR REPLACE AGGREGATE refuses that."""


def definition(aggregate: Aggregate, how: str = "CREATE", schema: str | None = None) -> str:
    """CREATE [OR REPLACE] AGGREGATE."""
    name = qualified(schema or aggregate.address.path[0], split(aggregate.address.name)[0])
    clauses = [f"sfunc = {aggregate.sfunc}", f"stype = {aggregate.stype}"]
    clauses += [f"{w} = {getattr(aggregate, w)}" for w in (*FUNCTIONS[1:], "mstype") if getattr(aggregate, w)]
    clauses += [f"{w} = {getattr(aggregate, w)}" for w in ("sspace", "msspace") if getattr(aggregate, w)]
    clauses += [w for w in ("finalfunc_extra", "mfinalfunc_extra") if getattr(aggregate, w)]
    for word in ("finalfunc_modify", "mfinalfunc_modify"):
        said = getattr(aggregate, word)
        if said != usual_modify(aggregate.kind):
            clauses.append(f"{word} = {said}")
    for word in ("initcond", "minitcond"):
        value = getattr(aggregate, word)
        clauses += [f"{word} = {literal(value)}"] if value is not None else []
    if aggregate.sortop:
        clauses.append(f"sortop = {_operator(aggregate.sortop)}")
    if aggregate.kind == "hypothetical":
        clauses.append("hypothetical")
    if aggregate.parallel != "unsafe":
        clauses.append(f"parallel = {aggregate.parallel}")
    return f"{how} AGGREGATE {name}({_inputs(aggregate)}) (\n    " + ",\n    ".join(clauses) + "\n)"


def _operator(text: str) -> str:
    return f"OPERATOR({text})" if "." in text else text


def _inputs(aggregate: Aggregate) -> str:
    said = [render(a) for a in aggregate.arguments]
    if aggregate.kind == "normal":
        return ", ".join(said) or "*"
    ordered = said[aggregate.direct :] or said[-1:]  # VARIADIC "any" stands on both sides
    return f"{', '.join(said[: aggregate.direct])} ORDER BY {', '.join(ordered)}".lstrip()


def temporary(aggregate: Aggregate) -> str:
    """The aggregate in pg_temp."""
    return definition(aggregate, schema="pg_temp")


def references(aggregate: Aggregate, catalog: Catalog) -> Iterable[Address]:
    """The types of its arguments and of its state."""
    for text in {*(a.type for a in aggregate.arguments), aggregate.stype, aggregate.mstype or aggregate.stype}:
        yield from type_references(aggregate.address, text, catalog)


def mentions(aggregate: Aggregate, catalog: Catalog) -> Iterable[Address]:
    """Its functions, every overload of them, and its operator."""
    text = "\n".join([*(getattr(aggregate, w) for w in FUNCTIONS), aggregate.sortop])
    return mentioned(text, catalog, kinds=("function", "operator"))


def dropping(aggregate: Aggregate) -> str:
    """RESTRICT: what still uses it makes the step fail."""
    return f"DROP AGGREGATE {signature(aggregate.address)}"


def create(change: Change[Aggregate], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        created(
            change,
            shown(change.address),
            definition(change.desired),
            drop=dropping(change.desired),
            requires=freed(change, context),
        )
    ]


def drop(change: Change[Aggregate], _context: Context) -> list[Draft]:
    """RESTRICT: a view that uses it makes the step fail."""
    return [
        dropped(
            change,
            shown(change.address),
            dropping(change.live),
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "queries that use it break"),),
        )
    ]


def alter(change: Change[Aggregate], _context: Context) -> list[Draft]:
    """CREATE OR REPLACE AGGREGATE: grants, owner, comment and all that uses it stay."""
    return [
        Draft(
            "replace",
            Phase.EXPAND,
            f"change {shown(change.address)}: {', '.join(a.name for a in change.attributes)}",
            sql(definition(change.desired, "CREATE OR REPLACE")),
            done=became(change),
            undo=(sql(definition(change.live, "CREATE OR REPLACE")),),
            provides=True,
        )
    ]


rebuild = made_anew(create, drop)
"""Drop and create, where the result may be of another type or what it stands on is built anew."""


def replaces(change: Change[Aggregate]) -> bool:
    """Whether CREATE OR REPLACE may be refused."""
    return change.changed(*WHOLE)


def disturbs(change: Change[Aggregate]) -> Disturbance:
    """What uses it has to go first when it is dropped."""
    return Disturbance.DROPS if change.forced or replaces(change) else Disturbance.NONE


KIND = PgKind(
    name="aggregate",
    resource=Aggregate,
    section="aggregates",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    replaces=replaces,
    disturbs=disturbs,
    rules=(rule(*(n for n in Aggregate.__dataclass_fields__ if n != "address"), emit=alter),),
    temporary=temporary,
    prepares=definition,
    parent="schema",
    order=37,
    top=True,
)
