"""A replica of a table in another region: it comes and goes in an UpdateTable of its own (global tables 2019.11.21).

What UpdateTable knows of it is set from the table's region: the key, the class, how much it may read. Its protection is
set in its own region, and so is what `engines.dynamodb.regional` adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb import replicas
from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.kinds.replica_index import ReplicaIndex, reads_of
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call, Calls
from reconciler.engines.dynamodb.regional import PREFIX
from reconciler.engines.dynamodb.registry import kinds
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Operation, Phase, Ref


@dataclass(frozen=True, slots=True)
class Replica(Resource):
    """Path: (table, region). What is empty or 0 is as in the table itself, but for the protection."""

    key: str = attr(default="")
    table_class: str = attr(default="")
    read: int = attr(default=0)
    max_read: int = attr(default=0)
    deletion_protection: bool = attr(default=False)
    state: str = attr(Role.INFORMATIONAL, reason="the service moves it", default="active")
    told: bool = attr(Role.INFORMATIONAL, reason="whether `import` says that it is not protected", default=False)

    @property
    def region(self) -> str:
        """Where it is."""
        return self.address.name

    @property
    def built(self) -> bool:
        """Whether it can be used."""
        return self.state != "creating"

    def __str__(self) -> str:
        said = [
            *([f"key {self.key}"] if self.key else []),
            *([self.table_class.replace("_", " ")] if self.table_class else []),
            *reads_of(self.read, self.max_read),
        ]
        return f"{self.region} ({', '.join(said)})" if said else self.region


# -- declaration ------------------------------------------------------------------------------------------------------

REGION = "^[a-z]{2}(-[a-z]+)+-[0-9]+$"
UNITS = {"type": "integer", "minimum": 1}
SPEC: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "what differs in that region, and what each replica has for itself; {} for nothing",
    "properties": {
        "encryption_key": {"type": "string", "pattern": "^arn:", "description": "the ARN of a key of that region"},
        "table_class": {"enum": ["standard", "standard_infrequent_access"]},
        "read": UNITS,
        "max_read": UNITS,
        "deletion_protection": {"type": "boolean", "description": "on in production unless it says false"},
    },
}


def lower(name: str, node: Mapping[str, Any] | None, place: Place) -> Replica:
    """A node of `replicas:`. Raises what `place.fail` makes for what is no region."""
    said = node or {}
    if not re.match(REGION, name):
        raise place.fail(f"{name!r} is no region", "regions are named like eu-west-1")
    return Replica(
        place.address("replica", name),
        said.get("encryption_key", ""),
        said.get("table_class", ""),
        said.get("read", 0),
        said.get("max_read", 0),
        said.get("deletion_protection", place.policy.production),
    )


def lift(replica: Replica, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to it."""
    node: dict[str, Any] = {
        "encryption_key": replica.key,
        "table_class": replica.table_class,
        "read": replica.read,
        "max_read": replica.max_read,
    }
    protection = replica.deletion_protection
    said = {"deletion_protection": protection} if protection or replica.told else {}
    return {**{key: value for key, value in node.items() if value}, **said}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Replica]:
    """The replicas in other regions; what those say themselves is in `row.regions`."""
    table_class = (row.table.get("TableClassSummary") or {}).get("TableClass", "STANDARD")
    for reply in replicas.described(row):
        region = reply["RegionName"]
        own_class = replicas.own_class(reply) or table_class
        there = row.regions.get(region)
        yield Replica(
            table.sibling("replica", (*table.path, region)),
            reply.get("KMSMasterKeyId", ""),
            "" if own_class == table_class else own_class.lower(),
            *replicas.overrides(reply),
            bool(there and there.table.get("DeletionProtectionEnabled")),
            reply.get("ReplicaStatus", "ACTIVE").lower(),
        )


# -- steps ------------------------------------------------------------------------------------------------------------


def request(replica: Replica, context: Context) -> dict[str, Any]:
    """The member of `ReplicaUpdates` that makes it, with what is declared of indexes there."""
    members: dict[str, Any] = {"RegionName": replica.region}
    if replica.key:
        members["KMSMasterKeyId"] = replica.key
    members |= replicas.reads(replica.read, replica.max_read)
    own = [
        index
        for catalog in (context.desired, context.live)
        if catalog.resources.get(replica.address) is replica
        for index in catalog.children(replica.address, "replica_index", ReplicaIndex)
    ]
    if own:
        members["GlobalSecondaryIndexes"] = [
            {"IndexName": i.address.name, **replicas.reads(i.read, i.max_read)} for i in own
        ]
    if replica.table_class:
        members["TableClassOverride"] = replica.table_class.upper()
    return members


