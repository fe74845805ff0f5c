"""Base types: `base_types: {tag: {input: tag_in, output: tag_out}}`, made by functions in C, or the server's own.

What takes or returns the type to make it (its input and output functions) is made between its name and itself, so a
base type is two resources: `shell_type` is the first half and need not be declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row, function_name, not_member
from reconciler.engines.postgres.kinds.shell_type import ShellType
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import name_of
from reconciler.engines.postgres.quoting import literal
from reconciler.engines.postgres.type_names import named, short, type_references
from reconciler.engines.postgres.types import canonical
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Probe

ALIGNMENTS = {"c": "char", "s": "int2", "i": "int4", "d": "double"}
STORAGES = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class BaseType(Resource):
    """Path: (schema, name). Functions are bare in `public` and `pg_catalog`; `length` is in bytes, -1 for variable."""

    input: str = attr(Role.REPLACE)
    output: str = attr(Role.REPLACE)
    length: int = attr(Role.REPLACE, default=-1)
    passed_by_value: bool = attr(Role.REPLACE, default=False)
    alignment: str = attr(Role.REPLACE, default="int4")
    category: str = attr(Role.REPLACE, default="U")
    preferred: bool = attr(Role.REPLACE, default=False)
    default: str | None = attr(Role.REPLACE, default=None)
    element: str = attr(Role.REPLACE, default="")
    delimiter: str = attr(Role.REPLACE, default=",")
    collatable: bool = attr(Role.REPLACE, default=False)
    storage: str = "plain"
    receive: str = ""
    send: str = ""
    typmod_in: str = ""
    typmod_out: str = ""
    analyze: str = ""
    subscript: str = ""


FIXED = tuple("length passed_by_value alignment category preferred default element delimiter collatable".split())
ALTERABLE = ("storage", "receive", "send", "typmod_in", "typmod_out", "analyze", "subscript")
"""What ALTER TYPE … SET changes (13 and later, `subscript` 14)."""
WORDS = ("input", "output", *FIXED, *ALTERABLE)
TAKES = {
    "input": ("cstring", "cstring, oid, integer"),
    "output": ("",),
    "receive": ("internal", "internal, oid, integer"),
    "send": ("",),
    "typmod_in": ("cstring[]",),
    "typmod_out": ("integer",),
    "analyze": ("internal",),
    "subscript": ("internal",),
}
"""What the functions of a type take (CREATE TYPE documentation); an empty text stands for the type itself."""

_NAME = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {
        **dict.fromkeys((*TAKES, "element", "delimiter", "default"), _NAME),
        "length": {"type": ["integer", "string"], "description": "bytes, or variable"},
        "passed_by_value": {"type": "boolean"},
        "alignment": {"enum": list(ALIGNMENTS.values())},
        "storage": {"enum": list(STORAGES.values())},
        "category": {"type": "string", "minLength": 1, "maxLength": 1},
        "preferred": {"type": "boolean"},
        "collatable": {"type": "boolean"},
    },
    "required": ["input", "output"],
}


def lower(name: str, node: Any, place: Place) -> BaseType:
    """The words of CREATE TYPE."""
    said = {w: node[w].removeprefix("public.") if w in TAKES else node[w] for w in WORDS if w in node}
    length = said.get("length", VARIABLE)
    if not isinstance(length, int) and length != VARIABLE:
        raise place.fail(f"a length is a number of bytes or {VARIABLE}, not {length!r}", "say one of them", "length")
    said["length"] = -1 if length == VARIABLE else length
    if "element" in said:
        said["element"] = canonical(said["element"])
    return BaseType(place.address("base_type", name), **said)


def lift(found: BaseType, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"input": found.input, "output": found.output}
    usual = BaseType(found.address, found.input, found.output)
    for word in (*FIXED, *ALTERABLE):
        if getattr(found, word) != getattr(usual, word):
            node[word] = getattr(found, word)
    return node


def query(_version: int) -> str:
    """Base types in scope; how it is subscripted follows from an element."""
    functions = ", ".join(function_name(f"t.typ{c}") for c in ("receive", "send", "modin", "modout", "analyze"))
    return f"""
        SELECT t.oid, n.nspname, t.typname, {function_name("t.typinput")}, {function_name("t.typoutput")},
               t.typlen::int, t.typbyval, t.typalign::text, t.typcategory::text, t.typispreferred, t.typdefault,
               CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) ELSE '' END, t.typdelim::text,
               t.typcollation <> 0, t.typstorage::text, {functions},
               CASE WHEN t.typelem <> 0 THEN '' ELSE {function_name("t.typsubscript")} END
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype = 'b' AND t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
          AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[BaseType]:
    """Rows of `query` → BaseType."""
    for oid, schema, name, *fields in rows:
        said = dict(zip(WORDS, fields, strict=True))
        said |= {"alignment": ALIGNMENTS[said["alignment"]], "storage": STORAGES[said["storage"]]}
        yield BaseType(reader.known("pg_type", oid, reader.address("base_type", schema, name)), **said)


