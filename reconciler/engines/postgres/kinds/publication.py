"""Publications: `publications: {orders: {tables: {orders: {columns: [id], where: open}}, publish: [insert]}}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from reconciler.engines.postgres.constraint_parts import COLUMNS
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import columns, ident, qualified
from reconciler.engines.postgres.type_names import named
from reconciler.engines.postgres.type_names import short as short_name
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Lock, Phase


class Published(NamedTuple):
    """A table: () for all its columns, None for all its rows."""

    schema: str
    table: str
    columns: tuple[str, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Publication(Resource):
    """Path: (name,). Tables, columns and schemas sorted; `excepted`: (schema, table) that `all_tables` leaves out."""

    all_tables: bool = attr(Role.REPLACE, default=False)
    excepted: tuple[tuple[str, str], ...] = attr(Role.REPLACE, default=())
    all_sequences: bool = attr(Role.REPLACE, default=False)
    tables: tuple[Published, ...] = ()
    schemas: tuple[str, ...] = ()
    publish: tuple[str, ...] = ("insert", "update", "delete", "truncate")
    via_root: bool = False
    generated_columns: str = "none"


ACTIONS = ("insert", "update", "delete", "truncate")
WHERE = {"type": "string", "minLength": 1}
TABLE = {
    "type": ["object", "null"],
    "properties": {"columns": COLUMNS, "where": WHERE},
    "additionalProperties": False,
}
SPEC = {
    "type": ["object", "null"],
    "properties": {
        "all_tables": {"type": "boolean"},
        "except": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "all_sequences": {"type": "boolean"},
        "tables": {"type": "object", "additionalProperties": TABLE},
        "schemas": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "publish": {"type": "array", "items": {"enum": list(ACTIONS)}},
        "publish_via_partition_root": {"type": "boolean"},
        "publish_generated_columns": {"enum": ["none", "stored"]},
    },
}


def lower(name: str, node: Any, place: Place) -> Publication:
    """The words of CREATE PUBLICATION; tables by name, `schema.table` outside `public`."""
    node = node or {}
    if node.get("all_tables") and (node.get("tables") or node.get("schemas")):
        raise place.fail("all tables are published already", "leave 'tables' and 'schemas' out", "all_tables")
    if node.get("except") and not node.get("all_tables"):
        raise place.fail("only of all tables some can be left out", "say 'all_tables: true' beside it", "except")
    if node.get("all_sequences") and (node.get("tables") or node.get("schemas")):
        raise place.fail("all sequences go with all tables or alone", "make two publications of it", "all_sequences")
    tables = [_published(text, said or {}) for text, said in node.get("tables", {}).items()]
    return Publication(
        Address(place.service, place.engine, "publication", (name,)),
        bool(node.get("all_tables", False)),
        tuple(sorted(named(text) for text in node.get("except", ()))),
        bool(node.get("all_sequences", False)),
        tuple(sorted(tables, key=lambda t: t[:2])),
        tuple(sorted(node.get("schemas", ()))),
        tuple(a for a in ACTIONS if a in node.get("publish", ACTIONS)),
        bool(node.get("publish_via_partition_root", False)),
        node.get("publish_generated_columns", "none"),
    )


def _published(text: str, said: Mapping[str, Any]) -> Published:
    where = Expr(said["where"]) if "where" in said else None
    return Published(*named(text), tuple(sorted(said.get("columns", ()))), where)


def lift(publication: Publication, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"all_tables": True} if publication.all_tables else {}
    if publication.excepted:
        node["except"] = [short_name(*path) for path in publication.excepted]
    if publication.all_sequences:
        node["all_sequences"] = True
    if publication.tables:
        node["tables"] = {short_name(t.schema, t.table): _lifted(t) for t in publication.tables}
    if publication.schemas:
        node["schemas"] = list(publication.schemas)
    if publication.publish != ACTIONS:
        node["publish"] = list(publication.publish)
    if publication.via_root:
        node["publish_via_partition_root"] = True
    if publication.generated_columns != "none":
        node["publish_generated_columns"] = publication.generated_columns
    return node


def _lifted(table: Published) -> dict[str, Any]:
    node: dict[str, Any] = {"columns": list(table.columns)} if table.columns else {}
    return node | ({"where": table.where.source} if table.where is not None else {})


def query(version: int) -> str:
    """Publications of the database; column lists, row filters and schemas came with 15, exceptions and sequences with
    19.
    """
    listed = """(SELECT array_agg(a.attname::text) FROM pg_attribute a
                 WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[]))"""
    parts = f"{listed}, pg_get_expr(r.prqual, r.prrelid)" if version >= 15 else "NULL::text[], NULL::text"
    schemas = """ARRAY(SELECT s.nspname::text FROM pg_publication_namespace x JOIN pg_namespace s ON s.oid = x.pnnspid
                       WHERE x.pnpubid = p.oid)"""
    return f"""
        SELECT p.oid, p.pubname, p.puballtables, ARRAY[p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate],
               p.pubviaroot, {"p.pubgencols::text" if version >= 18 else "'n'"},
               {schemas if version >= 15 else "ARRAY[]::text[]"},
               {"p.puballsequences, r.prexcept" if version >= 19 else "false, false"},
               r.oid, n.nspname, c.relname, {parts}
        FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
        LEFT JOIN pg_class c ON c.oid = r.prrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_publication'::regclass
                          AND e.objid = p.oid AND e.deptype = 'e')
        ORDER BY p.pubname, n.nspname, c.relname"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Publication]:
    """Rows of `query`, one for each table → Publication."""
    found: dict[Address, Publication] = {}
    for oid, name, everything, actions, via_root, generated, schemas, sequences, excepted, *one in rows:
        address = Address(reader.service, "postgres", "publication", (name,))
        if address not in found:
            found[reader.known("pg_publication", oid, address)] = Publication(
                address,
                all_tables=everything,
                all_sequences=sequences,
                schemas=tuple(sorted(schemas)),
                publish=tuple(a for a, said in zip(ACTIONS, actions, strict=True) if said),
                via_root=via_root,
                generated_columns="stored" if generated == "s" else "none",
            )
        link, schema, table, listed, where = one
        if link is not None:
            reader.known("pg_publication_rel", link, address)
            filtered = Expr.live(where) if where is not None else None
            before, member = found[address], Published(schema, table, tuple(sorted(listed or ())), filtered)
            found[address] = (
                replace(before, excepted=(*before.excepted, (schema, table)))
                if excepted
                else replace(before, tables=(*before.tables, member))
            )
    for publication in found.values():
        tables = tuple(sorted(publication.tables, key=lambda t: t[:2]))
        yield replace(publication, tables=tables, excepted=tuple(sorted(publication.excepted)))


