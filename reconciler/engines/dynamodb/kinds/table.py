"""A table: its key, how it is paid for, what protects it.

What changes in place is what UpdateTable takes; the name, the key and local indexes never change: another table takes
the place of this one, with its items (`migration`). Source of the rules: the service model in botocore, and `limits`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.dynamodb import billing, imports, keys, limits, local_indexes, throughput, warm
from reconciler.engines.dynamodb.imports import Source
from reconciler.engines.dynamodb.keys import Key, KeyAttribute
from reconciler.engines.dynamodb.migration import options
from reconciler.engines.dynamodb.migration.naming import VERSION
from reconciler.engines.dynamodb.migration.options import Options
from reconciler.engines.dynamodb.migration.steps import replace_table
from reconciler.engines.dynamodb.naming import physical_name
from reconciler.engines.dynamodb.operations import IMPORTED, TABLE_ACTIVE, TABLE_GONE, Call, Calls
from reconciler.engines.dynamodb.registry import kinds
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.engines.dynamodb.throughput import ON_DEMAND, Throughput
from reconciler.engines.dynamodb.warm import COLD, Warm
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Table(Resource):
    """One table. `name` is the physical name; the address holds the logical one."""

    name: str = attr(Role.REPLACE)
    key: Key = attr(Role.REPLACE)
    billing: Throughput = attr(default=ON_DEMAND)
    deletion_protection: bool = attr(default=False)
    table_class: str = attr(default="standard")
    local: tuple[str, ...] = attr(Role.REPLACE, default=())
    """Its local indexes in words: they come and go with it (`local_indexes`)."""
    warm: Warm = attr(default=COLD)
    attributes: Key = attr(Role.INFORMATIONAL, reason="keys and indexes hold the types of their attributes", default=())
    explicit: bool = attr(Role.INFORMATIONAL, reason="whether the name was written out", default=False)
    source: Source | None = attr(
        Role.INFORMATIONAL, reason="counts when the table is created, and never after", default=None
    )
    told: bool = attr(Role.INFORMATIONAL, reason="whether `import` says that it is not protected", default=False)
    state: str = attr(Role.INFORMATIONAL, reason="the service moves it", default="active")
    base: str = attr(Role.INFORMATIONAL, reason="the name by which the declaration knows it", default="")
    versioned: str = attr(Role.INFORMATIONAL, reason="what a table is called that takes its place", default="")
    copy: Options | None = attr(
        Role.INFORMATIONAL, reason="how items get to a new table, not what is there", default=None
    )

    @property
    def built(self) -> bool:
        """Whether it can be used."""
        return self.state != "creating"

    @property
    def warmth(self) -> str:
        """The warm throughput in words."""
        return str(self.warm)

    @property
    def capacity(self) -> str:
        """The billing in words, as `done` checks compare it."""
        return str(self.billing)


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {
            "type": "string",
            "pattern": limits.NAME,
            "description": "the physical name, 3 to 255 of A-Z a-z 0-9 _ . -",
        },
        "attributes": {
            "type": "object",
            "description": "types of the attributes that keys and indexes use: S, N or B",
            "additionalProperties": {"enum": list(limits.ATTRIBUTE_TYPES)},
            "minProperties": 1,
        },
        "key": {
            "type": "object",
            "description": "{partition: attribute, sort: attribute}; the sort key may be left out",
            "properties": {"partition": {"type": "string"}, "sort": {"type": "string"}},
            "required": ["partition"],
            "additionalProperties": False,
        },
        "billing": {
            "description": "on_demand, {read: 5, write: 5} or {on_demand: {max_read: 100, max_write: 50}}",
            "anyOf": [
                {"const": "on_demand"},
                throughput.PROVISIONED_SPEC,
                {
                    "type": "object",
                    "properties": {"on_demand": throughput.MAXIMUM_SPEC},
                    "required": ["on_demand"],
                    "additionalProperties": False,
                },
            ],
        },
        "deletion_protection": {"type": "boolean", "description": "on in production unless it says false"},
        "table_class": {"enum": ["standard", "standard_infrequent_access"]},
        "copy": options.SPEC,
        "warm_throughput": warm.SPEC,
        "import_from": imports.SPEC,
    },
    "required": ["attributes", "key"],
}


def lower(name: str, node: Any, place: Place) -> Table:
    """A node of `tables:`. Types of key attributes that are not declared stay empty: `check` reports them."""
    types: Mapping[str, str] = node["attributes"]
    implied = physical_name(place.naming, name)
    physical = node.get("name", implied)
    key = keys.named([node["key"]["partition"], *([node["key"]["sort"]] if "sort" in node["key"] else [])])
    return Table(
        place.address("table", name),
        name=physical,
        key=keys.typed(key, types),
        billing=_lower_billing(node.get("billing", "on_demand")),
        deletion_protection=node.get("deletion_protection", place.policy.production),
        table_class=node.get("table_class", "standard"),
        warm=warm.lowered(node.get("warm_throughput")),
        source=imports.lowered(node.get("import_from")),
        attributes=tuple(KeyAttribute(n, types[n]) for n in sorted(types)),
        explicit=physical != implied,
        versioned=f"{physical}{VERSION}" if physical != implied else physical_name(place.naming, f"{name}{VERSION}"),
        copy=options.lowered(node.get("copy"), place),
    )


def _lower_billing(node: Any) -> Throughput:
    if node == "on_demand":
        return ON_DEMAND
    return throughput.lowered(node.get("on_demand", node))


def lift(table: Table, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to the table."""
    node: dict[str, Any] = {"name": table.base or table.name} if table.explicit else {}
    first = [k for k in table.key if k in table.attributes]
    node["attributes"] = {a.name: a.type for a in (*first, *(a for a in table.attributes if a not in first))}
    node["key"] = dict(zip(("partition", "sort"), (k.name for k in table.key), strict=False))
    if table.billing.provisioned:
        node["billing"] = throughput.lifted(table.billing)
    elif table.billing != ON_DEMAND:
        node["billing"] = {"on_demand": throughput.lifted(table.billing)}
    if table.deletion_protection or table.told:
        node["deletion_protection"] = table.deletion_protection
    if table.table_class != "standard":
        node["table_class"] = table.table_class
    if table.source:
        node["import_from"] = imports.lifted(table.source)
    return {**node, **warm.lifted(table.warm)}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, address: Address) -> Iterable[Table]:
    """The table of a description. Definitions of attributes that no key uses are left out: some stores keep them."""
    described = row.table
    partition, sort = keys.read(described["KeySchema"], row.types)
    table_class = described.get("TableClassSummary", {}).get("TableClass", "STANDARD")
    yield Table(
        address,
        name=described["TableName"],
        key=(*partition, *sort),
        billing=throughput.read(described, row.provisioned),
        deletion_protection=bool(described.get("DeletionProtectionEnabled")),
        table_class=table_class.lower(),
        warm=warm.read(described),
        attributes=tuple(KeyAttribute(n, row.types.get(n, "")) for n in sorted(_used(described))),
        explicit=row.explicit,
        state=described.get("TableStatus", "ACTIVE").lower(),
        local=local_indexes.read(described, row.types),
        base=row.base or described["TableName"],
    )


