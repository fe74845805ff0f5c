"""How an aggregate is declared and read: the words of CREATE AGGREGATE, the columns of pg_aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import routine_arguments as arguments
from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.routine_arguments import ARGUMENTS, Argument, plain_type
from reconciler.engines.postgres.routine_parts import OURS, PARALLEL
from reconciler.model.kind import Place
from reconciler.model.resource import Resource

KINDS = {"n": "normal", "o": "ordered_set", "h": "hypothetical"}
MODIFY = {"r": "read_only", "s": "shareable", "w": "read_write"}


@dataclass(frozen=True, slots=True)
class Aggregate(Resource):
    """Path: (schema, name(types)). The first `direct` arguments of an ordered-set aggregate stand before ORDER BY.

    Names of functions and operators are bare in `public` and `pg_catalog`; empty where there is none. A start value may
    be the empty text, so none is None.
    """

    sfunc: str
    stype: str
    arguments: tuple[Argument, ...] = ()
    kind: str = "normal"
    direct: int = 0
    sspace: int = 0
    finalfunc: str = ""
    finalfunc_extra: bool = False
    finalfunc_modify: str = "read_only"
    combinefunc: str = ""
    serialfunc: str = ""
    deserialfunc: str = ""
    initcond: str | None = None
    msfunc: str = ""
    minvfunc: str = ""
    mstype: str = ""
    msspace: int = 0
    mfinalfunc: str = ""
    mfinalfunc_extra: bool = False
    mfinalfunc_modify: str = "read_only"
    minitcond: str | None = None
    sortop: str = ""
    parallel: str = "unsafe"


FUNCTIONS = (
    *("sfunc", "finalfunc", "combinefunc", "serialfunc", "deserialfunc"),
    *("msfunc", "minvfunc", "mfinalfunc"),
)
TEXTS = (*FUNCTIONS, "stype", "mstype", "sortop")
_NAME = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {
        "arguments": ARGUMENTS,
        "kind": {"enum": ["ordered_set", "hypothetical"]},
        "direct": {"type": "integer", "minimum": 0, "description": "how many arguments stand before ORDER BY"},
        **dict.fromkeys(TEXTS, _NAME),
        **{w: {"type": "integer", "minimum": 0} for w in ("sspace", "msspace")},
        **{w: {"type": "boolean"} for w in ("finalfunc_extra", "mfinalfunc_extra")},
        **{w: {"enum": list(MODIFY.values())} for w in ("finalfunc_modify", "mfinalfunc_modify")},
        **{w: {"type": "string"} for w in ("initcond", "minitcond")},
        "parallel": {"enum": list(PARALLEL.values())},
    },
    "required": ["sfunc", "stype"],
}


def usual_modify(kind: str) -> str:
    """What final functions do to the state where nothing is said."""
    return "read_only" if kind == "normal" else "read_write"


def lower(name: str, node: Mapping[str, Any], place: Place) -> Aggregate:
    """The words of CREATE AGGREGATE."""
    own, found = arguments.named("" if name.endswith("(*)") else name, node.get("arguments"), place)
    kind = node.get("kind", "normal")
    said = {w: node[w] for w in Aggregate.__dataclass_fields__ if w in node and w not in ("arguments", "stype")}
    said.setdefault("finalfunc_modify", usual_modify(kind))
    said.setdefault("mfinalfunc_modify", usual_modify(kind))
    if "mstype" in said:
        said["mstype"] = plain_type(said["mstype"])
    path = arguments.component(own or name.removesuffix("(*)"), found)
    return Aggregate(place.address("aggregate", path), arguments=found, stype=plain_type(node["stype"]), **said)


def lift(aggregate: Aggregate, _catalog: Any) -> Any:
    """What differs from the defaults of CREATE AGGREGATE."""
    node: dict[str, Any] = {}
    said = arguments.lift(aggregate.arguments)
    if said is not None:
        node["arguments"] = said
    for word, definition in Aggregate.__dataclass_fields__.items():
        value = getattr(aggregate, word)
        usual = usual_modify(aggregate.kind) if word.endswith("_modify") else definition.default
        if word not in ("address", "arguments") and value != usual:
            node[word] = value
    order = ("arguments", "kind", "direct", "sfunc", "stype")
    return {w: node[w] for w in order if w in node} | {w: v for w, v in node.items() if w not in order}


def _function(column: str) -> str:
    return f"""CASE WHEN g.{column}::oid <> 0 THEN (
            SELECT CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
                   || quote_ident(f.proname)
            FROM pg_proc f JOIN pg_namespace s ON s.oid = f.pronamespace WHERE f.oid = g.{column}) ELSE '' END"""


_COLUMNS = {
    "sfunc": _function("aggtransfn"),
    "stype": "format_type(g.aggtranstype, NULL)",
    "kind": "g.aggkind::text",
    "direct": "g.aggnumdirectargs",
    "sspace": "g.aggtransspace",
    "finalfunc": _function("aggfinalfn"),
    "finalfunc_extra": "g.aggfinalextra",
    "finalfunc_modify": "g.aggfinalmodify::text",
    "combinefunc": _function("aggcombinefn"),
    "serialfunc": _function("aggserialfn"),
    "deserialfunc": _function("aggdeserialfn"),
    "initcond": "g.agginitval",
    "msfunc": _function("aggmtransfn"),
    "minvfunc": _function("aggminvtransfn"),
    "mstype": "CASE WHEN g.aggmtranstype <> 0 THEN format_type(g.aggmtranstype, NULL) ELSE '' END",
    "msspace": "g.aggmtransspace",
    "mfinalfunc": _function("aggmfinalfn"),
    "mfinalfunc_extra": "g.aggmfinalextra",
    "mfinalfunc_modify": "g.aggmfinalmodify::text",
    "minitcond": "g.aggminitval",
    "sortop": """CASE WHEN g.aggsortop <> 0 THEN (
            SELECT CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
                   || o.oprname
            FROM pg_operator o JOIN pg_namespace s ON s.oid = o.oprnamespace WHERE o.oid = g.aggsortop) ELSE '' END""",
    "parallel": "p.proparallel::text",
}
_WORDS = {"kind": KINDS, "finalfunc_modify": MODIFY, "mfinalfunc_modify": MODIFY, "parallel": PARALLEL}


def query(_version: int) -> str:
    """Aggregates in scope."""
    return f"""
        SELECT p.oid, n.nspname, p.proname, p.proargnames, p.proargmodes::text[],
               ARRAY(SELECT format_type(t, NULL) FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
                     WITH ORDINALITY u (t, i) ORDER BY i),
               {", ".join(_COLUMNS.values())}
        FROM pg_aggregate g JOIN pg_proc p ON p.oid = g.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.pronamespace = ANY (%(namespaces)s) AND {OURS}
        ORDER BY n.nspname, p.proname, p.oid"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Aggregate]:
    """Rows of `query` → Aggregate."""
    for oid, schema, name, names, modes, types, *rest in rows:
        found = arguments.read(names, types, modes)
        address = reader.known("pg_proc", oid, reader.address("aggregate", schema, arguments.component(name, found)))
        said: dict[str, Any] = {w: _WORDS[w][v] if w in _WORDS else v for w, v in zip(_COLUMNS, rest, strict=True)}
        yield Aggregate(address, arguments=found, **said)
