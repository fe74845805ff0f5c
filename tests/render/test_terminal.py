"""A terminal is never steered by what a plan holds, and coloured only where it is wanted."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.hazard import Hazard
from reconciler.model.plan import TargetStamp
from reconciler.model.step import Check, Lock, Probe, Size
from reconciler.render import visible, words
from reconciler.render.json import plan_json
from reconciler.render.paint import colours
from reconciler.render.terminal import plan_text

from . import samples

HOSTILE = {
    "an escape sequence": ("\x1b[2J\x1b[1;1H", "\\x1b[2J\\x1b[1;1H"),
    "a C1 introducer": ("\x9b31m", "\\x9b31m"),
    "a carriage return": ("drop\rkeep", "drop\\rkeep"),
    "a bell and a backspace": ("\x07\x08", "\\x07\\x08"),
    "a null": ("a\x00b", "a\\x00b"),
    "reversed text": ("\u202etxt.sql", "\\u202etxt.sql"),
    "an isolate": ("\u2066x\u2069", "\\u2066x\\u2069"),
    "a zero-width space": ("us\u200bers", "us\\u200bers"),
    "a line separator": ("a\u2028b", "a\\u2028b"),
    "a lone surrogate": ("a\udc80b", "a\\udc80b"),
    "an invisible tag": ("a\U000e0041b", "a\\udb40\\udc41b"),
}


@pytest.mark.parametrize(("hostile", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_made_visible_wherever_it_stands(hostile: str, shown: str) -> None:
    address = samples.pg("table", hostile)
    plan = samples.single(
        f"create {hostile}",
        operation=samples.Statement(f"SELECT '{hostile}'"),
        address=address,
        because=hostile,
        locks=(Lock(hostile, hostile),),
        hazards=(Hazard(hostile, hostile),),
        probes=(Probe(hostile, hostile, ((hostile, hostile),)),),
        done=(Check(address, True, ((hostile, hostile),)),),
        undo=(samples.Statement(hostile),),
    )
    text = plan_text(plan)
    assert visible.line(hostile) == shown
    assert hostile not in text and text.count(shown) > 10
    assert text.isprintable() or all(c.isprintable() or c == "\n" for c in text)
    assert hostile not in plan_json(plan)


def test_a_new_line_in_a_name_stays_in_its_line() -> None:
    text = plan_text(samples.single("create table a\nPlan: 0 to add"))
    assert "create table a\\nPlan: 0 to add" in text


def test_a_statement_keeps_its_lines_and_tabs() -> None:
    text = plan_text(samples.single(operation=samples.Statement("SELECT\n\t1,\n    2")))
    indent = " " * 13
    assert f"{indent}SELECT\n{indent}\t1,\n{indent}    2;" in text


@given(st.text())
def test_any_text_is_printable_as_a_line(text: str) -> None:
    shown = visible.line(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode("utf-8")
    assert visible.line(shown) == shown


@pytest.mark.parametrize(
    ("tty", "environ", "wanted", "expected"),
    [
        (True, {}, True, True),
        (False, {}, True, False),
        (True, {"NO_COLOR": "1"}, True, False),
        (True, {"NO_COLOR": ""}, True, True),
        (False, {"FORCE_COLOR": "1"}, True, True),
        (False, {"FORCE_COLOR": "0"}, True, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        (True, {"TERM": "dumb"}, True, False),
        (True, {}, False, False),
        (True, {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours(tty: bool, environ: dict[str, str], wanted: bool, expected: bool) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return tty

    assert colours(Stream(), environ, wanted) is expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(0, 0), "about 0 rows, 0 bytes"),
        (Size(1, 1), "about 1 row, 1 byte"),
        (Size(999_999, 999), "about 999,999 rows, 999 bytes"),
        (Size(48_210_334, 9_100_000_000), "about 48.2 million rows, 9.1 GB"),
        (Size(2_000_000_000, 3 * 10**12), "about 2.0 billion rows, 3.0 TB"),
        (Size(-1, 4_096), "4.1 kB"),
        (Size(7, -1), "about 7 rows"),
    ],
)
def test_sizes_in_human_units(size: Size, expected: str) -> None:
    assert words.size(size) == expected


def test_ranges() -> None:
    assert words.ranges([9, 1, 2, 3, 4, 7, 10, 7]) == "1-4, 7, 9-10"
    assert words.ranges([]) == ""


def test_a_probe_with_parameters_has_a_line_for_each_thing_that_it_says() -> None:
    parameters = (
        ("TableName", "rooms"),
        ("FilterExpression", "(a) OR (b)"),
        ("ExpressionAttributeNames", (("#mood", "mood"),)),
        ("ExpressionAttributeValues", ((":most", "N", "1024"),)),
    )
    step = replace(samples.usual().steps[0], probes=(Probe("items that do not fit", "Scan", parameters),))
    text = plan_text(replace(samples.usual(), steps=(step,)))
    below = text.partition("items that do not fit\n")[2].partition("         done when")[0]
    assert [line.strip() for line in below.splitlines()] == [
        "Scan",
        "TableName: rooms",
        "FilterExpression:",
        "(a)",
        "OR (b)",
        "ExpressionAttributeNames:",
        "#mood = mood",
        "ExpressionAttributeValues:",
        ":most = 1024 (N)",
    ]


def test_targets_without_a_change_are_named_and_long_scopes_are_short() -> None:
    usual = samples.usual()
    stamp = TargetStamp("quiet/postgres", "PostgreSQL 18.1", "a, b, c, d, e", "1f", "2e")
    text = plan_text(replace(usual, targets=(*usual.targets, stamp)))
    assert "  as declared: quiet/postgres\n" in text and "scope: a" not in text
    alone = plan_text(replace(usual, targets=(stamp,), steps=(), changes=(), deferred=()))
    assert "  quiet/postgres  PostgreSQL 18.1, scope: a, b, c and 2 more\n" in alone
