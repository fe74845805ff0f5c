"""Triggers of views: `triggers: {keep: {instead_of: [insert], for_each: row, execute: keep_row}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import trigger_changes as changes
from reconciler.engines.postgres import trigger_parts as parts
from reconciler.engines.postgres.constraint_parts import gone_with_table
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place, rule


@dataclass(frozen=True, slots=True)
class ViewTrigger(parts.AnyTrigger):
    """Path: (schema, view, name)."""


def lower(name: str, node: Any, place: Place) -> ViewTrigger:
    """The words of CREATE TRIGGER."""
    return ViewTrigger(place.address("view_trigger", name), **parts.lower_fields(node, place))


def lift(trigger: ViewTrigger, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE TRIGGER."""
    return parts.lift_fields(trigger)


def query(_version: int) -> str:
    """Triggers of views."""
    return parts.query("'v'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ViewTrigger]:
    """Rows of `query` → ViewTrigger."""
    for address, fields in parts.read_known(rows, reader, "view"):
        yield ViewTrigger(address.sibling("view_trigger", address.path), **fields)


def absorbed(change: Change[ViewTrigger], context: Context) -> bool:
    """Gone with its view."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="view_trigger",
    resource=ViewTrigger,
    section="triggers",
    spec={**parts.SPEC, "properties": {k: v for k, v in parts.SPEC["properties"].items() if k != "state"}},
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=changes.references,
    absorbed=absorbed,
    create=changes.create,
    drop=changes.drop,
    rebuild=changes.rebuild,
    rules=(
        rule(*changes.DEFINITION, "state", emit=changes.alter, when=changes.defined_otherwise),
        rule("state", emit=changes.set_state),
    ),
    bound=True,
    parent="view",
    order=76,
)
