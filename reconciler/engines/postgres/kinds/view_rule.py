"""Rules of views: `rules: {protect: {on: delete, instead: true, do: NOTHING}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import rule_parts as parts
from reconciler.engines.postgres.constraint_parts import gone_with_table
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place, rule


@dataclass(frozen=True, slots=True)
class ViewRule(parts.AnyRule):
    """Path: (schema, view, name)."""


def lower(name: str, node: Any, place: Place) -> ViewRule:
    """The words of CREATE RULE."""
    return ViewRule(place.address("view_rule", name), **parts.lower_fields(node))


def lift(found: ViewRule, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE RULE."""
    return parts.lift_fields(found)


def query(_version: int) -> str:
    """Rules of views in scope."""
    return parts.query("'v'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ViewRule]:
    """Rows of `query` → ViewRule."""
    for address, fields in parts.read_fields(rows, reader):
        yield ViewRule(address.sibling("view_rule", address.path), **fields)


def absorbed(change: Change[ViewRule], context: Context) -> bool:
    """Gone with its view."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="view_rule",
    resource=ViewRule,
    section="rules",
    spec={**parts.SPEC, "properties": {k: v for k, v in parts.SPEC["properties"].items() if k != "state"}},
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    mentions=parts.mentions,
    absorbed=absorbed,
    create=parts.create,
    drop=parts.drop,
    rebuild=parts.rebuild,
    rules=(
        rule(*parts.DEFINITION, "state", emit=parts.alter, when=parts.defined_otherwise),
        rule("state", emit=parts.set_state),
    ),
    temporary=parts.temporary,
    spells=parts.SPELLED,
    anonymous=True,
    bound=True,
    parent="view",
    order=79,
)
