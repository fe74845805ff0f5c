"""DynamoDB Local for all tests of this folder, started once, and moto for what it lacks.

Each test has an access key of its own, and with it tables of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.local import throwaway
from tests.engines.dynamodb.workshop import Workshop


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """DynamoDB Local."""
    with throwaway("dynamodb") as instance:
        yield instance.uri


@pytest.fixture(scope="session")
def slow_endpoint() -> Iterator[str]:
    """DynamoDB Local with `-delayTransientStatuses`: an index is 16 s in CREATING, then 15 s backfilling."""
    with throwaway("dynamodb", delay_transient=True) as instance:
        yield instance.uri


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """moto, which has tags, recovery and keys of several attributes, none of which DynamoDB Local has."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def shop(endpoint: str, tmp_path: Path) -> Workshop:
    """An empty project on DynamoDB Local."""
    return Workshop(tmp_path, endpoint)


@pytest.fixture
def moto_shop(moto_endpoint: str, tmp_path: Path) -> Workshop:
    """An empty project on moto; a region of its own is its namespace."""
    return Workshop(tmp_path, moto_endpoint)
