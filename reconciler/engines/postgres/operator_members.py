"""Operators and support functions of operator classes and families: how they are said, read and named.

Whose a member is follows from its types: those of a class are about the type it is for, all others are the family's
own. The server ties some of a class's to the family alone, so that they can be dropped (amadjustmembers of each access
method); a declaration need not know which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres.kind import not_member, short_name
from reconciler.engines.postgres.object_names import USING, own_name
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.routine_arguments import listed, plain_type, split
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Place


class Member(NamedTuple):
    """`sort` is operator or function; `left` and `right` are the types it is for; `name` is `<` or `cmp(a, b)`, bare
    in `public` and `pg_catalog`; `order_by` is the family that sorts what an ordering operator gives."""

    sort: str
    number: int
    left: str
    right: str
    name: str
    order_by: str = ""

    def __str__(self) -> str:
        return added(self)


Members = tuple[Member, ...]
Types = tuple[str, str]

_TEXT = {"type": "string", "minLength": 1}
_OPERATOR = {
    "type": ["string", "object"],
    "description": "an operator such as < or <(integer, bigint), or a mapping with 'operator' and 'order_by'",
    "properties": {"operator": _TEXT, "order_by": _TEXT},
    "required": ["operator"],
    "additionalProperties": False,
}
_FUNCTION = {
    "type": ["string", "object"],
    "description": "a function with the types that it takes, or a mapping with 'function' and 'types'",
    "properties": {"function": _TEXT, "types": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}},
    "required": ["function"],
    "additionalProperties": False,
}


def _numbered(node: Mapping[str, Any]) -> dict[str, Any]:
    several = {"type": [*node["type"], "array"], "items": node, "minItems": 1}
    return {
        "type": "object",
        "description": "by number",
        "propertyNames": {"pattern": "^[0-9]{1,4}$"},
        "additionalProperties": {**node, **several},
    }


SPEC = {"operators": _numbered(_OPERATOR), "functions": _numbered(_FUNCTION)}


def lower(node: Mapping[str, Any], place: Place, own: Types | None) -> Members:
    """`operators` and `functions` of a node; `own` are the types of a member that says none, where there are such."""
    found = [
        _operator(int(n), said, own, place)
        for n, several in node.get("operators", {}).items()
        for said in _listed(several)
    ]
    found += [
        _function(int(n), said, own) for n, several in node.get("functions", {}).items() for said in _listed(several)
    ]
    return tuple(sorted(found))


def _listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _operator(number: int, node: Any, own: Types | None, place: Place) -> Member:
    said = {"operator": node} if isinstance(node, str) else node
    symbol, types = split(said["operator"])
    operands = [plain_type(t) for t in listed(types)] or list(own or ())
    if len(operands) != 2:
        hint = f"write {symbol}(left, right)"
        raise place.fail(
            f"an operator of a family is named with two operands, not {said['operator']!r}", hint, "operators"
        )
    return Member("operator", number, operands[0], operands[1], _unqualified(symbol), said.get("order_by", ""))


def _function(number: int, node: Any, own: Types | None) -> Member:
    said = {"function": node} if isinstance(node, str) else node
    name = plain_signature(said["function"])
    taken = listed(split(name)[1])
    left, right = map(plain_type, said["types"]) if "types" in said else own or (taken[0], taken[-1])
    return Member("function", number, left, right, name)


def plain_signature(text: str) -> str:
    """`public.total(int, varchar(3))` → `total(integer, character varying)`."""
    name, types = split(text)
    return f"{_unqualified(name)}({', '.join(map(plain_type, listed(types)))})"


def _unqualified(name: str) -> str:
    return name.removeprefix("public.").removeprefix("pg_catalog.")


def lift(members: Members, own: Types | None) -> dict[str, Any]:
    """The sections that hold members."""
    node: dict[str, Any] = {}
    for member in members:
        said = _lifted(member, own)
        section = node.setdefault(f"{member.sort}s", {})
        number = str(member.number)
        section[number] = [*_listed(section[number]), said] if number in section else said
    return node


def _lifted(member: Member, own: Types | None) -> Any:
    types = (member.left, member.right)
    if member.sort == "operator":
        text = member.name if types == own else f"{member.name}({', '.join(types)})"
        return {"operator": text, "order_by": member.order_by} if member.order_by else text
    taken = listed(split(member.name)[1])
    implied = own or (taken[0], taken[-1]) if taken else own
    return member.name if types == implied else {"function": member.name, "types": list(types)}


_OF_SCOPE = f"""
        SELECT k.opcfamily FROM pg_opclass k
        WHERE k.opcnamespace = ANY (%(namespaces)s) AND {not_member("pg_opclass", "k.oid")}
        UNION
        SELECT f.oid FROM pg_opfamily f
        WHERE f.opfnamespace = ANY (%(namespaces)s) AND {not_member("pg_opfamily", "f.oid")}"""

MEMBERS = f"""
    member (catalog, oid, family, sort, number, lefttype, righttype, name, order_by) AS MATERIALIZED (
        SELECT 'pg_amop'::regclass, a.oid, a.amopfamily, 'operator', a.amopstrategy::int, a.amoplefttype,
               a.amoprighttype, {short_name("n.nspname", "o.oprname")},
               coalesce({short_name("s.nspname", "quote_ident(f.opfname)")}, '')
        FROM pg_amop a JOIN pg_operator o ON o.oid = a.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
        LEFT JOIN pg_opfamily f ON f.oid = a.amopsortfamily LEFT JOIN pg_namespace s ON s.oid = f.opfnamespace
        WHERE a.amopfamily IN ({_OF_SCOPE})
        UNION ALL
        SELECT 'pg_amproc'::regclass, a.oid, a.amprocfamily, 'function', a.amprocnum::int, a.amproclefttype,
               a.amprocrighttype,
               {short_name("n.nspname", "quote_ident(p.proname)")} || '(' || oidvectortypes(p.proargtypes) || ')', ''
        FROM pg_amproc a JOIN pg_proc p ON p.oid = a.amproc::oid JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE a.amprocfamily IN ({_OF_SCOPE})
    ), placed AS (
        SELECT m.*, coalesce(d.refobjid, k.class) AS class, d.refobjid IS NULL AS loose
        FROM member m
        LEFT JOIN pg_depend d ON d.classid = m.catalog AND d.objid = m.oid AND d.refclassid = 'pg_opclass'::regclass
        LEFT JOIN LATERAL (
            SELECT min(c.oid) AS class FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
            WHERE c.opcfamily = m.family AND c.opcintype = m.lefttype
              AND (m.righttype = m.lefttype OR a.amname NOT IN ('btree', 'hash'))
            HAVING count(*) = 1
        ) k ON true
    )"""
"""Common table expressions: `placed` has every member of the families in scope, and the class that it belongs to.
`loose`: it stays with the family when the class is dropped."""


def rows(condition: str) -> str:
    """SQL of an array of members, one array of text each, for `read`."""
    return f"""ARRAY(SELECT ARRAY[m.sort, m.number::text, format_type(m.lefttype, NULL), format_type(m.righttype, NULL),
                     m.name, m.order_by]::text[] FROM placed m WHERE {condition})"""


def read(found: Iterable[Sequence[str]]) -> Members:
    """What `rows` gives → members, sorted."""
    return tuple(
        sorted(Member(sort, int(number), left, right, name, by) for sort, number, left, right, name, by in found)
    )


def references(holder: Address, members: Members, catalog: Catalog) -> Iterator[Address]:
    """The declared operators, functions and families that members name."""
    for member in members:
        if member.sort == "operator":
            schema, symbol = parted(member.name)
            wanted = [holder.sibling("operator", (schema, f"{symbol}({member.left}, {member.right})"))]
            if member.order_by:
                wanted.append(holder.sibling("operator_family", (*named(member.order_by)[:1], _btree(member.order_by))))
        else:
            name, types = split(member.name)
            schema, name = named(name)
            wanted = [holder.sibling("function", (schema, f"{name}({types})"))]
        yield from (a for a in wanted if a in catalog.resources)


def _btree(family: str) -> str:
    return f"{named(family)[1]}{USING}btree"


def parted(symbol: str) -> tuple[str, str]:
    """(schema, operator) of `app.<` or `<`."""
    schema, found, name = symbol.rpartition(".")
    return (named(f"{schema}.x")[0], name) if found else ("public", symbol)


def added(member: Member) -> str:
    """As CREATE OPERATOR CLASS and ALTER OPERATOR FAMILY … ADD write it."""
    types = f"({member.left}, {member.right})"
    if member.sort == "function":
        return f"FUNCTION {member.number} {types} {member.name}"
    order = f" FOR ORDER BY {member.order_by}" if member.order_by else ""
    return f"OPERATOR {member.number} {member.name} {types}{order}"


def removed(member: Member) -> str:
    """As ALTER OPERATOR FAMILY … DROP writes it."""
    return f"{member.sort.upper()} {member.number} ({member.left}, {member.right})"


def parts(address: Address) -> tuple[str, str]:
    """(name, access method) of a class or a family."""
    name, method = own_name(address)
    return name, method.removeprefix(USING)


def name_of(address: Address) -> str:
    """`schema.name USING method`."""
    name, method = parts(address)
    return f"{qualified(address.path[0], name)} USING {ident(method)}"


def named_with_method(name: str, place: Place) -> None:
    """Refuse a class or a family whose name does not say its access method."""
    own, found, method = name.rpartition(USING)
    if not (found and own and method):
        raise place.fail(
            f"{name!r} does not say for which access method", f"write '{name} using btree', or which one it is"
        )


def alterations(family: str, before: Members, after: Members) -> list[str]:
    """ALTER OPERATOR FAMILY statements from one set of members to another."""
    gone = [removed(m) for m in before if m not in after]
    come = [added(m) for m in after if m not in before]
    found = [f"ALTER OPERATOR FAMILY {family} DROP\n    " + ",\n    ".join(gone)] if gone else []
    return found + ([f"ALTER OPERATOR FAMILY {family} ADD\n    " + ",\n    ".join(come)] if come else [])
