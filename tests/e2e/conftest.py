"""Real stores for the tests of this folder, started once, and a user in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.local import throwaway

from .stores import Stores
from .user import User


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    """PostgreSQL, Neo4j and DynamoDB Local."""
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        blocks = [throwaway(name) for name in ("postgres", "neo4j", "dynamodb")]
        uris = [started.result().uri for started in [pool.submit(stack.enter_context, block) for block in blocks]]
        yield Stores(*uris)


@pytest.fixture
def graph(stores: Stores) -> Iterator[Stores]:
    """The stores, the graph empty before and after."""
    stores.empty_graph()
    yield stores
    stores.empty_graph()


@pytest.fixture
def user(tmp_path: Path, stores: Stores) -> User:
    """A user whose environment `local` is these stores."""
    return User(tmp_path, stores.variables)
