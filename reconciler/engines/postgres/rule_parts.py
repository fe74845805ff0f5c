"""What rules of tables and of views share: the words, how they are read, how they change (row 75)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.kind import Reader, Row
from reconciler.engines.postgres.locks import ROW_EXCLUSIVE, access_exclusive, lock
from reconciler.engines.postgres.mentions import RELATIONS, mentioned
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Lock, Phase

STATES = {"O": "origin", "D": "disabled", "R": "replica", "A": "always"}
_SET = {"origin": "ENABLE", "disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
_TARGET = re.compile(
    r"""(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?((?:[\w$.]|"(?:[^"]|"")*")+)""", re.IGNORECASE
)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\bDO\b""")


@dataclass(frozen=True, slots=True)
class AnyRule(Resource):
    """Path: (schema, relation, name). `do` is a command, several in parentheses, or NOTHING."""

    event: str
    do: Expr
    where: Expr | None = None
    instead: bool = False
    state: str = "origin"


DEFINITION = ("event", "do", "where", "instead")
SPELLED = frozenset({"do", "where"})
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["on", "do"],
    "properties": {
        "on": {"enum": ["insert", "update", "delete"]},
        "where": {"type": "string", "minLength": 1},
        "do": {"type": "string", "minLength": 1, "description": "a command, several in parentheses, or NOTHING"},
        "instead": {"type": "boolean", "description": "instead of what was asked for, not also"},
        "state": {"enum": list(STATES.values())},
    },
}


def lower_fields(node: Any) -> dict[str, Any]:
    """The words of CREATE RULE."""
    return {
        "event": node["on"],
        "do": Expr(node["do"].strip().rstrip(";").rstrip()),
        "where": Expr(node["where"]) if "where" in node else None,
        "instead": bool(node.get("instead", False)),
        "state": node.get("state", "origin"),
    }


def lift_fields(rule: AnyRule) -> dict[str, Any]:
    """What differs from the defaults of CREATE RULE."""
    node: dict[str, Any] = {"on": rule.event}
    if rule.where is not None:
        node["where"] = rule.where.source
    if rule.instead:
        node["instead"] = True
    node["do"] = rule.do.source
    if rule.state != "origin":
        node["state"] = rule.state
    return node


def query(relkinds: str) -> str:
    """Rules of these kinds of relations but those that make a view; their text without the part before it."""
    return f"""
        SELECT w.ev_class, w.rulename, w.ev_type::text, w.is_instead, w.ev_enabled::text, w.ev_qual::text <> '<>',
               substr(d.text, 1 + length(CASE WHEN starts_with(d.text, h.head || quote_ident(n.nspname) || '.')
                      THEN h.head || quote_ident(n.nspname) ELSE h.head || 'pg_temp' END)
                      + 1 + length(quote_ident(c.relname)))
        FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (SELECT pg_get_ruledef(w.oid)) d (text)
        CROSS JOIN LATERAL (SELECT format(E'CREATE RULE %%I AS\\n    ON %%s TO ', w.rulename,
                            (ARRAY['UPDATE', 'INSERT', 'DELETE'])[w.ev_type::text::int - 1])) h (head)
        WHERE w.rulename <> '_RETURN' AND c.relkind IN ({relkinds}) AND c.relnamespace = ANY (%(namespaces)s)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                          AND e.deptype = 'e')
        ORDER BY n.nspname, c.relname, w.rulename"""


def read_fields(rows: Iterable[Row], reader: Reader) -> Iterator[tuple[Address, dict[str, Any]]]:
    """Rows of `query` → (the relation's address with the rule's name, fields)."""
    for relation, name, event, instead, state, conditional, text in rows:
        holder = reader.object("pg_class", relation, 0)
        if holder is None:
            continue
        where, action = _parts(text, conditional)
        yield (
            holder.sibling(holder.kind, (*holder.path, name)),
            {
                "event": {"2": "update", "3": "insert", "4": "delete"}[event],
                "do": Expr.live(action),
                "where": Expr.live(where) if where else None,
                "instead": instead,
                "state": STATES[state],
            },
        )


def _parts(text: str, conditional: bool) -> tuple[str, str]:
    """(condition, action) of `WHERE … DO [INSTEAD] …;`. DO is a reserved word, so the first one outside quotes and
    parentheses ends the condition.
    """
    depth, end = 0, 0
    for token in _TOKEN.finditer(text):
        if token.group() in ("(", ")"):
            depth += 1 if token.group() == "(" else -1
        elif token.group() == "DO" and not depth:
            end = token.start()
            break
    where = text[:end].strip().removeprefix("WHERE").strip() if conditional else ""
    action = text[end + len("DO") :].strip().rstrip(";").strip()
    return where, action.removeprefix("INSTEAD").strip()


def definition(rule: AnyRule, create: str = "CREATE RULE", relation: str = "") -> str:
    """CREATE RULE."""
    where = f" WHERE {rule.where.source}" if rule.where else ""
    how = "INSTEAD " if rule.instead else ""
    on = relation or _relation(rule.address)
    head = f"{create} {ident(rule.address.name)} AS ON {rule.event.upper()} TO {on}{where}"
    return f"{head}\n    DO {how}{rule.do.source}"


def temporary(rule: AnyRule) -> str:
    """The rule on the temporary twin of its relation."""
    return definition(rule, relation=f"pg_temp.{ident(rule.address.path[1])}")


def _relation(address: Address) -> str:
    return qualified(address.path[0], address.path[1])


def _state(rule: AnyRule) -> str:
    return f"ALTER TABLE {_relation(rule.address)} {_SET[rule.state]} RULE {ident(rule.address.name)}"


def _whole(rule: AnyRule) -> list[str]:
    return [definition(rule), *([_state(rule)] if rule.state != "origin" else [])]


def _label(address: Address) -> str:
    return f"{address.name} of {address.path[1]}"


def mentions(rule: AnyRule, catalog: Catalog) -> Iterable[Address]:
    """What its condition and its commands may use."""
    return mentioned(f"{rule.where.source if rule.where else ''} {rule.do.source}", catalog)


def _locks(rule: AnyRule, catalog: Catalog) -> tuple[Lock, ...]:
    """Its relation, and what its commands write to, as those commands would lock it."""
    here = (rule.address.path[0], rule.address.path[1])
    named = " ".join(m.group(1) for m in _TARGET.finditer(rule.do.source))
    found = (a.path for a in mentioned(named, catalog, kinds=RELATIONS))
    written = [lock(ROW_EXCLUSIVE, p[0], p[1]) for p in found if p != here]
    return (*access_exclusive(here), *written)


def create(change: Change[Any], context: Context) -> list[Draft]:
    """Instant. Statements of old code do something else from here on, unless the relation is new."""
    rule = change.desired
    holder = "view" if change.address.kind == "view_rule" else "table"
    new = context.creates(change.address.sibling(holder, change.address.path[:2]))
    what = f"{rule.event} on {change.address.path[1]} does something else"
    return [
        Draft(
            "create",
            Phase.EXPAND if new else Phase.CONTRACT,
            f"create rule {_label(change.address)}",
            sql(*_whole(rule)),
            locks=_locks(rule, context.desired),
            hazards=() if new else (hazard(Code.OLD_WRITERS, what),),
            done=(Check(change.address),),
            undo=(sql(f"DROP RULE {ident(change.address.name)} ON {_relation(change.address)}"),),
            provides=True,
        )
    ]


def drop(change: Change[Any], _context: Context) -> list[Draft]:
    """Instant (row 75)."""
    what = f"{change.live.event} on {change.address.path[1]} does something else"
    return [
        dropped(
            change,
            f"rule {_label(change.address)}",
            f"DROP RULE {ident(change.address.name)} ON {_relation(change.address)}",
            *_whole(change.live),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.OLD_WRITERS, what),),
        )
    ]


def rebuild(change: Change[Any], context: Context) -> list[Draft]:
    """Out of the way of a change below it, and back in the same transaction."""
    gone, back = drop(change, context)[0], create(change, context)[0]
    return [
        dataclasses.replace(gone, slot="remove", phase=Phase.EXPAND, hazards=(), done=()),
        dataclasses.replace(back, phase=Phase.EXPAND, hazards=(), done=(*back.done, *became(change))),
    ]


def alter(change: Change[Any], context: Context) -> list[Draft]:
    """CREATE OR REPLACE RULE: never a moment without it."""
    rule, live = change.desired, change.live
    word = "CREATE OR REPLACE RULE"
    states = [_state(rule)] if rule.state != live.state else []
    back = [_state(live)] if rule.state != live.state else []
    return [
        Draft(
            "alter",
            Phase.CONTRACT,
            f"change rule {_label(change.address)}",
            sql(definition(rule, word), *states),
            locks=_locks(rule, context.desired),
            hazards=(hazard(Code.OLD_WRITERS, f"{rule.event} on {change.address.path[1]} does something else"),),
            done=became(change),
            undo=(sql(definition(live, word), *back),),
            provides=True,
        )
    ]


def set_state(change: Change[Any], _context: Context) -> list[Draft]:
    """ENABLE, DISABLE: in which sessions it works."""
    rule = change.desired
    return [
        Draft(
            "state",
            Phase.CONTRACT,
            f"make rule {_label(change.address)} work in state {rule.state}",
            sql(_state(rule)),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.OLD_WRITERS, f"{rule.event} on {change.address.path[1]} does something else"),),
            done=shows(change.address, ("state", rule.state)),
            undo=(sql(_state(change.live)),),
        )
    ]


def defined_otherwise(change: Change[Any], _context: Context) -> bool:
    """More than the state differs."""
    return change.changed(*DEFINITION)
