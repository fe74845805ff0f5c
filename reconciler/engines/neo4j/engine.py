"""The pure half of the Neo4j engine: its kinds, its checks, the codec of its operations. Imports no driver."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.engines.neo4j import batches, migration_script, snapshot, snapshot_file
from reconciler.engines.neo4j import kinds as kinds_package
from reconciler.engines.neo4j.claims import collisions
from reconciler.engines.neo4j.kind import Neo4jKind
from reconciler.engines.neo4j.operations import decode
from reconciler.engines.neo4j.scripts import SUFFIXES
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server, Target
from reconciler.model.kind import Kind, Place
from reconciler.model.resource import Resource
from reconciler.model.step import Operation

if TYPE_CHECKING:
    from reconciler.engines.neo4j.session import Neo4jSession


def _discovered() -> dict[str, Neo4jKind[Any]]:
    modules = (importlib.import_module(f"{kinds_package.__name__}.{m.name}") for m in _modules())
    found: list[Neo4jKind[Any]] = [module.KIND for module in modules]
    return {kind.name: kind for kind in sorted(found, key=lambda k: (k.order, k.name))}


def _modules() -> Iterable[pkgutil.ModuleInfo]:
    return pkgutil.iter_modules(kinds_package.__path__)


NAME = "neo4j"
KINDS: Mapping[str, Neo4jKind[Any]] = _discovered()
"""Every module of the kinds package has one, in the order in which they are created."""


class Neo4jEngine:
    """Implements `model.engine.Engine`."""

    def __init__(self) -> None:
        self.name = NAME
        self.kinds: Mapping[str, Kind[Any]] = KINDS
        self.default_parents: Mapping[str, str] = {}
        self.suffixes = SUFFIXES

    def decode(self, fields: Mapping[str, Any]) -> Operation:
        """The operation a plan file holds. Raises StalePlan for what is none of this engine."""
        if "migration" in fields:
            return migration_script.decode(fields)
        if "snapshot" in fields or "restore" in fields:
            return snapshot.decode(fields)
        return batches.decode(fields) if "batches" in fields else decode(fields)

    def complete(self, resources: dict[Address, Resource], place: Place) -> None:
        """A Neo4j declaration implies nothing that it does not say."""

    def check(self, catalog: Catalog) -> Iterable[tuple[Address, str, str]]:
        """Names used twice, and objects that Neo4j cannot have beside each other."""
        for later, earlier, by_name in collisions(catalog):
            if by_name:
                message = f"{later} has the name of {earlier}; constraints and indexes share one name space"
                yield later, message, "rename one of them"
            else:
                message = f"{later} is for the same label and properties as {earlier}, and Neo4j refuses both"
                hint = "keep one; a constraint of rule 'unique' or 'key' has a range index of its own"
                yield later, message, hint

    def unsupported(self, catalog: Catalog, server: Server) -> Iterable[tuple[Address, str, str]]:
        """What the server's edition or version does not have: constraint rules, vector options, property types."""
        for address, resource in catalog.resources.items():
            reason = KINDS[address.kind].unsupported(resource, server)
            if reason is not None:
                yield address, *reason

    def translated(self, files: Mapping[str, str], service: str, _naming: str, given: Mapping[str, str]) -> Catalog:
        """`model.engine.Translating`: Cypher scripts and catalogs of neo4j-migrations."""
        from reconciler.engines.neo4j.scripts.catalog import read

        return read(files, service, KINDS, given)

    def about(self, path: str) -> Mapping[str, str]:
        """`model.engine.Snapshots`."""
        header = snapshot_file.header(Path(path))
        return {**header.about, "rows": str(header.rows)}

    def roots(self, catalog: Catalog) -> frozenset[str]:
        """None: everything in the database is in scope."""
        return frozenset()

    def open(self, target: Target) -> AbstractContextManager[Neo4jSession]:
        """Connect. Keys of the connection: `uri`, `user`, `password`, `database` (default: the user's home database).

        Raises ConnectionFailed, without the password in the message.
        """
        from reconciler.engines.neo4j.session import opened

        return opened(target)


ENGINE = Neo4jEngine()
