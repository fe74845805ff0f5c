"""The plan file: it reads back exactly, and no changed byte gets through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import ConfigError, StalePlan
from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.hazard import Hazard
from reconciler.model.plan import Note, Plan, Proof, Verdict
from reconciler.model.step import Check, Lock, Phase, Probe, Size
from reconciler.planfile import store
from reconciler.planfile.addresses import read_address, write_address
from reconciler.planfile.codec import digest_of, encode, sealed
from tests.projects import Workshop

NAMES = ["a", "a.b", 'a"b', "a b", "", "ü", "a/b", "1", "-", "a\\b", "a\nb", "'", "$x", "a:b", "[", "#", "no", "日本"]


@pytest.fixture
def plan(shop: Workshop) -> Plan:
    shop.become("boxes: {a: {size: 5, labels: {x: hi}}, b: {}}")
    shop.declare("boxes: {a: {size: 1, colour: red, rule: X > 1, labels: {y: ho}}, c: {tags: [p, q]}}")
    found = shop.plan()
    step = replace(
        found.steps[0],
        size=Size(-1, 5),
        locks=(Lock("Exclusive", "everything"),),
        hazards=(Hazard("RC1401", "costs: more #1"),),
        probes=(Probe("bad", "select\n  1", (("n", 1), ("list", ("a", None)))),),
        done=(*found.steps[0].done, Check(found.steps[0].address, False, (("x", (1, ("y",), None, True, 1.5)),))),
    )
    odd = Address("shop", "memory", "label", ("odd.name", 'with "quotes"', " "))
    return sealed(
        replace(
            found,
            steps=(step, *found.steps[1:]),
            unmanaged=(Unmanaged(odd, "why: not"),),
            deferred=(Deferred(odd, "multi\nline"),),
            notes=(Note("shop/memory", "yes"),),
            proofs=(
                Proof("shop/memory", Verdict.PROVEN, Verdict.REFUTED, "Memory 2.0", undo_reason="box a: size"),
                Proof("cart/memory", Verdict.UNPROVEN, Verdict.UNPROVEN, reason="no: server"),
            ),
            stop_before=Phase.CONTRACT,
        )
    )


def test_it_reads_back_exactly(shop: Workshop, plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "plan.yaml"
    store.write(path, plan)
    again = store.read(path, {"memory": shop.engine})
    assert again == plan
    assert digest_of(again) == plan.digest
    assert encode(again) == path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["plan.yaml"]


def test_no_undo_is_not_nothing_to_undo(shop: Workshop, plan: Plan) -> None:
    found = {s.undo is None for s in plan.steps} | {s.undo == () for s in plan.steps}
    assert found == {True, False}


def test_the_same_plan_has_the_same_bytes(shop: Workshop, plan: Plan) -> None:
    assert encode(shop.plan()) == encode(shop.plan())


def test_every_changed_byte_is_refused(shop: Workshop, plan: Plan) -> None:
    raw = encode(plan).encode()
    for position in range(len(raw)):
        for bit in (0x01, 0x20):
            edited = bytearray(raw)
            edited[position] ^= bit
            with pytest.raises(StalePlan):
                store.read_text(bytes(edited), "plan.yaml", {"memory": shop.engine})


def test_cut_off_and_longer_files_are_refused(shop: Workshop, plan: Plan) -> None:
    raw = encode(plan).encode()
    for edited in (b"", raw[:-1], raw[: len(raw) // 2], raw + b"\n", raw + raw, raw.replace(b"\n", b"\r\n")):
        with pytest.raises(StalePlan) as caught:
            store.read_text(edited, "plan.yaml", {"memory": shop.engine})
        assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format: 1", "format: 99", "format 99"),
        ("environment: dev\n", "environment: dev\nextra: 1\n", "unknown key 'extra'"),
        ("environment: dev\n", "", "'environment' is missing"),
        ("    phase: expand\n", "    phase: later\n", "expected expand, migrate, contract"),
        ("    phase: expand\n", "    phase: expand\n    colour: red\n", "colour"),
        ("  - id: 1\n", "  - id: one\n", "id is 'one'; expected int"),
        ("    target: shop/memory\n    address: label", "    target: shop/disk\n    address: label", "'disk'"),
        ("address: box a\n", "address: box a..b\n", "is not an address"),
        ("undo: impossible", "undo: perhaps", "undo is 'perhaps'"),
    ],
)
def test_a_file_with_a_right_digest_is_still_read_strictly(
    shop: Workshop, plan: Plan, old: str, new: str, message: str
) -> None:
    from hashlib import sha256

    body, _, _ = encode(plan).rpartition("digest: ")
    assert old in body
    body = body.replace(old, new, 1)
    text = f"{body}digest: {sha256(body.encode()).hexdigest()}\n"
    with pytest.raises(StalePlan, match=message):
        store.read_text(text.encode(), "plan.yaml", {"memory": shop.engine})


def test_a_missing_file_is_no_stale_plan(shop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the plan file"):
        store.read(tmp_path / "none.yaml", {})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["x", "a.b", ""])
def test_addresses_read_back_whatever_the_names_hold(name: str, other: str) -> None:
    for path in ((name,), (name, other), (other, name)):
        address = Address("shop", "memory", "label", path)
        assert read_address(write_address(address), "shop/memory") == address


@pytest.mark.parametrize("text", ["", "box", "box ", "box a.", "box .a", 'box "a', 'box "a"b', "box a b", 'box "a"'])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        read_address(text, "shop/memory")
