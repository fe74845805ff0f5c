from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import LocalStoreError
from reconciler.local import jars, jarset, maven
from reconciler.local.jarset import Jar, JarSet
from reconciler.local.progress import ProgressEvent


@pytest.fixture(scope="module")
def small() -> JarSet:
    """The three smallest jars of a real set, one of them with a classifier."""
    every = sorted(jarset.load("neo4j", "2026.09.0").jars, key=lambda jar: jar.size)
    classified = next(jar for jar in every if jar.parts[3])
    return JarSet("small", (*every[:2], classified))


@pytest.fixture
def fetched(small: JarSet, tmp_path: Path) -> Iterator[Path]:
    jars.ensure(small, home=tmp_path)
    yield tmp_path


def right(path: Path, jar: Jar) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def test_every_lock_is_complete() -> None:
    for path in jarset.LOCKS.glob("*.json"):
        store, _, version = path.stem.partition("-")
        loaded = jarset.load(store, version)
        assert loaded.name == path.stem
        assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in loaded.jars)
        assert len({jar.path for jar in loaded.jars}) == len(loaded.jars)


def test_fetches_in_order_and_reports(small: JarSet, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    found = jars.ensure(small, home=tmp_path, progress=events.append)
    assert all(right(path, jar) for path, jar in zip(found, small.jars, strict=True))
    total = sum(jar.size for jar in small.jars)
    assert events[-1] == ProgressEvent("small", "downloading", total, total, 3, 3)
    assert jars.present(small, home=tmp_path)
    assert not list((tmp_path / ".state").glob("*.incoming"))


def test_present_jars_cost_next_to_nothing(tmp_path: Path) -> None:
    many = jarset.load("dynamodb", "3.1.0")
    jars.ensure(many)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        jars.ensure(many)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.01


def test_a_truncated_jar_heals(small: JarSet, fetched: Path) -> None:
    victim = fetched / small.jars[0].path
    os.truncate(victim, 100)
    assert not jars.present(small, home=fetched)
    jars.ensure(small, home=fetched)
    assert right(victim, small.jars[0])


def test_a_changed_jar_of_the_same_size_heals(small: JarSet, fetched: Path) -> None:
    victim = fetched / small.jars[1].path
    victim.write_bytes(b"\0" * small.jars[1].size)
    jars.ensure(small, home=fetched)
    assert right(victim, small.jars[1])


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"x": 1}'])
def test_garbage_in_the_own_notes_heals_without_a_download(small: JarSet, fetched: Path, garbage: str) -> None:
    (fetched / ".state" / "small.json").write_text(garbage)
    events: list[ProgressEvent] = []
    jars.ensure(small, home=fetched, progress=events.append)
    assert events == []
    assert jars.present(small, home=fetched)


def test_what_a_killed_download_left_goes(small: JarSet, tmp_path: Path) -> None:
    left = tmp_path / ".state" / "small.incoming" / "half"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"half")
    jars.ensure(small, home=tmp_path)
    assert not left.exists()


def test_runs_at_the_same_time_share_one_download(small: JarSet, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(jars.ensure, small, home=tmp_path, progress=events.append) for _ in range(4)]
        assert len({tuple(run.result()) for run in runs}) == 1
    assert len([event for event in events if event.text.startswith("downloading 3")]) == 1


def test_a_wrong_checksum_is_refused(small: JarSet, tmp_path: Path) -> None:
    wrong = replace(small.jars[0], sha256="0" * 64)
    with pytest.raises(LocalStoreError, match="pinned sha256") as caught:
        jars.ensure(JarSet("wrong", (wrong,)), home=tmp_path)
    assert wrong.gav in caught.value.message
    assert not (tmp_path / wrong.path).exists()


def test_a_jar_that_is_nowhere_names_what_was_tried(tmp_path: Path) -> None:
    nowhere = Jar("org.slf4j:slf4j-api:0.0.0-nowhere", "jar", "0" * 64, 1)
    with pytest.raises(LocalStoreError, match="slf4j-api") as caught:
        jars.ensure(JarSet("nowhere", (nowhere,)), home=tmp_path)
    assert "central" in caught.value.message
    assert maven.OFFLINE_VARIABLE in (caught.value.hint or "")


@pytest.mark.parametrize("layout", ["flat", "repository"])
def test_a_folder_of_jars_serves_without_network(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"not in any repository"
    jar = Jar("example.offline:only-here:1", "jar", hashlib.sha256(content).hexdigest(), len(content))
    source = tmp_path / "offline" / (jar.file if layout == "flat" else jar.path)
    source.parent.mkdir(parents=True)
    source.write_bytes(content)
    monkeypatch.setenv(maven.OFFLINE_VARIABLE, os.pathsep.join(["/nonexistent", str(tmp_path / "offline")]))
    (found,) = jars.ensure(JarSet("offline", (jar,)), home=tmp_path / "jars")
    assert found.read_bytes() == content


def test_credentials_of_a_mirror_stay_out_of_errors() -> None:
    shown = maven.without_credentials("not at https://ann:secret@mirror.example/maven or ftp://b@c")
    assert shown == "not at https://***@mirror.example/maven or ftp://***@c"
