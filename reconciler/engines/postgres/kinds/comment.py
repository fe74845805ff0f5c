"""Comments, on anything: `comment: what it is for`; of a view's columns: `comment: {columns: {id: the key}}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.dependencies import inside
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import SHARE_UPDATE_EXCLUSIVE, lock
from reconciler.engines.postgres.object_names import CONSTRAINTS, ON_RELATION, carrier, phrase, relation, sequence
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal, qualified
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Kind, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Lock, Phase, Ref

STANDARD = "standard public schema"
"""What initdb says of `public`; a database that says nothing of it has the text empty here."""
MUTE = frozenset({"row_level_security", "user_mapping", "default_privileges", "settings", "trigger_state"})
"""Kinds whose objects cannot carry a comment."""


@dataclass(frozen=True, slots=True)
class Comment(Resource):
    """Path: (kind, *path) of what carries it. `parts` are comments on what in it is no resource of its own.

    A part is ("columns" | "constraints" | "indexes", name, text): a view's column, a domain's constraint, the index
    under a key (whose own name it has).
    """

    text: str = ""
    parts: tuple[tuple[str, str, str], ...] = ()


PARTS = ("columns", "constraints", "indexes")
NAMED = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
SPEC = {
    "type": ["string", "object"],
    "description": "text, or a mapping with 'text', 'columns', 'constraints' and 'indexes'",
    "properties": {"text": {"type": "string"}, **dict.fromkeys(PARTS, NAMED)},
    "additionalProperties": False,
}


def lower(_name: str, node: Any, place: Place) -> Comment:
    """Text; a mapping says more."""
    said: Mapping[str, Any] = {"text": node} if isinstance(node, str) else node
    parts = ((sort, n, t) for sort in PARTS for n, t in said.get(sort, {}).items())
    return Comment(place.address("comment"), said.get("text", ""), tuple(sorted(parts)))


def lift(comment: Comment, _catalog: Catalog) -> Any:
    """The text where that says all."""
    if not comment.parts:
        return comment.text
    node: dict[str, Any] = {"text": comment.text} if comment.text else {}
    for sort, name, text in comment.parts:
        node.setdefault(sort, {})[name] = text
    return node


def query(_version: int) -> str:
    """All comments of the database but the system's own and those that came with an extension unchanged."""
    return f"""
        SELECT CASE WHEN t.oid IS NULL THEN d.classoid::regclass::text ELSE 'pg_class' END,
               coalesce(t.typrelid, d.objoid), d.objsubid,
               coalesce(nullif(k.conrelid, 0), g.tgrelid, p.polrelid, w.ev_class, x.conrelid),
               coalesce(k.conname, g.tgname, p.polname, w.rulename, x.conname)::text,
               coalesce(k.contype, x.contype)::text, k.contypid, a.attname, x.oid IS NOT NULL, d.description
        FROM pg_description d
        LEFT JOIN pg_type t ON d.classoid = 'pg_type'::regclass AND t.oid = d.objoid AND t.typtype = 'c'
        LEFT JOIN pg_attribute a ON d.classoid = 'pg_class'::regclass AND a.attrelid = d.objoid
             AND d.objsubid > 0 AND a.attnum = d.objsubid
        LEFT JOIN pg_constraint k ON d.classoid = 'pg_constraint'::regclass AND k.oid = d.objoid
        LEFT JOIN pg_constraint x ON d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND x.conindid = d.objoid
             AND x.contype IN ('p', 'u', 'x')
        LEFT JOIN pg_trigger g ON d.classoid = 'pg_trigger'::regclass AND g.oid = d.objoid
        LEFT JOIN pg_policy p ON d.classoid = 'pg_policy'::regclass AND p.oid = d.objoid
        LEFT JOIN pg_rewrite w ON d.classoid = 'pg_rewrite'::regclass AND w.oid = d.objoid
        WHERE d.objoid >= 16384
          AND NOT (d.classoid = 'pg_namespace'::regclass AND d.objoid = coalesce(to_regnamespace('public'), 0))
          AND NOT (d.classoid = 'pg_extension'::regclass AND EXISTS (
                  SELECT FROM pg_extension x, pg_available_extensions() v
                  WHERE x.oid = d.objoid AND v.name = x.extname AND v.comment = d.description))
        UNION ALL
        SELECT 'pg_namespace', n.oid, 0, NULL, NULL, NULL, NULL, NULL, false, coalesce(d.description, '')
        FROM pg_namespace n
        LEFT JOIN pg_description d ON d.classoid = 'pg_namespace'::regclass AND d.objoid = n.oid AND d.objsubid = 0
        WHERE n.nspname = 'public' AND d.description IS DISTINCT FROM {literal(STANDARD)}"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Comment]:
    """Rows of `query` → Comment, of what was read alone."""
    texts: dict[Address, str] = {}
    parts: dict[Address, list[tuple[str, str, str]]] = {}
    for catalog, oid, number, holder, name, contype, domain, column, index, text in rows:
        if catalog == "pg_constraint" and not holder:
            owner, part = reader.object("pg_type", domain, 0), ("constraints", name)
        elif holder:
            address = inside("pg_constraint" if index else catalog, holder, name, 0, contype, reader)
            if address in reader.found and index:
                parts.setdefault(address, []).append(("indexes", name, text))
                continue
            if address in reader.found:
                texts[address] = text
                continue
            owner, part = reader.object("pg_class", holder, 0), ("constraints", name)
        else:
            owner, part = reader.object(catalog, oid, number), ("columns", column)
            if owner in reader.found and (not number or owner.kind == "column"):
                texts[owner] = text
                continue
        if owner in reader.found and part[1] is not None:
            parts.setdefault(owner, []).append((*part, text))
    for address in sorted({*texts, *parts}):
        path = (address.kind, *address.path)
        yield Comment(address.sibling("comment", path), texts.get(address, ""), tuple(sorted(parts.get(address, ()))))


def attaches_to(kind: Kind[Any]) -> bool:
    """Everything that is an object of its own."""
    return kind.name not in MUTE


def _statements(address: Address, before: Comment | None, after: Comment | None, catalog: Catalog) -> Iterator[str]:
    holder = carrier(address)
    old, new = before.text if before else "", after.text if after else ""
    if holder.kind == "schema" and holder.name == "public" and after is None:
        new = STANDARD
    if old != new or after is None:
        yield f"COMMENT ON {phrase(holder, catalog)} IS {_text(new)}"
    was = {p[:2]: p[2] for p in before.parts} if before else {}
    wanted = {p[:2]: p[2] for p in after.parts} if after else {}
    for sort, name in sorted({*was, *wanted}):
        if was.get((sort, name)) != wanted.get((sort, name)) and not _gone(holder, sort, name, catalog):
            yield f"COMMENT ON {_part(holder, sort, name)} IS {_text(wanted.get((sort, name), ''))}"


def _gone(holder: Address, sort: str, name: str, catalog: Catalog) -> bool:
    """Whether it is a NOT NULL that is not there any more, with its comment."""
    return holder.kind == "table" and sort == "constraints" and not_nulls.called(name, holder, catalog) is None


def _text(text: str) -> str:
    return literal(text) if text else "NULL"


def _part(holder: Address, sort: str, name: str) -> str:
    if sort == "columns":
        return f"COLUMN {qualified(*holder.path[:2])}.{ident(name)}"
    if sort == "indexes":
        return f"INDEX {qualified(holder.path[0], name)}"
    domain = "DOMAIN " if holder.kind == "domain" else ""
    return f"CONSTRAINT {ident(name)} ON {domain}{qualified(*holder.path[:2])}"


def _locks(address: Address, before: Comment | None, after: Comment | None, catalog: Catalog) -> tuple[Lock, ...]:
    """On the relation, or on that of a column (row 73); none on what a constraint or a trigger stands on."""
    holder = carrier(address)
    texts = {c.text if c else "" for c in (before, after)}
    parts = {*(before.parts if before else ())} ^ {*(after.parts if after else ())}
    if len(texts) == 1 and all(sort != "columns" for sort, _, _ in parts):
        return ()
    if holder.kind in ("index", "materialized_view_index"):
        return (lock(SHARE_UPDATE_EXCLUSIVE, holder.path[0], holder.path[-1]),)
    found = sequence(holder, catalog) if holder.kind == "identity_sequence" else relation(holder)
    if found is None or holder.kind in CONSTRAINTS or holder.kind in ON_RELATION:
        return ()
    return (lock(SHARE_UPDATE_EXCLUSIVE, *found),)


def _index_locks(holder: Address, before: Comment | None, after: Comment | None) -> Iterator[Lock]:
    """On the indexes under keys of which something else is said."""
    said = {*(before.parts if before else ())} ^ {*(after.parts if after else ())}
    for name in sorted({name for sort, name, _ in said if sort == "indexes"}):
        yield lock(SHARE_UPDATE_EXCLUSIVE, holder.path[0], name)


def _drafts(change: Change[Comment], context: Context, before: Comment | None) -> list[Draft]:
    after = change.after
    holder = carrier(change.address)
    catalog = context.desired if holder in context.desired.resources else context.live
    said = tuple(_statements(change.address, before, after, catalog))
    if not said:
        return []
    lost = before is not None and any(_gone(holder, sort, name, catalog) for sort, name, _ in before.parts)
    undo = tuple(_statements(change.address, after, before, context.live if before else context.desired))
    shown = (("text", after.text), ("parts", after.parts)) if after else ()
    return [
        Draft(
            "comment",
            Phase.EXPAND,
            f"describe {holder}" if after is not None else f"remove the comment on {holder}",
            sql(*said),
            locks=(*_locks(change.address, before, after, catalog), *_index_locks(holder, before, after)),
            done=(Check(change.address, present=after is not None, attributes=shown),),
            undo=None if lost else (sql(*undo),) if undo else (),
            requires=tuple(_made_first(holder, after, context)) if after is not None else (),
            provides=after is not None,
        )
    ]


def _made_first(holder: Address, after: Comment, context: Context) -> Iterator[Ref]:
    """A domain that changes, with its constraints; the columns of a table whose NOT NULL is described."""
    over = holder.sibling("column", holder.path)
    if holder.kind == "identity_sequence" and over in context.changes:
        yield Ref(over)
    if holder.kind == "domain":
        yield from (Ref(a) for a in _with_base(holder, context.desired) if a in context.changes)
    for sort, name, _ in after.parts if holder.kind == "table" else ():
        column = not_nulls.called(name, holder, context.desired) if sort == "constraints" else None
        if column is not None and column.address in context.changes and not context.creates(holder):
            yield Ref(column.address)


def _with_base(domain: Address, catalog: Catalog) -> Iterator[Address]:
    """A domain and those that it is made of: who makes one of them anew makes it anew as well."""
    yield domain
    found = getattr(catalog.resources.get(domain), "type", None)
    for base in type_references(domain, found, catalog) if found else ():
        yield from _with_base(base, catalog) if base.kind == "domain" else (base,)


def create(change: Change[Comment], context: Context) -> list[Draft]:
    """COMMENT ON: nobody waits but other schema changes."""
    return _drafts(change, context, None)


def set_text(change: Change[Comment], context: Context) -> list[Draft]:
    """Only what differs."""
    return _drafts(change, context, change.live)


def rebuild(change: Change[Comment], context: Context) -> list[Draft]:
    """Gone with what carried it; said again of the new one."""
    return _drafts(change, context, None)


def drop(change: Change[Comment], context: Context) -> list[Draft]:
    """IS NULL; `public` has its standard comment back."""
    return _drafts(change, context, change.live)


def absorbed(change: Change[Comment], context: Context) -> bool:
    """Gone with what carries it."""
    return change.action is Action.DELETE and context.deletes(carrier(change.address))


KIND = PgKind(
    name="comment",
    resource=Comment,
    section="comment",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rebuild=rebuild,
    rules=(rule("text", "parts", emit=set_text),),
    attaches_to=attaches_to,
    singleton=True,
    order=86,
)
