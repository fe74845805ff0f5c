"""What all tests share: the option that writes goldens anew, and real PostgreSQL servers.

A server runs once for the whole session: the newest and the oldest supported version, and beside them the one that
`RECONCILE_POSTGRES_BIN` names; those between are for `make test-matrix`. A server that cannot be had fails the tests
that need it; none is skipped.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.postgres.server import EVERY_TIME, SERVERS, Postgres, Servers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", default=False, help="write golden files anew")


def pytest_configure() -> None:
    """A job in the background of a shell inherits SIGINT ignored, and the tests of interrupts would wait for it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """The servers of this session; each is started at its first use."""
    with Servers() as servers:
        yield servers


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(n, marks=[] if n in EVERY_TIME else pytest.mark.matrix) for n in sorted(SERVERS, reverse=True)
    ],
)
def postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> Postgres:
    """Each server in turn."""
    return postgres_servers[request.param]


@pytest.fixture
def pg_database(postgres: Postgres) -> Iterator[Postgres.Factory]:
    """Makes an empty database at each call: its URL. They are dropped when the test ends."""
    with postgres.databases() as factory:
        yield factory
