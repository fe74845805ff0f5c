"""Foreign keys: `foreign_keys: {name: {columns: [customer_id], references: customers, on_delete: cascade}}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    DEFERRABLE,
    column_addresses,
    lift_deferrable,
    lower_deferrable,
    only_new_columns,
    table_address,
    table_name,
    table_path,
    timing,
)
from reconciler.engines.postgres.detached import becomes_twin, survives
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.foreign_key_partitions import one_by_one, parts
from reconciler.engines.postgres.foreign_key_statements import (
    at_once,
    clause,
    in_partitioned,
    of_new_table,
    orphans,
    validity,
)
from reconciler.engines.postgres.foreign_key_targets import before, binds, lift_target, lower_target, outlives
from reconciler.engines.postgres.inheritance import partitions
from reconciler.engines.postgres.inheritance_changes import to_partitions
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.unique import Unique
from reconciler.engines.postgres.locks import ROW_SHARE, access_exclusive, lock, share_row_exclusive
from reconciler.engines.postgres.locks import SHARE_UPDATE_EXCLUSIVE as SUE
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase

ACTIONS = {"a": "no_action", "r": "restrict", "c": "cascade", "n": "set_null", "d": "set_default"}


@dataclass(frozen=True, slots=True)
class ForeignKey(Resource):
    """Path: (schema, table, name). `table` is what it references; `delete_columns` those that ON DELETE SET sets.

    `enforced` False (18 and later): rows are never checked. `period`: the last columns are ranges, and those that are
    referred to have to cover the others. `referenced` is empty in a declaration until `complete` knows the primary key.
    """

    columns: tuple[str, ...] = attr(Role.REPLACE)
    table: tuple[str, str] = attr(Role.REPLACE)
    referenced: tuple[str, ...] = attr(Role.REPLACE)
    on_update: str = attr(Role.REPLACE, default="no_action")
    on_delete: str = attr(Role.REPLACE, default="no_action")
    delete_columns: tuple[str, ...] = attr(Role.REPLACE, default=())
    full: bool = attr(Role.REPLACE, default=False)
    deferrable: bool = False
    deferred: bool = False
    validated: bool = True
    enforced: bool = True
    period: bool = attr(Role.REPLACE, default=False)


ACTION = {"enum": sorted(ACTIONS.values())}
SPEC = {
    "type": "object",
    "required": ["columns", "references"],
    "properties": {
        "columns": COLUMNS,
        "references": {
            "type": ["string", "object"],
            "description": "a table, or schema.table, by its primary key, or a mapping with 'table' and more",
            "minLength": 1,
            "required": ["table"],
            "properties": {"table": {"type": "string"}, "schema": {"type": "string"}, "columns": COLUMNS},
            "additionalProperties": False,
        },
        "on_update": ACTION,
        "on_delete": ACTION,
        "on_delete_columns": COLUMNS,
        "match": {"enum": ["simple", "full"]},
        "deferrable": DEFERRABLE,
        "validated": {"type": "boolean"},
        "enforced": {"type": "boolean"},
        "period": {"type": "boolean", "description": "true where the last columns are ranges to be covered"},
    },
}


def lower(name: str, node: Any, place: Place) -> ForeignKey:
    """The schema that is referred to defaults to the table's own, the columns to the primary key there."""
    table, columns = lower_target(node["references"], place.parent[0])
    if columns and len(columns) != len(node["columns"]):
        message = f"{len(node['columns'])} columns refer to {len(columns)}"
        raise place.fail(message, "list as many columns on both sides", "references", "columns")
    enforced = bool(node.get("enforced", True))
    deferrable, deferred = lower_deferrable(node)
    return ForeignKey(
        place.address("foreign_key", name),
        tuple(node["columns"]),
        table,
        columns,
        node.get("on_update", "no_action"),
        node.get("on_delete", "no_action"),
        tuple(node.get("on_delete_columns", ())),
        node.get("match") == "full",
        deferrable,
        deferred,
        bool(node.get("validated", True)) and enforced,
        enforced,
        bool(node.get("period", False)),
    )


