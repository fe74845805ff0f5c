"""PostgreSQL refuses root: every way around that, and the life of an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.local import down, jars, jarset, paths, run_as, throwaway, up

from .clients import REPOSITORY, sql

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


def test_data_moves_between_a_namespace_and_another_user(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made one way is used the other way, for instance when a container forbids namespaces.

    Only root knows several ways; who is no root is the same user each time, and keeps the data all the more.
    """
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
    assert uids[0] != 0
    assert set(uids) <= ({0, run_as.ordinary().uid} if run_as.is_root() else {os.geteuid()})
    down(["postgres"], purge=True)


def test_an_ordinary_user_has_it_all(public: Path) -> None:
    ordinary = ordinary_user()
    jars.ensure(jarset.load("dynamodb", "3.1.0"))
    shutil.copytree(paths.jars_home(), public / "cache" / "jars", ignore=lambda _, names: {"neo4j"} & set(names))
    for folder, folders, files in os.walk(public):
        for path in (folder, *(os.path.join(folder, name) for name in folders + files)):
            os.chown(path, ordinary.owner, -1)
    code = """
import os, psutil
from reconciler.local import up, down, status, throwaway
me = os.geteuid()
assert me != 0
instances = up(["postgres", "dynamodb"])
assert all(psutil.Process(one.pid).uids().real == me for one in instances)
assert [one.state for one in status()] == ["running", "not fetched", "running"], status()
with throwaway("postgres") as instance:
    assert psutil.pid_exists(instance.pid)
assert sorted(down(purge=True)) == ["dynamodb", "postgres"]
print("done")
"""
    env = {
        **environment(),
        "RECONCILE_LOCAL_HOME": str(public / "home"),
        "RECONCILE_CACHE_HOME": str(public / "cache"),
        "HOME": str(public),
        "TMPDIR": str(public),
    }
    run = ordinary.run(["-c", code], env)
    assert run.stdout.strip() == "done", run.stderr


@dataclass(frozen=True)
class OrdinaryUser:
    """How to run Python as somebody who is not root, and who then owns the files."""

    argv: tuple[str, ...]
    owner: int
    user: int | None = None

    def run(self, arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        argv = [*self.argv, *arguments]
        other: dict[str, Any] = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        try:
            return subprocess.run(
                argv, env=env, cwd="/", capture_output=True, text=True, timeout=90, check=False, **other
            )
        except OSError as error:
            return subprocess.CompletedProcess(argv, 1, "", str(error))


def ordinary_user() -> OrdinaryUser:
    """Ourselves, unless we are root; then `nobody`, with a Python of the same version that may be run by everybody;
    where there is none, root's own in a user namespace."""
    if not run_as.is_root():
        return OrdinaryUser((sys.executable,), os.geteuid())
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [
        OrdinaryUser((path,), NOBODY, NOBODY) for path in (sys.executable, f"/usr/bin/{same}", f"/usr/local/bin/{same}")
    ]
    enter = (str(run_as.SUPERVISOR), "enter", str(NOBODY), str(NOBODY), sys.executable)
    candidates.append(OrdinaryUser((sys.executable, "-I", "-S", *enter), 0))
    for candidate in candidates:
        if candidate.run(["-c", "import psutil, jgo, reconciler"], environment()).returncode == 0:
            return candidate
    raise AssertionError("run the tests as an ordinary user, or with a Python that an ordinary user may run")


def environment() -> dict[str, str]:
    packages = Path(psutil.__file__).parents[1]
    return {"PATH": os.defpath, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{packages}", "HOME": "/nonexistent"}
