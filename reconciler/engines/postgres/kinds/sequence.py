"""Sequences: `sequences: {invoice_seq: {start: 1000, owned_by: invoices.id}}`; an identity column has its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres.column_anew import whole
from reconciler.engines.postgres.column_identity import takes_identity
from reconciler.engines.postgres.column_parts import (
    Identity,
    brought_within,
    defaults,
    lift_identity,
    restarting,
    sequence_options,
)
from reconciler.engines.postgres.column_parts import lower_identity as lower_options
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE, access_exclusive, lock
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.owners import CURRENT, owner_in
from reconciler.engines.postgres.quoting import dotted, fitting, ident, literal, qualified, undotted
from reconciler.engines.postgres.roles import role
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class Sequence(Resource):
    """Path: (schema, name). `options.generated` is always ""; `owned_by` is (table, column) of the same schema."""

    type: str
    options: Identity
    owned_by: tuple[str, str] | None = None
    unlogged: bool = False


OPTIONS = ("start", "increment", "min", "max", "cache", "cycle")
WORDS = frozenset({"type", "owned_by", "unlogged", *OPTIONS})
SPEC = {
    "type": ["object", "null"],
    "properties": {
        "type": {"enum": ["smallint", "integer", "bigint"]},
        **{k: {"type": "integer"} for k in ("start", "increment", "min", "max", "cache")},
        "cycle": {"type": "boolean"},
        "unlogged": {"type": "boolean", "description": "not restored after a crash (15 and later)"},
        "owned_by": {"type": "string", "description": "table.column, in the same schema"},
    },
}


def lower(name: str, node: Any, place: Place) -> Sequence:
    """Options as of CREATE SEQUENCE; all of them have defaults."""
    said = {k: v for k, v in (node or {}).items() if k in WORDS}
    kind = said.pop("type", "bigint")
    owner, unlogged = said.pop("owned_by", None), said.pop("unlogged", False)
    owned = undotted(owner) if owner else ()
    if owner and len(owned) != 2:
        raise place.fail(f"owned_by is {owner!r}", "write table.column", "owned_by")
    options = lower_options({"generated": "always", **said}, kind, place) or defaults("always", kind)
    column = (owned[0], owned[1]) if owner else None
    return Sequence(place.address("sequence", name), kind, options._replace(generated=""), column, unlogged)


def lift(sequence: Sequence, _catalog: Catalog) -> Any:
    """The options that differ from their defaults."""
    node: dict[str, Any] = {} if sequence.type == "bigint" else {"type": sequence.type}
    options = lift_identity(sequence.options, sequence.type)
    if isinstance(options, dict):
        node |= {k: v for k, v in options.items() if k != "generated"}
    if sequence.owned_by is not None:
        node["owned_by"] = dotted(*sequence.owned_by)
    if sequence.unlogged:
        node["unlogged"] = True
    return node


def query(_version: int) -> str:
    """Sequences in scope but those of identity columns, with the column that owns them."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, format_type(s.seqtypid, NULL),
               ARRAY[s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle::int],
               CASE WHEN t.relnamespace = c.relnamespace THEN t.relname END, a.attname,
               c.relpersistence = 'u'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
        LEFT JOIN pg_class t ON t.oid = d.refobjid
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE c.relnamespace = ANY (%(namespaces)s) AND d.deptype IS DISTINCT FROM 'i'
          AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Sequence]:
    """Rows of `query` → Sequence."""
    for oid, schema, name, kind, options, table, column, unlogged in rows:
        owner = (table, column) if table else None
        address = reader.known("pg_class", oid, reader.address("sequence", schema, name))
        start, increment, low, high, cache, cycle = options
        yield Sequence(address, kind, Identity("", start, increment, low, high, cache, bool(cycle)), owner, unlogged)


def _name(address: Address) -> str:
    return qualified(address.path[0], address.path[1])


def owning(sequence: Sequence) -> str:
    """ALTER SEQUENCE … OWNED BY."""
    if sequence.owned_by is None:
        return f"ALTER SEQUENCE {_name(sequence.address)} OWNED BY NONE"
    table, column = sequence.owned_by
    owner = f"{qualified(sequence.address.path[0], table)}.{ident(column)}"
    return f"ALTER SEQUENCE {_name(sequence.address)} OWNED BY {owner}"


