"""Privileges: `grants: {reader: [select], writer: [select, {update: [status]}], public: []}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import privileges
from reconciler.engines.postgres.grant_statements import Target, concessions, revocations, standing
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.object_names import carrier, phrase
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.owners import ME, SOURCES, owner_in, owner_of
from reconciler.engines.postgres.privileges import NONE, Privileges, start
from reconciler.engines.postgres.routine_arguments import signature
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Kind, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class Grants(Resource):
    """Path: (kind, *path) of what is granted. `start`: what a new object has by default privileges."""

    privileges: Privileges
    start: Privileges = attr(Role.INFORMATIONAL, reason="what the server grants by itself", default=NONE)


SPEC = privileges.SPEC
UNKNOWN = ("usage", "?")
SYSTEM_COLUMNS = frozenset({"tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"})
"""GRANT takes them, and no column of a table can be called so (documentation, section "System Columns")."""
STARTED = f"EXISTS (SELECT FROM pg_default_acl f WHERE f.defaclrole = {ME})"


def lower(_name: str, node: Any, place: Place) -> Grants | None:
    """Role → privileges. A role of its own, `$owner`, says what is left to whoever owns it."""
    kind = place.parent[0]
    held = privileges.lower(kind, node, place, start(kind))
    if kind == "schema" and place.parent[1:] == ("public",):  # the server's version says what is standard there
        held = privileges.lower(kind, node, place, privileges.Start(UNKNOWN))
    return Grants(place.address("grants"), held) if held != NONE else None


def lift(grants: Grants, _catalog: Catalog) -> Any:
    """The inverse."""
    return privileges.lift(grants.address.path[0], grants.privileges)


def _role(column: str) -> str:
    return f"CASE {column} WHEN 0 THEN '' ELSE pg_get_userbyid({column})::text END"


def _item(column: str) -> str:
    return (
        f"ARRAY[{_role('a.grantee')}, a.privilege_type, a.is_grantable::text, {_role('a.grantor')}, {column}]::text[]"
    )


def query(_version: int) -> str:
    """Access control lists that differ from the built-in ones, and all where default privileges may have a say."""
    parts = [
        f"""SELECT {s.known_as}, pg_get_userbyid(o.{s.owner})::text, o.{s.acl} IS NULL,
                   (SELECT array_agg({_item("''")}) FROM aclexplode(o.{s.acl}) a), NULL::text[][], {STARTED}
            FROM {s.catalog} o WHERE {s.where} AND (o.{s.acl} IS NOT NULL OR {STARTED})"""
        for s in SOURCES
        if s.acl
    ]
    columns = f"""
        SELECT 'pg_class', c.oid, pg_get_userbyid(c.relowner)::text, NULL::boolean, NULL::text[][],
               array_agg({_item("t.attname")}), {STARTED}
        FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped
        CROSS JOIN aclexplode(t.attacl) a
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace = ANY (%(namespaces)s)
        GROUP BY c.oid, c.relowner"""
    return " UNION ALL ".join([*parts, columns])


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Grants]:
    """Rows of `query` → Grants; an object may have two, the second for its columns."""
    found: dict[Address, tuple[str, list[privileges.Item] | None, list[privileges.Item], bool]] = {}
    for catalog, oid, owner, absent, items, columns, started in rows:
        holder = reader.object(catalog, oid, 0)
        if holder is None or holder not in reader.found or holder.kind not in privileges.GRANTABLE:
            continue
        _, acl, of_columns, _ = found.get(holder, (owner, None, [], started))
        acl = acl if absent is not False else _items(items)
        found[holder] = (owner, acl, of_columns + _items(columns), started)
    for holder in sorted(found):
        owner, acl, of_columns, started = found[holder]
        given = start(holder.kind, holder.name, reader.version)
        held = privileges.read(holder.kind, owner, acl, of_columns, reader.version, given)
        if held != NONE or started:
            yield Grants(holder.sibling("grants", (holder.kind, *holder.path)), held)


def _items(rows: Any) -> list[privileges.Item]:
    return [(name, p, option == "true", grantor, column) for name, p, option, grantor, column in rows or ()]


def attaches_to(kind: Kind[Any]) -> bool:
    """What has an access control list of its own; columns are said with their table."""
    return kind.name in privileges.GRANTABLE


def references(grants: Grants, catalog: Catalog) -> Iterable[Address]:
    """The columns it names; those that the system gives every table are declared by nobody."""
    holder = carrier(grants.address)
    if holder.kind == "table" and holder in catalog.resources:
        for name in dict.fromkeys(e.column for e in grants.privileges.entries if e.column):
            if name not in SYSTEM_COLUMNS:
                yield holder.sibling("column", (*holder.path, name))


def _target(holder: Address, owner: str, catalog: Catalog, context: Context) -> Target:
    version = context.server.version[0]
    if holder.kind in privileges.RELATIONS:
        words = phrase(holder.sibling("table", holder.path), catalog)
    elif holder.kind == "aggregate":
        words = f"FUNCTION {signature(holder).replace('(*)', '()')}"
    else:
        words = ("FOREIGN " if holder.kind == "server" else "") + phrase(holder, catalog)
    return Target(words, holder.kind, owner, version, start(holder.kind, holder.name, version))


def _is_new(change: Change[Grants], context: Context) -> bool:
    holder = carrier(change.address)  # a table goes on when a column of it is made anew
    return context.creates(holder) or (change.forced is not None and holder.kind != "table")


def _before(change: Change[Grants], context: Context) -> Privileges:
    """What there is when the plan gets there: new objects have what default privileges give them, columns nothing."""
    if _is_new(change, context):
        return change.after.start if change.after is not None else NONE
    if change.before is None:
        return NONE
    holder, held = carrier(change.address), change.before.privileges
    if change.forced is None:
        return held
    kept = (e for e in held.entries if not e.column or not _anew(holder, e.column, context))
    return held._replace(entries=tuple(kept))


def _anew(table: Address, column: str, context: Context) -> bool:
    return context.creates(table.sibling("column", (*table.path, column)))


def revokes(change: Change[Any], context: Context) -> bool:
    """Whether it has a draft `revoke`, which a change of owner has to wait for."""
    return bool(_revocations(change, context)) and not _is_new(change, context)


def _revocations(change: Change[Grants], context: Context) -> list[str]:
    holder = carrier(change.address)
    new = _is_new(change, context)
    owner = owner_of(holder, context) if new else owner_in(holder, context.live)
    target = _target(holder, owner, context.desired if new else context.live, context)
    after = change.after.privileges if change.after is not None else NONE
    return revocations(target, _before(change, context), after)


def _drafts(change: Change[Grants], context: Context) -> list[Draft]:
    """Take back, then grant; a change of owner comes in between, since it merges what the old and the new one have."""
    holder = carrier(change.address)
    new = _is_new(change, context)
    before, after = _before(change, context), change.after.privileges if change.after is not None else NONE
    target = _target(holder, owner_of(holder, context), context.desired, context)
    out = _revocations(change, context)
    given = Privileges(public=before.public, owner=before.owner) if new else before
    into = [*standing(target, before, after), *concessions(target, given, after)]
    moved = change.address.sibling("owner", change.address.path) in context.changes
    stays = before.public == after.public and before.owner == after.owner
    drafts: list[Draft] = []
    if out and not new:
        undo = concessions(_target(holder, owner_in(holder, context.live), context.live, context), after, before)
        message = f"{_roles(before, after)} may no longer do with {holder} what they could"
        drafts.append(_draft(change, "revoke", Phase.CONTRACT, out, undo, message))
    if into or (new and out):
        undo = [*revocations(target, after, before), *standing(target, after, before)]
        phase = Phase.EXPAND if new or (stays and not moved and not out) else Phase.CONTRACT
        message = "" if new else f"who may use {holder}, and for what, is different"
        drafts.append(_draft(change, "grant", phase, [*(out if new else []), *into], undo, message))
    return _finished(change, context, drafts)


def _roles(before: Privileges, after: Privileges) -> str:
    """Roles that lose something."""
    return ", ".join(dict.fromkeys(e.role for e in before.entries if e not in after.entries)) or "the same roles"


def _draft(
    change: Change[Grants], slot: str, phase: Phase, statements: list[str], undo: list[str], message: str
) -> Draft:
    holder = carrier(change.address)
    return Draft(
        slot,
        phase,
        f"{'take back privileges' if slot == 'revoke' else 'grant privileges'} on {holder}",
        sql(*statements),
        hazards=(hazard(Code.SECURITY, message),) if message else (),
        undo=(sql(*undo),) if undo else (),
    )


def _finished(change: Change[Grants], context: Context, drafts: list[Draft]) -> list[Draft]:
    """The order of all, and what shows in the end that they are done."""
    holder = carrier(change.address)
    owner = change.address.sibling("owner", change.address.path)
    done: tuple[Check, ...] = (Check(change.address, present=False),)
    if change.after is not None:
        held = change.after.privileges
        done = (Check(change.address, attributes=(("privileges", held),)),) if held != NONE else ()
    result = list(drafts)
    if result:
        waits = [owner] if result[-1].slot == "grant" else []
        waits += [holder.sibling("column", holder.path)] if holder.kind == "identity_sequence" else []
        requires = tuple(Ref(a) for a in waits if a in context.changes)
        there = change.after is not None
        result[-1] = dataclasses.replace(result[-1], done=done, requires=requires, provides=there)
    return result


def create(change: Change[Grants], context: Context) -> list[Draft]:
    """No lock that anybody waits for (row 72)."""
    return _drafts(change, context)


def rebuild(change: Change[Grants], context: Context) -> list[Draft]:
    """All of it again, on the new object."""
    return _drafts(change, context)


def drop(change: Change[Grants], context: Context) -> list[Draft]:
    """What everybody has from the start is left."""
    return _drafts(change, context)


def absorbed(change: Change[Grants], context: Context) -> bool:
    """Gone with what it is about."""
    return change.action is Action.DELETE and context.deletes(carrier(change.address))


def implicit(grants: Grants) -> bool:
    """Nothing is granted, though default privileges might."""
    return grants.privileges == NONE


KIND = PgKind(
    name="grants",
    resource=Grants,
    section="grants",
    spec=SPEC,
    lower=lower,  # type: ignore[arg-type]  # nothing for what everybody has from the start
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rebuild=rebuild,
    rules=(rule("privileges", emit=create),),
    attaches_to=attaches_to,
    implicit=implicit,
    singleton=True,
    order=92,
)
