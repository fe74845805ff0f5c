"""Throw-away PostgreSQL servers, one a version for all tests, and fresh databases on them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from reconciler.engines.postgres.scratch import drop_database
from reconciler.local import throwaway
from reconciler.local.postgres import BIN_VARIABLE
from reconciler.model.engine import Target
from tests.postgres.binaries import NEWEST, OLDEST, RELEASES, bin_of

_NAMED = os.environ.get(BIN_VARIABLE)
SERVERS: dict[str, Callable[[], str | None]] = {
    **{str(major): partial(bin_of, major) for major in RELEASES},
    str(NEWEST): lambda: None,
    **({"named": lambda: _NAMED} if _NAMED else {}),
}
"""Which servers to run, by a name for the reports: what finds the bin folder, None for that of the package."""
EVERY_TIME = {str(OLDEST), str(NEWEST), "named"}
"""Those of `make test`; the others are for `make test-matrix`."""


@dataclass
class Postgres:
    """A running server."""

    Factory = Callable[[], str]

    uri: str
    admin: psycopg.Connection[tuple[object, ...]]
    numbers: Iterator[int]

    @property
    def major(self) -> int:
        """18."""
        return self.admin.info.server_version // 10000

    def create(self) -> str:
        """An empty database; its URL."""
        name = f"t_{next(self.numbers)}"
        # a copy of files is quicker than the write-ahead log for a server that never syncs
        strategy = " STRATEGY file_copy" if self.major >= 15 else ""
        self.admin.execute(f"CREATE DATABASE {name} TEMPLATE template0{strategy}")
        return urlunsplit(urlsplit(self.uri)._replace(path=f"/{name}"))

    def drop(self, uri: str) -> None:
        """Drop one, with whoever is still connected."""
        connection = {"dsn": uri, "dbname": urlsplit(uri).path[1:]}
        drop_database(self.admin, Target("tests", "postgres", "test", connection))

    @contextmanager
    def databases(self) -> Iterator[Postgres.Factory]:
        """A factory of databases that live as long as the block."""
        made: list[str] = []

        def create() -> str:
            made.append(self.create())
            return made[-1]

        try:
            yield create
        finally:
            for uri in made:
                self.drop(uri)


class Servers:
    """The servers that were asked for, by their name in `SERVERS`."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[str, Postgres] = {}

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> Postgres:
        if name not in self._running:
            self._running[name] = self._started(SERVERS[name]())
        return self._running[name]

    def _started(self, binaries: str | None) -> Postgres:
        with pytest.MonkeyPatch.context() as patch:
            if binaries is None:
                patch.delenv(BIN_VARIABLE, raising=False)
            else:
                patch.setenv(BIN_VARIABLE, binaries)
            instance = self._stack.enter_context(throwaway("postgres"))
        admin = self._stack.enter_context(psycopg.connect(instance.uri, autocommit=True))
        return Postgres(instance.uri, admin, itertools.count(1))
