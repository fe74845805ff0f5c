"""Rules of tables: `rules: {protect: {on: delete, instead: true, do: NOTHING}}`."""

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
class Rule(parts.AnyRule):
    """Path: (schema, table, name)."""


def lower(name: str, node: Any, place: Place) -> Rule:
    """The words of CREATE RULE."""
    return Rule(place.address("rule", name), **parts.lower_fields(node))


def lift(found: Rule, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE RULE."""
    return parts.lift_fields(found)


def query(_version: int) -> str:
    """Rules of tables in scope."""
    return parts.query("'r', 'p'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Rule]:
    """Rows of `query` → Rule."""
    for address, fields in parts.read_fields(rows, reader):
        yield Rule(address.sibling("rule", address.path), **fields)


def absorbed(change: Change[Rule], context: Context) -> bool:
    """Gone with its table."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="rule",
    resource=Rule,
    section="rules",
    spec=parts.SPEC,
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
    piece=True,
    bound=True,
    parent="table",
    order=78,
)
