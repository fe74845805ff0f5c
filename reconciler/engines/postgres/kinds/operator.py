"""Operators: `operators: {"=~=(text, text)": {function: alike, commutator: "=~="}}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row, function_name, not_member, short_name
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.operator_members import parted
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.routine_arguments import listed, plain_type, split
from reconciler.engines.postgres.type_names import named, type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase, Ref

WORDS = ("function", "commutator", "negator", "restrict", "join", "hashes", "merges")
NONE = "none"
"""Stands for the left operand of a prefix operator, as in DROP OPERATOR."""


@dataclass(frozen=True, slots=True)
class Operator(Resource):
    """Path: (schema, symbol(left, right)). Names of functions and operators are bare in `public` and `pg_catalog`."""

    function: str = attr(Role.REPLACE)
    commutator: str = attr(Role.REPLACE, default="")
    negator: str = attr(Role.REPLACE, default="")
    hashes: bool = attr(Role.REPLACE, default=False)
    merges: bool = attr(Role.REPLACE, default=False)
    restrict: str = ""
    join: str = ""

    @property
    def operands(self) -> tuple[str, str]:
        """(left, right)."""
        left, right = listed(split(self.address.path[1])[1])
        return left, right


_NAME = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("function", "commutator", "negator", "restrict", "join"), _NAME),
        "hashes": {"type": "boolean"},
        "merges": {"type": "boolean"},
    },
    "required": ["function"],
}


def lower(name: str, node: Any, place: Place) -> Operator:
    """The words of CREATE OPERATOR; the operands are in the name."""
    symbol, types = split(name)
    operands = [t if t.lower() == NONE else plain_type(t) for t in listed(types)]
    if len(operands) != 2:
        hint = f"write {symbol}(left, right), with none as the left of a prefix operator"
        raise place.fail("an operator is named with two operands", hint)
    path = f"{symbol}({', '.join(o.lower() if o.lower() == NONE else o for o in operands)})"
    return Operator(place.address("operator", path), **{w: node[w] for w in WORDS if w in node})


def lift(operator: Operator, _catalog: Catalog) -> Any:
    """What is said of it."""
    return {w: getattr(operator, w) for w in WORDS if getattr(operator, w)}


def _operator(column: str) -> str:
    return f"""coalesce((SELECT {short_name("s.nspname", "x.oprname")}
            FROM pg_operator x JOIN pg_namespace s ON s.oid = x.oprnamespace WHERE x.oid = o.{column}), '')"""


def query(_version: int) -> str:
    """Operators in scope but mere shells."""
    return f"""
        SELECT o.oid, n.nspname, o.oprname,
               CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) ELSE '{NONE}' END,
               format_type(o.oprright, NULL),
               {function_name("o.oprcode")}, {_operator("oprcom")}, {_operator("oprnegate")},
               o.oprcanhash, o.oprcanmerge, {function_name("o.oprrest")}, {function_name("o.oprjoin")}
        FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
        WHERE o.oprcode <> 0 AND o.oprnamespace = ANY (%(namespaces)s) AND {not_member("pg_operator", "o.oid")}
        ORDER BY n.nspname, o.oprname, o.oid"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Operator]:
    """Rows of `query` → Operator."""
    for oid, schema, symbol, left, right, *fields in rows:
        address = reader.address("operator", schema, f"{symbol}({left}, {right})")
        yield Operator(reader.known("pg_operator", oid, address), *fields)


def references(operator: Operator, catalog: Catalog) -> Iterable[Address]:
    """The types of its operands, and its function."""
    operands = [o for o in operator.operands if o != NONE]
    for text in operands:
        yield from type_references(operator.address, text, catalog)
    schema, name = named(operator.function)
    function = operator.address.sibling("function", (schema, f"{name}({', '.join(operands)})"))
    if function in catalog.resources:
        yield function


def mentions(operator: Operator, catalog: Catalog) -> Iterable[Address]:
    """Its functions, every overload of them: operands may be taken by compatible types."""
    text = f"{operator.function} {operator.restrict} {operator.join}"
    return mentioned(text, catalog, kinds=("function",))


def _signature(operator: Operator) -> str:
    symbol, _ = split(operator.address.path[1])
    left, right = operator.operands
    return f"{ident(operator.address.path[0])}.{symbol} ({left}, {right})"


