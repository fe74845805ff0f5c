"""Triggers of tables and of views: declaration, catalogs, recipes. Rows 74 and 75 of the online catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    DEFERRABLE,
    lift_deferrable,
    lower_deferrable,
    table_name,
    table_path,
)
from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.quoting import columns, ident, literal, qualified
from reconciler.engines.postgres.table_parts import path_of, short_of
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Place
from reconciler.model.resource import Resource

TIMINGS = ("before", "after", "instead_of")
EVENTS = {"insert": 4, "delete": 8, "update": 16, "truncate": 32}
"""Bits of pg_trigger.tgtype (catalog/pg_trigger.h), in the order in which the server writes them."""
ROW, BEFORE, INSTEAD = 1, 2, 64
STATES = {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"}
ENABLING = {"enabled": "ENABLE", "disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}


@dataclass(frozen=True, slots=True)
class AnyTrigger(Resource):
    """Path: (schema, relation, name). `function` is bare in `public`; `of` are the columns of UPDATE OF."""

    function: str
    timing: str
    events: tuple[str, ...]
    of: tuple[str, ...] = ()
    row: bool = False
    when: Expr | None = None
    arguments: tuple[str, ...] = ()
    old_table: str = ""
    new_table: str = ""
    constraint: bool = False
    source: tuple[str, str] | None = None
    deferrable: bool = False
    deferred: bool = False
    state: str = "enabled"


T = TypeVar("T", bound=AnyTrigger)

_EVENTS = {"type": "array", "items": {"enum": list(EVENTS)}, "minItems": 1, "uniqueItems": True}
_NAME = {"type": "string", "minLength": 1}
SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(TIMINGS, _EVENTS),
        "of": {**COLUMNS, "description": "columns of UPDATE OF"},
        "for_each": {"enum": ["row", "statement"]},
        "when": {"type": "string", "minLength": 1},
        "execute": {"type": "string", "minLength": 1, "description": "the function, without arguments"},
        "arguments": {"type": "array", "items": {"type": "string"}},
        "old_table": _NAME,
        "new_table": _NAME,
        "constraint": {"type": "boolean"},
        "from": {"type": "string", "description": "another table, for constraint triggers"},
        "deferrable": DEFERRABLE,
        "state": {"enum": list(ENABLING)},
    },
    "required": ["execute"],
    "oneOf": [{"required": [timing]} for timing in TIMINGS],
}


def lower_fields(node: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The fields of a trigger but its address."""
    timing = next(t for t in TIMINGS if t in node)
    if "of" in node and "update" not in node[timing]:
        raise place.fail("columns are named, but the trigger is not for update", "add update, or leave 'of' out", "of")
    deferrable, deferred = lower_deferrable(node)
    return {
        "function": node["execute"].removesuffix("()").removeprefix("public."),
        "timing": timing,
        "events": tuple(e for e in EVENTS if e in node[timing]),
        "of": tuple(node.get("of", ())),
        "row": node.get("for_each") == "row",
        "when": Expr(node["when"]) if "when" in node else None,
        "arguments": tuple(node.get("arguments", ())),
        "old_table": node.get("old_table", ""),
        "new_table": node.get("new_table", ""),
        "constraint": bool(node.get("constraint", False)),
        "source": path_of(node["from"], "public") if "from" in node else None,
        "deferrable": deferrable,
        "deferred": deferred,
        "state": node.get("state", "enabled"),
    }


def lift_fields(trigger: AnyTrigger) -> dict[str, Any]:
    """The inverse, defaults left out."""
    node: dict[str, Any] = {"constraint": True} if trigger.constraint else {}
    node[trigger.timing] = list(trigger.events)
    if trigger.of:
        node["of"] = list(trigger.of)
    if trigger.source is not None:
        node["from"] = short_of(trigger.source, "public")
    node |= lift_deferrable(trigger.deferrable, trigger.deferred)
    node |= {word: getattr(trigger, word) for word in ("old_table", "new_table") if getattr(trigger, word)}
    if trigger.row:
        node["for_each"] = "row"
    if trigger.when is not None:
        node["when"] = trigger.when.source
    node["execute"] = trigger.function
    if trigger.arguments:
        node["arguments"] = list(trigger.arguments)
    if trigger.state != "enabled":
        node["state"] = trigger.state
    return node


def query(relations: str) -> str:
    """Triggers that people made on relations of these relkinds; copies on partitions belong to the parent's."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, g.tgname, g.tgtype, g.tgattr::int2[], g.tgargs, g.tgnargs,
               CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
               || quote_ident(p.proname),
               CASE WHEN g.tgqual IS NOT NULL THEN pg_get_triggerdef(g.oid) END,
               coalesce(g.tgoldtable, ''), coalesce(g.tgnewtable, ''), g.tgconstraint <> 0, fn.nspname, f.relname,
               g.tgdeferrable, g.tginitdeferred, g.tgenabled::text,
               ARRAY(SELECT a.attname FROM unnest(g.tgattr::int2[]) WITH ORDINALITY u (number, i)
                     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number ORDER BY i)
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace s ON s.oid = p.pronamespace
        LEFT JOIN pg_class f ON f.oid = g.tgconstrrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
        WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND c.relkind IN ({relations})
          AND c.relnamespace = ANY (%(namespaces)s)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_trigger'::regclass AND e.objid = g.oid
                          AND e.deptype = 'e')
        ORDER BY n.nspname, c.relname, g.tgname"""


