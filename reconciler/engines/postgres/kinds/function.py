"""Functions: `functions: {"total(integer, text)": {returns: numeric, language: sql, body: functions/total.sql}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import routine_arguments as arguments
from reconciler.engines.postgres import routine_changes as changes
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.routine_arguments import Argument, plain_type
from reconciler.engines.postgres.routine_parts import (
    COMPILED,
    PARALLEL,
    SPEC,
    VOLATILITY,
    Routine,
    lift_body,
    lift_routine,
    lower_routine,
    read_routine,
)
from reconciler.engines.postgres.routine_parts import query as routine_query
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.step import Draft

SET_OF = "setof "


@dataclass(frozen=True, slots=True)
class Function(Routine):
    """Path: (schema, name(types)). `returns` is what the catalogs say: `record` where several arguments go out."""

    returns: str = "void"
    returns_set: bool = False
    volatility: str = "volatile"
    parallel: str = "unsafe"
    strict: bool = False
    leakproof: bool = False
    window: bool = False
    cost: float = 100
    rows: float = 0
    support: str = ""


FUNCTION_SPEC = {
    "type": "object",
    "properties": {
        **SPEC,
        "returns": {
            "type": ["string", "object"],
            "description": "a type, 'setof' and a type, or {table: {column: type}}",
            "properties": {"table": {"type": "object", "additionalProperties": {"type": "string"}}},
            "required": ["table"],
            "additionalProperties": False,
        },
        "volatility": {"enum": list(VOLATILITY.values())},
        "parallel": {"enum": list(PARALLEL.values())},
        **{word: {"type": "boolean"} for word in ("strict", "leakproof", "window")},
        **{word: {"type": "number", "minimum": 0} for word in ("cost", "rows")},
        "support": {"type": "string", "minLength": 1},
    },
}


def lower(name: str, node: Any, place: Place) -> Function:
    """The words of CREATE FUNCTION. What goes out by arguments needs no `returns`."""
    component, fields = lower_routine(name, node, place)
    said = node.get("returns")
    if isinstance(said, dict):
        columns = tuple(Argument(n, plain_type(t), "table") for n, t in said["table"].items())
        fields["arguments"] += columns
        returns, many = derived(columns), True
    elif said is None:
        returns, many = derived(fields["arguments"]), False
        if not returns:
            raise place.fail("what the function returns is missing", "say returns: void, trigger, or a type")
    else:
        if said.lower().partition("(")[0].strip() == "table":
            raise place.fail(f"{said} is not a type", "say returns: {table: {column: type}}", "returns")
        many = said.lower().startswith(SET_OF)
        returns = plain_type(said[len(SET_OF) :] if many else said)
    return Function(
        place.address("function", component),
        **fields,
        returns=returns,
        returns_set=many,
        volatility=node.get("volatility", "volatile"),
        parallel=node.get("parallel", "unsafe"),
        strict=bool(node.get("strict", False)),
        leakproof=bool(node.get("leakproof", False)),
        window=bool(node.get("window", False)),
        cost=float(node.get("cost", usual_cost(fields["language"]))),
        rows=float(node.get("rows", usual_rows(many))),
        support=node.get("support", ""),
    )


def derived(found: Iterable[Argument]) -> str:
    """The result that outgoing arguments make: their type, or a record; empty without any."""
    types = [a.type for a in arguments.outputs(found)]
    return "record" if len(types) > 1 else types[0] if types else ""


def usual_cost(language: str) -> float:
    """procost where COST is not said."""
    return 1 if language in COMPILED else 100


def usual_rows(many: bool) -> float:
    """prorows where ROWS is not said."""
    return 1000 if many else 0


def lift(function: Function, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE FUNCTION; the body last."""
    node = lift_routine(function)
    start = {k: node.pop(k) for k in ("arguments",) if k in node}
    columns = {a.name: a.type for a in function.arguments if a.mode == "table"}
    if columns:
        start["returns"] = {"table": columns}
    elif function.returns_set or function.returns != derived(function.arguments):
        start["returns"] = (SET_OF if function.returns_set else "") + function.returns
    node = start | node
    for word, usual in (("volatility", "volatile"), ("parallel", "unsafe"), ("support", "")):
        if getattr(function, word) != usual:
            node[word] = getattr(function, word)
    node |= {word: True for word in ("strict", "leakproof", "window") if getattr(function, word)}
    for word, usual_number in (("cost", usual_cost(function.language)), ("rows", usual_rows(function.returns_set))):
        number = getattr(function, word)
        if number != usual_number:
            node[word] = int(number) if number == int(number) else number
    return node | lift_body(function)


