"""What goes with an extension although it is no part of it: `depends_on_extension: [postgis]`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.dependencies import inside
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.object_names import carrier, phrase, relation
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Kind, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Lock, Phase

CARRIERS = frozenset({"function", "procedure", "trigger", "materialized_view", "index"})
"""What ALTER … DEPENDS ON EXTENSION is about (documentation of ALTER FUNCTION, TRIGGER, MATERIALIZED VIEW, INDEX)."""
INDEXES = frozenset({"index"})


@dataclass(frozen=True, slots=True)
class ExtensionDependency(Resource):
    """Path: (kind, *path) of what DROP EXTENSION drops along; `extensions` are sorted."""

    extensions: tuple[str, ...]


SPEC = {
    "type": ["string", "array"],
    "description": "an extension, or a list of them, with which it is dropped",
    "items": {"type": "string", "minLength": 1},
    "minItems": 1,
    "minLength": 1,
}


def lower(_name: str, node: Any, place: Place) -> ExtensionDependency:
    """One name, or a list."""
    names = [node] if isinstance(node, str) else node
    return ExtensionDependency(place.address("extension_dependency"), tuple(sorted(set(names))))


def lift(dependency: ExtensionDependency, _catalog: Catalog) -> Any:
    """The name alone where there is one."""
    names = list(dependency.extensions)
    return names[0] if len(names) == 1 else names


def query(_version: int) -> str:
    """Dependencies that people declared (pg_depend, deptype x)."""
    return """
        SELECT d.classid::regclass::text, d.objid, g.tgrelid, g.tgname::text, e.extname
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'
        ORDER BY 1, 2, 5"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ExtensionDependency]:
    """Rows of `query` → ExtensionDependency, of what was read alone."""
    found: dict[Address, list[str]] = {}
    for catalog, oid, relation_oid, trigger, extension in rows:
        if relation_oid:
            holder = inside(catalog, relation_oid, trigger, 0, "", reader)
        else:
            holder = reader.object(catalog, oid, 0)
        if holder is not None and holder in reader.found and holder.kind in CARRIERS:
            found.setdefault(holder, []).append(extension)
    for holder in sorted(found):
        address = holder.sibling("extension_dependency", (holder.kind, *holder.path))
        yield ExtensionDependency(address, tuple(sorted(found[holder])))


def references(dependency: ExtensionDependency, catalog: Catalog) -> Iterable[Address]:
    """The extensions, those that are declared."""
    found = (dependency.address.sibling("extension", (name,)) for name in dependency.extensions)
    return (a for a in found if a in catalog.resources)


def _statements(change: Change[ExtensionDependency], context: Context, *, back: bool = False) -> list[str]:
    before = change.before.extensions if change.before and change.forced is None else ()
    after = change.after.extensions if change.after else ()
    if back:
        before, after = after, before
    holder = carrier(change.address)
    words = phrase(holder, context.desired if holder in context.desired.resources else context.live)
    out = [f"ALTER {words} NO DEPENDS ON EXTENSION {ident(name)}" for name in before if name not in after]
    return out + [f"ALTER {words} DEPENDS ON EXTENSION {ident(name)}" for name in after if name not in before]


def _locks(holder: Address) -> tuple[Lock, ...]:
    """On the relation, of a trigger that which it is on (pg_depend is all that changes; measured)."""
    found = (holder.path[0], holder.path[-1]) if holder.kind in INDEXES else relation(holder)
    return access_exclusive(found) if found else ()


def _draft(change: Change[ExtensionDependency], context: Context) -> Draft:
    holder, after = carrier(change.address), change.after
    names = ", ".join(after.extensions) if after is not None else "no extension"
    shown = (("extensions", after.extensions),) if after is not None else ()
    return Draft(
        "depends",
        Phase.EXPAND,
        f"let {holder} depend on {names}",
        sql(*_statements(change, context)),
        locks=_locks(holder),
        done=(Check(change.address, present=after is not None, attributes=shown),),
        undo=(sql(*_statements(change, context, back=True)),),
        provides=after is not None,
    )


def set_extensions(change: Change[ExtensionDependency], context: Context) -> list[Draft]:
    """DEPENDS ON EXTENSION: nothing happens until the extension is dropped."""
    return [_draft(change, context)]


def attaches_to(kind: Kind[Any]) -> bool:
    """What may be declared to go with an extension."""
    return kind.name in CARRIERS


def absorbed(change: Change[ExtensionDependency], context: Context) -> bool:
    """Gone with what carries it."""
    return change.action is Action.DELETE and context.deletes(carrier(change.address))


KIND = PgKind(
    name="extension_dependency",
    resource=ExtensionDependency,
    section="depends_on_extension",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=set_extensions,
    drop=set_extensions,
    rebuild=set_extensions,
    rules=(rule("extensions", emit=set_extensions),),
    attaches_to=attaches_to,
    singleton=True,
    order=88,
)
