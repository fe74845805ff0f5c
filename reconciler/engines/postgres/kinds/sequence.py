"""Sequences: `sequences: {invoice_seq: {start: 1000, owned_by: invoices.id}}`; an identity column has its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.column_parts import Identity, defaults, lift_identity, sequence_options
from reconciler.engines.postgres.column_parts import lower_identity as lower_options
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.locks import SHARE_ROW_EXCLUSIVE, access_exclusive, lock
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import dotted, ident, qualified, undotted
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


OPTIONS = ("start", "increment", "min", "max", "cache", "cycle")
WORDS = frozenset({"type", "owned_by", *OPTIONS})
SPEC = {
    "type": ["object", "null"],
    "properties": {
        "type": {"enum": ["smallint", "integer", "bigint"]},
        **{k: {"type": "integer"} for k in ("start", "increment", "min", "max", "cache")},
        "cycle": {"type": "boolean"},
        "owned_by": {"type": "string", "description": "table.column, in the same schema"},
    },
}


def lower(name: str, node: Any, place: Place) -> Sequence:
    """Options as of CREATE SEQUENCE; all of them have defaults."""
    said = {k: v for k, v in (node or {}).items() if k in WORDS}
    kind = said.pop("type", "bigint")
    owner = said.pop("owned_by", None)
    owned = undotted(owner) if owner else ()
    if owner and len(owned) != 2:
        raise place.fail(f"owned_by is {owner!r}", "write table.column", "owned_by")
    options = lower_options({"generated": "always", **said}, kind, place) or defaults("always", kind)
    return Sequence(
        place.address("sequence", name), kind, options._replace(generated=""), (owned[0], owned[1]) if owner else None
    )


def lift(sequence: Sequence, _catalog: Catalog) -> Any:
    """The options that differ from their defaults."""
    node: dict[str, Any] = {} if sequence.type == "bigint" else {"type": sequence.type}
    options = lift_identity(sequence.options, sequence.type)
    if isinstance(options, dict):
        node |= {k: v for k, v in options.items() if k != "generated"}
    if sequence.owned_by is not None:
        node["owned_by"] = dotted(*sequence.owned_by)
    return node


def query(_version: int) -> str:
    """Sequences in scope but those of identity columns, with the column that owns them."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, format_type(s.seqtypid, NULL),
               ARRAY[s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle::int],
               CASE WHEN t.relnamespace = c.relnamespace THEN t.relname END, a.attname
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
    for oid, schema, name, kind, options, table, column in rows:
        owner = (table, column) if table else None
        address = reader.known("pg_class", oid, reader.address("sequence", schema, name))
        yield Sequence(address, kind, Identity("", *options), owner)


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
    return f"CREATE SEQUENCE {_name(sequence.address)}{kind}" + (
        "" if plain else f" {sequence_options(sequence.options)}"
    )


def _own(sequence: Sequence, phase: Phase, live: Sequence | None = None) -> Draft:
    table, column = sequence.owned_by or ("", "")
    wanted = sequence.address.sibling("column", (sequence.address.path[0], table, column))
    return Draft(
        "own",
        phase,
        f"let {'.'.join(sequence.owned_by or ('nobody',))} own sequence {sequence.address.name}",
        sql(owning(sequence)),
        locks=(lock(SHARE_ROW_EXCLUSIVE, sequence.address.path[0], sequence.address.name),),
        done=(Check(sequence.address, attributes=(("owned_by", sequence.owned_by),)),),
        undo=(sql(owning(live)),) if live is not None else (),
        requires=(Ref(wanted),) if sequence.owned_by else (),
    )


def create(change: Change[Sequence], context: Context) -> list[Draft]:
    """The sequence first, since defaults use it; its owner once the column is there."""
    sequence = change.desired
    made = Draft(
        "create",
        Phase.EXPAND,
        f"create sequence {'.'.join(change.address.path)}",
        sql(definition(sequence)),
        done=(Check(change.address),),
        undo=(sql(f"DROP SEQUENCE IF EXISTS {_name(change.address)}"),),  # it may have gone with its column
        requires=freed(change, context),
        provides=True,
    )
    return [made, _own(sequence, Phase.EXPAND)] if sequence.owned_by else [made]


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
    """Gone with the column that owns it."""
    if change.action is not Action.DELETE or change.before is None or change.before.owned_by is None:
        return False
    column = change.address.sibling("column", (change.address.path[0], *change.before.owned_by))
    return context.deletes(column) or context.creates(column.sibling("table", column.path[:2]))


def alter(change: Change[Sequence], _context: Context) -> list[Draft]:
    """ALTER SEQUENCE: where it stands stays (row 85)."""

    def action(sequence: Sequence) -> str:
        return f"ALTER SEQUENCE {_name(sequence.address)} AS {sequence.type} {sequence_options(sequence.options)}"

    sequence = change.desired
    return [
        Draft(
            "alter",
            Phase.EXPAND,
            f"change sequence {'.'.join(change.address.path)}",
            sql(action(sequence)),
            locks=(lock(SHARE_ROW_EXCLUSIVE, change.address.path[0], change.address.path[1]),),
            done=(Check(change.address, attributes=(("options", sequence.options), ("type", sequence.type))),),
            undo=(sql(action(change.live)),),
        )
    ]


def set_owner(change: Change[Sequence], _context: Context) -> list[Draft]:
    """OWNED BY another column, or nobody."""
    return [_own(change.desired, Phase.EXPAND, change.live)]


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
    rules=(rule("type", "options", emit=alter), rule("owned_by", emit=set_owner)),
    parent="schema",
    order=30,
    top=True,
)
