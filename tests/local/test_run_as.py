"""PostgreSQL refuses root: every way around that, and the life of an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reconciler.local import down, jars, jarset, paths, run_as, throwaway, up

from .clients import REPOSITORY, needs_root, sql

NOBODY = 65534


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users may enter, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="reconcile-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_the_server_is_not_root_to_itself() -> None:
    with throwaway("postgres") as instance:
        user = sql(instance.uri, "SELECT current_setting('data_directory') <> ''")
    assert user == [(True,)]


@needs_root
def test_data_moves_between_a_namespace_and_another_user(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made one way is used the other way, for instance when a container forbids namespaces."""
    monkeypatch.setenv("RECONCILE_LOCAL_HOME", str(public / "home"))
    uids = []
    for allowed in (False, True, False):
        if allowed and not run_as.namespaces_allowed():
            continue
        with monkeypatch.context() as patch:
            if not allowed:
                patch.setattr(run_as, "namespaces_allowed", lambda: False)
            (instance,) = up(["postgres"])
        uids.append(psutil.Process(instance.pid).uids().real)
        sql(instance.uri, "CREATE TABLE IF NOT EXISTS kept (x int)")
        sql(instance.uri, "INSERT INTO kept VALUES (1)")
        rows = sql(instance.uri, "SELECT count(*) FROM kept")
        down(["postgres"])
        assert rows == [(len(uids),)]
    assert set(uids) <= {0, run_as.ordinary().uid}
    assert uids[0] != 0
    down(["postgres"], purge=True)


@needs_root
def test_an_ordinary_user_has_it_all(public: Path) -> None:
    interpreter = interpreter_for_nobody()
    if interpreter is None:
        pytest.skip("no Python here that an ordinary user may run and that fits the installed packages")
    jars.ensure(jarset.load("dynamodb", "3.1.0"))
    shutil.copytree(paths.jars_home(), public / "cache" / "jars", ignore=lambda _, names: {"neo4j"} & set(names))
    for folder, folders, files in os.walk(public):
        for path in (folder, *(os.path.join(folder, name) for name in folders + files)):
            os.chown(path, NOBODY, NOBODY)
    code = """
import os, psutil
from reconciler.local import up, down, status, throwaway
assert os.geteuid() == 65534
instances = up(["postgres", "dynamodb"])
assert all(psutil.Process(one.pid).uids().real == 65534 for one in instances)
assert [one.state for one in status()] == ["running", "not fetched", "running"], status()
with throwaway("postgres") as instance:
    assert psutil.pid_exists(instance.pid)
assert sorted(down(purge=True)) == ["dynamodb", "postgres"]
print("done")
"""
    env = {
        **nobody_environment(),
        "RECONCILE_LOCAL_HOME": str(public / "home"),
        "RECONCILE_CACHE_HOME": str(public / "cache"),
        "HOME": str(public),
        "TMPDIR": str(public),
    }
    run = as_nobody([interpreter, "-c", code], env)
    assert run.stdout.strip() == "done", run.stderr


def interpreter_for_nobody() -> str | None:
    """This interpreter, or one of the same version, if an ordinary user can use it with the installed packages."""
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{same}", f"/usr/local/bin/{same}"):
        if as_nobody([candidate, "-c", "import psutil, jgo, reconciler"], nobody_environment()).returncode == 0:
            return candidate
    return None


def nobody_environment() -> dict[str, str]:
    packages = Path(psutil.__file__).parents[1]
    return {"PATH": os.defpath, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{packages}", "HOME": "/nonexistent"}


def as_nobody(argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            env=env,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(argv, 1, "", str(error))
