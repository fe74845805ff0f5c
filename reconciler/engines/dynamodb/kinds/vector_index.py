"""A vector index: the items whose vectors are nearest to a given one, built and kept by the service.

One of a table comes or goes at a time, and nothing of it changes in place, so another definition under the same name
is: delete, wait, create (`VectorIndexUpdates` in the service model of botocore; CloudFormation's `VectorIndex`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.dynamodb import keys, limits, projection, turns
from reconciler.engines.dynamodb.enclosing import physical, within_table
from reconciler.engines.dynamodb.keys import Key
from reconciler.engines.dynamodb.kinds.table import Table
from reconciler.engines.dynamodb.naming import table_address
from reconciler.engines.dynamodb.operations import Call, Calls, Wait
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class VectorIndex(Resource):
    """`vector` is the attribute that holds vectors of so many `dimensions`. A search names a value of the `partition`,
    if there is one, and may filter by the attributes of `sort`, whose order means nothing."""

    vector: str = attr(Role.REPLACE)
    dimensions: int = attr(Role.REPLACE)
    distance: str = attr(Role.REPLACE)
    partition: Key = attr(Role.REPLACE, default=())
    sort: Key = attr(Role.REPLACE, default=())
    projection: str = attr(Role.REPLACE, default="all")
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    state: str = attr(Role.INFORMATIONAL, reason="the service moves it", default="active")

    @property
    def definition(self) -> str:
        """What never changes of it, in words. `done` checks compare it."""
        by = [f"{self.dimensions} dimensions of {self.vector} by {self.distance.replace('_', ' ')}"]
        by += [f"within {self.partition[0]}"] if self.partition else []
        by += [f"filtered by {', '.join(map(str, self.sort))}"] if self.sort else []
        return ", ".join([*by, f"holds {projection.shown(self.projection, self.include)}"])

    @property
    def built(self) -> bool:
        """Whether it can be searched."""
        return self.state != "creating"


# -- declaration ------------------------------------------------------------------------------------------------------

DISTANCES = ("cosine", "dot_product", "euclidean")
SPEC: dict[str, Any] = {
    "type": "object",
    "description": "{vector: embedding, dimensions: 384, distance: cosine}",
    "properties": {
        "vector": {"type": "string", "minLength": 1, "maxLength": 255},
        "dimensions": {"type": "integer", "minimum": 1, "maximum": limits.MAX_DIMENSIONS},
        "distance": {"enum": list(DISTANCES)},
        "partition": {"type": "string", "minLength": 1, "description": "an attribute whose value a search has to name"},
        "filters": {
            "type": "array",
            "description": "attributes that a search may filter by",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "uniqueItems": True,
        },
        "projection": projection.SPEC,
    },
    "required": ["vector", "dimensions", "distance"],
}


def lower(name: str, node: Any, place: Place) -> VectorIndex:
    """A node of `vector_indexes:`. Types of its attributes come from the table, once it is known (`completed`)."""
    kind, include = projection.lowered(node.get("projection"))
    return VectorIndex(
        place.address("vector_index", name),
        node["vector"],
        node["dimensions"],
        node["distance"],
        keys.named(node.get("partition")),
        keys.named(sorted(node.get("filters", ()))),
        kind,
        include,
    )


def completed(index: VectorIndex, table: Table) -> VectorIndex:
    """The index with the types of its attributes."""
    types = {a.name: a.type for a in table.attributes}
    return replace(index, partition=keys.typed(index.partition, types), sort=keys.typed(index.sort, types))


def lift(index: VectorIndex, _catalog: Catalog) -> dict[str, Any]:
    """The shortest node that lowers to the index."""
    node: dict[str, Any] = {"vector": index.vector, "dimensions": index.dimensions, "distance": index.distance}
    if index.partition:
        node["partition"] = index.partition[0].name
    if index.sort:
        node["filters"] = [k.name for k in index.sort]
    return {**node, **projection.lifted(index.projection, index.include)}


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[VectorIndex]:
    """The indexes of a description, but those on their way out."""
    for reply in row.table.get("VectorIndexes") or ():
        state = reply.get("IndexStatus", "ACTIVE").lower()
        if state != "deleting":
            kind, include = projection.read(reply.get("Projection", {}))
            partition, filters = keys.search_schema(reply.get("SearchSchema") or (), row.types)
            address = table.sibling("vector_index", (*table.path, reply["IndexName"]))
            yield VectorIndex(
                address,
                reply["VectorAttribute"]["AttributeName"],
                int(reply["Dimensions"]),
                reply["DistanceFunction"].lower(),
                partition,
                filters,
                kind,
                include,
                state,
            )


# -- steps ------------------------------------------------------------------------------------------------------------


def part(index: VectorIndex) -> Mapping[str, Any]:
    """Its share in CreateTable."""
    return {"VectorIndexes": [_definition(index)]}


def _definition(index: VectorIndex) -> dict[str, Any]:
    elements = [("HASH", k.name) for k in index.partition] + [("INLINE_FILTER", k.name) for k in index.sort]
    schema = [{"AttributeName": name, "SearchSchemaElementType": kind} for kind, name in elements]
    return {
        "IndexName": index.address.name,
        "VectorAttribute": {"AttributeName": index.vector},
        "Dimensions": index.dimensions,
        "DistanceFunction": index.distance.upper(),
        "Projection": projection.request(index.projection, index.include),
        **({"SearchSchema": schema} if schema else {}),
    }


def _build(index: VectorIndex, context: Context) -> Call:
    own = keys.definitions((*index.partition, *index.sort))
    members = {**({"AttributeDefinitions": own} if own else {}), "VectorIndexUpdates": [{"Create": _definition(index)}]}
    name = physical(index.address, context)
    return Call("UpdateTable", {"TableName": name, **members}, Wait("index", "active", index.address.name))


def _remove(index: VectorIndex, context: Context) -> Call:
    name = index.address.name
    update = {"VectorIndexUpdates": [{"Delete": {"IndexName": name}}]}
    return Call("UpdateTable", {"TableName": physical(index.address, context), **update}, Wait("index", "gone", name))


def _built(index: VectorIndex) -> Check:
    return Check(index.address, attributes=(("definition", index.definition), ("built", True)))


def _cost(index: VectorIndex) -> Hazard:
    return hazard(Code.COST, f"every vector in {index.vector} is paid for when it is indexed, and searches are")


def create(change: Change[VectorIndex], context: Context) -> list[Draft]:
    """Build it, and wait as long as that takes."""
    index, table = change.desired, physical(change.address, context)
    first = turns.other_types(index, context)
    return [
        Draft(
            "create",
            Phase.CONTRACT if first else Phase.EXPAND,
            f"build vector index {index.address.name} on {table}",
            _build(index, context),
            hazards=(_cost(index),),
            done=(_built(index),),
            undo=(_remove(index, context),),
            reads=table_address(change.address),
            requires=tuple(first),
            provides=True,
        )
    ]


def drop(change: Change[VectorIndex], context: Context) -> list[Draft]:
    """Remove it, last of all."""
    index, table = change.live, physical(change.address, context)
    gone = f"searches of {index.address.name} fail from here on; building it again reads the whole table"
    return [
        Draft(
            "delete",
            Phase.CONTRACT,
            f"remove vector index {index.address.name} from {table}",
            _remove(index, context),
            hazards=(hazard(Code.OLD_READERS, gone),),
            done=(Check(change.address, present=False),),
            undo=(_build(index, context),),
        )
    ]


def replace_index(change: Change[VectorIndex], context: Context) -> list[Draft]:
    """Delete, wait, create: under the same name there is a time without an index, so this is contract."""
    before, after = change.live, change.desired
    name, table = after.address.name, physical(change.address, context)
    gap = f"searches of {name} fail until the new one is built; under another name it could be built first"
    return [
        Draft(
            "replace",
            Phase.CONTRACT,
            f"replace vector index {name} of {table}: remove it, then build it for {after.definition}",
            Calls((_remove(before, context), _build(after, context))),
            hazards=(hazard(Code.INDEX_GAP, gap), _cost(after)),
            done=(_built(after),),
            undo=(Calls((_remove(after, context), _build(before, context))),),
            reads=table_address(change.address),
            requires=tuple(turns.other_types(after, context)),
            provides=True,
        )
    ]


KIND = DynamoKind(
    name="vector_index",
    resource=VectorIndex,
    section="vector_indexes",
    parent="table",
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_table,
    create=create,
    drop=drop,
    replace=replace_index,
    order=26,
)