def read_fields(row: Row) -> dict[str, Any]:
    """The fields of a row of `query`, from tgtype on."""
    kind, _numbers, arguments, count, function, text, old, new, constraint, schema, table, *rest = row
    deferrable, deferred, state, of = rest
    timing = "before" if kind & BEFORE else "instead_of" if kind & INSTEAD else "after"
    return {
        "function": function,
        "timing": timing,
        "events": tuple(e for e, bit in EVENTS.items() if kind & bit),
        "of": tuple(of),
        "row": bool(kind & ROW),
        "when": Expr.live(condition(text)) if text is not None else None,
        "arguments": tuple(a.decode(errors="replace") for a in bytes(arguments).split(b"\0")[:count]),
        "old_table": old,
        "new_table": new,
        "constraint": constraint,
        "source": (schema, table) if table else None,
        "deferrable": deferrable,
        "deferred": deferred,
        "state": STATES[state],
    }


def read_known(rows: Iterable[Row], reader: Reader, relation: str) -> Iterable[tuple[Address, dict[str, Any]]]:
    """(path of the relation and the trigger's name, fields) of the triggers whose relation was read."""
    for oid, _schema, _table, name, *rest in rows:
        holder = reader.object("pg_class", oid, 0)
        if holder is not None and holder.kind == relation:
            yield holder.sibling(relation, (*holder.path, name)), read_fields(rest)


def condition(text: str) -> str:
    """What stands in the parentheses of WHEN in a CREATE TRIGGER that the server wrote.

    pg_get_expr cannot show it, since it is about two rows, OLD and NEW.
    """
    start = next(i for i in _outside(text, 0) if text.startswith(" WHEN (", i)) + len(" WHEN (")
    depth = 1
    for i in _outside(text, start):
        depth += (text[i] == "(") - (text[i] == ")")
        if not depth:
            return text[start:i]
    return text[start:]


def _outside(text: str, start: int) -> Iterable[int]:
    """Positions outside quotes."""
    quote = ""
    for i in range(start, len(text)):
        char = text[i]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        else:
            yield i


def definition(trigger: AnyTrigger, relation: str = "", how: str = "CREATE") -> str:
    """CREATE [OR REPLACE] [CONSTRAINT] TRIGGER."""
    of = f"UPDATE OF {columns(trigger.of)[1:-1]}" if trigger.of else "UPDATE"
    events = [of if e == "update" else e.upper() for e in trigger.events]
    constraint = "CONSTRAINT " if trigger.constraint else ""
    timing = trigger.timing.upper().replace("_", " ")
    parts = [f"{how} {constraint}TRIGGER {ident(trigger.address.name)} {timing} {' OR '.join(events)}"]
    parts.append(f"ON {relation or table_name(trigger.address)}")
    if trigger.source is not None:
        parts.append(f"FROM {qualified(*trigger.source)}")
    if trigger.deferrable:
        parts.append("DEFERRABLE" + (" INITIALLY DEFERRED" if trigger.deferred else ""))
    transition = [f"{w} TABLE AS {ident(n)}" for w, n in (("OLD", trigger.old_table), ("NEW", trigger.new_table)) if n]
    if transition:
        parts.append("REFERENCING " + " ".join(transition))
    parts.append("FOR EACH ROW" if trigger.row else "FOR EACH STATEMENT")
    if trigger.when is not None:
        parts.append(f"WHEN ({trigger.when.source})")
    return " ".join([*parts, f"EXECUTE FUNCTION {trigger.function}({', '.join(map(literal, trigger.arguments))})"])


def enabling(trigger: AnyTrigger, relation: str = "") -> str:
    """ALTER TABLE … ENABLE TRIGGER and its like; views are altered as tables are."""
    holder = relation or table_name(trigger.address)
    return f"ALTER TABLE {holder} {ENABLING[trigger.state]} TRIGGER {ident(trigger.address.name)}"


def statements(trigger: AnyTrigger, relation: str = "", how: str = "CREATE") -> tuple[str, ...]:
    """The trigger in its state."""
    made = definition(trigger, relation, how)
    return (made,) if trigger.state == "enabled" else (made, enabling(trigger, relation))


def dropping(trigger: AnyTrigger) -> str:
    """DROP TRIGGER."""
    return f"DROP TRIGGER {ident(trigger.address.name)} ON {table_name(trigger.address)}"


def relation_path(trigger: AnyTrigger) -> tuple[str, str]:
    """(schema, relation)."""
    return table_path(trigger.address)