def definition(sequence: Sequence) -> str:
    """CREATE SEQUENCE with the options that differ from the defaults of its type."""
    kind = f" AS {sequence.type}" if sequence.type != "bigint" else ""
    plain = sequence.options == defaults("", sequence.type)
    how = "UNLOGGED " if sequence.unlogged else ""
    return f"CREATE {how}SEQUENCE {_name(sequence.address)}{kind}" + (
        "" if plain else f" {sequence_options(sequence.options)}"
    )


def _own(sequence: Sequence, context: Context, live: Sequence | None = None) -> Draft:
    table, column = sequence.owned_by or ("", "")
    wanted = sequence.address.sibling("column", (sequence.address.path[0], table, column))
    foreign = wanted.sibling("foreign_table", wanted.path[:2])
    if foreign in context.desired.resources:  # whose columns are part of it
        wanted = foreign
    handed = _handed(live, sequence, context)
    mode = SHARE_ROW_EXCLUSIVE if len(handed) == 1 else ACCESS_EXCLUSIVE  # OWNER TO takes that
    return Draft(
        "own",
        Phase.EXPAND,
        f"let {'.'.join(sequence.owned_by or ('nobody',))} own sequence {sequence.address.name}",
        sql(*handed),
        locks=(lock(mode, sequence.address.path[0], sequence.address.name),),
        done=(Check(sequence.address, attributes=(("owned_by", sequence.owned_by),)),),
        undo=(sql(*_handed(sequence, live, context)),) if live is not None else (),
        requires=(Ref(wanted),) if sequence.owned_by else (),
    )


def _successor(sequence: Sequence, context: Context) -> tuple[list[str], list[str], list[str]]:
    """(before, after, back): how it takes the place of an identity column's own sequence, which has the name that a
    serial's has, and goes on where that stands.
    """
    if sequence.owned_by is None:
        return [], [], []
    schema, (table, column) = sequence.address.path[0], sequence.owned_by
    live = context.live.resources.get(sequence.address.sibling("column", (schema, table, column)))
    if getattr(live, "identity", None) is None:
        return [], [], []
    name, aside = sequence.address.name, fitting(sequence.address.name, suffix="_identity")
    own = f"pg_get_serial_sequence({literal(qualified(schema, table))}, {literal(column)})"
    return (
        [f"ALTER SEQUENCE IF EXISTS {qualified(schema, name)} RENAME TO {ident(aside)}"],
        [f"SELECT setval({literal(qualified(schema, name))}, nextval({own}), false)"],
        [f"ALTER SEQUENCE IF EXISTS {qualified(schema, aside)} RENAME TO {ident(name)}"],
    )


def _handed(before: Sequence | None, after: Sequence, context: Context) -> list[str]:
    """OWNED BY; a sequence has to belong to the role that the table belongs to (documentation, ALTER SEQUENCE), and
    follows that from then on.
    """
    theirs = _role(after, context)
    if theirs == (CURRENT if before is None else _role(before, context)):
        return [owning(after)]
    freed = [owning(replace(after, owned_by=None))] if before is not None and before.owned_by else []
    taken = [owning(after)] if after.owned_by else []
    return [*freed, f"ALTER SEQUENCE {_name(after.address)} OWNER TO {role(theirs)}", *taken]


def _role(sequence: Sequence, context: Context) -> str:
    """Whom it belongs to before owners change: what is new or comes anew, to the connecting role."""
    if sequence.owned_by is None:
        there = context.live.resources.get(sequence.address) == sequence
        return owner_in(sequence.address, context.live if there else context.desired)
    path = (sequence.address.path[0], sequence.owned_by[0])
    table, foreign = (sequence.address.sibling(kind, path) for kind in ("table", "foreign_table"))
    change: Change[Any] | None = context.changes.get(table)
    if change is not None and change.action is Action.REPLACE:
        return CURRENT
    return owner_in(foreign if foreign in context.live.resources else table, context.live)


def create(change: Change[Sequence], context: Context) -> list[Draft]:
    """The sequence first, since defaults use it; its owner once the column is there."""
    sequence = change.desired
    before, after, back = _successor(sequence, context)
    made = Draft(
        "create",
        Phase.EXPAND,
        f"create sequence {'.'.join(change.address.path)}",
        sql(*before, definition(sequence), *after),
        locks=access_exclusive((change.address.path[0], change.address.name)) if before else (),
        done=(Check(change.address),),
        undo=(sql(f"DROP SEQUENCE IF EXISTS {_name(change.address)}", *back),),  # it may have gone with its column
        requires=freed(change, context),
        provides=True,
    )
    return [made, _own(sequence, context)] if sequence.owned_by else [made]


