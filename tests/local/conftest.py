"""Real servers in folders of their own: no test here can reach the stores that a developer has running."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reconciler.local import Instance, down, up
from reconciler.local.stores import STORES


@pytest.fixture(scope="session", autouse=True)
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point everything away from the developer's own stores before anything starts; downloads are shared."""
    home = tmp_path_factory.mktemp("local-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECONCILE_LOCAL_HOME", str(home))
        patch.setenv("RECONCILE_NO_DOCKER", "1")
        for name in ("RECONCILE_POSTGRES_BIN", "RECONCILE_JARS", *(store.uri_variable for store in STORES.values())):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(scope="session")
def running(shared_home: Path) -> Iterator[dict[str, Instance]]:
    """The three stores, started once for all tests."""
    try:
        yield {instance.store: instance for instance in up()}
    finally:
        down(purge=True)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder for one test, with nothing running afterwards."""
    home = tmp_path / "home"
    monkeypatch.setenv("RECONCILE_LOCAL_HOME", str(home))
    yield home
    down(purge=True)


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process that is none of our business and must survive."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()