def complete(resources: dict[Address, Resource]) -> None:
    """Add, in place, the first halves of declared base types."""
    for address in [a for a, r in resources.items() if isinstance(r, BaseType)]:
        resources.setdefault(shell_of(address), ShellType(shell_of(address)))


def functions(found: BaseType, catalog: Catalog) -> Iterator[Address]:
    """Its declared functions."""
    own = short(*found.address.path)
    for word, several in TAKES.items():
        said = getattr(found, word)
        schema, name = named(said) if said else ("", "")
        for takes in several if said else ():
            function = found.address.sibling("function", (schema, f"{name}({takes or own})"))
            if function in catalog.resources:
                yield function


def makers(address: Address, catalog: Catalog) -> frozenset[Address]:
    """The functions that a type at this address is made of, where it is a base type."""
    found = catalog.get(address, BaseType) if address.kind == "base_type" else None
    return frozenset(functions(found, catalog)) if found is not None else frozenset()


def shell_of(address: Address) -> Address:
    """The first half of a base type."""
    return address.sibling("shell_type", address.path)


def references(found: BaseType, catalog: Catalog) -> Iterable[Address]:
    """Its name, its functions, and the type of its elements."""
    yield shell_of(found.address)
    yield from functions(found, catalog)
    if found.element:
        yield from type_references(found.address, found.element, catalog)


def _said(found: BaseType, word: str) -> str:
    value = getattr(found, word)
    if word == "length":
        return f"internallength = {value if value >= 0 else VARIABLE}"
    if word == "passed_by_value":
        return "passedbyvalue"
    text = literal(value) if word in ("category", "default", "delimiter") else str(value).lower()
    text = value if word in TAKES or word == "element" else text
    return f"{word} = {text}"


def definition(found: BaseType) -> str:
    """CREATE TYPE."""
    words = ["input", "output", *lift(found, Catalog("", "", {}))]
    clauses = ",\n    ".join(_said(found, w) for w in dict.fromkeys(words))
    return f"CREATE TYPE {name_of(found.address)} (\n    {clauses}\n)"


def create(change: Change[BaseType], _context: Context) -> list[Draft]:
    """No lock on anything that exists; superusers only (CREATE TYPE documentation). No undo: it never is a mere name
    again.
    """
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create base type {'.'.join(change.address.path)}",
            sql(definition(change.desired)),
            done=(Check(change.address),),
            provides=True,
        )
    ]


_USERS = """
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
    WHERE d.refclassid = 'pg_type'::regclass AND d.deptype = 'n' AND d.refobjid = to_regtype({0})
      AND NOT (d.classid = 'pg_proc'::regclass AND EXISTS (
          SELECT FROM pg_depend b WHERE b.classid = 'pg_type'::regclass AND b.objid = d.refobjid
            AND b.refclassid = d.classid AND b.refobjid = d.objid))"""


def drop(change: Change[BaseType], context: Context) -> list[Draft]:
    """It and its functions need each other, so that only CASCADE drops them; nothing else may be left that uses it."""
    name = name_of(change.address)
    gone = ", ".join(a.name for a in functions(change.live, context.live))
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop base type {'.'.join(change.address.path)}" + (f" with {gone}" if gone else ""),
            sql(f"DROP TYPE {name} CASCADE"),
            hazards=(hazard(Code.OLD_READERS, "code that names the type breaks"),),
            probes=(Probe(f"something still uses {name}", _USERS.format(literal(name))),),
            done=(Check(change.address, present=False),),
            removes=True,
        )
    ]


def alter(change: Change[BaseType], context: Context) -> list[Draft]:
    """ALTER TYPE … SET. Raises UnsupportedChange for plain storage, to which there is no way back (AlterType in
    typecmds.c).
    """
    if change.changed("storage") and change.desired.storage == "plain":
        raise UnsupportedChange(
            f"{change.address}: its storage cannot become plain again",
            hint=f"keep storage: {change.live.storage}",
            where=context.desired.origin(change.address),
        )
    lasting = change.changed("storage") and change.live.storage == "plain"

    def statement(before: BaseType, after: BaseType) -> str:
        words = [w for w in ALTERABLE if getattr(before, w) != getattr(after, w)]
        said = ", ".join(f"{w} = {getattr(after, w) or 'NONE'}" for w in words)
        return f"ALTER TYPE {name_of(after.address)} SET ({said})"

    return [
        Draft(
            "alter",
            Phase.CONTRACT,
            f"change base type {'.'.join(change.address.path)}",
            sql(statement(change.live, change.desired)),
            hazards=(hazard(Code.OLD_READERS, "values are stored, sent or received in another way"),),
            done=became(change),
            undo=None if lasting else (sql(statement(change.desired, change.live)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="base_type",
    resource=BaseType,
    section="base_types",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    rules=(rule(*ALTERABLE, emit=alter),),
    prepares=definition,
    parent="schema",
    order=36,
    top=True,
)