def lift(key: ForeignKey, catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"columns": list(key.columns), "references": lift_target(key, catalog)}
    for word, value in (("on_update", key.on_update), ("on_delete", key.on_delete)):
        if value != "no_action":
            node[word] = value
    if key.delete_columns:
        node["on_delete_columns"] = list(key.delete_columns)
    if key.full:
        node["match"] = "full"
    if key.period:
        node["period"] = True
    node |= lift_deferrable(key.deferrable, key.deferred)
    if not key.enforced:
        node["enforced"] = False
    elif not key.validated:
        node["validated"] = False
    return node


def query(version: int) -> str:
    """Foreign keys of the tables in scope; names on the far side too, since that may be out of scope."""
    chosen = "k.confdelsetcols" if version >= 15 else "NULL::int2[]"
    newer = "k.conenforced, k.conperiod" if version >= 18 else "true, false"
    return f"""
        SELECT k.conrelid, k.conname, k.conkey, n.nspname, f.relname, k.confrelid, k.confkey, k.confupdtype::text,
               k.confdeltype::text, {chosen}, k.confmatchtype = 'f', k.condeferrable, k.condeferred, k.convalidated,
               {newer},
               CASE WHEN f.relnamespace <> ALL (%(namespaces)s) THEN
                   (SELECT array_agg(a.attname::text ORDER BY o.position)
                    FROM unnest(k.confkey) WITH ORDINALITY o (number, position)
                    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.number) END
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
        JOIN pg_namespace n ON n.oid = f.relnamespace
        WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY k.conrelid, k.conname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ForeignKey]:
    """Rows of `query` → ForeignKey."""
    for row in rows:
        table, name, numbers, schema, far, far_oid, far_numbers, update, delete, chosen, *rest, far_names = row
        path = reader.tables.get(table)
        if path is None:
            continue
        yield ForeignKey(
            reader.address("foreign_key", *path, name),
            reader.names(table, numbers),
            (schema, far),
            tuple(far_names) if far_names else reader.names(far_oid, far_numbers),
            ACTIONS[update],
            ACTIONS[delete],
            reader.names(table, chosen or ()),
            *rest,
        )


def references(key: ForeignKey, catalog: Catalog) -> Iterable[Address]:
    """Its columns, the table and columns it refers to, and the key over these."""
    yield from column_addresses(key.address, key.columns)
    far = key.address.sibling("table", key.table)
    yield far
    if far in catalog.resources:
        yield from (far.sibling("column", (*key.table, name)) for name in key.referenced)
        yield from (far.sibling("table", p) for p in partitions(far, catalog))  # it refers to each of them too
    yield from _far_keys(key, catalog)


def _far_keys(key: ForeignKey, catalog: Catalog) -> Iterable[Address]:
    far = key.address.sibling("table", key.table)
    wanted = set(key.referenced)
    primary = catalog.get(far.sibling("primary_key", key.table), PrimaryKey)
    if primary is not None and set(primary.columns) == wanted and primary.without_overlaps == key.period:
        yield primary.address
    for unique in catalog.children(far, "unique", Unique):
        if set(unique.columns) == wanted and unique.without_overlaps == key.period:
            yield unique.address
    for index in catalog.children(far, "index", Index):
        if not key.period and index.unique and index.where is None and {p.column for p in index.parts} == wanted:
            yield index.address


def absorbed(change: Change[ForeignKey], context: Context) -> bool:
    """Gone with its table where it refers to that itself, and to no partition, which goes first. Else it goes alone:
    dropping it locks both tables (row 45).

    Never part of CREATE TABLE, since tables may refer to each other.
    """
    if survives(change, context) or becomes_twin(change, context):
        return True
    if change.action is not Action.DELETE or change.before is None:
        return False
    if context.creates(table_address(change.address)):
        return True
    table = table_address(change.address)
    return change.before.table == table.path and context.deletes(table) and not partitions(table, context.live)


def create(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """NOT VALID, then VALIDATE (rows 41 to 43); at once where the table is new and empty."""
    if context.creates(table_address(change.address)):
        return [of_new_table(change, context)]
    if made := parts(change, context):
        return one_by_one(change, made, context)
    easy = only_new_columns(change, change.desired.columns, context) or not change.desired.enforced
    return _add(change, context, Phase.EXPAND if easy else Phase.CONTRACT, "")


def replace(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """Old out and new in by one ALTER: writers are never unchecked. Alone where the table it refers to goes."""
    if context.deletes(change.address.sibling("table", change.live.table)):
        gone = dataclasses.replace(drop(change, context)[0], slot="out", removes=True, done=())
        return [gone, *_add(change, context, Phase.CONTRACT, "")]
    if made := parts(change, context):
        return one_by_one(change, made, context)
    return _add(change, context, Phase.CONTRACT, f"DROP CONSTRAINT {ident(change.address.name)}, ")


def _add(change: Change[ForeignKey], context: Context, phase: Phase, first: str) -> list[Draft]:
    key, table, name = change.desired, table_name(change.address), change.address.name
    here = table_path(change.address)
    locks = share_row_exclusive(*sorted({here, key.table}))
    if first and change.before:
        out = {here, change.before.table}
        locks = (*access_exclusive(*sorted(out)), *share_row_exclusive(*sorted({key.table} - out)))
    refused = hazard(Code.OLD_WRITERS, f"a row of {table} that refers to nothing in {qualified(*key.table)} is refused")
    back = f"DROP CONSTRAINT {ident(name)}" + (
        f", ADD {clause(change.before)}{validity(change.before)}" if change.before else ""
    )
    if context.server.version < (18,) and in_partitioned(change.address, context):
        return [at_once(change, context, first)]
    add = Draft(
        "add",
        phase,
        f"check new rows of {here[1]} by foreign key {name}" if key.enforced else f"declare foreign key {name}",
        sql(f"ALTER TABLE {table} {first}ADD {clause(key)}{' NOT VALID' if key.enforced else ''}"),
        locks=locks,
        hazards=() if phase is Phase.EXPAND else (refused if key.enforced else _loosens(key),),
        probes=orphans(key, context) if key.validated else (),
        done=became(change, *(("validated",) if key.validated else ())),
        undo=(sql(f"ALTER TABLE {table} {back}"),),
        requires=before(change, context),
        provides=True,
    )
    return [add, _validation(key, phase)] if key.validated else [add]


def rebuild(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """Out while the key it refers to is replaced, then in again, unvalidated at first: no scan in that transaction."""
    key, steady = change.desired, not change.attributes
    out = dataclasses.replace(drop(change, context)[0], slot="out", removes=True, hazards=(), done=())
    if context.creates(table_address(change.address)):
        return [out, dataclasses.replace(of_new_table(change, context), phase=out.phase)]
    add, *rest = _add(change, context, Phase.CONTRACT, "")
    calm = dataclasses.replace(add, hazards=(), probes=()) if steady else add
    return [out, dataclasses.replace(calm, done=(Check(key.address),)), *rest]


def _validation(key: ForeignKey, phase: Phase) -> Draft:
    here = table_path(key.address)
    return Draft(
        "validate",
        phase,
        f"check the rows that are in {here[1]} by foreign key {key.address.name}",
        sql(f"ALTER TABLE {table_name(key.address)} VALIDATE CONSTRAINT {ident(key.address.name)}"),
        locks=(lock(SUE, *here), *((lock(ROW_SHARE, *key.table),) if key.table != here else ())),
        done=(Check(key.address, attributes=(("validated", True),)),),
        undo=(),
        reads=table_address(key.address),
    )


def set_validated(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """VALIDATE; the way back to NOT VALID is a new constraint."""
    if change.desired.validated:
        back = f"DROP CONSTRAINT {ident(change.address.name)}, ADD {clause(change.live)}{validity(change.live)}"
        undo = sql(f"ALTER TABLE {table_name(change.address)} {back}")
        probes = orphans(change.desired, context)
        return [dataclasses.replace(_validation(change.desired, Phase.CONTRACT), probes=probes, undo=(undo,))]
    return replace(change, context)


def set_timing(change: Change[ForeignKey], _context: Context) -> list[Draft]:
    """ALTER CONSTRAINT: instant (row 46)."""

    def action(key: ForeignKey) -> str:
        text = timing(key.deferrable, key.deferred) or " NOT DEFERRABLE"
        return f"ALTER TABLE {table_name(key.address)} ALTER CONSTRAINT {ident(key.address.name)}{text}"

    key = change.desired
    return [
        Draft(
            "timing",
            Phase.CONTRACT,
            f"change when {change.address.name} of {change.address.path[1]} is checked",
            sql(action(key)),
            locks=access_exclusive(table_path(change.address)),
            done=(Check(key.address, attributes=(("deferrable", key.deferrable), ("deferred", key.deferred))),),
            undo=(sql(action(change.live)),),
        )
    ]


def set_enforced(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """ALTER CONSTRAINT … NOT ENFORCED is instant. ENFORCED would read all rows under its lock (row 44), so the key goes
    and comes again not valid, and is validated while the table is in use.
    """
    key, live, here = change.desired, change.live, table_path(change.address)
    if key.enforced:
        return replace(change, context)
    start, name = f"ALTER TABLE {table_name(change.address)}", ident(change.address.name)
    anew = f"{start} DROP CONSTRAINT {name}, ADD {clause(live)}{validity(live)}"
    return [
        Draft(
            "enforced",
            Phase.CONTRACT,
            f"no longer check rows of {here[1]} by foreign key {change.address.name}",
            sql(f"{start} ALTER CONSTRAINT {name} NOT ENFORCED"),
            locks=access_exclusive(here, *(() if key.table == here else (key.table,))),
            hazards=(_loosens(key),),
            done=became(change, "deferrable", "deferred"),
            undo=(sql(anew),),
        )
    ]


def _loosens(key: ForeignKey) -> Hazard:
    return hazard(Code.LOOSENS, f"rows may refer to nothing in {qualified(*key.table)}")


def drop(change: Change[ForeignKey], context: Context) -> list[Draft]:
    """AccessExclusive on both tables, so alone in its transaction (row 45)."""
    key, here = change.live, table_path(change.address)
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop foreign key {change.address.name} of {here[1]}",
            sql(f"ALTER TABLE {table_name(change.address)} DROP CONSTRAINT {ident(change.address.name)}"),
            locks=access_exclusive(here, *(() if key.table == here else (key.table,))),
            hazards=() if context.deletes(table_address(change.address)) else (_loosens(key),),
            done=(Check(change.address, present=False),),
            undo=(sql(f"ALTER TABLE {table_name(change.address)} ADD {clause(key)}{validity(key)}"),),
        )
    ]


KIND = PgKind(
    name="foreign_key",
    resource=ForeignKey,
    section="foreign_keys",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=to_partitions(create),
    drop=to_partitions(drop),
    replace=to_partitions(replace),
    rebuild=to_partitions(rebuild),
    binds=binds,
    outlives=outlives,
    rules=(
        rule("deferrable", "deferred", emit=to_partitions(set_timing)),
        rule("enforced", "validated", emit=to_partitions(set_enforced), when=lambda c, _: c.changed("enforced")),
        rule("validated", emit=to_partitions(set_validated)),
    ),
    parent="table",
    order=70,
)
