"""Row level security of a table: `row_level_security: enabled`; `forced` holds for the table's owner too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.constraint_parts import gone_with_table, in_new_table, table_name, table_path
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class RowLevelSecurity(Resource):
    """Path: (schema, table). Not there where both are off."""

    enabled: bool = True
    forced: bool = False


WORDS = {(True, False): "enabled", (True, True): "forced", (False, True): "forced_but_disabled"}
SPEC = {
    "enum": ["enabled", "forced", "forced_but_disabled", "disabled"],
    "description": "enabled, forced (the owner obeys the policies too), forced_but_disabled or disabled",
}


def lower(_name: str, node: Any, place: Place) -> RowLevelSecurity | None:
    """One word; `disabled` is what a table is without any."""
    said = {word: flags for flags, word in WORDS.items()}.get(node)
    return RowLevelSecurity(place.address("row_level_security"), *said) if said else None


def lift(security: RowLevelSecurity, _catalog: Catalog) -> Any:
    """The word."""
    return WORDS[security.enabled, security.forced]


def query(_version: int) -> str:
    """Tables in scope where either is on."""
    return """
        SELECT c.oid, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
        WHERE (c.relrowsecurity OR c.relforcerowsecurity) AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY c.oid"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[RowLevelSecurity]:
    """(table, enabled, forced) → RowLevelSecurity."""
    for table, enabled, forced in rows:
        path = reader.tables.get(table)
        if path is not None:
            yield RowLevelSecurity(reader.address("row_level_security", *path), enabled, forced)


OFF = (False, False)


def _flags(security: RowLevelSecurity | None) -> tuple[bool, bool]:
    return (security.enabled, security.forced) if security is not None else OFF


def _statement(change: Change[RowLevelSecurity], before: tuple[bool, bool], after: tuple[bool, bool]) -> str:
    words = (("DISABLE", "ENABLE"), ("NO FORCE", "FORCE"))
    actions = [
        f"{word[wanted]} ROW LEVEL SECURITY"
        for word, was, wanted in zip(words, before, after, strict=True)
        if was is not wanted
    ]
    return f"ALTER TABLE {table_name(change.address)} {', '.join(actions)}"


def _hazards(change: Change[RowLevelSecurity], before: tuple[bool, bool], after: tuple[bool, bool]) -> Iterable[Hazard]:
    table = ".".join(change.address.path)
    if after[0] > before[0]:
        yield hazard(Code.SECURITY, f"rows of {table} that no policy lets through cannot be seen or changed any more")
    if after[0] < before[0]:
        yield hazard(Code.SECURITY, f"whoever may use {table} sees and changes all its rows; its policies do nothing")
    if after[1] != before[1]:
        yield hazard(Code.SECURITY, f"the owner of {table} {'obeys' if after[1] else 'no longer obeys'} its policies")


def _set(change: Change[RowLevelSecurity], context: Context) -> list[Draft]:
    """Policies come first and enabling last (row 71); disabling comes before policies go, so nobody is shut out."""
    before, after = _flags(change.before), _flags(change.after)
    new = in_new_table(change, context)
    word = lift(change.after, context.desired) if change.after is not None else "disabled"
    there = change.after is not None
    attributes = (("enabled", after[0]), ("forced", after[1])) if there else ()
    return [
        Draft(
            "set",
            Phase.EXPAND if new else Phase.CONTRACT,
            f"set row level security of {'.'.join(change.address.path)} to {word.replace('_', ' ')}",
            sql(_statement(change, before, after)),
            locks=access_exclusive(table_path(change.address)),
            hazards=() if new else tuple(_hazards(change, before, after)),
            done=shows(change.address, *attributes) if there else (Check(change.address, present=False),),
            undo=(sql(_statement(change, after, before)),),
            requires=_policies(change, context) if after[0] else (),
        )
    ]


def _policies(change: Change[RowLevelSecurity], context: Context) -> tuple[Ref, ...]:
    """Changes of the table's policies that leave one there."""
    found = (c for a, c in context.changes.items() if a.kind == "policy" and a.path[:2] == change.address.path)
    return tuple(sorted(Ref(c.address) for c in found if c.action is not Action.DELETE))


def absorbed(change: Change[RowLevelSecurity], context: Context) -> bool:
    """Gone with its table."""
    return gone_with_table(change, context)


def rebuild(change: Change[RowLevelSecurity], context: Context) -> list[Draft]:
    """On a table that comes anew."""
    made = _set(dataclasses.replace(change, action=Action.CREATE, before=None), context)
    return [dataclasses.replace(d, provides=True) for d in made]


KIND = PgKind(
    name="row_level_security",
    resource=RowLevelSecurity,
    section="row_level_security",
    spec=SPEC,
    lower=lower,  # type: ignore[arg-type]  # nothing for what is the default
    lift=lift,
    query=query,
    read=read,
    absorbed=absorbed,
    create=_set,
    drop=_set,
    rebuild=rebuild,
    rules=(rule("enabled", "forced", emit=_set),),
    parent="table",
    singleton=True,
    order=69,
)
