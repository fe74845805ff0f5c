"""What new objects grant: `default_privileges: {app_owner: {tables: {reader: [select]}, in_schema: {app: …}}}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.engines.postgres import privileges
from reconciler.engines.postgres.grant_statements import Target, concessions, revocations, standing
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.privileges import NONE, Entry, Privileges, Start
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.roles import role
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


class Scope(NamedTuple):
    """What new objects of a sort grant: in one schema on top of the rest, or with `schema` "" in all of them."""

    schema: str
    objects: str
    privileges: Privileges

    def __str__(self) -> str:
        return f"{self.objects}{f' in {self.schema}' if self.schema else ''}: {self.privileges}"


@dataclass(frozen=True, slots=True)
class DefaultPrivileges(Resource):
    """Path: (role,): for what that role creates. Sorted scopes; those that say nothing are left out."""

    scopes: tuple[Scope, ...]


OBJECTS = {
    "r": ("tables", "table"),
    "S": ("sequences", "sequence"),
    "f": ("functions", "function"),
    "T": ("types", "domain"),
    "n": ("schemas", "schema"),
    "L": ("large_objects", "large_object"),
}
"""Letter of the catalog → the word of ALTER DEFAULT PRIVILEGES, a kind that has the same privileges."""
KINDS = dict(OBJECTS.values())
SORTS = {"procedure": "functions", "aggregate": "functions", **dict.fromkeys(("enum", "composite", "range"), "types")}
SORTS |= dict.fromkeys(privileges.RELATIONS, "tables") | {kind: word for word, kind in OBJECTS.values()}
PER_SCHEMA = ("tables", "sequences", "functions", "types")
SPEC = {
    "type": "object",
    "properties": {
        **dict.fromkeys(KINDS, privileges.SPEC),
        "in_schema": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": dict.fromkeys(PER_SCHEMA, privileges.SPEC),
                "additionalProperties": False,
            },
        },
    },
}


def _given(schema: str, objects: str) -> Start:
    return Start(additive=True) if schema else privileges.start(KINDS[objects])


def lower(name: str, node: Any, place: Place) -> DefaultPrivileges:
    """Sorts of objects, for all schemas and for some."""
    address = Address(place.service, place.engine, "default_privileges", (name,))
    said = [("", node), *node.get("in_schema", {}).items()]
    scopes = (
        Scope(schema, word, privileges.lower(KINDS[word], inner[word], place, _given(schema, word)))
        for schema, inner in said
        for word in KINDS
        if word in inner
    )
    return DefaultPrivileges(address, tuple(sorted(s for s in scopes if s.privileges != NONE)))


def lift(defaults: DefaultPrivileges, _catalog: Catalog) -> Any:
    """The inverse."""
    node: dict[str, Any] = {}
    for word in KINDS:
        for scope in defaults.scopes:
            if scope.objects == word and not scope.schema:
                node[word] = privileges.lift(KINDS[word], scope.privileges)
    for scope in defaults.scopes:
        if scope.schema:
            inner = node.setdefault("in_schema", {}).setdefault(scope.schema, {})
            inner[scope.objects] = privileges.lift(KINDS[scope.objects], scope.privileges)
    return node


def query(_version: int) -> str:
    """Default privileges of the database and of the schemas in scope."""
    return """
        SELECT pg_get_userbyid(d.defaclrole)::text, coalesce(n.nspname, '')::text, d.defaclobjtype::text,
               (SELECT array_agg(ARRAY[CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END,
                       a.privilege_type, a.is_grantable::text, pg_get_userbyid(a.grantor)::text, '']::text[])
                FROM aclexplode(d.defaclacl) a)
        FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
        WHERE d.defaclnamespace = 0 OR d.defaclnamespace = ANY (%(namespaces)s)
        ORDER BY 1, 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[DefaultPrivileges]:
    """(role, schema, letter, items) → DefaultPrivileges."""
    found: dict[str, list[Scope]] = {}
    for name, schema, letter, items in rows:
        word, kind = OBJECTS[letter]
        acl = [(n, p, option == "true", grantor, column) for n, p, option, grantor, column in items or ()]
        held = privileges.read(kind, name, acl, (), reader.version, _given(schema, word))
        schema = reader.renamed.get(schema, schema)
        found.setdefault(name, []).append(Scope(schema, word, held))
    for name in sorted(found):
        yield DefaultPrivileges(
            Address(reader.service, "postgres", "default_privileges", (name,)),
            tuple(sorted(s for s in found[name] if s.privileges != NONE)),
        )


def references(defaults: DefaultPrivileges, catalog: Catalog) -> Iterable[Address]:
    """The schemas it is about."""
    for name in dict.fromkeys(s.schema for s in defaults.scopes if s.schema):
        schema = defaults.address.sibling("schema", (name,))
        if schema in catalog.resources:
            yield schema


def started(defaults: DefaultPrivileges, holder: Address) -> Privileges:
    """What a new object of the role has before anybody grants anything."""
    word = SORTS.get(holder.kind)
    schema = holder.path[0] if len(holder.path) > 1 else ""
    entries: set[Entry] = set()
    public = owner = None
    for scope in defaults.scopes:
        if scope.objects == word and scope.schema in ("", schema):
            entries.update(scope.privileges.entries)
            if not scope.schema:
                _, public, owner = scope.privileges
    everybody = {e for e in entries if e.role == "public" and privileges.start(holder.kind).public}
    if everybody:
        public = None
    return Privileges(tuple(sorted(entries - everybody)), public, owner)


def _scopes(defaults: DefaultPrivileges | None) -> Mapping[tuple[str, str], Privileges]:
    return {(s.schema, s.objects): s.privileges for s in defaults.scopes} if defaults is not None else {}


def _statements(
    name: str, before: DefaultPrivileges | None, after: DefaultPrivileges | None, context: Context
) -> Iterator[str]:
    had, wanted = _scopes(before), _scopes(after)
    for schema, word in sorted({*had, *wanted}):
        old, new = had.get((schema, word), NONE), wanted.get((schema, word), NONE)
        where = f" IN SCHEMA {ident(schema)}" if schema else ""
        target = Target(
            word.upper().replace("_", " "),
            KINDS[word],
            name,
            context.server.version[0],
            _given(schema, word),
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {role(name)}{where} ",
        )
        yield from revocations(target, old, new)
        yield from standing(target, old, new)
        yield from concessions(target, old, new)


def _draft(change: Change[DefaultPrivileges], context: Context) -> list[Draft]:
    """Last of all, since what the plan creates says itself what it grants. No lock on any table."""
    name, after = change.address.name, change.after
    live, desired = change.before, change.after
    schemas = {a.name for a in context.changes if a.kind == "schema" and context.deletes(a)}
    if live is not None and schemas:  # gone with the schema
        live = DefaultPrivileges(live.address, tuple(s for s in live.scopes if s.schema not in schemas))
    statements = tuple(_statements(name, live, desired, context))
    if not statements:
        return []
    done = Check(change.address, attributes=(("scopes", after.scopes),)) if after else Check(change.address, False)
    return [
        Draft(
            "set",
            Phase.CONTRACT,
            f"set what new objects of {name} grant",
            sql(*statements),
            hazards=(hazard(Code.SECURITY, f"what {name} creates from here on is open to others than before"),),
            done=(done,),
            undo=(sql(*_statements(name, desired, live, context)),),
            provides=after is not None,
        )
    ]


KIND = PgKind(
    name="default_privileges",
    resource=DefaultPrivileges,
    section="default_privileges",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=_draft,
    drop=_draft,
    rules=(rule("scopes", emit=_draft),),
    order=94,
)