def definition(operator: Operator) -> str:
    """CREATE OPERATOR."""
    symbol, _ = split(operator.address.path[1])
    left, right = operator.operands
    clauses = [f"FUNCTION = {operator.function}"]
    clauses += [] if left == NONE else [f"LEFTARG = {left}"]
    clauses.append(f"RIGHTARG = {right}")
    for word, said in (("COMMUTATOR", operator.commutator), ("NEGATOR", operator.negator)):
        clauses += [f"{word} = OPERATOR({_placed(said)})"] if said else []
    clauses += [f"{w.upper()} = {getattr(operator, w)}" for w in ("restrict", "join") if getattr(operator, w)]
    clauses += [w.upper() for w in ("hashes", "merges") if getattr(operator, w)]
    name = f"{ident(operator.address.path[0])}.{symbol}"
    return f"CREATE OPERATOR {name} (\n    " + ",\n    ".join(clauses) + "\n)"


def _placed(symbol: str) -> str:
    """With its schema: a bare one that is not there yet would be taken from elsewhere on the search path."""
    schema, name = parted(symbol)
    return f"{ident(schema)}.{name}"


def _partners(operator: Operator) -> Iterator[Address]:
    """Its commutator, which takes the operands the other way round, and its negator."""
    left, right = operator.operands
    for said, operands in ((operator.commutator, (right, left)), (operator.negator, (left, right))):
        if said:
            schema, symbol = parted(said)
            yield operator.address.sibling("operator", (schema, f"{symbol}({', '.join(operands)})"))


def create(change: Change[Operator], context: Context) -> list[Draft]:
    """A commutator or negator that is not there yet is filled in when its turn comes; one that goes would take the name
    of it along (OperatorUpd in pg_operator.c), and one that comes anew has another partner: so that has to be gone.
    """
    draft = created(
        change,
        f"operator {'.'.join(change.address.path)}",
        definition(change.desired),
        drop=f"DROP OPERATOR {_signature(change.desired)}",
    )
    partners = [a for a in _partners(change.desired) if a in context.live.resources and a in context.changes]
    gone = (Ref(a, "drop") for a in partners if context.deletes(a) or context.creates(a))
    return [replace(draft, requires=(*draft.requires, *(ref for ref in gone if ref.address != change.address)))]


def _shells(operator: Operator, context: Context) -> Iterator[Operator]:
    """What was only ever named as its partner: a shell that stays behind, of no use to anybody, and keeps its schema
    from going. What another one names, too, would be forgotten there; what is in no schema in scope is not ours.
    """
    others = {p for o in context.live.of_kind(Operator) if o.address != operator.address for p in _partners(o)}
    for partner in dict.fromkeys(_partners(operator)):
        ours = partner != operator.address and partner.sibling("schema", partner.path[:1]) in context.live.resources
        if ours and partner not in context.live.resources and partner not in others:
            yield replace(operator, address=partner)


def drop(change: Change[Operator], context: Context) -> list[Draft]:
    """RESTRICT: a view or an operator class that uses it makes the step fail."""
    shells = [f"DROP OPERATOR IF EXISTS {_signature(s)}" for s in _shells(change.live, context)]
    gone = f"DROP OPERATOR {_signature(change.live)}"
    draft = dropped(
        change,
        f"operator {'.'.join(change.address.path)}",
        gone,
        definition(change.live),
        hazards=(hazard(Code.OLD_READERS, "queries that use it break"),),
    )
    return [replace(draft, operation=sql(gone, *shells))]


rebuild = made_anew(create, drop)
"""ALTER OPERATOR changes its estimators only (before 17), and never takes anything back."""


def disturbs(change: Change[Operator]) -> Disturbance:
    """What uses it has to go first when it is dropped."""
    whole = change.changed("function", "commutator", "negator", "hashes", "merges")
    return Disturbance.DROPS if change.forced or whole else Disturbance.NONE


def set_estimators(change: Change[Operator], _context: Context) -> list[Draft]:
    """ALTER OPERATOR … SET (RESTRICT, JOIN)."""

    def action(operator: Operator) -> str:
        said = f"RESTRICT = {operator.restrict or 'NONE'}, JOIN = {operator.join or 'NONE'}"
        return f"ALTER OPERATOR {_signature(operator)} SET ({said})"

    return [
        Draft(
            "estimators",
            Phase.EXPAND,
            f"change the estimators of operator {'.'.join(change.address.path)}",
            sql(action(change.desired)),
            done=became(change),
            undo=(sql(action(change.live)),),
        )
    ]


KIND = PgKind(
    name="operator",
    resource=Operator,
    section="operators",
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
    disturbs=disturbs,
    rules=(rule("restrict", "join", emit=set_estimators),),
    prepares=definition,
    parent="schema",
    order=38,
    top=True,
)