def _call(table: str, action: str, members: Mapping[str, Any]) -> Call:
    return Call("UpdateTable", {"TableName": table, "ReplicaUpdates": [{action: dict(members)}]}, TABLE_ACTIVE)


def _protect(table: str, replica: Replica, on: bool) -> Call:
    return Call("UpdateTable", {"TableName": table, "DeletionProtectionEnabled": on}, TABLE_ACTIVE, replica.region)


def after_protection(table: str, gone: Iterable[Replica], delete: Call) -> Call | Calls:
    """A call that deletes replicas, after the protection of those that have it."""
    first = [_protect(table, r, False) for r in gone if r.deletion_protection]
    return Calls((*first, delete)) if first else delete


def ready(address: Address, context: Context) -> Iterator[Ref]:
    """What a replica needs of its table: a stream of both images, units that follow the writes, and its indexes."""
    table = table_address(address)
    for other_address, other in sorted(context.changes.items(), key=lambda item: item[0]):
        if table_address(other_address) != table or other.action not in (Action.CREATE, Action.UPDATE):
            continue
        needed = other_address.kind in ("autoscaling", "index_autoscaling")
        made = other_address.kind == "stream" or (other_address.kind == "gsi" and other.action is Action.CREATE)
        if needed or (made and not context.creates(table)):
            yield Ref(other_address)
        elif other_address == table and other.action is Action.UPDATE and other.changed("billing"):
            yield Ref(other_address, "billing")


def _fixed(change: Change[Any], context: Context) -> None:
    """Raises UnsupportedChange for one of several replicas with strong consistency: they come and go together."""
    whole: Any = context.live.resources.get(change.address.sibling("global_table", change.address.path[:1]))
    if whole is not None and whole.strong:
        raise UnsupportedChange(
            f"{change.address}: the regions of a table with strong consistency are fixed",
            hint="take `global_table` out and apply, then declare it anew; the table has to be empty for that",
            where=context.desired.origin(change.address),
        )


def _with_all(change: Change[Replica], context: Context) -> bool:
    """Whether a strong global table brings or takes all its replicas at once."""
    whole = context.changes.get(change.address.sibling("global_table", change.address.path[:1]))
    both = () if whole is None else (whole.before, whole.after)
    strong = any(getattr(side, "strong", False) for side in both)
    deletion = change.action is Action.DELETE
    return whole is not None and strong and whole.action is (Action.DELETE if deletion else Action.CREATE)


def create(change: Change[Replica], context: Context) -> list[Draft]:
    """The copy, with all items, and then its protection, which is set where it is."""
    table, replica = physical(change.address, context), change.desired
    drafts = []
    if not _with_all(change, context):
        _fixed(change, context)
        made = Draft(
            "create",
            Phase.EXPAND,
            f"replicate table {table} to {replica}",
            _call(table, "Create", request(replica, context)),
            hazards=(hazard(Code.COST, f"storage in {replica.region}, and every write again there"),),
            done=(Check(change.address, attributes=(("built", True),)),),
            undo=(_call(table, "Delete", {"RegionName": replica.region}),),
            reads=table_address(change.address),
            requires=tuple(ready(change.address, context)),
            provides=True,
        )
        drafts.append(made)
    return [*drafts, *([_protection(change, context, True)] if replica.deletion_protection else [])]


def drop(change: Change[Replica], context: Context) -> list[Draft]:
    """The copy goes; a protected one loses its protection in the same step. Backups of it do not come back."""
    _fixed(change, context)
    table, replica = physical(change.address, context), change.live
    region = replica.region
    message = f"the copy in {region} is deleted, and code that uses it fails; the items stay in this region"
    hazards = [hazard(Code.DELETES_DATA, message)]
    if replica.deletion_protection:
        hazards.append(hazard(Code.LOOSENS, "the copy was protected against deletion; that is turned off first"))
    back = _call(table, "Create", request(replica, context))
    protected = (_protect(table, replica, True),) if replica.deletion_protection else ()
    return [
        Draft(
            "delete",
            Phase.CONTRACT,
            f"replicate table {table} no longer to {region}",
            after_protection(table, [replica], _call(table, "Delete", {"RegionName": region})),
            hazards=tuple(hazards),
            done=(Check(change.address, present=False),),
            undo=(back, *protected, *_settings_back(change, context)),
        )
    ]


