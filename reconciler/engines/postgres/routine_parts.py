"""What functions and procedures are: their attributes, their declaration, how the catalogs keep them.

Attributes and their defaults: CREATE FUNCTION documentation, pg_proc.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import routine_arguments as arguments
from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.routine_arguments import ARGUMENTS, Argument, plain_type
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Place
from reconciler.model.resource import Resource

VOLATILITY = {"v": "volatile", "s": "stable", "i": "immutable"}
PARALLEL = {"u": "unsafe", "r": "restricted", "s": "safe"}
COMPILED = ("c", "internal")
"""Languages whose functions cost 1 by default; all others 100."""


@dataclass(frozen=True, slots=True)
class Routine(Resource):
    """Path: (schema, name(types)). `body` is the text between the quotes, kept to the character; `sql_body` is the
    SQL-standard one, which the server parses. `library` is the file of a C function, `settings` what SET says.
    """

    language: str
    arguments: tuple[Argument, ...] = ()
    body: str = ""
    sql_body: Expr | None = None
    library: str = ""
    security_definer: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    transforms: tuple[str, ...] = ()

    @property
    def body_digest(self) -> str:
        """What a plan says of the body instead of repeating it."""
        return hashlib.sha256(self.body.encode()).hexdigest()[:16]


BODY: dict[str, Any] = {"type": "string", "description": "the text, or the name of an .sql file beside the declaration"}
SPEC: dict[str, Any] = {
    "arguments": ARGUMENTS,
    "language": {"type": "string", "minLength": 1},
    "body": BODY,
    "sql_body": {**BODY, "description": "RETURN … or BEGIN ATOMIC … END, or the name of an .sql file"},
    "library": {"type": "string", "description": "the object file of a C function; the body is the symbol in it"},
    "security": {"enum": ["definer", "invoker"]},
    "set": {"type": "object", "additionalProperties": {"type": ["string", "integer", "number", "boolean"]}},
    "transforms": {"type": "array", "items": {"type": "string"}, "minItems": 1},
}


def lower_routine(name: str, node: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any]]:
    """(path component, fields that functions and procedures share)."""
    own, found = arguments.named(name, node.get("arguments"), place)
    if ("body" in node) == ("sql_body" in node):
        raise place.fail("a routine has a body or an sql_body", "write one of them")
    if "language" not in node and "body" in node:
        raise place.fail("the language is missing", "say language: sql, plpgsql or another")
    language = node.get("language", "sql")
    fields = {
        "language": language.lower() if language.isupper() else language,
        "arguments": found,
        "body": node.get("body", ""),
        "sql_body": Expr(node["sql_body"].strip().removesuffix(";")) if "sql_body" in node else None,
        "library": node.get("library", ""),
        "security_definer": node.get("security") == "definer",
        "settings": tuple((k, setting_text(v)) for k, v in node.get("set", {}).items()),
        "transforms": tuple(map(plain_type, node.get("transforms", ()))),
    }
    return arguments.component(own, found), fields


def setting_text(value: Any) -> str:
    """The value of a setting as text."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def lift_routine(routine: Routine) -> dict[str, Any]:
    """What a routine says beyond its name, the body left for the end."""
    node: dict[str, Any] = {}
    said = arguments.lift([a for a in routine.arguments if a.mode != "table"])
    if said is not None:
        node["arguments"] = said
    if routine.sql_body is None or routine.language != "sql":
        node["language"] = routine.language
    if routine.security_definer:
        node["security"] = "definer"
    if routine.settings:
        node["set"] = dict(routine.settings)
    if routine.transforms:
        node["transforms"] = list(routine.transforms)
    return node


def lift_body(routine: Routine) -> dict[str, Any]:
    """The body, last because it is long."""
    if routine.sql_body is not None:
        return {"sql_body": routine.sql_body.source}
    return {**({"library": routine.library} if routine.library else {}), "body": routine.body}


COLUMNS = """
    p.oid, n.nspname, p.proname, l.lanname, p.proargnames, p.proargmodes::text[],
    ARRAY(SELECT format_type(t, NULL) FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
          WITH ORDINALITY u (t, i) ORDER BY i),
    CASE WHEN p.pronargdefaults > 0 THEN ARRAY(
        SELECT pg_get_function_arg_default(p.oid, i::int)
        FROM generate_series(1, cardinality(coalesce(p.proallargtypes, p.proargtypes::oid[]))) i ORDER BY i) END,
    p.prosrc, CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid) END, p.probin, p.prosecdef,
    p.proconfig, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.protrftypes) WITH ORDINALITY u (t, i) ORDER BY i)"""
OURS = """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid
                AND e.deptype IN ('e', 'i'))"""
"""No member of an extension, and none that the server made itself, such as the constructors of a range type."""


def query(columns: str, kinds: str) -> str:
    """Routines in scope of these values of prokind."""
    return f"""
        SELECT {COLUMNS}, {columns}
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE p.prokind IN ({kinds}) AND p.pronamespace = ANY (%(namespaces)s) AND {OURS}
        ORDER BY n.nspname, p.proname, p.oid"""


def read_routine(row: Row, kind: str, reader: Reader) -> tuple[Address, dict[str, Any]]:
    """(address, fields that functions and procedures share) of a row of `query`."""
    oid, schema, name, language, names, modes, types, defaults, body, sql_body, library, definer, settings, trf = row
    found = arguments.read(names, types, modes, defaults)
    address = reader.address(kind, schema, arguments.component(name, found))
    fields = {
        "language": language,
        "arguments": found,
        "body": body if sql_body is None else "",
        "sql_body": Expr.live(sql_body) if sql_body is not None else None,
        "library": library or "",
        "security_definer": definer,
        "settings": tuple((s.partition("=")[0], s.partition("=")[2]) for s in settings or ()),
        "transforms": tuple(trf),
    }
    return reader.known("pg_proc", oid, address), fields


def output_row(found: Iterable[Argument]) -> tuple[tuple[str, str], ...]:
    """Names and types of the columns that a routine returns; no row where it is a single value."""
    row = tuple((a.name, a.type) for a in arguments.outputs(found))
    return row if len(row) > 1 else ()