def references(publication: Publication, catalog: Catalog) -> Iterable[Address]:
    """Tables, listed columns and schemas, as far as they are of this target."""
    for path in publication.excepted:
        if (left_out := publication.address.sibling("table", path)) in catalog.resources:
            yield left_out
    for table in publication.tables:
        address = publication.address.sibling("table", (table.schema, table.table))
        if address in catalog.resources:
            yield address
            yield from (address.sibling("column", (*address.path, c)) for c in table.columns)
    for name in publication.schemas:
        schema = publication.address.sibling("schema", (name,))
        if schema in catalog.resources:
            yield schema


def conditions(publication: Publication) -> list[tuple[Address, Expr]]:
    """The row filters, with the table that each is about."""
    address = publication.address
    return [(address.sibling("table", (t.schema, t.table)), t.where) for t in publication.tables if t.where is not None]


def with_conditions(publication: Publication, said: Sequence[Expr]) -> Publication:
    """The publication with its row filters, in their order, as the server spells them."""
    answers = iter(said)
    tables = tuple(t._replace(where=next(answers)) if t.where is not None else t for t in publication.tables)
    return replace(publication, tables=tables)


def _object(table: Published) -> str:
    listed = f" {columns(table.columns)}" if table.columns else ""  # without ONLY its children come along
    return f"ONLY {qualified(table.schema, table.table)}{listed}" + (
        f" WHERE ({table.where.source})" if table.where is not None else ""
    )


def _objects(tables: Iterable[str], schemas: Iterable[str]) -> str:
    """The word TABLE once, before the first: 14 knows it nowhere else."""
    named = ", ".join(tables)
    return ", ".join([*([f"TABLE {named}"] if named else []), *(f"TABLES IN SCHEMA {ident(s)}" for s in schemas)])


def _options(before: Publication | None, after: Publication) -> str:
    base = before or Publication(after.address)
    said = [] if base.publish == after.publish else [f"publish = '{', '.join(after.publish)}'"]
    if base.via_root != after.via_root:
        said.append(f"publish_via_partition_root = {str(after.via_root).lower()}")
    if base.generated_columns != after.generated_columns:
        said.append(f"publish_generated_columns = {after.generated_columns}")
    return ", ".join(said)


def definition(publication: Publication) -> str:
    """CREATE PUBLICATION."""
    left_out = ", ".join(f"ONLY {qualified(*path)}" for path in publication.excepted)
    whole = ["ALL TABLES" + (f" EXCEPT (TABLE {left_out})" if left_out else "")] if publication.all_tables else []
    whole += ["ALL SEQUENCES"] if publication.all_sequences else []
    what = ", ".join(whole) or _objects(map(_object, publication.tables), publication.schemas)
    options = _options(None, publication)
    start = f"CREATE PUBLICATION {ident(publication.address.name)}" + (f" FOR {what}" if what else "")
    return start + (f" WITH ({options})" if options else "")


