"""Real servers, one of each version for the whole run; each test finds an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import neo4j
import pytest

from reconciler.local import throwaway
from tests.engines.neo4j.graph import Graph

NEWEST = "2026.09.0"
OLDEST = "5.26.30"


class Servers:
    """Starts a server of a version when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[str, tuple[str, neo4j.Driver]] = {}

    def graph(self, version: str, folder: Path) -> Graph:
        if version not in self._running:
            instance = self._stack.enter_context(throwaway("neo4j", version=version))
            driver = neo4j.GraphDatabase.driver(instance.uri, notifications_min_severity="OFF")
            self._running[version] = instance.uri, self._stack.enter_context(driver)
        graph = Graph(*self._running[version], folder)
        graph.reset()
        return graph


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture
def graph(servers: Servers, tmp_path: Path) -> Graph:
    """An empty database of the newest version."""
    return servers.graph(NEWEST, tmp_path)


@pytest.fixture(params=[NEWEST, pytest.param(OLDEST, marks=pytest.mark.matrix)])
def any_graph(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> Graph:
    """An empty database of each version in turn."""
    return servers.graph(request.param, tmp_path)
