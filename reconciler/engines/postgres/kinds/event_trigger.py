"""Event triggers: `event_triggers: {log_ddl: {event: ddl_command_end, execute: audit.log_ddl}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.engines.postgres.trigger_parts import ENABLING, STATES
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase


@dataclass(frozen=True, slots=True)
class EventTrigger(Resource):
    """Path: (name,). It belongs to the database. `function` is bare in `public`."""

    event: str = attr(Role.REPLACE)
    function: str = attr(Role.REPLACE)
    tags: tuple[str, ...] = attr(Role.REPLACE, default=())
    state: str = "enabled"


SPEC = {
    "type": "object",
    "properties": {
        "event": {"enum": ["ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite", "login"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "execute": {"type": "string", "minLength": 1, "description": "the function, without arguments"},
        "state": {"enum": list(ENABLING)},
    },
    "required": ["event", "execute"],
}


def lower(name: str, node: Any, place: Place) -> EventTrigger:
    """The words of CREATE EVENT TRIGGER."""
    return EventTrigger(
        place.address("event_trigger", name),
        node["event"],
        node["execute"].removesuffix("()").removeprefix("public."),
        tuple(t.upper() for t in node.get("tags", ())),
        node.get("state", "enabled"),
    )


def lift(trigger: EventTrigger, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"event": trigger.event}
    if trigger.tags:
        node["tags"] = list(trigger.tags)
    node["execute"] = trigger.function
    if trigger.state != "enabled":
        node["state"] = trigger.state
    return node


def query(_version: int) -> str:
    """Event triggers of the database."""
    return f"""
        SELECT v.oid, v.evtname, v.evtevent,
               CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
               || quote_ident(p.proname), v.evttags, v.evtenabled::text
        FROM pg_event_trigger v JOIN pg_proc p ON p.oid = v.evtfoid JOIN pg_namespace s ON s.oid = p.pronamespace
        WHERE {not_member("pg_event_trigger", "v.oid")}
        ORDER BY v.evtname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[EventTrigger]:
    """Rows of `query` → EventTrigger."""
    for oid, name, event, function, tags, state in rows:
        address = reader.known("pg_event_trigger", oid, Address(reader.service, "postgres", "event_trigger", (name,)))
        yield EventTrigger(address, event, function, tuple(tags or ()), STATES[state])


def references(trigger: EventTrigger, catalog: Catalog) -> Iterable[Address]:
    """Its function."""
    schema, name = named(trigger.function)
    function = trigger.address.sibling("function", (schema, f"{name}()"))
    if function in catalog.resources:
        yield function


def statements(trigger: EventTrigger) -> tuple[str, ...]:
    """The event trigger in its state."""
    tags = f" WHEN TAG IN ({', '.join(map(literal, trigger.tags))})" if trigger.tags else ""
    name = ident(trigger.address.name)
    made = f"CREATE EVENT TRIGGER {name} ON {trigger.event}{tags} EXECUTE FUNCTION {trigger.function}()"
    return (made,) if trigger.state == "enabled" else (made, _enabling(trigger))


def _enabling(trigger: EventTrigger) -> str:
    return f"ALTER EVENT TRIGGER {ident(trigger.address.name)} {ENABLING[trigger.state]}"


def _dropping(trigger: EventTrigger) -> str:
    return f"DROP EVENT TRIGGER {ident(trigger.address.name)}"


def create(change: Change[EventTrigger], _context: Context) -> list[Draft]:
    """Superusers only (CREATE EVENT TRIGGER documentation)."""
    return [
        created(
            change, f"event trigger {change.address.name}", *statements(change.desired), drop=_dropping(change.desired)
        )
    ]


def drop(change: Change[EventTrigger], _context: Context) -> list[Draft]:
    """Instant."""
    return [
        dropped(
            change,
            f"event trigger {change.address.name}",
            _dropping(change.live),
            *statements(change.live),
            hazards=(hazard(Code.LOOSENS, f"{change.live.function} no longer runs at {change.live.event}"),),
        )
    ]


rebuild = made_anew(create, drop)
"""Nothing but its state can be altered."""


def disturbs(change: Change[EventTrigger]) -> Disturbance:
    """Its comment and its owner come again with it."""
    return Disturbance.DROPS if change.forced or change.changed("event", "function", "tags") else Disturbance.NONE


def set_state(change: Change[EventTrigger], _context: Context) -> list[Draft]:
    """ENABLE or DISABLE."""
    new, old = change.desired, change.live
    off = new.state == "disabled"
    return [
        Draft(
            "state",
            Phase.CONTRACT if off else Phase.EXPAND,
            f"make event trigger {change.address.name} {new.state}",
            sql(_enabling(new)),
            hazards=(hazard(Code.LOOSENS, f"{new.function} no longer runs at {new.event}"),) if off else (),
            done=became(change),
            undo=(sql(_enabling(old)),),
        )
    ]


KIND = PgKind(
    name="event_trigger",
    resource=EventTrigger,
    section="event_triggers",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    disturbs=disturbs,
    rules=(rule("state", emit=set_state),),
    order=95,
)