def query(_version: int) -> str:
    """Functions and window functions in scope."""
    columns = """format_type(p.prorettype, NULL), p.proretset, p.provolatile::text, p.proparallel::text, p.proisstrict,
               p.proleakproof, p.prokind = 'w', p.procost::float8, p.prorows::float8,
               CASE WHEN p.prosupport <> 0 THEN p.prosupport::text ELSE '' END"""
    return routine_query(columns, "'f', 'w'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Function]:
    """Rows of `query` → Function."""
    for row in rows:
        address, fields = read_routine(row[:14], "function", reader)
        returns, many, volatility, parallel, strict, leakproof, window, cost, number, support = row[14:]
        yield Function(
            address,
            **fields,
            returns=returns,
            returns_set=many,
            volatility=VOLATILITY[volatility],
            parallel=PARALLEL[parallel],
            strict=strict,
            leakproof=leakproof,
            window=window,
            cost=cost,
            rows=number,
            support=support,
        )


def definition(function: Function, how: str = "CREATE", schema: str | None = None) -> str:
    """CREATE [OR REPLACE] FUNCTION."""
    clauses = [f"{how} FUNCTION {changes.declared(function.address, function.arguments, schema)}"]
    columns = [a for a in function.arguments if a.mode == "table"]
    if columns:
        clauses.append(f"RETURNS TABLE ({', '.join(map(arguments.render, columns))})")
    else:
        clauses.append(f"RETURNS {'SETOF ' if function.returns_set else ''}{function.returns}")
    clauses += changes.shared_clauses(function)
    flags = [w.upper() for w in ("window", "strict", "leakproof") if getattr(function, w)]
    if function.volatility != "volatile":
        flags.insert(0, function.volatility.upper())
    if function.parallel != "unsafe":
        flags.append(f"PARALLEL {function.parallel.upper()}")
    if function.cost != usual_cost(function.language):
        flags.append(f"COST {function.cost:.9g}")
    if function.rows != usual_rows(function.returns_set):
        flags.append(f"ROWS {function.rows:.9g}")
    if function.support:
        flags.append(f"SUPPORT {function.support}")
    return "\n".join([*clauses, *([" ".join(flags)] if flags else []), changes.body(function)])


def temporary(function: Function) -> str:
    """The function in pg_temp."""
    return definition(function, schema="pg_temp")


def create(change: Change[Function], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [changes.made(change.desired, definition(change.desired), context, freed(change, context))]


def drop(change: Change[Function], _context: Context) -> list[Draft]:
    """RESTRICT: what still uses it makes the step fail."""
    return [changes.gone(change.live, definition(change.live))]


def alter(change: Change[Function], context: Context) -> list[Draft]:
    """CREATE OR REPLACE FUNCTION."""
    new, old = (definition(r, "CREATE OR REPLACE") for r in (change.desired, change.live))
    return [changes.altered(change, new, old, context)]


def rebuild(change: Change[Function], context: Context) -> list[Draft]:
    """Drop and create, where CREATE OR REPLACE refuses or what it stands on is built anew."""
    return [*drop(change, context), changes.made_again(change, definition(change.desired), context)]


def replaces(change: Change[Function]) -> bool:
    """Another result, or another sort of function, needs a new one."""
    old, new = change.live, change.desired
    same = (old.returns, old.returns_set, old.window) == (new.returns, new.returns_set, new.window)
    return not same or changes.replaces(change)


def disturbs(change: Change[Function]) -> Disturbance:
    """What uses it has to go first when it is dropped."""
    return Disturbance.DROPS if change.forced or replaces(change) else Disturbance.NONE


KIND = PgKind(
    name="function",
    resource=Function,
    section="functions",
    spec=FUNCTION_SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=changes.references,
    mentions=changes.mentions,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    replaces=replaces,
    disturbs=disturbs,
    namesakes=changes.namesakes,
    collides=changes.collides,
    bound=True,
    absorbed=changes.absorbed,
    rules=(
        rule(
            *("language", "arguments", "body", "sql_body", "library", "security_definer", "settings", "transforms"),
            *("returns", "returns_set", "volatility", "parallel", "strict", "leakproof", "window"),
            *("cost", "rows", "support"),
            emit=alter,
        ),
    ),
    temporary=temporary,
    prepares=definition,
    parent="schema",
    order=35,
    top=True,
)
