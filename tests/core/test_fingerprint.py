"""Fingerprints count what is compared, and nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr
from reconciler.model.resource import Resource
from reconciler.planfile.fingerprint import digest, key, moved, top_digests
from tests.memory_kinds import KINDS, Box, Label, Lid


def address(kind: str, *path: str) -> Address:
    return Address("shop", "memory", kind, path)


def tops(*resources: Resource) -> dict[str, str]:
    return top_digests(Catalog("shop", "memory", {r.address: r for r in resources}), KINDS)


A = Box(address("box", "a"), rule=Expr("X > 1", "(x > 1)"), tags=frozenset({"p", "q", "r"}))
ALL: list[Resource] = [
    A,
    Box(address("box", "b")),
    Lid(address("lid", "a")),
    *(Label(address("label", "a", n), n) for n in "xyz"),
]


def test_one_digest_a_top_resource() -> None:
    assert tops(*ALL).keys() == {"box/a", "box/b"}


def test_the_order_does_not_matter() -> None:
    for seed in range(10):
        shuffled = list(ALL)
        random.Random(seed).shuffle(shuffled)
        assert tops(*shuffled) == tops(*ALL)
        assert digest(tops(*shuffled)) == digest(tops(*ALL))


def test_what_is_not_compared_does_not_matter() -> None:
    assert A.rule is not None
    assert tops(replace(A, weight=7)) == tops(A)
    assert tops(replace(A, rule=Expr("x>1", A.rule.text))) == tops(A)


def test_every_compared_attribute_matters() -> None:
    for change in ({"size": 2}, {"colour": "red"}, {"rule": Expr("y")}, {"tags": frozenset("p")}, {"material": "tin"}):
        assert tops(replace(A, **change)) != tops(A)


def test_what_moved_is_known() -> None:
    before, after = tops(*ALL), tops(*ALL[1:], replace(A, size=3), Box(address("box", "new")))
    assert moved(before, after) == ("box/a", "box/new")


def test_names_cannot_be_confused() -> None:
    assert key("a", ["b/c"]) != key("a", ["b", "c"])
    assert key("a", ["b~1c"]) != key("a", ["b/c"])


def test_sets_have_the_same_digest_in_every_process() -> None:
    program = (
        "from tests.core.test_fingerprint import A, tops; from dataclasses import replace;"
        "print(tops(replace(A, tags=frozenset(map(str, range(50))))))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