def _locks(*publications: Publication) -> tuple[Lock, ...]:
    """On the tables that are listed, or no longer."""
    tables = dict.fromkeys(t for p in publications for t in (*p.excepted, *((t.schema, t.table) for t in p.tables)))
    return share_update_exclusive(*sorted(tables))


def create(change: Change[Publication], _context: Context) -> list[Draft]:
    """Readers and writers go on (row 94). All tables, or all of a schema, need a superuser."""
    name = change.address.name
    return [
        created(
            change,
            f"publication {name}",
            definition(change.desired),
            drop=f"DROP PUBLICATION {ident(name)}",
            locks=_locks(change.desired),
        )
    ]


def drop(change: Change[Publication], _context: Context) -> list[Draft]:
    """Subscribers get nothing any more."""
    name = change.address.name
    return [
        dropped(
            change,
            f"publication {name}",
            f"DROP PUBLICATION {ident(name)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, f"subscribers of {name} get an error and no more changes"),),
        )
    ]


def rebuild(change: Change[Publication], context: Context) -> list[Draft]:
    """Out and in again by one transaction, where a filter stands in the way of a change."""
    made = create(change, context)[0]
    gone = drop(change, context)[0]
    return [replace(gone, hazards=()), replace(made, phase=Phase.CONTRACT, done=became(change))]


def anew(change: Change[Publication], _context: Context) -> list[Draft]:
    """All tables, or some: that is for life; one transaction drops it and creates it."""
    name = change.address.name
    return [
        Draft(
            "replace",
            Phase.CONTRACT,
            f"replace publication {name}",
            sql(f"DROP PUBLICATION {ident(name)}", definition(change.desired)),
            locks=_locks(change.desired),
            hazards=(hazard(Code.OLD_READERS, f"subscribers of {name} get other changes from here on"),),
            done=became(change),
            undo=(sql(f"DROP PUBLICATION {ident(name)}", definition(change.live)),),
            provides=True,
        )
    ]


def _members(before: Publication, after: Publication) -> list[str]:
    """ALTER PUBLICATION … SET all of it, since a list or a filter cannot be changed alone; or DROP the rest."""
    start = f"ALTER PUBLICATION {ident(after.address.name)}"
    if after.tables or after.schemas:
        return [f"{start} SET {_objects(map(_object, after.tables), after.schemas)}"]
    return [f"{start} DROP {_objects((f'ONLY {qualified(t.schema, t.table)}' for t in before.tables), before.schemas)}"]


def set_members(change: Change[Publication], _context: Context) -> list[Draft]:
    """More is expand; less is contract."""
    live, desired = change.live, change.desired
    less = any(t not in desired.tables for t in live.tables) or any(s not in desired.schemas for s in live.schemas)
    name = change.address.name
    return [
        Draft(
            "members",
            Phase.CONTRACT if less or _via_root(change) else Phase.EXPAND,
            f"change what publication {name} publishes",
            sql(*_members(live, desired)),
            locks=_locks(live, desired),
            hazards=(hazard(Code.OLD_READERS, f"subscribers of {name} get fewer or other changes"),) if less else (),
            done=became(change, "publish", "via_root", "generated_columns"),
            undo=(sql(*_members(desired, live)),),
            provides=True,
        )
    ]


def set_options(change: Change[Publication], _context: Context) -> list[Draft]:
    """ALTER PUBLICATION … SET (…)."""
    live, desired = change.live, change.desired
    less = any(a not in desired.publish for a in live.publish)
    name = ident(change.address.name)
    return [
        Draft(
            "options",
            Phase.CONTRACT if less or live.via_root > desired.via_root else Phase.EXPAND,
            f"change the options of publication {change.address.name}",
            sql(f"ALTER PUBLICATION {name} SET ({_options(live, desired)})"),
            hazards=(hazard(Code.OLD_READERS, f"subscribers of {name} get fewer changes"),) if less else (),
            done=became(change, "tables", "schemas"),
            undo=(sql(f"ALTER PUBLICATION {name} SET ({_options(desired, live)})"),),
        )
    ]


def _via_root(change: Change[Publication]) -> bool:
    """A partitioned table has a row filter or a list of columns only while its root publishes for all: so that is said
    before the tables that may need it, and taken back after those that did.
    """
    return change.desired.via_root and not change.live.via_root


OPTIONS = ("publish", "via_root", "generated_columns")
KIND = PgKind(
    name="publication",
    resource=Publication,
    section="publications",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    replace=anew,
    rebuild=rebuild,
    rules=(
        rule(*OPTIONS, emit=set_options, when=lambda change, _: _via_root(change)),
        rule("tables", "schemas", emit=set_members),
        rule(*OPTIONS, emit=set_options),
    ),
    conditions=conditions,
    with_conditions=with_conditions,
    bound=True,
    order=84,
)
