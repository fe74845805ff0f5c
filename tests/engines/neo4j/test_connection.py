"""Servers that cannot be reached, or refuse: said in our words, quickly, and without the password."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import neo4j.exceptions
import pytest

from reconciler.engines.neo4j import ENGINE
from reconciler.engines.neo4j.connection import translated
from reconciler.errors import ConnectionFailed, StoreError
from reconciler.model.engine import Target
from tests.engines.neo4j.graph import Graph

SECRET = "s3cret-passw0rd"


def refused(uri: str, **connection: str) -> ConnectionFailed:
    target = Target("graph", "neo4j", "dev", {"uri": uri, **connection}, "the label")
    with pytest.raises(ConnectionFailed) as raised, ENGINE.open(target):
        pass
    error = raised.value
    assert SECRET not in f"{error.message} {error.hint} {error!r} {error.__cause__}"
    return error


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_nobody_listens(closed_port: int, scheme: str) -> None:
    started = time.monotonic()
    error = refused(f"{scheme}://127.0.0.1:{closed_port}", user="neo4j", password=SECRET)
    assert time.monotonic() - started < 5
    assert "the label" in error.message and "is it running" in (error.hint or "")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_listens(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(64)
                        peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        refused(f"bolt://127.0.0.1:{listener.getsockname()[1]}", user="neo4j", password=SECRET)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:7474", "127.0.0.1:7687", "", "bolt://[::1", "jdbc:neo4j:bolt://h"])
def test_an_address_of_another_kind(uri: str) -> None:
    error = refused(uri, password=SECRET)
    assert "bolt://" in (error.hint or "")


def test_credentials_in_the_address_stay_out_of_messages(closed_port: int) -> None:
    refused(f"bolt://neo4j:{SECRET}@127.0.0.1:{closed_port}")


def test_credentials_in_the_address_are_used(graph: Graph) -> None:
    with ENGINE.open(Target("graph", "neo4j", "dev", {"uri": graph.uri.replace("://", "://ann:pw@")})) as session:
        assert session.journal() == {}


def test_no_such_database(graph: Graph) -> None:
    error = refused(graph.uri, database="nowhere")
    assert "nowhere" in error.message and "SHOW DATABASES" in (error.hint or "")


def test_the_database_can_be_named(graph: Graph) -> None:
    with graph.session(database="neo4j") as session:
        assert session.server.edition == "community" and str(session.server).startswith("Neo4j 2026.9")


def test_a_wrong_password_names_the_variables() -> None:
    with pytest.raises(ConnectionFailed) as raised, translated("connecting"):
        raise neo4j.exceptions.AuthError("The client is unauthorized due to authentication failure.")
    assert "NEO4J_USER" in (raised.value.hint or "") and "NEO4J_PASSWORD" in (raised.value.hint or "")
    assert raised.value.__cause__ is None


def test_a_missing_right_says_so() -> None:
    error = neo4j.exceptions.Neo4jError._hydrate_neo4j(
        code="Neo.ClientError.Security.Forbidden", message="Schema operation is not allowed"
    )
    with pytest.raises(StoreError, match="Schema operation is not allowed") as raised, translated("creating"):
        raise error
    assert "right" in (raised.value.hint or "")
