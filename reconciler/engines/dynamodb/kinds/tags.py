"""A table's tags, all of them together; those that the service sets itself (`aws:…`) are not ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb.enclosing import physical, within_created_table
from reconciler.engines.dynamodb.operations import TAGS_STORED, Call, Calls
from reconciler.engines.dynamodb.row import DynamoKind, TableRow
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase

RESERVED = "aws:"


@dataclass(frozen=True, slots=True)
class Tags(Resource):
    """`tags` are (key, value) pairs, sorted by key."""

    tags: tuple[tuple[str, str], ...] = attr()

    @property
    def words(self) -> str:
        """The tags in one line, as `done` checks compare them."""
        return ", ".join(f"{key}={value}" for key, value in self.tags)


# -- declaration ------------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "type": "object",
    "description": "key: value, both text",
    "minProperties": 1,
    "propertyNames": {"minLength": 1, "maxLength": 128, "not": {"pattern": f"^{RESERVED}"}},
    "additionalProperties": {"type": "string", "maxLength": 256},
}


def lower(_name: str, node: Any, place: Place) -> Tags:
    """`tags:` of a table."""
    return Tags(place.address("tags"), tuple(sorted(node.items())))


def lift(tags: Tags, _catalog: Catalog) -> dict[str, str]:
    """Key → value."""
    return dict(tags.tags)


# -- introspection ----------------------------------------------------------------------------------------------------


def read(row: TableRow, table: Address) -> Iterable[Tags]:
    """The tags that somebody set."""
    ours = {key: value for key, value in (row.tags or {}).items() if not key.startswith(RESERVED)}
    if ours:
        yield Tags(table.sibling("tags", table.path), tuple(sorted(ours.items())))


# -- steps ------------------------------------------------------------------------------------------------------------


def part(tags: Tags) -> Mapping[str, Any]:
    """Their share in CreateTable."""
    return {"Tags": _listed(dict(tags.tags))}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _move(table: str, before: Mapping[str, str], after: Mapping[str, str]) -> Call | Calls:
    """What turns one set of tags into another: what is new or differs first, then what goes."""
    new = {key: value for key, value in after.items() if before.get(key) != value}
    gone = sorted(before.keys() - after.keys())
    calls = []
    if new:
        calls.append(Call("TagResource", {"TableName": table, "Tags": _listed(new)}, TAGS_STORED))
    if gone:
        calls.append(Call("UntagResource", {"TableName": table, "TagKeys": gone}, TAGS_STORED))
    return calls[0] if len(calls) == 1 else Calls(tuple(calls))


def _draft(address: Address, table: str, before: dict[str, str], after: dict[str, str]) -> Draft:
    gone = sorted(before.keys() - after.keys())
    access = f"rules of access that ask for {', '.join(gone)} no longer match"
    stored = Check(address, attributes=(("words", Tags(address, tuple(sorted(after.items()))).words),))
    return Draft(
        "tags",
        Phase.CONTRACT if gone else Phase.EXPAND,
        f"tag table {table}" if after else f"take the tags off table {table}",
        _move(table, before, after),
        hazards=(hazard(Code.SECURITY, access),) if gone else (),
        done=(stored if after else Check(address, present=False),),
        undo=(_move(table, after, before),),
    )


def create(change: Change[Tags], context: Context) -> list[Draft]:
    """The first tags of a table that is there."""
    return [_draft(change.address, physical(change.address, context), {}, dict(change.desired.tags))]


def drop(change: Change[Tags], context: Context) -> list[Draft]:
    """All tags off."""
    return [_draft(change.address, physical(change.address, context), dict(change.live.tags), {})]


def change_tags(change: Change[Tags], context: Context) -> list[Draft]:
    """One step for what is set and what goes; it waits for contract where something goes."""
    before, after = dict(change.live.tags), dict(change.desired.tags)
    return [_draft(change.address, physical(change.address, context), before, after)]


KIND = DynamoKind(
    name="tags",
    resource=Tags,
    section="tags",
    parent="table",
    singleton=True,
    spec=SPEC,
    lower=lower,
    lift=lift,
    read=read,
    part=part,
    absorbed=within_created_table,
    create=create,
    drop=drop,
    rules=(rule("tags", emit=change_tags),),
    order=45,
)
