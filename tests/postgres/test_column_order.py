"""The order of columns is compared, and told; no table is rewritten for it."""

from __future__ import annotations

import pytest

from reconciler.engines.postgres.column_order import SHOWN
from reconciler.errors import UnsupportedChange
from reconciler.model.engine import Server
from reconciler.model.plan import Plan
from tests.postgres.bench import declared, pure_plan

NEWEST = Server("PostgreSQL", (18, 0))
TYPE = "composites: {place: {attributes: {street: text, number: integer}}}"


def planned(live: str, desired: str) -> Plan:
    before, after = (declared(f"service: shop\npostgres:\n  {TYPE}\n  tables: {{{t}}}\n") for t in (live, desired))
    return pure_plan(after, before, NEWEST, 0)


@pytest.mark.parametrize(
    ("live", "desired", "stand"),
    [
        ("t: {columns: {a: text, b: text}}", "t: {columns: {b: text, a: text, new: text}}", "a, b, new"),
        ("t: {columns: {a: text, b: text}}", "t: {columns: {a: text, new: text, b: text}}", "a, b, new"),
        ("t: {columns: {a: text, b: text, c: text}}", "t: {columns: {c: text, a: text}}", "a, c"),
    ],
)
def test_another_order_is_told(live: str, desired: str, stand: str) -> None:
    plan = planned(live, desired)
    assert [n.message for n in plan.notes] == [
        f"the columns of public.t stand as {stand} in the end, not as declared; "
        "no table is rewritten for that, only what says * or names no columns sees it"
    ]
    assert not any(change.address.kind == "table" for change in plan.changes)


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ("t: {columns: {a: text}}", "t: {columns: {a: text, z: text, b: text}}"),
        ("t: {columns: {a: text, b: text}}", "t: {columns: {b: text}}"),
        ("", "t: {columns: {b: text, a: text}}"),
        ("t: {of: place}", "t: {of: place, columns: {number: {default: 1}, street: {default: x}}}"),
    ],
)
def test_what_can_stand_as_declared_does(live: str, desired: str) -> None:
    assert not planned(live, desired).notes


def test_many_tables_are_counted() -> None:
    live, desired = (
        ", ".join(f"t{n}: {{columns: {{{order}}}}}" for n in range(SHOWN + 3))
        for order in ("a: text, b: text", "b: text, a: text, new: text")
    )
    notes = planned(live, desired).notes
    assert len(notes) == SHOWN + 1
    assert notes[-1].message == "so do those of 3 other tables"


def test_a_type_wants_its_own_order() -> None:
    with pytest.raises(UnsupportedChange) as refused:
        planned("t: {columns: {number: integer, street: text}}", "t: {of: place}")
    assert refused.value.message == (
        "table public.t cannot become a table of place: its columns stand as number, street"
    )
    assert refused.value.hint
