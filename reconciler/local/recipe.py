"""What every store offers so that it can be run: how to fetch it and how to launch it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from reconciler.local.launch import Launch, Options
from reconciler.local.progress import Progress
from reconciler.local.stores import Store, known


class Recipe(Protocol):
    """One version of one store. Creating it fetches and starts nothing."""

    @property
    def store(self) -> Store:
        """The facts about the store."""

    @property
    def version(self) -> str:
        """The full version."""

    def fetched(self) -> bool:
        """Whether `fetch` would download nothing."""

    def fetch(self, progress: Progress, cancel: threading.Event) -> None:
        """Make everything be on this computer that the server consists of."""

    def launch(self, home: Path, port: int, options: Options) -> Launch:
        """Write the configuration into the folder and say how to run the server there; no other server uses it now."""


def recipe(store: str, version: str | None = None) -> Recipe:
    """The recipe for a store, in its default version unless another is asked for."""
    match known(store).name:
        case "postgres":
            from reconciler.local import postgres

            return postgres.recipe(version)
        case "neo4j":
            from reconciler.local.neo4j import Neo4j

            return Neo4j(version)
        case _:
            from reconciler.local.dynamodb import DynamoDB

            return DynamoDB(version)