def _used(described: Mapping[str, Any]) -> set[str]:
    lists = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes")
    indexes = [i for name in lists for i in described.get(name) or () if i.get("IndexStatus") != "DELETING"]
    schemas = [described["KeySchema"], *(i.get("KeySchema") or i.get("SearchSchema") or () for i in indexes)]
    return {element["AttributeName"] for schema in schemas for element in schema}


# -- steps ------------------------------------------------------------------------------------------------------------


def create(change: Change[Table], context: Context) -> list[Draft]:
    """One CreateTable with everything it can take: indexes, stream, tags. TTL and recovery are calls of their own.

    An import from S3 creates the table too, and takes less: protection, class and warmth follow it.
    """
    table = change.desired
    request = _creation(table, context.desired)
    made = Draft(
        "create",
        Phase.EXPAND,
        f"create table {table.name}",
        Call("CreateTable", request, TABLE_ACTIVE),
        done=(_active(change.address),),
        undo=(_delete(table),),
        provides=True,
    )
    if table.source is None:
        return [made]
    bare = replace(table, deletion_protection=False)
    imported = replace(
        made,
        title=f"create table {table.name} from {table.source}",
        operation=Call("ImportTable", imports.request(table.source, request), IMPORTED),
        hazards=(hazard(Code.COST, "an import is paid for by what it reads"),),
        undo=(_delete(bare),),
    )
    live = replace(bare, table_class="standard", warm=COLD)
    later = Change(change.address, Action.UPDATE, live, table, ())
    rules = {"warm": change_warm, "table_class": change_class, "deletion_protection": change_protection}
    unlike = [emit for name, emit in rules.items() if getattr(live, name) != getattr(table, name)]
    return [imported, *(draft for emit in unlike for draft in emit(later, context))]