def _settings_back(change: Change[Replica], context: Context) -> Iterator[Operation]:
    """What makes again all that goes with the copy, each as its kind would make it. Scaling has steps of its own."""
    for resource in sorted(context.live.resources.values(), key=lambda r: r.address):
        address = resource.address
        if address.path[:2] != change.address.path or not address.kind.startswith(PREFIX):
            continue
        if address.kind != "replica_index" and "autoscaling" not in address.kind:
            made = kinds()[address.kind].create(Change(address, Action.CREATE, None, resource), context)
            yield from (draft.operation for draft in made)


def _protection(change: Change[Replica], context: Context, on: bool) -> Draft:
    table = physical(change.address, context)
    replica = change.after or change.live
    loose = hazard(Code.LOOSENS, f"anyone who may delete tables in {replica.region} can delete the copy from here on")
    return Draft(
        "deletion protection",
        Phase.EXPAND if on else Phase.CONTRACT,
        f"{'protect' if on else 'no longer protect'} table {table} in {replica.region} against deletion",
        _protect(table, replica, on),
        hazards=() if on else (loose,),
        done=(Check(change.address, attributes=(("deletion_protection", on),)),),
        undo=(_protect(table, replica, not on),),
    )


def change_protection(change: Change[Replica], context: Context) -> list[Draft]:
    """On at once; off last."""
    return [_protection(change, context, change.desired.deletion_protection)]


def _members(replica: Replica, name: str, context: Context) -> dict[str, Any]:
    """One setting as UpdateTable takes it. What a replica no longer has of its own is the table's again, which has to
    be said."""
    table: Any = context.desired.resources.get(table_address(replica.address)) or context.live.resources.get(
        table_address(replica.address)
    )
    match name:
        case "key":
            return {"KMSMasterKeyId": replica.key}
        case "table_class":
            return {"TableClassOverride": (replica.table_class or table.table_class).upper()}
        case "read":
            return replicas.reads(replica.read or table.billing.read, 0)
    return replicas.reads(0, replica.max_read or replicas.NO_MAXIMUM)


def _setting(name: str, words: str) -> Any:
    """The emitter of one setting."""

    def emit(change: Change[Replica], context: Context) -> list[Draft]:
        table, before, after = physical(change.address, context), change.live, change.desired
        shown = getattr(after, name) or "as the table"

        def call(replica: Replica) -> Call:
            return _call(table, "Update", {"RegionName": replica.region, **_members(replica, name, context)})

        fewer = name in ("read", "max_read") and _fewer(getattr(before, name), getattr(after, name), name)
        return [
            Draft(
                name,
                Phase.CONTRACT if fewer else Phase.EXPAND,
                f"set {words} of the replica of {table} in {after.region}: {shown}",
                call(after),
                hazards=(hazard(Code.COST, f"{getattr(before, name) or 'as the table'} → {shown}"),),
                done=(Check(change.address, attributes=((name, getattr(after, name)),)),),
                undo=() if name == "key" and not before.key else (call(before),),
            )
        ]

    return emit


def _fewer(before: int, after: int, name: str) -> bool:
    """Whether old code may be throttled that was not; no maximum is the most, no units of its own are the table's."""
    return bool(after and (not before or after < before)) if name == "max_read" else 0 < after < before


def absorbed(change: Change[Replica], context: Context) -> bool:
    """Deleted all at once with strong consistency; what is made at once may be protected afterwards."""
    return change.action is Action.DELETE and _with_all(change, context)


KIND = DynamoKind(
    name="replica",
    resource=Replica,
    section="replicas",
    parent="global_table",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rules=(
        rule("key", emit=_setting("key", "the key")),
        rule("table_class", emit=_setting("table_class", "the class")),
        rule("read", emit=_setting("read", "read units")),
        rule("max_read", emit=_setting("max_read", "the most reads")),
        rule("deletion_protection", emit=change_protection),
    ),
    order=61,
)
