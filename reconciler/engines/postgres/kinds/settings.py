"""Settings of the database, for all roles or one: `settings: {all: {work_mem: 8MB}, app: {statement_timeout: 5s}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.generic_options import SECRET, is_secret
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.engines.postgres.routine_changes import dollar_quoted, setting, spelled
from reconciler.engines.postgres.routine_parts import setting_text
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase

ALL = "all"
HINT = "set it on the server by hand"
Values = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Settings(Resource):
    """Path: (role,), `all` for every role. `values` are sorted by name, as SHOW writes them."""

    values: Values = ()


SPEC = {
    "type": "object",
    "description": "what SET would take, by name",
    "minProperties": 1,
    "properties": {},
    "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
}


def lower(name: str, node: Any, place: Place) -> Settings:
    """A mapping of settings. Raises for those whose names say that they are secrets: they stay as they are."""
    for setting_name in node:
        if is_secret(setting_name):
            raise place.fail(f"{setting_name} is a secret, which has no place in a declaration", HINT, setting_name)
    said = ((n, setting_text(v)) for n, v in node.items())
    return Settings(place.address("settings", name), tuple(sorted((n, spelled(n, v)) for n, v in said)))


def lift(settings: Settings, _catalog: Catalog) -> Any:
    """The same."""
    return dict(settings.values)


def query(_version: int) -> str:
    """What ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET left for this database."""
    return f"""
        SELECT CASE s.setrole WHEN 0 THEN '{ALL}' ELSE pg_get_userbyid(s.setrole) END,
               ARRAY(SELECT o FROM unnest(s.setconfig) o WHERE split_part(o, '=', 1) !~* {literal(SECRET.pattern)})
        FROM pg_db_role_setting s
        WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) ORDER BY 1"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Settings]:
    """Rows of `query` → Settings."""
    for name, said in rows:
        pairs = (s.partition("=") for s in said)
        values = tuple(sorted((n, v) for n, _, v in pairs))
        if values:
            yield Settings(Address(reader.service, "postgres", "settings", (name,)), values)


def _statements(address: Address, before: Values, after: Values) -> list[str]:
    """Through current_database(), so that a plan says the same about every database, a scratch one included."""
    old, new = dict(before), dict(after)
    actions = [f"RESET {ident(n)}" for n in old if n not in new]
    actions += [f"SET {ident(n)} TO {setting(n, v)}" for n, v in after if old.get(n) != v]
    whom = "ALTER DATABASE %I" if address.name == ALL else f"ALTER ROLE {_escaped(ident(address.name))} IN DATABASE %I"
    return [_executed(f"{whom} {_escaped(action)}") for action in actions]


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _executed(statement: str) -> str:
    return "DO " + dollar_quoted(f"BEGIN EXECUTE format({literal(statement)}, current_database()); END")


def _draft(change: Change[Settings], verb: str, done: tuple[Check, ...]) -> Draft:
    before = change.before.values if change.before is not None else ()
    after = change.after.values if change.after is not None else ()
    names = ", ".join(sorted(n for n, _ in {*before} ^ {*after}))
    whose = "every role" if change.address.name == ALL else f"role {change.address.name}"
    return Draft(
        verb,
        Phase.CONTRACT,
        f"{verb} settings of {whose} in this database: {', '.join(dict.fromkeys(names.split(', ')))}",
        sql(*_statements(change.address, before, after)),
        hazards=(hazard(Code.OLD_READERS, "sessions that begin from then on run under other settings"),),
        done=done,
        undo=(sql(*_statements(change.address, after, before)),),
        provides=change.after is not None,
    )


def create(change: Change[Settings], _context: Context) -> list[Draft]:
    """No lock that anybody waits for; sessions that are there go on as they are (ALTER DATABASE documentation)."""
    return [_draft(change, "make", (Check(change.address),))]


def drop(change: Change[Settings], _context: Context) -> list[Draft]:
    """RESET of each: what the server or the role says holds again."""
    return [_draft(change, "reset", (Check(change.address, present=False),))]


def alter(change: Change[Settings], _context: Context) -> list[Draft]:
    """SET and RESET of what differs."""
    return [_draft(change, "change", became(change))]


KIND = PgKind(
    name="settings",
    resource=Settings,
    section="settings",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=create,
    drop=drop,
    rules=(rule("values", emit=alter),),
    order=97,
)