def _creation(table: Table, desired: Catalog) -> dict[str, Any]:
    """The members of CreateTable."""
    request: dict[str, Any] = {
        "TableName": table.name,
        "AttributeDefinitions": keys.definitions(table.attributes),
        "KeySchema": keys.schema(table.key[:1], table.key[1:]),
        "BillingMode": billing.mode(table.billing),
        **throughput.request(table.billing),
        **warm.request(table.warm),
    }
    if table.deletion_protection:
        request["DeletionProtectionEnabled"] = True
    if table.table_class != "standard":
        request["TableClass"] = table.table_class.upper()
    for part in _parts(table, desired):
        for member, value in part.items():
            request[member] = [*request.get(member, ()), *value] if isinstance(value, list) else value
    return request


def _parts(table: Table, desired: Catalog) -> Iterable[Mapping[str, Any]]:
    for kind in kinds().values():
        if kind.parent == "table":
            mine = desired.children(table.address, kind.name, kind.resource)
            yield from (kind.part(resource) for resource in sorted(mine, key=lambda r: r.address))


def drop(change: Change[Table], context: Context) -> list[Draft]:
    """DeleteTable, which a protected table refuses: the protection goes first, in the same step."""
    table = change.live
    rows = context.size(change.address).rows
    items = "its items" if rows < 0 else f"its {rows} items"
    hazards = [hazard(Code.DELETES_DATA, f"{items} are gone with the table {table.name}, and its indexes")]
    if table.deletion_protection:
        hazards.append(hazard(Code.LOOSENS, "the table was protected against deletion; that is turned off first"))
    return [
        Draft(
            "delete",
            Phase.CONTRACT,
            f"turn off deletion protection of {table.name} and delete it"
            if table.deletion_protection
            else f"delete table {table.name}",
            _delete(table),
            hazards=tuple(hazards),
            done=(Check(change.address, present=False),),
            reads=change.address,
        )
    ]


def _delete(table: Table) -> Call | Calls:
    delete = Call("DeleteTable", {"TableName": table.name}, TABLE_GONE)
    return Calls((_protect(table, False), delete)) if table.deletion_protection else delete


def _active(address: Address, *attributes: tuple[str, Any]) -> Check:
    return Check(address, attributes=(*attributes, ("built", True)))


def _update(table: Table, **members: Any) -> Call:
    return Call("UpdateTable", {"TableName": table.name, **members}, TABLE_ACTIVE)


def _protect(table: Table, on: bool) -> Call:
    return _update(table, DeletionProtectionEnabled=on)


def change_protection(change: Change[Table], _context: Context) -> list[Draft]:
    """On at once; off last, since until then the old rule holds."""
    before, after = change.live, change.desired
    on = after.deletion_protection
    loose = hazard(Code.LOOSENS, f"anyone who may delete tables can delete {after.name} from here on")
    return [
        Draft(
            "deletion protection",
            Phase.EXPAND if on else Phase.CONTRACT,
            f"{'protect' if on else 'no longer protect'} table {after.name} against deletion",
            _protect(after, on),
            hazards=() if on else (loose,),
            done=(_active(change.address, ("deletion_protection", on)),),
            undo=(_protect(before, not on),),
        )
    ]


def change_class(change: Change[Table], _context: Context) -> list[Draft]:
    """The class is a matter of price: storage against requests."""
    before, after = change.live, change.desired
    return [
        Draft(
            "table class",
            Phase.EXPAND,
            f"change the class of table {after.name} to {after.table_class.replace('_', ' ')}",
            _update(after, TableClass=after.table_class.upper()),
            hazards=(hazard(Code.COST, f"storage and requests are priced differently; {limits.CLASS_RULE}"),),
            done=(_active(change.address, ("table_class", after.table_class)),),
            undo=(_update(before, TableClass=before.table_class.upper()),),
        )
    ]


def change_warm(change: Change[Table], _context: Context) -> list[Draft]:
    """A higher floor. It is paid for once, and nothing takes it back: an undo has nothing to do."""
    before, after = change.live, change.desired
    return [
        Draft(
            "warm throughput",
            Phase.EXPAND,
            f"warm table {after.name} up for {after.warm}",
            _update(after, WarmThroughput=warm.units(after.warm)),
            hazards=(hazard(Code.COST, f"{before.warm} → {after.warm}; it is paid for once and never goes back"),),
            done=(_active(change.address, ("warmth", str(after.warm))),),
            undo=None,
        )
    ]


KIND = DynamoKind(
    name="table",
    resource=Table,
    section="tables",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    create=create,
    drop=drop,
    replace=replace_table,
    former=lambda address, text: address.sibling("table", (text,)),
    rules=(
        rule("billing", emit=billing.change_billing),
        rule("deletion_protection", emit=change_protection),
        rule("table_class", emit=change_class),
        rule("warm", emit=change_warm),
    ),
    order=10,
    retained=True,
)