def drop(change: Change[Sequence], _context: Context) -> list[Draft]:
    """RESTRICT: a default that uses it makes the step fail."""
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop sequence {'.'.join(change.address.path)}",
            sql(f"DROP SEQUENCE {_name(change.address)}"),
            locks=access_exclusive((change.address.path[0], change.address.name)),
            hazards=(hazard(Code.DELETES_DATA, "where it stood is forgotten"),),
            done=(Check(change.address, present=False),),
        )
    ]


def absorbed(change: Change[Sequence], context: Context) -> bool:
    """Gone with the column that owns it, also where that comes again as another."""
    if change.action is not Action.DELETE or change.before is None or change.before.owned_by is None:
        return False
    column = change.address.sibling("column", (change.address.path[0], *change.before.owned_by))
    own: Change[Any] | None = context.changes.get(column)
    if context.deletes(column) or context.creates(column.sibling("table", column.path[:2])):
        return True
    if _gone_from_foreign(column, context):
        return True
    return own is not None and own.action is not Action.DELETE and (takes_identity(own) or _goes(own))


def _gone_from_foreign(column: Address, context: Context) -> bool:
    """Whether it is a column of a foreign table, and that goes, comes anew or has it no longer."""
    change: Change[Any] | None = context.changes.get(column.sibling("foreign_table", column.path[:2]))
    if change is None or change.before is None:
        return False
    gone = change.after is None or change.action is Action.REPLACE
    return gone or all(c.name != column.name for c in change.desired.columns)


def _goes(change: Change[Any]) -> bool:
    return change.action is Action.REPLACE and whole(change)


def alter(change: Change[Sequence], _context: Context) -> list[Draft]:
    """ALTER SEQUENCE: where it stands stays (row 85), unless no old value is within the new limits."""

    def action(sequence: Sequence, before: Sequence) -> list[str]:
        options = f"{sequence_options(sequence.options)}{restarting(before.options, sequence.options)}"
        alter = f"ALTER SEQUENCE {_name(sequence.address)} AS {sequence.type} {options}"
        return [*brought_within(_name(sequence.address), before.options, sequence.options), alter]

    sequence, live = change.desired, change.live
    return [
        Draft(
            "alter",
            Phase.EXPAND,
            f"change sequence {'.'.join(change.address.path)}",
            sql(*action(sequence, live)),
            locks=(lock(SHARE_ROW_EXCLUSIVE, change.address.path[0], change.address.path[1]),),
            done=(Check(change.address, attributes=(("options", sequence.options), ("type", sequence.type))),),
            undo=(sql(*action(live, sequence)),),
        )
    ]


def set_persistence(change: Change[Sequence], _context: Context) -> list[Draft]:
    """SET LOGGED or UNLOGGED: a new file of one page. A table that changes takes its sequences along already."""

    def action(sequence: Sequence) -> str:
        return f"ALTER SEQUENCE {_name(sequence.address)} SET {'UNLOGGED' if sequence.unlogged else 'LOGGED'}"

    sequence = change.desired
    forgets = hazard(Code.DELETES_DATA, "after a crash of the server it starts again")
    return [
        Draft(
            "persistence",
            Phase.CONTRACT if sequence.unlogged else Phase.EXPAND,
            f"make sequence {'.'.join(change.address.path)} {'unlogged' if sequence.unlogged else 'logged'}",
            sql(action(sequence)),
            locks=access_exclusive((change.address.path[0], change.address.name)),
            hazards=(forgets,) if sequence.unlogged else (),
            done=(Check(change.address, attributes=(("unlogged", sequence.unlogged),)),),
            undo=(sql(action(change.live)),),
        )
    ]


def set_owner(change: Change[Sequence], context: Context) -> list[Draft]:
    """OWNED BY another column, or nobody."""
    return [_own(change.desired, context, change.live)]


KIND = PgKind(
    name="sequence",
    resource=Sequence,
    section="sequences",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rules=(
        rule("type", "options", emit=alter),
        rule("owned_by", emit=set_owner),
        rule("unlogged", emit=set_persistence),
    ),
    parent="schema",
    order=30,
    top=True,
)
